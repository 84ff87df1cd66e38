/** What `madrox serve` sends elsewhere: traces and transcripts, each where it was asked to, and nothing unasked. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { connectMcp } from '../../src/transports/mcp/client.ts'
import { startCompletions } from '../fakes/completions.ts'
import { startCollector } from '../telemetry/collector.ts'
import { startServe, temporaryHome } from './server.ts'

/** A server on which one agent has answered one message. */
async function workOn(env: Readonly<Record<string, string>>) {
  const { path: home, remove } = await temporaryHome()
  onTestFinished(remove)
  const server = await startServe(home, [], env)
  onTestFinished(async () => void (server.child.exitCode === null && server.child.signalCode === null && (await server.end('SIGKILL'))))
  const client = await connectMcp({ url: `${server.url}/mcp`, name: 'test' })
  const { data } = await client.callTool('spawn_agent', { harness: 'scripted', name: 'ada', workspace: 'isolated', initial_prompt: 'echo hello', wait_for_response: true })
  expect(data).toMatchObject({ response: 'hello' })
  return { server, client, home }
}

test('a collector named by OTEL_EXPORTER_OTLP_ENDPOINT has the spans when the server has ended', async () => {
  const collector = await startCollector()
  const { server, client } = await workOn({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url.replace('/v1/traces', ''), OTEL_SERVICE_NAME: 'my-team' })
  await client.close()
  expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null })
  expect(collector.spans).toMatchObject([{ name: 'invoke_agent ada', attributes: { 'madrox.outcome': 'answered', 'gen_ai.provider.name': 'scripted' } }])
  expect(collector.resources).toMatchObject([{ 'service.name': 'my-team' }])
  expect(collector.headers).toMatchObject([{ path: '/v1/traces' }])
})

test('monitoring, switched on, says so at the start, sums up by the endpoint, and keeps it in the home', async () => {
  const answer = { activity_overview: 'Ada said hello.', key_accomplishments: [], next_steps: [], completion_percentage: 100 }
  const endpoint = await startCompletions({ says: JSON.stringify(answer) })
  const { server, client, home } = await workOn({ MADROX_MONITORING: 'on', MADROX_MONITORING_URL: endpoint.url, OPENROUTER_MODEL: 'some/model', OPENROUTER_API_KEY: 'the-key-of-the-endpoint' })
  expect(await endpoint.next()).toMatchObject({ headers: { authorization: 'Bearer the-key-of-the-endpoint' }, body: { model: 'some/model' } })
  const { data } = await client.callTool('get_agent_summary', { instance_id: 'ada' })
  const files = await readdir(join(home, 'summaries'))
  expect(JSON.parse(await readFile(join(home, 'summaries', String(files.find(name => name.endsWith('.json')))), 'utf8'))).toMatchObject({ instance_id: data?.['instance_id'], name: 'ada' })
  await client.close()
  await server.end('SIGTERM')
  expect(server.stderr()).toContain('Monitoring is on: what agents say and do is sent to')
  expect(server.stderr()).not.toContain('the-key-of-the-endpoint')
})

test('a key alone switches nothing on', async () => {
  const endpoint = await startCompletions({ status: 500 })
  const { server, client } = await workOn({ OPENROUTER_API_KEY: 'the-key-of-the-endpoint', OPENROUTER_MODEL: 'some/model', MADROX_MONITORING_URL: endpoint.url })
  expect((await client.callTool('get_agent_summary', { instance_id: 'ada' })).data).toMatchObject({ source: 'record', completion_percentage: 100 })
  await client.close()
  await server.end('SIGTERM')
  expect([endpoint.asked, server.stderr().includes('Monitoring')]).toEqual([[], false])
})
