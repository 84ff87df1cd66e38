/** What passes between a codex terminal and the thread it shows: recorded forms of codex-cli 0.169.0, and no process. */
import { request } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createBridge } from '../../../src/drivers/codex/terminal/bridge.ts'
import { openDoor } from '../../../src/drivers/codex/terminal/door.ts'
import { silentLog } from '../../../src/log.ts'
import { createReplay } from './replay.ts'

interface Said {
  readonly id?: number | string
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

/** A terminal that shows `thread-1`, a server that is this test, and a person who has control or has not. */
function createShow({ inControl = false } = {}) {
  const replay = createReplay()
  const said: Said[] = []
  const submitted: string[] = []
  const person = { inControl, answers: inControl, idleAnswers: 0 }
  const bridge = createBridge({
    shown: { threadId: 'thread-1', cwd: '/work' },
    greeting: { userAgent: 'codex/0.169.0' },
    rpc: replay.host.server.rpc,
    thread: replay.thread,
    mayAct: () => person.inControl,
    mayAnswer: () => person.answers,
    onIdleAnswer: () => void person.idleAnswers++,
    onSubmitted: text => void submitted.push(text),
    send: text => void said.push(JSON.parse(text) as Said), // the bridge's own, well-formed
    log: silentLog,
  })
  replay.host.follow('thread-1', bridge)
  const asks = (method: string, params?: object): void => bridge.take(JSON.stringify({ id: `t:${method}`, method, params }))
  return { ...replay, bridge, person, said, submitted, asks, methods: () => replay.sent.map(({ method }) => method) }
}

const own = { threadId: 'thread-1' }
const input = [{ type: 'text', text: 'typed by hand', text_elements: [] }]
const inThread = (method: string, params: object) => ({ method, params: { ...own, ...params } })
const turnStarted = inThread('turn/started', { turn: { id: 'turn-1', status: 'inProgress', error: null } })
const turnCompleted = (status: string) => inThread('turn/completed', { turn: { id: 'turn-1', status, error: null } })
const userMessage = inThread('item/started', { turnId: 'turn-1', item: { type: 'userMessage', id: 'u', clientId: 'theirs', content: input } })

describe('what a terminal asks', () => {
  test('is answered as by the server, once for each id of the terminal', async () => {
    const { asks, said, sent, answer, refuse, bridge } = createShow()
    asks('initialize', { clientInfo: { name: 'codex-tui' } })
    bridge.take(JSON.stringify({ method: 'initialized' }))
    asks('thread/read', own)
    expect(sent).toEqual([{ id: 1, method: 'thread/read', params: own }])
    await answer('thread/read', { thread: { id: 'thread-1' } })
    asks('thread/items/list', { ...own, limit: 100 })
    await refuse('thread/items/list', 'no such items')
    expect(said).toEqual([
      { id: 't:initialize', result: { userAgent: 'codex/0.169.0' } },
      { id: 't:thread/read', result: { thread: { id: 'thread-1' } } },
      { id: 't:thread/items/list', error: { code: -32_600, message: 'no such items' } },
    ])
  })

  test.each(['account/read', 'config/read', 'hooks/list', 'skills/list', 'plugin/installed', 'thread/list', 'thread/loaded/list', 'thread/unsubscribe'])('%s, which would tell of others or end what Madrox hears, never reaches the server', method => {
    const { asks, said, sent } = createShow({ inControl: true })
    asks(method, { ...own, cwd: '/work' })
    expect(sent).toEqual([])
    expect(said).toMatchObject([{ id: `t:${method}`, result: {} }])
    expect(JSON.stringify(said)).not.toContain('thread-2')
  })

  test.each([
    ['thread/read', { threadId: 'thread-2' }], ['thread/resume', { threadId: 'thread-2' }], ['thread/items/list', {}], ['turn/start', { threadId: 'thread-2', input }],
    ['turn/interrupt', { threadId: 'thread-2', turnId: 'turn-2' }], ['thread/start', { cwd: '/work' }], ['thread/fork', own], ['thread/archive', own], ['thread/revert', own], ['thread/shellCommand', { ...own, command: 'id' }],
    ['thread/settings/update', own], ['thread/inject_items', own], ['config/batchWrite', { edits: [] }], ['config/value/write', {}], ['command/exec', { command: ['id'] }], ['process/spawn', {}], ['fs/readFile', { path: '/etc/passwd' }],
    ['mcpServer/tool/call', own], ['account/logout', {}], ['a method of tomorrow', own],
  ])('%s %j is refused whoever has control, and in words', (method, params) => {
    const { asks, said, sent } = createShow({ inControl: true })
    asks(method, params)
    expect(sent).toEqual([])
    expect(said).toMatchObject([{ id: `t:${method}`, error: { message: expect.stringContaining(method) } }])
  })

  test('resumes the thread without its wishes for it', () => {
    const { asks, sent } = createShow()
    asks('thread/resume', { ...own, model: 'theirs', cwd: '/elsewhere', sandbox: 'danger-full-access', approvalPolicy: 'never', config: { a: 1 }, developerInstructions: 'x', excludeTurns: true, initialTurnsPage: null })
    expect(sent).toMatchObject([{ method: 'thread/resume' }])
    expect(sent[0]?.params).toEqual({ ...own, excludeTurns: true, initialTurnsPage: null })
  })

  test('is passed over where it is no message', () => {
    const { bridge, said, sent } = createShow()
    bridge.take('{ half')
    expect([...said, ...sent]).toEqual([])
  })
})

describe('what a person does', () => {
  test.each([['turn/start', { ...own, input }], ['turn/steer', { ...own, input, expectedTurnId: 'turn-1' }], ['turn/interrupt', { ...own, turnId: 'turn-1' }], ['thread/backgroundTerminals/clean', own]])('%s is refused to who only looks', (method, params) => {
    const { asks, said, sent } = createShow()
    asks(method, params)
    expect(sent).toEqual([])
    expect(said).toMatchObject([{ error: { message: expect.stringContaining('take control') } }])
  })

  test('a turn of theirs has their words and none of the settings that come along, is known as theirs, and keeps prompts out from its first moment', async () => {
    const { asks, said, sent, answer, submitted, thread, hear, facts } = createShow({ inControl: true })
    asks('turn/start', { ...own, input, clientUserMessageId: 'theirs', model: 'm2', approvalPolicy: 'never', sandboxPolicy: { type: 'dangerFullAccess' }, cwd: '/', collaborationMode: { mode: 'plan' } })
    expect(sent.at(-1)?.params).toEqual({ ...own, input, clientUserMessageId: 'theirs' })
    thread.submit('prompt-1', 'too early')
    expect(submitted).toEqual([])
    await answer('turn/start', { turn: { id: 'turn-1' } })
    expect(submitted).toEqual(['typed by hand'])
    thread.submit('prompt-2', 'still too early')
    hear(turnStarted, userMessage, turnCompleted('completed'))
    expect(said[0]).toEqual({ id: 't:turn/start', result: { turn: { id: 'turn-1' } } })
    expect(facts).toMatchObject([
      { type: 'promptRefused', promptId: 'prompt-1', reason: 'in_turn' },
      { type: 'promptRefused', promptId: 'prompt-2', reason: 'in_turn' },
      { type: 'turnStarted', turnId: 'turn-1', origin: 'person' },
      { type: 'turnEnded', turnId: 'turn-1', status: 'completed' },
    ])
    thread.submit('prompt-3', 'now')
    expect(facts.at(-1)).toEqual({ type: 'promptWritten', promptId: 'prompt-3' })
  })

  test('a turn that the server refuses keeps nothing out', async () => {
    const { asks, refuse, submitted, thread, facts, said } = createShow({ inControl: true })
    asks('turn/start', { ...own, input })
    await refuse('turn/start', 'not now')
    expect(said).toMatchObject([{ error: { message: 'not now' } }])
    expect(submitted).toEqual([])
    thread.submit('prompt-1', 'x')
    expect(facts).toEqual([{ type: 'promptWritten', promptId: 'prompt-1' }])
  })

  test('words into a turn that runs are its own, and on the record of what was said', async () => {
    const { asks, answer, submitted, thread, hear, facts, rendering, sent } = createShow({ inControl: true })
    thread.submit('prompt-1', 'ours')
    hear(turnStarted, inThread('item/started', { turnId: 'turn-1', item: { type: 'userMessage', id: 'u0', clientId: 'prompt-1', content: [] } }))
    asks('turn/steer', { ...own, input, expectedTurnId: 'turn-1', additionalContext: { a: 1 } })
    expect(sent.at(-1)?.params).toEqual({ ...own, input, expectedTurnId: 'turn-1' })
    await answer('turn/steer', { turnId: 'turn-1' })
    hear(userMessage, turnCompleted('completed'))
    expect(submitted).toEqual(['typed by hand'])
    expect(rendering.toText()).toBe('> ours\n> typed by hand')
    expect(facts.map(({ type }) => type)).toEqual(['promptWritten', 'promptSeen', 'turnEnded'])
  })

  test('a turn is cut with its commands, and the terminal is answered when it is over', async () => {
    const { asks, answer, hear, said, methods, thread } = createShow({ inControl: true })
    thread.submit('prompt-1', 'ours')
    hear(turnStarted)
    asks('turn/interrupt', { ...own, turnId: 'turn-1' })
    await answer('turn/interrupt', {})
    expect(said).toEqual([turnStarted])
    hear(turnCompleted('interrupted'))
    await new Promise(setImmediate)
    await answer('thread/backgroundTerminals/list', { data: [{ itemId: 'c', processId: '1' }] })
    await answer('thread/backgroundTerminals/terminate', {})
    expect(methods()).toEqual(['turn/start', 'turn/interrupt', 'thread/backgroundTerminals/list', 'thread/backgroundTerminals/terminate'])
    expect(said.at(-1)).toEqual({ id: 't:turn/interrupt', result: {} })
  })
})

describe('what a terminal is told', () => {
  test('is what is said of its thread, whole, and nothing else', () => {
    const { hear, said, host } = createShow()
    const unknown = inThread('of tomorrow', { anything: [1, { deep: true }] })
    const delta = { ...inThread('item/agentMessage/delta', { itemId: 'i', delta: 'half a w' }), emittedAtMs: 1 }
    hear(delta, { method: 'item/agentMessage/delta', params: { threadId: 'thread-2', delta: 'secret' } }, { method: 'account/updated', params: { plan: 'x' } }, unknown)
    expect(said).toEqual([delta, unknown])
    const stop = host.follow('thread-1', { tell: () => {}, ask: () => {} })
    stop()
    stop()
    hear(delta)
    expect(said).toHaveLength(3)
  })

  const ask = {
    id: 7,
    ...inThread('item/commandExecution/requestApproval', { itemId: 'i', command: 'rm x', proposedExecpolicyAmendment: ['rm'], availableDecisions: ['accept', { acceptWithExecpolicyAmendment: { execpolicy_amendment: ['rm'] } }, 'cancel'] }),
  }

  test('is what its thread asks, without rules for later; the answer of who has control is taken once, and ends the asking for Madrox too', () => {
    const { hear, said, bridge, sent, facts, person, thread } = createShow()
    hear(ask, ask) // again when a terminal resumes the thread
    expect(said).toHaveLength(2)
    expect(said[1]).toEqual({ id: 7, ...inThread(ask.method, { itemId: 'i', command: 'rm x', proposedExecpolicyAmendment: null, proposedNetworkPolicyAmendments: null, availableDecisions: ['accept', 'cancel'] }) })
    const answers = (result: unknown): void => bridge.take(JSON.stringify({ id: 7, result }))
    answers({ decision: 'accept' })
    expect(sent).toEqual([])
    expect(person.idleAnswers).toBe(1)
    person.inControl = true
    answers({ decision: 'accept' })
    expect(sent).toEqual([]) // an agent that has control answers for nobody
    person.answers = true
    answers({ decision: { acceptWithExecpolicyAmendment: { execpolicy_amendment: ['rm'] } } })
    expect(sent).toEqual([])
    answers({ decision: 'cancel' })
    answers({ decision: 'accept' })
    thread.answer('i/7', { decision: 'allow' })
    expect(sent).toEqual([{ id: 7, result: { decision: 'cancel' } }])
    hear(inThread('serverRequest/resolved', { requestId: 7 }))
    expect(facts).toMatchObject([{ type: 'approvalRequested', approvalId: 'i/7' }, { type: 'approvalResolved', approvalId: 'i/7', decision: 'deny' }])
  })

  test.each([
    ['item/fileChange/requestApproval', { itemId: 'i' }, { decision: 'acceptForSession' }, 'allow'],
    ['item/permissions/requestApproval', { itemId: 'i', permissions: { network: true } }, { permissions: {}, scope: 'turn' }, 'deny'],
    ['item/tool/requestUserInput', { itemId: 'i', questions: [] }, { answers: { q: { answers: ['yes'] } } }, 'allow'],
    ['mcpServer/elicitation/request', { serverName: 's', message: 'sure?' }, { action: 'decline', content: null }, 'deny'],
  ])('%s, and a person says what is told as %4$s', (method, params, result, decision) => {
    const { hear, bridge, sent, facts } = createShow({ inControl: true })
    hear({ id: 8, ...inThread(method, params) })
    bridge.take(JSON.stringify({ id: 8, result }))
    expect(sent).toEqual([{ id: 8, result }])
    hear(inThread('serverRequest/resolved', { requestId: 8 }))
    expect(facts.at(-1)).toMatchObject({ type: 'approvalResolved', decision })
  })
})

describe('the way in of a terminal', () => {
  /** The status line of an offer to speak WebSocket. */
  const knock = (url: string, authorization?: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==', ...(authorization === undefined ? {} : { authorization }) }
      const knocking = request(url.replace('ws:', 'http:'), { headers })
      knocking.on('upgrade', (response, socket) => {
        onTestFinished(() => void socket.destroy())
        resolve(response.statusCode)
      })
      knocking.on('response', response => resolve(response.statusCode))
      knocking.on('error', reject)
      knocking.end()
    })

  test('opens to its own word, once, and to nothing after it is closed', async () => {
    const door = await openDoor({ onMessage: () => {}, onGone: () => {}, log: silentLog })
    expect(new URL(door.url).hostname).toBe('127.0.0.1')
    expect(await knock(door.url)).toBe(401)
    expect(await knock(door.url, 'Bearer guessed')).toBe(401)
    expect(await knock(door.url, `Bearer ${door.token}`)).toBe(101)
    expect(await knock(door.url, `Bearer ${door.token}`)).toBe(401)
    door.close()
    await expect(knock(door.url, `Bearer ${door.token}`)).rejects.toThrow('ECONNREFUSED')
  })
})
