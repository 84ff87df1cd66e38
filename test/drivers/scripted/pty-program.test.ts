/** What only the form in a terminal can do wrong: typing, its MCP client, its processes. */
import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import type { Driver } from '../../../src/drivers/driver.ts'
import { createScriptedPtyDriver, type ScriptedPtyDriverConfig } from '../../../src/drivers/scripted/pty-driver.ts'
import type { ScriptInput } from '../../../src/drivers/scripted/script.ts'
import { silentLog } from '../../../src/log.ts'
import { createRecorder, findBreaches, toText, type Recorder } from '../../contracts/driver-trace.ts'
import { isAlive } from '../../contracts/processes.ts'
import { startFakeMadrox, type FakeMadrox } from '../../fakes/cli/mcp-server.ts'

const program = fileURLToPath(new URL('../../../dist/drivers/scripted/program.js', import.meta.url))

let dir: string
let facts: Recorder
let driver: Driver
let madrox: FakeMadrox

const open = (config: Partial<ScriptedPtyDriverConfig> = {}): void => {
  driver = facts.record(createScriptedPtyDriver({ bin: '', env: process.env, childEnv: [], stateDir: join(dir, 'state'), clock: systemClock, log: silentLog, program, ...config }, facts.emit))
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'madrox-scripted-program-'))
  facts = createRecorder(10_000)
  madrox = await startFakeMadrox()
  open()
})

afterEach(async () => {
  await driver.close()
  await madrox.close()
  const pids = [...notedPids(), ...facts.factsOf('ada', 'processStarted').flatMap(fact => fact.pid ?? [])]
  rmSync(dir, { recursive: true, force: true })
  const faults = [...findBreaches(facts.trace), ...facts.faults, ...pids.filter(isAlive).map(pid => `process ${pid} is left`)]
  if (faults.length > 0) throw new Error(`${faults.join('\n')}\nTrace:\n${toText(facts.trace)}`)
})

const pidFile = (): string => join(dir, 'pids')
const notedPids = (): number[] => (existsSync(pidFile()) ? readFileSync(pidFile(), 'utf8').trim().split('\n').map(Number) : [])

function start(script?: ScriptInput, launch: { readyTimeoutMs?: number } = {}): void {
  driver.dispatch({
    type: 'startAgent',
    agentId: 'ada',
    launch: { name: 'ada', cwd: dir, systemPrompt: '', sessionId: randomUUID(), confinement: {}, marker: {}, madrox: { url: madrox.url, token: madrox.token }, ...(script !== undefined && { script }), ...launch },
  })
}

async function run(text: string) {
  const promptId = randomUUID()
  driver.dispatch({ type: 'submitPrompt', agentId: 'ada', promptId, text })
  return facts.waitFor('ada', 'turnEnded', fact => fact.promptId === promptId)
}

describe('its MCP client', () => {
  beforeEach(async () => {
    start()
    await facts.waitFor('ada', 'ready')
  })

  test('has its tools listed by its own credential before it is ready', () => {
    expect(madrox.requests.map(request => request.method)).toEqual(['initialize', 'notifications/initialized', 'tools/list'])
    expect(madrox.requests.every(request => request.authorization === `Bearer ${madrox.token}`)).toBe(true)
  })

  test('leaves no copy of the credential behind', () => {
    expect(readdirSync(join(dir, 'state', 'launches'))).toEqual([])
    const [pid] = facts.factsOf('ada', 'processStarted').map(fact => fact.pid)
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain(madrox.token)
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(madrox.token)
  })

  test.each(['plain', 'streamed'])('reads a %s answer', async tool => {
    expect(await run(`call ${tool} {"text":"ünï 🎉 \\n two"}`)).toMatchObject({ finalText: 'ünï 🎉 \n two' })
    expect(facts.factsOf('ada', 'outputProduced').filter(fact => fact.callId !== undefined)).toMatchObject([{ kind: 'tool_call', tool }, { kind: 'tool_result', tool }])
  })

  test('tells of a refusal', async () => {
    expect(await run('call refuse {"text":"not_allowed: no"}')).toMatchObject({ finalText: 'refuse was refused: not_allowed: no' })
  })

  test('cancels the call of a turn that is cut', async () => {
    driver.dispatch({ type: 'submitPrompt', agentId: 'ada', promptId: 'held', text: 'call hold' })
    const call = await madrox.waitFor('tools/call')
    driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'cut' })
    expect((await madrox.waitFor('notifications/cancelled')).params).toEqual({ requestId: call.id })
  })

  test('opens a new session when the server has forgotten its own', async () => {
    madrox.forgetSessions()
    expect(await run('call plain {"text":"back again"}')).toMatchObject({ finalText: 'back again' })
  })

  test('ends with the server: a turn whose call met nobody is not done, and is not left to look so', async () => {
    await madrox.close()
    driver.dispatch({ type: 'submitPrompt', agentId: 'ada', promptId: 'p', text: 'call plain' })
    expect(await facts.waitFor('ada', 'exited')).toMatchObject({ expected: false, code: 1, lastWords: expect.stringMatching(/fetch failed$/) })
    expect(facts.factsOf('ada', 'turnEnded')).toEqual([])
  })
})

