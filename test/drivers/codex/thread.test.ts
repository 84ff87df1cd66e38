import { describe, expect, test } from 'vitest'
import { createSimulatedClock } from '../../../src/clock.ts'
import { createReplay, readRecording } from './replay.ts'

const inThread = (method: string, params: object) => ({ method, params: { threadId: 'thread-1', ...params } })
const turnStarted = inThread('turn/started', { turn: { id: 'turn-1', status: 'inProgress', error: null } })
const turnCompleted = (status: string) => inThread('turn/completed', { turn: { id: 'turn-1', status, error: null } })
const userMessage = (clientId: string | null) =>
  inThread('item/started', { turnId: 'turn-1', item: { type: 'userMessage', id: 'u', clientId, content: [{ type: 'text', text: 'typed' }] } })

describe('a model that owes a word', () => {
  test('fails the turn when none comes in time', () => {
    const clock = createSimulatedClock()
    const { thread, hear, facts, sent } = createReplay(clock)
    thread.submit('prompt-1', 'x')
    hear(turnStarted, userMessage('prompt-1'))
    clock.advance(999)
    expect(sent.at(-1)).toMatchObject({ method: 'turn/start' })
    clock.advance(1)
    expect(sent.at(-1)).toMatchObject({ method: 'turn/interrupt', params: { turnId: 'turn-1' } })
    hear(turnCompleted('interrupted'))
    expect(facts.at(-1)).toMatchObject({ type: 'turnEnded', status: 'failed', error: 'The model API gave no sign of life for 1 s.' })
    clock.advance(5_000)
    expect(sent.filter(({ method }) => method === 'turn/interrupt')).toHaveLength(1)
  })

  test('is not the one waited for while a tool runs, or when it ends after all', () => {
    const clock = createSimulatedClock()
    const { thread, hear, facts, sent } = createReplay(clock)
    const tool = { type: 'mcpToolCall', id: 'call', server: 'madrox', tool: 't', arguments: {}, status: 'inProgress' }
    thread.submit('prompt-1', 'x')
    hear(turnStarted, userMessage('prompt-1'), inThread('item/started', { turnId: 'turn-1', item: tool }))
    clock.advance(60_000)
    hear(inThread('item/completed', { turnId: 'turn-1', item: { ...tool, status: 'completed' } }))
    clock.advance(999)
    hear(turnCompleted('completed'))
    clock.advance(60_000)
    expect(sent.map(({ method }) => method)).not.toContain('turn/interrupt')
    expect(facts.at(-1)).toMatchObject({ type: 'turnEnded', status: 'completed' })
  })
})

