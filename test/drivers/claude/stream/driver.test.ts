/** The structured driver with a stand-in for the CLI that misbehaves on purpose. Waits, but that for the start, run a hundred times faster than in life. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock, type Clock } from '../../../../src/clock.ts'
import { createClaudeStreamDriver } from '../../../../src/drivers/claude/stream/driver.ts'
import type { TerminalUse } from '../../../../src/drivers/driver.ts'
import { silentLog } from '../../../../src/log.ts'
import { createRecorder, findBreaches, toText } from '../../../contracts/driver-trace.ts'

const bin = fileURLToPath(new URL('../../../fakes/claude-cli/stream.mjs', import.meta.url))
const startMs = 60_000
const hurried: Clock = { ...systemClock, setTimeout: (callback, delayMs) => setTimeout(callback, delayMs === startMs ? delayMs : delayMs / 100) }

function open(fake: string) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'madrox-claude-')))
  const facts = createRecorder(20_000)
  const driver = facts.record(createClaudeStreamDriver({ bin, env: { PATH: process.env.PATH, HOME: root, CLAUDE_FAKE: fake }, childEnv: [], stateDir: join(root, 'state'), clock: hurried, log: silentLog }, facts.emit))
  onTestFinished(async () => {
    await driver.close()
    rmSync(root, { recursive: true, force: true })
    expect([...findBreaches(facts.trace), ...facts.faults], toText(facts.trace)).toEqual([])
  })
  const start = (readyTimeoutMs = startMs): void => driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: { name: 'ada', cwd: root, systemPrompt: '', sessionId: randomUUID(), confinement: { bypass: true }, marker: { MADROX_TEST_MARK: root }, readyTimeoutMs } })
  const submit = (promptId: string): void => driver.dispatch({ type: 'submitPrompt', agentId: 'ada', promptId, text: promptId })
  return {
    facts, start, submit,
    begin: async () => {
      start()
      await facts.waitFor('ada', 'ready')
    },
    use: (use: TerminalUse) => driver.dispatch({ type: 'useTerminal', agentId: 'ada', viewerId: 'eve', use }),
    interrupt: () => driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'cut' }),
    endOf: (promptId: string) => facts.waitFor('ada', 'turnEnded', fact => fact.promptId === promptId),
  }
}

test.each([
  ['deaf=1', 'leaves in its queue', /taken out of its queue/],
  ['mute=1', 'says nothing about', /neither took the prompt up nor answered/],
])('with %s, a prompt the CLI %s is given up in words, and the next is taken', async (fake, _, words) => {
  const { facts, begin, submit, endOf } = open(fake)
  await begin()
  submit('first')
  expect(await facts.waitFor('ada', 'promptUnconfirmed')).toMatchObject({ promptId: 'first', detail: expect.stringMatching(words) })
  submit('second')
  expect(await endOf('second')).toMatchObject({ status: 'completed', finalText: 'echo: second' })
})

test('what a person typed and the CLI does not take up is shown to them with their words, and the next is taken', async () => {
  const { facts, begin, submit, use, endOf } = open('deaf=1')
  await begin()
  use({ action: 'attach', columns: 100, rows: 20 })
  use({ action: 'takeControl' })
  use({ action: 'type', data: 'mine\r' })
  const { data } = await facts.waitFor('ada', 'terminalOutput', fact => fact.data.includes('taken out of its queue'))
  expect(data).toContain('mine')
  use({ action: 'detach' })
  submit('second')
  expect(await endOf('second')).toMatchObject({ finalText: 'echo: second' })
  expect(facts.factsOf('ada', 'turnStarted')).toEqual([])
})

test('an interrupt that meets a prompt in the queue waits for its fate', async () => {
  const { facts, begin, submit, interrupt } = open('deaf=1')
  await begin()
  submit('first')
  interrupt()
  expect((await facts.waitFor('ada', 'interruptFinished')).wasInTurn).toBe(false)
  expect(facts.factsOf('ada').map(fact => fact.type).slice(-2)).toEqual(['promptUnconfirmed', 'interruptFinished'])
})

test('an interrupt that the CLI hears and forgets is asked for again', async () => {
  const { facts, begin, submit, interrupt, endOf } = open('hang,lost-interrupt')
  await begin()
  submit('hang')
  await facts.waitFor('ada', 'promptSeen')
  interrupt()
  expect(await endOf('hang')).toMatchObject({ status: 'interrupted' })
  expect((await facts.waitFor('ada', 'interruptFinished')).wasInTurn).toBe(true)
})

test('a turn whose calls never come on record ends all the same', async () => {
  const { facts, begin, submit, endOf } = open('no-record')
  await begin()
  submit('first')
  expect(await endOf('first')).toMatchObject({ status: 'completed', finalText: 'echo: first' })
  expect(facts.factsOf('ada', 'usageReported')).toEqual([])
})

test('a question of a kind that nobody knows is answered, by saying so', async () => {
  const { begin, submit, endOf } = open('asks')
  await begin()
  submit('first')
  expect(JSON.parse((await endOf('first')).finalText ?? '')).toEqual({ subtype: 'error', request_id: 'q1', error: 'Nobody here can answer something_new.' })
})

test('a question before it is up is answered, and the start goes on', async () => {
  const { facts, begin } = open('asks-early')
  await begin()
  expect(facts.factsOf('ada', 'ready')).toHaveLength(1)
})

test.each([['never-ready', 'timeout', 20_000, /said nothing/], ['exit-words', 'exited', startMs, /something the CLI says/]])('with %s the start fails as %s, in its words', async (fake, code, readyTimeoutMs, words) => {
  const { facts, start } = open(fake)
  start(readyTimeoutMs)
  expect(await facts.waitFor('ada', 'startFailed')).toMatchObject({ code, detail: expect.stringMatching(words) })
})

test('its process is known without a status file too', async () => {
  const { facts, begin } = open('')
  await begin()
  expect(facts.factsOf('ada', 'processStarted')).toMatchObject([{ source: 'process', pid: expect.any(Number) }])
})
