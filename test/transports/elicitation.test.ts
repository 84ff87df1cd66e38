/** Asking the person at the other end of an MCP session, with the real system behind the real server: `set_policy` with manual approval, `answer_approval`, `list_approvals`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { CallToolResultSchema, ElicitRequestSchema, type ElicitRequest, type ElicitResult } from '@modelcontextprotocol/sdk/types.js'
import { expect, onTestFinished, test } from 'vitest'
import { createMadrox } from '../../src/index.ts'
import { silentLog } from '../../src/log.ts'
import { serveHttp } from '../../src/transports/http.ts'
import { connect } from './served.ts'

async function open(): Promise<{ url: string }> {
  const home = mkdtempSync(join(tmpdir(), 'madrox-elicit-'))
  const madrox = await createMadrox({ home, willServe: true })
  const server = await serveHttp({ system: madrox.system, tools: madrox.tools, port: 0, log: silentLog })
  madrox.announce(`${server.url}/mcp`)
  onTestFinished(async () => {
    await madrox.close()
    await server.close()
    rmSync(home, { recursive: true, force: true })
  })
  return { url: `${server.url}/mcp` }
}

type Answer = (request: ElicitRequest['params'], signal: AbortSignal) => ElicitResult | Promise<ElicitResult>

const asking = (url: string, answer: Answer, name = 'tester') =>
  connect(url, { name, capabilities: { elicitation: {} }, prepare: client => client.setRequestHandler(ElicitRequestSchema, (request, { signal }) => answer(request.params, signal)) })

async function call(client: Client, name: string, args: Record<string, unknown> = {}, signal?: AbortSignal): Promise<{ data?: Record<string, unknown>; text: string }> {
  const result = CallToolResultSchema.parse(await client.callTool({ name, arguments: args }, CallToolResultSchema, { onprogress: () => {}, ...(signal ? { signal } : {}) }))
  const [block] = result.content
  return { text: block?.type === 'text' ? block.text : '', ...(result.structuredContent ? { data: result.structuredContent } : {}) }
}

const ada = { harness: 'scripted', name: 'ada', workspace: 'isolated' }

test('a spawn is put to the person as a form, and comes up by an accepted yes', async () => {
  const { url } = await open()
  const asked: ElicitRequest['params'][] = []
  const { client } = await asking(url, params => {
    asked.push(params)
    return { action: 'accept', content: { approve: true } }
  })
  await call(client, 'set_policy', { spawn_approval: 'manual' })
  expect((await call(client, 'spawn_agent', ada)).data).toMatchObject({ name: 'ada', state: 'idle' })
  expect(asked).toMatchObject([{ message: '"tester" wants to spawn the agent "ada" (scripted, role general).', requestedSchema: { required: ['approve'], properties: { approve: { type: 'boolean' }, reason: { type: 'string' } } } }])
})

test.each([
  ['declined', { action: 'decline' }, 'tester said no.'],
  ['closed', { action: 'cancel' }, 'tester said no (the question was closed without an answer).'],
  ['accepted with a no and a reason', { action: 'accept', content: { approve: false, reason: 'too dear' } }, 'tester said no (too dear).'],
] as const)('a form that is %s is a no', async (_what, answer, words) => {
  const { url } = await open()
  const { client } = await asking(url, () => answer)
  await call(client, 'set_policy', { spawn_approval: 'manual' })
  expect((await call(client, 'spawn_agent', ada)).text).toContain(`not_approved: "ada" was not approved: ${words}`)
  expect((await call(client, 'get_instance_status')).data).toMatchObject({ total: 0 })
})

test('an agent\'s permission prompt reaches the person over the standing stream, and the tool it asks for is allowed', async () => {
  const { url } = await open()
  const { client } = await asking(url, ({ message }) => ({ action: 'accept', content: { approve: message.includes('Bash') } }))
  await call(client, 'set_policy', { permission_prompts: 'person' })
  await call(client, 'spawn_agent', ada)
  expect((await call(client, 'send_to_instance', { instance_id: 'ada', message: 'approval Bash ls' })).data).toMatchObject({ status: 'answered', response: 'Bash: allow' })
  expect((await call(client, 'send_to_instance', { instance_id: 'ada', message: 'approval Write x' })).data).toMatchObject({ status: 'answered', response: 'Write: deny' })
})

test('a client without forms waits until another session answers; the question of one that has them is taken back', async () => {
  const { url } = await open()
  const { client: plain } = await connect(url, { name: 'plain' })
  let takenBack = (): void => {}
  const back = new Promise<void>(resolve => (takenBack = resolve))
  let put = (): void => {}
  const wasPut = new Promise<void>(resolve => (put = resolve))
  const { client: capable } = await asking(url, (_, signal) => new Promise(resolve => {
    put()
    signal.addEventListener('abort', () => {
      takenBack()
      resolve({ action: 'cancel' })
    })
  }))
  await call(plain, 'set_policy', { spawn_approval: 'manual' })
  const first = call(plain, 'spawn_agent', ada)
  await expect.poll(async () => (await call(capable, 'list_approvals')).data).toMatchObject({ open: 1, approvals: [{ by: 'plain' }] })
  const { approvals } = (await call(capable, 'list_approvals')).data as { approvals: { approval_id: string }[] }
  await call(capable, 'answer_approval', { approval_id: approvals[0]?.approval_id, decision: 'allow' })
  expect((await first).data).toMatchObject({ name: 'ada' })
  const cancel = new AbortController()
  const second = call(capable, 'spawn_agent', { ...ada, name: 'bob' }, cancel.signal).catch((error: unknown) => String(error))
  await wasPut
  cancel.abort()
  await back
  expect(await second).toContain('aborted')
  expect((await call(plain, 'list_approvals', { include_settled: 1 })).data).toMatchObject({ open: 0, approvals: [{ decision: 'gone', reason: 'the call was cancelled' }] })
})