describe('recorded turns', () => {
  test('a turn with a command and a tool call', () => {
    const { thread, hear, facts, rendering } = createReplay()
    thread.submit('prompt-1', 'work')
    hear(...readRecording('work'))
    expect(facts).toEqual([
      { type: 'promptWritten', promptId: 'prompt-1' },
      { type: 'promptSeen', promptId: 'prompt-1', turnId: 'turn-1' },
      { type: 'outputProduced', turnId: 'turn-1', kind: 'text', content: 'looking' },
      { type: 'outputProduced', turnId: 'turn-1', kind: 'tool_call', callId: 'call_resp_000001_0', tool: 'exec_command', content: "/bin/bash -lc 'echo hi; exit 3'" },
      { type: 'outputProduced', turnId: 'turn-1', kind: 'tool_result', callId: 'call_resp_000001_0', tool: 'exec_command', content: 'hi\n[failed, exit code 3]' },
      { type: 'usageReported', model: 'm', unitId: 'turn-1:1132', inputTokens: 850, outputTokens: 32, cacheReadTokens: 250, cacheCreationTokens: 0 },
      { type: 'outputProduced', turnId: 'turn-1', kind: 'tool_call', callId: 'call_resp_000002_0', tool: 'mcp__madrox__reply_to_caller', content: '{"reply_message":"hello"}' },
      { type: 'outputProduced', turnId: 'turn-1', kind: 'tool_result', callId: 'call_resp_000002_0', tool: 'mcp__madrox__reply_to_caller', content: 'sent hello' },
      { type: 'usageReported', model: 'm', unitId: 'turn-1:2267', inputTokens: 855, outputTokens: 25, cacheReadTokens: 255, cacheCreationTokens: 0 },
      { type: 'outputProduced', turnId: 'turn-1', kind: 'text', content: 'done' },
      { type: 'usageReported', model: 'm', unitId: 'turn-1:3396', inputTokens: 860, outputTokens: 9, cacheReadTokens: 260, cacheCreationTokens: 0 },
      { type: 'turnEnded', turnId: 'turn-1', promptId: 'prompt-1', status: 'completed', finalText: 'done', background: [] },
    ])
    expect(rendering.toText()).toContain('> work\nlooking\n• exec_command')
    expect(rendering.toText(1)).toBe('done')
  })

  test('an interrupted command: the turn ends without its result', async () => {
    const { thread, hear, facts, sent, answer } = createReplay()
    thread.submit('prompt-1', 'hold')
    const lines = readRecording('interrupted')
    const end = lines.findIndex(line => line.includes('turn/completed'))
    hear(...lines.slice(0, end))
    const interrupted = thread.interrupt()
    expect(sent.at(-1)).toMatchObject({ method: 'turn/interrupt', params: { threadId: 'thread-1', turnId: 'turn-1' } })
    hear(...lines.slice(end))
    await Promise.resolve() // the turn's end is taken in
    await answer('thread/backgroundTerminals/list', { data: [{ itemId: 'call_resp_000001_0', processId: '7' }] })
    expect(sent.at(-1)).toMatchObject({ method: 'thread/backgroundTerminals/terminate', params: { processId: '7' } })
    await answer('thread/backgroundTerminals/terminate', { terminated: true })
    expect(await interrupted).toBe(true)
    expect(facts.at(-1)).toMatchObject({ type: 'turnEnded', status: 'interrupted', promptId: 'prompt-1' })
  })

  test('a failed turn ends in the words of the API', () => {
    const { thread, hear, facts } = createReplay()
    thread.submit('prompt-1', 'fail')
    hear(...readRecording('failed'))
    expect(facts.at(-1)).toMatchObject({ type: 'turnEnded', status: 'failed', promptId: 'prompt-1', error: expect.stringContaining('told to fail') })
  })

  // The `turn.error` of 0.169.0 for answers of the API.
  test.each([
    ['404 or 400 model_not_found', { message: 'The model `x` does not exist or you do not have access to it.', codexErrorInfo: 'modelNotFound', additionalDetails: null }, 'model_rejected'],
    ['400 to a ChatGPT account', { message: '{"detail":"The \'x\' model is not supported when using Codex with a ChatGPT account."}', codexErrorInfo: 'other', additionalDetails: null }, 'model_rejected'],
    ['400 for another reason', { message: '{"error":{"message":"Unsupported parameter","type":"invalid_request_error","param":null,"code":"unsupported_parameter"}}', codexErrorInfo: 'other', additionalDetails: null }, undefined],
    ['404 for another reason', { message: 'unexpected status 404 Not Found: Invalid URL (POST /v1/responses), url: http://127.0.0.1:1/v1/responses', codexErrorInfo: { httpConnectionFailed: { httpStatusCode: 404 } }, additionalDetails: null }, undefined],
  ])('a turn that fails by %s says whether the model was refused', (_, error, cause) => {
    const { thread, hear, facts } = createReplay()
    thread.submit('prompt-1', 'x')
    hear(turnStarted, userMessage('prompt-1'), inThread('turn/completed', { turn: { id: 'turn-1', status: 'failed', error } }))
    expect(facts.at(-1)).toEqual({ type: 'turnEnded', turnId: 'turn-1', promptId: 'prompt-1', status: 'failed', background: [], error: error.message, ...(cause && { cause }) })
  })

  test('an approval is held until it is answered, and nothing is submitted meanwhile', () => {
    const { thread, hear, facts, sent } = createReplay()
    thread.submit('prompt-1', 'ask')
    const lines = readRecording('approval')
    const asked = lines.findIndex(line => line.includes('requestApproval'))
    hear(...lines.slice(0, asked + 1))
    const request = facts.at(-1)
    expect(request).toMatchObject({ type: 'approvalRequested', approvalId: 'call_resp_000006_0/0', tool: 'exec_command', detail: "/bin/bash -lc 'touch /outside'\nin /w\nto see" })
    thread.submit('prompt-2', 'too early')
    expect(facts.at(-1)).toEqual({ type: 'promptRefused', promptId: 'prompt-2', reason: 'awaiting_approval' })
    thread.answer('call_resp_000006_0/0', { decision: 'allow' })
    expect(sent.at(-1)).toEqual({ id: 0, result: { decision: 'accept' } })
    hear(...lines.slice(asked + 1))
    expect(facts.filter(({ type }) => type === 'approvalResolved')).toEqual([{ type: 'approvalResolved', approvalId: 'call_resp_000006_0/0', decision: 'allow' }])
    expect(facts.at(-1)).toMatchObject({ type: 'turnEnded', status: 'completed' })
  })
})

