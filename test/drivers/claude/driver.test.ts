/** The driver with a stand-in for the CLI that misbehaves on purpose. Waits run ten times faster than in life. */
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { systemClock, type Clock } from '../../../src/clock.ts'
import { createClaudeDriver } from '../../../src/drivers/claude/driver.ts'
import type { Driver } from '../../../src/drivers/driver.ts'
import { silentLog } from '../../../src/log.ts'
import { createRecorder, findBreaches, toText, type Recorder } from '../../contracts/driver-trace.ts'
import { describeDriver } from '../../contracts/driver.ts'

const bin = fileURLToPath(new URL('../../fakes/claude-cli/claude.mjs', import.meta.url))
const hurried: Clock = { ...systemClock, setTimeout: (callback, delayMs) => setTimeout(callback, delayMs / 10) }

interface Scene {
  readonly driver: Driver
  readonly facts: Recorder
  readonly root: string
  start(more?: { resume?: boolean; sessionId?: string; readyTimeoutMs?: number }): void
  submit(text: string): string
}
let scene: Scene | undefined
afterEach(async () => {
  if (!scene) return
  const { driver, facts, root } = scene
  scene = undefined
  await driver.close()
  expect([...findBreaches(facts.trace), ...facts.faults], toText(facts.trace)).toEqual([])
  expect(readdirSync(join(root, 'state', 'agents')), 'private files left').toEqual([])
  rmSync(root, { recursive: true, force: true })
})

function open(fake: string, clock: Clock = hurried): Scene {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'madrox-claude-')))
  mkdirSync(join(root, 'state', 'agents'), { recursive: true })
  const facts = createRecorder(10_000)
  const env = { PATH: process.env.PATH, HOME: root, CLAUDE_FAKE: fake }
  const driver = facts.record(createClaudeDriver({ bin, env, childEnv: [], stateDir: join(root, 'state'), clock, log: silentLog }, facts.emit))
  let count = 0
  scene = {
    driver, facts, root,
    start: (more = {}) => driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: {
      name: 'ada', cwd: root, systemPrompt: '', sessionId: randomUUID(), confinement: { bypass: true }, marker: { MADROX_TEST_MARK: root }, ...more,
    } }),
    submit: text => {
      const promptId = `p${++count}`
      driver.dispatch({ type: 'submitPrompt', agentId: 'ada', promptId, text })
      return promptId
    },
  }
  return scene
}

test('an Enter that is lost is pressed again', async () => {
  const { facts, start, submit } = open('deaf=2')
  start()
  await facts.waitFor('ada', 'ready')
  const promptId = submit('[MSG:a] hello')
  expect(await facts.waitFor('ada', 'turnEnded')).toMatchObject({ promptId, finalText: 'echo: [MSG:a] hello' })
})

test('a prompt that is never confirmed is taken out of the box, and the next is typed clean', async () => {
  const { facts, start, submit } = open('deaf=4')
  start()
  await facts.waitFor('ada', 'ready')
  const first = submit('[MSG:a] hello')
  expect((await facts.waitFor('ada', 'promptUnconfirmed')).promptId).toBe(first)
  submit('[MSG:b] again')
  expect((await facts.waitFor('ada', 'turnEnded')).finalText).toBe('echo: [MSG:b] again')
})

test('a prompt that a cut one has stuck to is blocked, swept and typed again, until it is alone', async () => {
  const { facts, start, submit } = open('refill=2')
  start()
  await facts.waitFor('ada', 'ready')
  const promptId = submit('[MSG:a] hello')
  expect(await facts.waitFor('ada', 'turnEnded')).toMatchObject({ promptId, finalText: 'echo: [MSG:a] hello' })
  expect(facts.factsOf('ada', 'turnStarted')).toEqual([])
  expect(facts.factsOf('ada', 'promptWritten')).toHaveLength(1)
})

test('an interrupt that meets an unconfirmed prompt waits for its fate', async () => {
  const { driver, facts, start, submit } = open('deaf=9')
  start()
  await facts.waitFor('ada', 'ready')
  submit('[MSG:a] hello')
  driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'cut' })
  expect((await facts.waitFor('ada', 'interruptFinished')).wasInTurn).toBe(false)
  expect(facts.factsOf('ada').map(fact => fact.type).slice(-2)).toEqual(['promptUnconfirmed', 'interruptFinished'])
})

test('a Stop that never comes is read off the transcript', async () => {
  const { facts, start, submit } = open('no-stop')
  start()
  await facts.waitFor('ada', 'ready')
  submit('[MSG:a] hello')
  expect(await facts.waitFor('ada', 'turnEnded')).toMatchObject({ status: 'completed', source: 'transcript', finalText: 'echo: [MSG:a] hello' })
})

test('an Esc that is lost is pressed again', async () => {
  const { driver, facts, start, submit } = open('hang,lost-escape')
  start()
  await facts.waitFor('ada', 'ready')
  submit('[MSG:a] hang')
  await facts.waitFor('ada', 'promptSeen')
  driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'cut' })
  expect((await facts.waitFor('ada', 'interruptFinished')).wasInTurn).toBe(true)
  expect(facts.factsOf('ada', 'turnEnded')[0]).toMatchObject({ status: 'interrupted', source: 'transcript' })
})

