/** A job and the death of its server: real processes, a real file, SIGKILL. */

import { afterEach, expect, test } from 'vitest'
import { connectMcp, type McpConnection } from '../../src/transports/mcp/client.ts'
import { type RunningServer, startServe, temporaryHome } from './server.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function serve(home: string): Promise<{ server: RunningServer; client: McpConnection }> {
  const server = await startServe(home)
  cleanups.push(() => server.child.exitCode === null && server.child.signalCode === null && server.end('SIGKILL'))
  return { server, client: await connectMcp({ url: `${server.url}/mcp`, name: 'test', roots: [home] }) }
}

/** What each agent of the job was given, by what it is to do with it. */
const rule = (answer: string) => [{ when: 'count the beans', steps: [{ wait: 1_000 }, { reply: answer }] }]

test('coordinate_instances outlives SIGKILL of the server, once while each of its steps is at work: get_job_status tells the same result, and every agent was asked once', async () => {
  const home = await temporaryHome()
  cleanups.push(home.remove)
  let { server, client } = await serve(home.path)
  const team = { ada: 'seven beans', bob: 'eight beans', lead: 'eight beans, bob looked under the plate' }
  for (const [name, answer] of Object.entries(team)) expect((await client.callTool('spawn_agent', { harness: 'scripted-pty', name, workspace: 'isolated', script: rule(answer) })).text).toContain(name)
  const begun = await client.callTool('coordinate_instances', { coordinator_id: 'lead', participant_ids: ['ada', 'bob'], task_description: 'count the beans', coordination_type: 'sequential' })
  const job = { job_id: begun.data?.['job_id'] }
  for (const name of Object.keys(team)) {
    await expect.poll(async () => (await client.callTool('get_job_status', job)).data?.['parts'], { timeout: 30_000 }).toContainEqual(expect.objectContaining({ name, status: 'open' }))
    await expect.poll(async () => (await client.callTool('get_instance_status', { instance_id: name })).data?.['detail'], { timeout: 30_000 }).toBe('busy.working')
    await server.end('SIGKILL')
    await client.close().catch(() => {}) // its server is gone, and that is the point
    ;({ server, client } = await serve(home.path))
  }
  const ended = await client.callTool('get_job_status', { ...job, wait_for_completion: true, max_wait: 60 })
  expect(ended.data).toMatchObject({
    status: 'completed', result: team.lead,
    parts: Object.entries(team).map(([name, response]) => ({ name, status: 'answered', response })),
  })
  for (const name of Object.keys(team)) expect((await client.callTool('get_instance_status', { instance_id: name })).data).toMatchObject({ request_count: 1 })
  expect((await client.callTool('get_pending_replies')).data).toMatchObject({ count: 0 })
  await client.close()
  expect(await server.end('SIGTERM')).toMatchObject({ code: 0 })
}, 120_000)

test('get_job_status tells by MCP progress how the job goes on, and its cancellation leaves the job; cancel_job ends it', async () => {
  const home = await temporaryHome()
  cleanups.push(home.remove)
  const { server, client } = await serve(home.path)
  for (const name of ['ada', 'lead']) await client.callTool('spawn_agent', { harness: 'scripted', name, workspace: 'isolated', script: [{ when: 'count the beans', steps: [{ hang: true }] }] })
  const begun = await client.callTool('coordinate_instances', { coordinator_id: 'lead', participant_ids: ['ada'], task_description: 'count the beans' })
  const job = { job_id: begun.data?.['job_id'] }
  const gone = new AbortController()
  const said = new Promise(resolve => {
    client.callTool('get_job_status', { ...job, wait_for_completion: true }, { signal: gone.signal, onProgress: resolve }).catch(() => {}) // given up below
  })
  expect(await said).toBe('0 of 2 parts are done; ada at work')
  gone.abort()
  expect((await client.callTool('get_job_status', job)).data).toMatchObject({ status: 'running', parts: [{ name: 'ada', status: 'open' }, { name: 'lead', status: 'waiting' }] })
  await expect.poll(async () => (await client.callTool('get_instance_status', { instance_id: 'ada' })).data?.['detail']).toBe('busy.working')
  expect((await client.callTool('cancel_job', job)).data).toMatchObject({ status: 'cancelled', interrupted: ['ada'] })
  await client.close()
  await server.end('SIGTERM')
})