describe('prompts', () => {
  test('a refusal by the server leaves the prompt unconfirmed and the thread free', async () => {
    const { thread, refuse, facts } = createReplay()
    thread.submit('prompt-1', 'x')
    await refuse('turn/start', 'Input exceeds the maximum length of 1048576 characters.')
    expect(facts.at(-1)).toMatchObject({ type: 'promptUnconfirmed', promptId: 'prompt-1', detail: expect.stringContaining('1048576') })
    thread.submit('prompt-2', 'y')
    expect(facts.at(-1)).toEqual({ type: 'promptWritten', promptId: 'prompt-2' })
  })

  test('a turn that ends before the prompt was taken up leaves it unconfirmed, and ends for nobody', () => {
    const { thread, hear, facts } = createReplay()
    thread.submit('prompt-1', 'x')
    hear(turnStarted, turnCompleted('interrupted'))
    expect(facts.map(({ type }) => type)).toEqual(['promptWritten', 'promptUnconfirmed'])
  })

  test("a person's turn is known as such, and a prompt inside it is refused", () => {
    const { thread, hear, facts } = createReplay()
    hear(turnStarted, userMessage(null))
    thread.submit('prompt-1', 'x')
    hear(turnCompleted('completed'))
    expect(facts.map(({ type }) => type)).toEqual(['turnStarted', 'promptRefused', 'turnEnded'])
    expect(facts[0]).toMatchObject({ origin: 'person', turnId: 'turn-1' })
    expect(facts[2]).not.toHaveProperty('promptId')
  })

  test('a turn that nobody asked for is its own', () => {
    const { hear, facts } = createReplay()
    hear(turnStarted, inThread('item/started', { turnId: 'turn-1', item: { type: 'reasoning', id: 'r' } }), turnCompleted('completed'))
    expect(facts).toMatchObject([{ type: 'turnStarted', origin: 'self' }, { type: 'turnEnded' }])
  })
})

describe('interrupts', () => {
  test('one that comes before the turn is announced is sent when it is', async () => {
    const { thread, hear, sent, answer } = createReplay()
    thread.submit('prompt-1', 'x')
    const interrupted = thread.interrupt()
    expect(sent.map(({ method }) => method)).toEqual(['turn/start'])
    hear(turnStarted)
    expect(sent.at(-1)?.method).toBe('turn/interrupt')
    hear(userMessage('prompt-1'), turnCompleted('interrupted'))
    await Promise.resolve() // the turn's end is taken in
    await answer('thread/backgroundTerminals/list', { data: [] })
    expect(await interrupted).toBe(true)
  })

  test('one that comes too early for the server is sent again at the next word of the turn', async () => {
    const { thread, hear, sent, refuse } = createReplay()
    thread.submit('prompt-1', 'x')
    hear(turnStarted)
    void thread.interrupt()
    await refuse('turn/interrupt', 'no active turn to interrupt')
    hear(userMessage('prompt-1'))
    expect(sent.filter(({ method }) => method === 'turn/interrupt')).toHaveLength(2)
  })

  test('idle, it asks nothing of the server', async () => {
    const { thread, sent } = createReplay()
    expect(await thread.interrupt()).toBe(false)
    expect(sent).toEqual([])
  })
})

test('a repeated report of usage has the id it had', () => {
  const tokens = { totalTokens: 110, inputTokens: 100, cachedInputTokens: 20, cacheWriteInputTokens: 5, outputTokens: 10 }
  const report = inThread('thread/tokenUsage/updated', { turnId: 'turn-1', tokenUsage: { total: tokens, last: tokens } })
  const [first, second] = [createReplay(), createReplay()]
  first.hear(report, report)
  second.hear(report)
  expect(first.facts).toEqual([{ type: 'usageReported', model: 'm', unitId: 'turn-1:110', inputTokens: 75, outputTokens: 10, cacheReadTokens: 20, cacheCreationTokens: 5 }])
  expect(second.facts).toEqual(first.facts)
})

test('what the protocol grows is let through: unknown methods, items and fields, and lines that are none', () => {
  const { hear, facts } = createReplay()
  hear('not json', '{}', '[]', { method: 'thread/dreamed', params: {} }, { method: 'turn/started', params: { odd: true } },
    inThread('item/completed', { turnId: 'turn-1', item: { type: 'hologram', id: 'h', depth: 3 } }))
  expect(facts).toEqual([])
})

test('a request nobody here can answer is refused at once, so that its turn goes on', () => {
  const { hear, sent } = createReplay()
  hear({ id: 7, method: 'attestation/generate', params: {} }, { id: 8, method: 'item/fileChange/requestApproval', params: { threadId: 'of nobody', itemId: 'i' } })
  expect(sent).toMatchObject([{ id: 7, error: {} }, { id: 8, error: {} }])
})