test('nothing is typed into an open dialog', async () => {
  const { facts, start, submit, root } = open('')
  start()
  await facts.waitFor('ada', 'ready')
  const { pid = 0 } = await facts.waitFor('ada', 'processStarted')
  process.kill(pid, 'SIGUSR1')
  await expect.poll(() => readFileSync(join(root, '.claude', 'sessions', `${pid}.json`), 'utf8')).toContain('waiting')
  submit('[MSG:a] hello')
  expect((await facts.waitFor('ada', 'promptRefused')).reason).toBe('awaiting_approval')
  expect(facts.factsOf('ada', 'promptWritten')).toEqual([])
})

test('one that never gets ready fails its start with what it showed', async () => {
  const { facts, start } = open('never-ready', systemClock)
  start({ readyTimeoutMs: 1_500 })
  expect(await facts.waitFor('ada', 'startFailed')).toMatchObject({ code: 'timeout', detail: 'fake claude is up' })
})

test('one that exits at start fails it in its own words', async () => {
  const { facts, start } = open('exit-words')
  start()
  expect(await facts.waitFor('ada', 'startFailed')).toMatchObject({ code: 'exited', detail: 'Error: something the CLI says' })
})

test('a CLI that nobody is logged in to fails the start', async () => {
  const { facts, start } = open('logged-out')
  start()
  expect((await facts.waitFor('ada', 'startFailed')).code).toBe('not_logged_in')
})

test('an interrupt while it starts says that there was no turn', async () => {
  const { driver, facts, start } = open('')
  start()
  driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'early' })
  expect((await facts.waitFor('ada', 'interruptFinished')).wasInTurn).toBe(false)
  await facts.waitFor('ada', 'ready')
})

test('a working directory that is not there fails the start', async () => {
  const { driver, facts, root } = open('')
  driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: { name: 'ada', cwd: join(root, 'nowhere'), systemPrompt: '', sessionId: randomUUID(), confinement: {}, marker: { MADROX_TEST_MARK: root } } })
  expect((await facts.waitFor('ada', 'startFailed')).detail).not.toBe('')
})

test('a session another process holds is not started a second time', async () => {
  const { driver, facts, start, root } = open('')
  const sessionId = randomUUID()
  start({ sessionId })
  await facts.waitFor('ada', 'ready')
  const others = createRecorder(5_000)
  const second = createClaudeDriver({ bin, env: { PATH: process.env.PATH, HOME: root }, childEnv: [], stateDir: join(root, 'state2'), clock: hurried, log: silentLog }, others.emit)
  for (const agent of [driver, second]) agent.dispatch({ type: 'startAgent', agentId: 'bob', launch: { name: 'bob', cwd: root, systemPrompt: '', sessionId, resume: true, confinement: {}, marker: { MADROX_TEST_MARK: root } } })
  expect((await facts.waitFor('bob', 'startFailed')).code).toBe('session_locked')
  expect((await others.waitFor('bob', 'startFailed')).code).toBe('session_locked')
  await second.close()
})

test('an executable that is a wrapper is found by its session', async () => {
  const { facts, start, submit } = open('wrapper')
  start()
  await facts.waitFor('ada', 'ready')
  submit('[MSG:a] hello')
  expect((await facts.waitFor('ada', 'turnEnded')).finalText).toBe('echo: [MSG:a] hello')
})

test.for([
  [{ sessionId: 'not-a-uuid' }, 'UUID'],
  [{ cwd: 7 }, 'cwd'],
  [{ confinement: { permissionMode: 'bypassPermissions' } }, 'contradicts'],
  [{ mcpServers: { madrox: { type: 'http', url: 'http://127.0.0.1:1/' } } }, 'madrox'],
] as const)('a launch that cannot be is refused: %j', async ([wrong, word]) => {
  const { facts, start } = open('')
  start(wrong as object) // deliberately not what the type allows
  expect(await facts.waitFor('ada', 'startFailed')).toMatchObject({ code: 'invalid_launch', detail: expect.stringContaining(word) })
})

describeDriver('claude, with a stand-in for the CLI', {
  terminal: 'own',
  factTimeoutMs: 10_000,
  prompts: { answer: text => `say ${text}`, stream: 'stream', recall: 'recall' },
  create(emit) {
    const root = realpathSync(mkdtempSync(join(tmpdir(), 'madrox-claude-')))
    return {
      driver: createClaudeDriver({ bin, env: { PATH: process.env.PATH, HOME: root, CLAUDE_FAKE: 'contract' }, childEnv: [], stateDir: join(root, 'state'), clock: systemClock, log: silentLog }, emit),
      launch: name => ({ name, cwd: root, systemPrompt: '', confinement: { bypass: true }, marker: { MADROX_TEST_MARK: root, MADROX_AGENT_ID: name } }),
      // Every prompt costs what the stand-in says of it.
      usageOf: sessionId => {
        const lines = readFileSync(join(root, '.claude', 'projects', root.replace(/[^a-zA-Z0-9]/g, '-'), `${sessionId}.jsonl`), 'utf8').split('\n')
        const calls = lines.filter(line => line.includes('"assistant"')).length
        return { inputTokens: calls, outputTokens: 2 * calls, cacheReadTokens: 0, cacheCreationTokens: 0 }
      },
      release: () => rmSync(root, { recursive: true, force: true }),
    }
  },
})
