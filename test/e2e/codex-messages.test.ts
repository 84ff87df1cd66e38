/** Messages to real Codex agents through the whole of Madrox: up without a dialog, answered either way, whole, and in order. */
import { expect, test } from 'vitest'
import type { CodexDriverName } from '../../src/config.ts'
import { sanitiseInput } from '../../src/drivers/pty/input.ts'
import { codexDrivers } from './codex.ts'
import { byCodexDriver, openRig, type Data, type Rig } from './rig.ts'

const wait = (rig: Rig, sent: Data): Promise<Data> => rig.call('wait_for_any', { message_ids: [sent.message_id] })
const bodies = (rig: Rig): (string | undefined)[] => rig.openai.requests.filter(({ view }) => view.callsMade === 0).map(({ view }) => view.message?.body)

test('an agent is ready without a dialog and without a word to the model', async () => {
  const rig = await openRig()
  const ada = await rig.call('spawn_codex', { name: 'ada' })
  expect(ada).toMatchObject({ name: 'ada', instance_type: 'codex', state: 'idle', workspace_kind: 'isolated', parent_source: 'session: the calling client' })
  expect(rig.openai.requests).toEqual([])

  const answer = await rig.call('send_to_instance', { instance_id: 'ada', message: 'who are you?' })
  expect(answer).toMatchObject({ status: 'answered', via: 'turn_end', response: 'ack: who are you?' })
  const { instructions, tools } = rig.openai.requests[0]?.view ?? { instructions: '', tools: [] }
  expect(instructions).toContain(`You are "ada" (id ${ada.instance_id})`)
  expect(tools).toContain('mcp__madrox__reply_to_caller')
})

test('reply_to_caller answers at once, and what the turn says afterwards changes nothing', async () => {
  const rig = await openRig()
  await rig.call('spawn_codex', { name: 'ada' })
  const answer = await rig.call('send_to_instance', { instance_id: 'ada', message: 'do:\nreply forty-two\ngate after\nsay something else' })
  expect(answer).toMatchObject({ status: 'answered', via: 'reply_to_caller', response: 'forty-two' })
  rig.openai.gate('after').open()
  expect(await rig.call('send_to_instance', { instance_id: 'ada', message: 'do:\nsay next' })).toMatchObject({ response: 'next', via: 'turn_end' })
  expect(await rig.call('get_pending_replies')).toMatchObject({ count: 0 })
})

test('the first task may come with the spawn, and its answer with the spawn as well', async () => {
  const rig = await openRig()
  const spawned = await rig.call('spawn_codex', { name: 'ada', initial_prompt: 'do:\nreply hello', wait_for_response: true })
  expect(spawned).toMatchObject({ name: 'ada', status: 'answered', response: 'hello' })
})

test.each(codexDrivers)('%s: five messages in a row each get their own answer', async driver => {
  const rig = await openRig(byCodexDriver(driver))
  await rig.call('spawn_codex', { name: 'ada' })
  const words = ['one', 'two', 'three', 'four', 'five']
  const sent: Data[] = []
  for (const [index, word] of words.entries()) {
    const message = index % 2 === 0 ? `do:\nreply ${word}\nsay ignored` : `do:\nsay ${word}`
    sent.push(await rig.call('send_to_instance', { instance_id: 'ada', message, wait_for_response: false }))
  }
  const answers = await Promise.all(sent.map(each => wait(rig, each)))
  expect(answers.map(({ response }) => response)).toEqual(words)
  expect(answers.map(({ message_id }) => message_id)).toEqual(sent.map(({ message_id }) => message_id))
  expect(answers.map(({ via }) => via)).toEqual(['reply_to_caller', 'turn_end', 'reply_to_caller', 'turn_end', 'reply_to_caller'])
})

test('messages to a busy agent wait for its turn to end, and are taken in their order', async () => {
  const rig = await openRig()
  await rig.call('spawn_codex', { name: 'ada' })
  const first = await rig.call('send_to_instance', { instance_id: 'ada', message: 'do:\nstream on and on\ngate busy\nsay first', wait_for_response: false })
  await rig.openai.gate('busy').reached
  const second = await rig.call('send_to_instance', { instance_id: 'ada', message: 'do:\nsay second', wait_for_response: false })
  const third = await rig.call('send_to_instance', { instance_id: 'ada', message: 'do:\nsay third', wait_for_response: false })
  expect([second, third]).toMatchObject([{ status: 'accepted', position: 1 }, { status: 'accepted', position: 2 }])
  rig.openai.gate('busy').open()
  const answers = await Promise.all([first, second, third].map(each => wait(rig, each)))
  expect(answers.map(({ response }) => response)).toEqual(['first', 'second', 'third'])
  expect(bodies(rig)).toEqual(['do:\nstream on and on\ngate busy\nsay first', 'do:\nsay second', 'do:\nsay third'])
})

/** What is typed loses keys and terminal sequences on its way, as documented. */
const whole: readonly [CodexDriverName, (text: string) => string][] = [['app-server', text => text], ['pty', sanitiseInput]]

