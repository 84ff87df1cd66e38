import { afterEach, expect, test } from 'vitest'
import { callTool, fail, say, startFakeOpenAI, stream, type FakeOpenAI, type Script } from './openai/index.ts'

let fake: FakeOpenAI | undefined
afterEach(() => fake?.close())

const user = (text: string) => ({ type: 'message', role: 'user', content: [{ type: 'input_text', text }] })
const surroundings = user('<environment_context>\n  <cwd>/w</cwd>\n</environment_context>')
const tools = [
  { type: 'function', name: 'exec_command' },
  { type: 'namespace', name: 'mcp__madrox', tools: [{ type: 'function', name: 'reply_to_caller' }] },
]

async function start(script: Script): Promise<FakeOpenAI> {
  fake = await startFakeOpenAI({ script })
  return fake
}

function ask({ url }: FakeOpenAI, input: readonly object[], signal?: AbortSignal): Promise<Response> {
  return fetch(`${url}/responses`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'thread-id': 'thread-1' },
    body: JSON.stringify({ model: 'm', input: [surroundings, ...input], tools }),
    ...(signal ? { signal } : {}),
  })
}

const eventsOf = (text: string) => text.split('\n').filter(line => line.startsWith('data: ')).map(line => JSON.parse(line.slice(6)))

test('a turn goes on behind its tool call, by the conversation alone', async () => {
  const api = await start([{
    when: /task/,
    then: [callTool('mcp__madrox__reply_to_caller', ({ lastUserText }) => ({ reply_message: lastUserText })), say('done')],
  }])
  const first = eventsOf(await (await ask(api, [user('a task')])).text())
  const call = first.find(({ type }) => type === 'response.output_item.done').item
  expect(call).toMatchObject({ type: 'function_call', namespace: 'mcp__madrox', name: 'reply_to_caller', arguments: '{"reply_message":"a task"}' })

  const output = { type: 'function_call_output', call_id: call.call_id, output: 'sent' }
  const second = eventsOf(await (await ask(api, [user('a task'), call, output])).text())
  expect(second.find(({ type }) => type === 'response.output_item.done').item.content).toEqual([{ type: 'output_text', text: 'done' }])
  expect(api.requests[1]?.view.lastToolOutputs).toEqual([{ callId: call.call_id, name: 'mcp__madrox__reply_to_caller', output: 'sent' }])
})

test('the log says what each client was told, and usage sums it', async () => {
  const api = await start([])
  await (await ask(api, [user('one')])).text()
  const { usage, texts } = await api.requests[0]?.done ?? { usage: undefined, texts: [] }
  expect(texts).toEqual(['ack: one'])
  expect(usage).toEqual({ inputTokens: 1100, cachedInputTokens: 250, outputTokens: 13, reasoningOutputTokens: 3 })
  expect(api.usage('thread-1')).toEqual(usage)
  expect(api.usage('another').inputTokens).toBe(0)
})

test('a stream stands at its gate until the test opens it', async () => {
  const api = await start([{ when: 'go', then: [stream('a long answer', { gate: 'half' })] }])
  const answer = ask(api, [user('go')]).then(response => response.text())
  await api.gate('half').reached
  expect(api.requests[0]?.served).toBeUndefined()
  api.gate('half').open()
  const deltas = eventsOf(await answer).filter(({ type }) => type === 'response.output_text.delta')
  expect(deltas.map(({ delta }) => delta).join('')).toBe('a long answer')
})

test('a client that leaves at a gate is on record as cut, without usage', async () => {
  const api = await start([{ when: 'go', then: [stream('a long answer', { gate: 'half' })] }])
  const leaving = new AbortController()
  const answer = ask(api, [user('go')], leaving.signal).then(response => response.text())
  await api.gate('half').reached
  leaving.abort()
  await expect(answer).rejects.toThrow()
  expect(await api.requests[0]?.done).toMatchObject({ outcome: 'cut', usage: undefined })
})

test('a failure lasts as often as the script says', async () => {
  const api = await start([{ when: 'go', then: [fail(500, { times: 1 }), say('at last')] }])
  expect((await ask(api, [user('go')])).status).toBe(500)
  expect((await ask(api, [user('go')])).status).toBe(200)
})

test('a prompt can carry its own script', async () => {
  const api = await start([])
  const text = await (await ask(api, [user('[MSG:m1] do:\nreply hello')])).text()
  expect(eventsOf(text)[1].item).toMatchObject({ name: 'reply_to_caller', arguments: '{"reply_message":"hello","correlation_id":"m1"}' })
})