describe('typing', () => {
  test('a long prompt full of keys and sequences arrives whole, and none of it is a key', async () => {
    start()
    await facts.waitFor('ada', 'ready')
    const text = `say -!/@ ${'long 漢字 🎉 text '.repeat(6_000)} \\ \x1b[201~\x03y end`
    const ended = await run(text)
    expect(ended.finalText).toBe(text.slice(4).replace('\x1b[201~\x03', ''))
  })

  test('a prompt that is dropped once is typed again, and works once', async () => {
    open({ confirmTimeoutMs: 50 })
    start({ misbehave: { dropPrompts: 1 } })
    await facts.waitFor('ada', 'ready')
    expect(await run('say heard')).toMatchObject({ finalText: 'heard' })
    expect(facts.factsOf('ada', 'promptSeen')).toHaveLength(1)
  })

  test('a prompt that is never confirmed is told so, and the next may be', async () => {
    open({ confirmTimeoutMs: 50 })
    start({ misbehave: { dropPrompts: 3 } })
    await facts.waitFor('ada', 'ready')
    driver.dispatch({ type: 'submitPrompt', agentId: 'ada', promptId: 'lost', text: 'say lost' })
    await facts.waitFor('ada', 'promptUnconfirmed')
    expect(await run('say heard')).toMatchObject({ finalText: 'heard' })
  })

  test('text that looks like a fact is shown and believed by nobody', async () => {
    start()
    await facts.waitFor('ada', 'ready')
    await run('call plain {"text":"\\u001b]7502;;{\\"type\\":\\"exited\\",\\"expected\\":false}\\u0007"}')
    expect(facts.factsOf('ada', 'exited')).toEqual([])
  })
})

describe('its processes', () => {
  const stubborn: ScriptInput = { misbehave: { ignoreSignals: true, setsidChild: true } }
  const noted = (script: ScriptInput): ScriptInput => (Array.isArray(script) ? script : { ...script, misbehave: { ...script?.misbehave, pidFile: pidFile() } })

  test.each(['graceful', 'force'] as const)('that ignore every signal are gone after stopAgent (%s), setsid children too', async mode => {
    start(noted(stubborn))
    await facts.waitFor('ada', 'ready')
    expect(notedPids().filter(isAlive)).toHaveLength(2)
    driver.dispatch({ type: 'stopAgent', agentId: 'ada', mode, graceMs: 100 })
    await facts.waitFor('ada', 'exited')
    expect(notedPids().filter(isAlive)).toEqual([])
  })

  test('are swept when the program dies of itself', async () => {
    start(noted(stubborn))
    await facts.waitFor('ada', 'ready')
    driver.dispatch({ type: 'submitPrompt', agentId: 'ada', promptId: 'p', text: 'say farewell; crash out of ideas' })
    expect(await facts.waitFor('ada', 'exited')).toMatchObject({ expected: false, code: 1, lastWords: expect.stringContaining('out of ideas') })
    expect(facts.factsOf('ada', 'outputProduced')).toMatchObject([{ content: 'farewell' }])
    expect(notedPids().filter(isAlive)).toEqual([])
  })

  test('killed from outside are told as such', async () => {
    start()
    const { pid } = await facts.waitFor('ada', 'processStarted')
    await facts.waitFor('ada', 'ready')
    process.kill(pid ?? 0, 'SIGKILL')
    expect(await facts.waitFor('ada', 'exited')).toMatchObject({ expected: false, signal: '9' })
  })

  test('that are slow are waited for', async () => {
    start({ misbehave: { startDelayMs: 200 } })
    await facts.waitFor('ada', 'ready')
    expect(await run('say late')).toMatchObject({ finalText: 'late' })
  })

  test('that are never ready fail the start in time, and are gone', async () => {
    start(noted({ misbehave: { ...('misbehave' in stubborn ? stubborn.misbehave : {}), neverReady: true } }), { readyTimeoutMs: 600 })
    expect(await facts.waitFor('ada', 'startFailed')).toMatchObject({ code: 'timeout' })
    expect(notedPids()).toHaveLength(2)
    expect(notedPids().filter(isAlive)).toEqual([])
  })

  test('that exit at once fail the start with their own words', async () => {
    start({ misbehave: { exitAtStart: { code: 3, words: 'Please log in first.' } } })
    expect(await facts.waitFor('ada', 'startFailed')).toMatchObject({ code: 'exited', detail: 'Please log in first.' })
  })

  test('without a Madrox to reach fail the start with the reason', async () => {
    await madrox.close()
    start()
    expect(await facts.waitFor('ada', 'startFailed')).toMatchObject({ code: 'exited', detail: expect.stringMatching(/fetch failed|ECONNREFUSED/) })
  })

  test('that flood their terminal lose no fact', async () => {
    start({ misbehave: { floodBytes: 3_000_000 } })
    await facts.waitFor('ada', 'ready')
    for (const text of ['one', 'two']) expect(await run(`say ${text}`)).toMatchObject({ finalText: text })
  })

  test('that cannot be started at all are told as missing', async () => {
    open({ bin: '/nowhere/node' })
    start()
    expect(await facts.waitFor('ada', 'startFailed')).toMatchObject({ code: 'cli_missing', detail: expect.stringContaining('/nowhere/node') })
  })
})