test.each(whole)('%s: 100 KB reach the model byte for byte, whatever they look like', async (driver, toReceived) => {
  const rig = await openRig(byCodexDriver(driver))
  await rig.call('spawn_codex', { name: 'ada' })
  const line = (index: number): string => `${index} -x !touch escaped /quit $(id) \`id\` \\ ; 🎉 漢字 e\u0301 "quoted" 'too' \x1b[31mred\x1b[0m \x1b[201~\r\ttab`
  const message = ['-n starts with a dash', '!touch escaped', '/status', ...Array.from({ length: 1_100 }, (_, index) => line(index)), '', 'ends with \\;'].join('\n')
  expect(Buffer.byteLength(message)).toBeGreaterThan(100_000)
  for (const start of ['-', '!', '/']) {
    const text = `${start}${message}\\`
    const answer = await rig.call('send_to_instance', { instance_id: 'ada', message: text })
    expect(answer).toMatchObject({ status: 'answered', response: expect.stringContaining(`ack: ${start}-n starts`) })
    expect(rig.openai.requests.at(-1)?.view.lastUserText).toBe(toReceived(`[MSG:${answer.message_id}] ${text}`))
  }
  const output = await rig.text('get_instance_output', { instance_id: 'ada', limit: 10 })
  expect(output).not.toContain('[tool_call]')
})

test('what the model is shown of a tool: its data as JSON, and of a refusal the code, the reason and the remedy', async () => {
  const rig = await openRig()
  const { instance_id } = await rig.call('spawn_codex', { name: 'ada' })
  const sent = await rig.call('send_to_instance', {
    instance_id: 'ada',
    message: ['do:', 'call mcp__madrox__get_instance_status {}', 'call mcp__madrox__get_instance_status {"instance_id":"nobody"}', 'call mcp__madrox__spawn_codex {"name":""}', 'reply done', 'say over'].join('\n'),
  })
  const last = await rig.openai.waitForRequest(({ view }) => view.message?.id === sent.message_id && view.callsMade === 4)
  const [status, unknown, invalid, reply] = last.view.lastToolOutputs.map(({ output }) => output)
  expect(toJson(status)).toMatchObject({ instances: [{ instance_id, name: 'ada', state: 'busy', current_message: sent.message_id }], total: 1 })
  expect(unknown).toContain('not_found: There is no agent "nobody" that you may see. get_instance_tree shows them all.')
  expect(invalid).toContain('invalid_input: The arguments of spawn_codex do not fit: name:')
  expect(invalid).toContain('Correct them and call again; nothing was changed.')
  expect(toJson(reply)).toEqual({ delivered_to: 'rig', correlation_id: sent.message_id, kind: 'outcome' })
})

test('a leaf is shown few tools and reaches the rest by name; what it spends is counted as the API counts it', async () => {
  const rig = await openRig()
  const ada = await rig.call('spawn_codex', { name: 'ada', toolset: 'leaf' })
  await rig.call('send_to_instance', { instance_id: 'ada', message: 'do:\ncall mcp__madrox__call_tool {"name":"get_instance_status","arguments":{"instance_id":"ada"}}\nsay seen' })
  const { view } = rig.openai.requests.at(-1) ?? {}
  expect(view?.tools.filter(name => name.startsWith('mcp__')).toSorted()).toEqual(['call_tool', 'get_peers', 'get_pending_replies', 'list_tools', 'reply_to_caller', 'send_to_instance'].map(name => `mcp__madrox__${name}`))
  expect(toJson(view?.lastToolOutputs[0]?.output)).toMatchObject({ instance_id: ada.instance_id, toolset: 'leaf' })
  const { usage, total_tokens_used } = await rig.call('get_instance_status', { instance_id: 'ada' })
  const { inputTokens, cachedInputTokens, outputTokens } = rig.openai.usage()
  expect(usage).toEqual({ input_tokens: inputTokens - cachedInputTokens, output_tokens: outputTokens, cache_creation_tokens: 0, cache_read_tokens: cachedInputTokens })
  expect(total_tokens_used).toBe(inputTokens - cachedInputTokens + outputTokens)
})

test('a wait that could never end is refused at once, and the model is told what to do instead', async () => {
  const ask = (to: string, message: string): string => `call mcp__madrox__send_to_instance ${JSON.stringify({ instance_id: to, message })}`
  const rig = await openRig()
  const ada = await rig.call('spawn_codex', { name: 'ada' })
  await rig.call('spawn_codex', { name: 'kid', parent_instance_id: ada.instance_id })
  const question = `do:\n${ask('ada', 'what do you mean?')}\nreply I had to guess`
  const answer = await rig.call('send_to_instance', { instance_id: 'ada', message: `do:\n${ask('kid', question)}\nsay thanks, kid` })
  expect(answer).toMatchObject({ status: 'answered', response: 'thanks, kid' })
  const told = rig.openai.requests.flatMap(({ view }) => view.lastToolOutputs).find(({ output }) => output.includes('wait_cycle'))
  expect(told?.output).toContain('wait_cycle: This wait could never end: kid waits for ada waits for kid. Send with wait_for_response=false and end your turn')
})

/** Codex 0.169 puts how long the call took before what it returned. */
const toJson = (output: string | undefined): unknown => JSON.parse((output ?? '').slice((output ?? '').indexOf('{'))) as unknown
