/** A tool call has an identity, given by the CLI: sent twice, it is done once. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { expect, onTestFinished, test } from 'vitest'
import { callTool, callTools, say } from '../fakes/openai/index.ts'
import { openRig, type Data, type Rig } from './rig.ts'

type Call = (name: string, args: object, meta: object) => Promise<Data>

/** The official client, with the `_meta` that CLIs send. */
async function connect(rig: Rig, name: string): Promise<Call> {
  const client = new Client({ name, version: '1' })
  await client.connect(new StreamableHTTPClientTransport(new URL(`${rig.server.url}/mcp`)))
  onTestFinished(() => client.close())
  return async (tool, args, meta) => {
    const result = CallToolResultSchema.parse(await client.request({ method: 'tools/call', params: { name: tool, arguments: args, _meta: { ...meta } } }, CallToolResultSchema))
    if (result.isError) throw new Error(JSON.stringify(result.content))
    return result.structuredContent as Data // what the tool's output schema says
  }
}

const claude = (id: string): object => ({ 'claudecode/toolUseId': id })
const codex = (threadId: string, callId: string): object => ({ threadId, sessionId: threadId, callId })
const count = (tree: string): number => tree.split('\n').filter(line => line.includes('(scripted)')).length

test.for([
  ['Claude Code', claude('toolu_1'), claude('toolu_2')],
  ['Codex', codex('thread', 'call_1'), codex('thread', 'call_2')],
  ['Codex, of another thread', codex('thread', 'call_1'), codex('other', 'call_1')],
] as const)('%s: a repeated call returns the first result, another call is another', async ([name, first, second]) => {
  const rig = await openRig()
  const call = await connect(rig, name)
  const spawn = { harness: 'scripted', name: 'sam', initial_prompt: 'echo first task', wait_for_response: true }
  const once = await call('spawn_agent', spawn, first)
  const twice = await call('spawn_agent', spawn, first)
  expect(twice).toMatchObject({ instance_id: once.instance_id, message_id: once.message_id, status: 'answered', response: 'first task' })
  expect((await call('spawn_agent', { ...spawn, name: 'tom' }, second)).instance_id).not.toBe(once.instance_id)
  expect(count(await rig.text('get_instance_tree'))).toBe(2)

  const send = { instance_id: once.instance_id, message: 'echo hello' }
  const sent = await call('send_to_instance', send, first) // the same id at another tool is another call
  expect(await call('send_to_instance', send, first)).toMatchObject({ message_id: sent.message_id, status: 'answered', response: 'hello' })
  expect((await call('send_to_instance', send, second)).message_id).not.toBe(sent.message_id)
  expect(await rig.call('get_instance_status', { instance_id: once.instance_id })).toMatchObject({ request_count: 3 })
})

test('repeated while the first is under way, a call waits with it', async () => {
  const rig = await openRig()
  const call = await connect(rig, 'impatient')
  const spawns = await Promise.all([1, 2, 3].map(() => call('spawn_agent', { harness: 'scripted', name: 'sam' }, claude('toolu_1'))))
  expect(new Set(spawns.map(each => each.instance_id)).size).toBe(1)
  const sends = await Promise.all([1, 2, 3].map(() => call('send_to_instance', { instance_id: 'sam', message: 'wait 300' }, claude('toolu_2'))))
  expect(new Set(sends.map(each => each.message_id)).size).toBe(1)
  expect(sends.map(each => each.status)).toEqual(['answered', 'answered', 'answered'])
  const batch = { instances: [{ name: 'a', instance_type: 'scripted' }, { name: 'b', instance_type: 'scripted' }] }
  const batches = await Promise.all([1, 2].map(() => call('spawn_multiple_instances', batch, claude('toolu_3'))))
  const ids = batches.map(({ spawned }) => (spawned as Data[]).map(each => each.instance_id)) // by the tool's output schema
  expect(ids[0]).toHaveLength(2)
  expect(ids[1]).toEqual(ids[0])
  expect(count(await rig.text('get_instance_tree'))).toBe(3)
})

test('repeated after the server has come back, a call is still the same call, though its agent is gone', async () => {
  const rig = await openRig()
  const before = await connect(rig, 'returning')
  const sam = await before('spawn_agent', { harness: 'scripted', name: 'sam' }, claude('toolu_1'))
  const sent = await before('send_to_instance', { instance_id: 'sam', message: 'echo done' }, claude('toolu_2'))
  await rig.restart('SIGTERM')
  const after = await connect(rig, 'returning')
  expect(await after('send_to_instance', { instance_id: 'sam', message: 'echo done' }, claude('toolu_2'))).toMatchObject({ message_id: sent.message_id, status: 'answered', response: 'done' })
  expect(await after('spawn_agent', { harness: 'scripted', name: 'sam' }, claude('toolu_1'))).toMatchObject({ instance_id: sam.instance_id, state: 'terminated' })
  await expect(after('send_to_instance', { instance_id: 'sam', message: 'echo done' }, claude('toolu_3'))).rejects.toThrow('agent_ended')
  expect(await rig.text('get_instance_tree')).toBe('There are no agents.')
})

test('equal calls of one model are two calls, since Codex gives each an id of its own', async () => {
  const child = { name: 'kid', initial_prompt: 'do:\nreply hi', wait_for_response: true }
  const rig = await openRig({ openai: { script: [
    { when: 'twice', then: [callTool('mcp__madrox__spawn_codex', child), callTool('mcp__madrox__spawn_codex', child), say('spawned')] },
    { when: 'at once', then: [callTools({ name: 'mcp__madrox__send_to_instance', input: { instance_id: 'bob', message: 'one' } }, { name: 'mcp__madrox__send_to_instance', input: { instance_id: 'bob', message: 'two' } }), say('sent')] },
  ] } })
  await rig.call('spawn_codex', { name: 'ada' })
  await rig.call('spawn_codex', { name: 'bob' })
  expect(await rig.call('send_to_instance', { instance_id: 'ada', message: 'twice' })).toMatchObject({ response: 'spawned' })
  expect((await rig.text('get_instance_tree')).split('\n').filter(line => line.includes('kid'))).toHaveLength(2)
  expect(await rig.call('send_to_instance', { instance_id: 'ada', message: 'at once' })).toMatchObject({ response: 'sent' })
  expect(rig.openai.requests.at(-1)?.view.lastToolOutputs.map(({ output }) => /"response":"([^"]*)"/.exec(output)?.[1])).toEqual(['ack: one', 'ack: two'])
})
