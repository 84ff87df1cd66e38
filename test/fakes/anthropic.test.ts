import { afterEach, expect, test } from 'vitest'
import { atGate, callTool, fail, hang, say, startFakeAnthropic, stream, type FakeAnthropic, type FakeAnthropicOptions } from './anthropic/index.ts'

let fake: FakeAnthropic | undefined
afterEach(async () => fake?.close())

const start = async (options?: FakeAnthropicOptions) => (fake = await startFakeAnthropic(options))

type Content = string | readonly object[]
const user = (content: Content) => ({ role: 'user', content })
const assistant = (content: Content) => ({ role: 'assistant', content })

const post = (messages: readonly object[], more: object = {}, signal?: AbortSignal) =>
  fetch(`${fake?.url}/v1/messages?beta=true`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-claude-code-session-id': 's1' },
    body: JSON.stringify({ model: 'claude-test', stream: true, max_tokens: 10, messages, ...more }),
    ...(signal ? { signal } : {}),
  })

const toEvents = (sse: string) =>
  sse.trim().split('\n\n').map(block => {
    const [event = '', data = ''] = block.split('\n')
    return { event: event.replace('event: ', ''), data: JSON.parse(data.replace('data: ', '')) }
  })

test('streams a text turn in the order of the protocol', async () => {
  await start({ script: [{ when: 'hello', then: [stream('hi there, you', { chunkSize: 5 })] }] })
  const events = toEvents(await (await post([user('hello')])).text())
  expect(events.map(each => each.event)).toEqual([
    'message_start', 'content_block_start', 'content_block_delta', 'content_block_delta', 'content_block_delta',
    'content_block_stop', 'message_delta', 'message_stop',
  ])
  expect(events.flatMap(each => each.data.delta?.text ?? []).join('')).toBe('hi there, you')
  expect(events.at(-2)?.data).toMatchObject({ delta: { stop_reason: 'end_turn' }, usage: fake?.requests[0]?.usage })
})

test('goes on with the next step when the tool result arrives, and shows it to the script', async () => {
  await start({
    script: [{ when: /^go$/, then: [say('calling'), callTool('Bash', { command: 'ls' }), say(view => `got ${view.lastToolResults[0]?.text}`)] }],
  })
  const first = toEvents(await (await post([user('go')])).text())
  const call = first.find(each => each.data.content_block?.type === 'tool_use')?.data.content_block
  expect(call.name).toBe('Bash')
  expect(first.at(-2)?.data.delta.stop_reason).toBe('tool_use')
  const result = { type: 'tool_result', tool_use_id: call.id, content: [{ type: 'text', text: 'a.txt' }] }
  const second = await post([user('go'), assistant([{ type: 'tool_use', id: call.id, name: 'Bash', input: {} }]), user([result])], { stream: false })
  expect(await second.json()).toMatchObject({ content: [{ type: 'text', text: 'got a.txt' }], stop_reason: 'end_turn' })
})

test('reads its own script out of a Madrox prompt, and replies to that message', async () => {
  await start()
  const answer = await post([user([{ type: 'text', text: '<system-reminder>x</system-reminder>' }, { type: 'text', text: '[MSG:m42] do:\nreply it is done' }])], { stream: false })
  expect(await answer.json()).toMatchObject({
    content: [{ type: 'tool_use', name: 'mcp__madrox__reply_to_caller', input: { reply_message: 'it is done', correlation_id: 'm42' } }],
  })
})

test('tells a prompt after an interruption from a text put in beside tool results', async () => {
  await start()
  const tool = assistant([{ type: 'tool_use', id: 't', name: 'Bash', input: {} }])
  const result = { type: 'tool_result', tool_use_id: 't', content: 'x' }
  await post([user('one'), tool, user([result, { type: 'text', text: 'beside' }])])
  await post([user('one'), tool, user([result, { type: 'text', text: '[Request interrupted by user for tool use]' }, { type: 'text', text: 'two' }])])
  expect(fake?.requests.map(each => [each.view.lastUserText, each.view.responseIndex, each.view.injectedTexts])).toEqual([
    ['one', 1, ['beside']],
    ['two', 0, []],
  ])
})

test('holds an answer at a gate until the test opens it', async () => {
  const { gate } = await start({ script: [{ when: '', then: [say('before'), atGate('g'), say('after')] }] })
  const answer = post([user('x')])
  await gate('g').reached
  expect(fake?.requests[0]?.outcome).toBe('pending')
  gate('g').open()
  expect(toEvents(await (await answer).text()).filter(each => each.event === 'content_block_start')).toHaveLength(2)
  expect(fake?.requests[0]?.outcome).toBe('complete')
})

test('fails as often as told, then serves', async () => {
  await start({ script: [{ when: '', then: [fail(529, { times: 1 }), say('ok')] }] })
  const refused = await post([user('x')])
  expect(refused.status).toBe(529)
  expect(await refused.json()).toMatchObject({ error: { type: 'overloaded_error' } })
  expect((await post([user('x')])).status).toBe(200)
  expect(fake?.requests.map(each => each.outcome)).toEqual(['failed', 'complete'])
})

test('records a cut answer as cut, and closes with one hanging', async () => {
  await start({ script: [{ when: 'cut', then: [say('a'), hang()] }, { when: '', then: [hang()] }] })
  const client = new AbortController()
  const answer = await post([user('cut')], {}, client.signal)
  const request = await fake?.waitForRequest(each => each.view.lastUserText === 'cut')
  client.abort()
  await expect(answer.text()).rejects.toThrow()
  await expect.poll(() => request?.outcome).toBe('cut')
  const hanging = post([user('hang')]).catch(() => 'cut off')
  await fake?.waitForRequest(each => each.view.lastUserText === 'hang')
  await fake?.close()
  expect(await hanging).toBe('cut off')
})

test('answers the side calls a CLI makes', async () => {
  await start({ script: [{ when: '', then: [fail(500)] }] })
  expect((await fetch(`${fake?.url}/`, { method: 'HEAD' })).status).toBe(200)
  const title = await post([user('t')], { output_config: { format: { type: 'json_schema' } } })
  expect(title.status).toBe(200)
  expect((await fetch(`${fake?.url}/elsewhere`)).status).toBe(404)
  expect(fake?.unexpected).toEqual(['GET /elsewhere'])
})
