/** A person at the console of the real Claude Code, in the moments where their words, Madrox's and Claude Code's own cross. */
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createClaudeStreamDriver } from '../../src/drivers/claude/stream/driver.ts'
import type { Driver, TerminalUse } from '../../src/drivers/driver.ts'
import { createRecorder, findBreaches, toText, type Recorder } from '../contracts/driver-trace.ts'
import { createClaudeStage, type ClaudeStage } from './claude-setup.ts'

let stage: ClaudeStage
let driver: Driver
let facts: Recorder

beforeEach(async () => {
  stage = await createClaudeStage()
  facts = createRecorder(20_000)
  driver = facts.record(createClaudeStreamDriver(stage.config, facts.emit))
  driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: { name: 'ada', cwd: stage.workspace('ada'), systemPrompt: 'You are ada.', sessionId: randomUUID(), confinement: { bypass: true }, marker: stage.marker } })
  await facts.waitFor('ada', 'ready')
  use({ action: 'attach', columns: 100, rows: 30 })
  await facts.waitFor('ada', 'terminalOutput')
})
afterEach(async () => {
  await driver.close()
  await stage.close()
  expect([...findBreaches(facts.trace), ...facts.faults], toText(facts.trace)).toEqual([])
})

const use = (use: TerminalUse): void => driver.dispatch({ type: 'useTerminal', agentId: 'ada', viewerId: 'eve', use })
const type = (data: string): void => use({ action: 'type', data })
const submit = (promptId: string, text: string): void => driver.dispatch({ type: 'submitPrompt', agentId: 'ada', promptId, text })
const inControl = () => facts.waitFor('ada', 'controlChanged', fact => fact.viewerId === 'eve')
const endOf = (finalText: string) => facts.waitFor('ada', 'turnEnded', fact => fact.finalText === finalText)

test('control asked for while a prompt is on its way: the person’s Enter waits for the turn, and release in its moment lets nothing past it', async () => {
  submit('p1', 'do: say for madrox')
  use({ action: 'takeControl' })
  type('do: say too early\r') // not in control yet: nobody's
  await inControl()
  type('do: say mine\r')
  expect((await endOf('for madrox')).promptId).toBe('p1')
  type('\r')
  use({ action: 'releaseControl', clear: false })
  submit('p2', 'do: say past it')
  expect((await facts.waitFor('ada', 'promptRefused')).reason).toBe('in_turn')
  const { turnId } = await facts.waitFor('ada', 'turnStarted', fact => fact.origin === 'person')
  expect((await endOf('mine')).turnId).toBe(turnId)
  submit('p3', 'do: say behind it')
  expect((await endOf('behind it')).promptId).toBe('p3')
  expect(facts.factsOf('ada', 'turnEnded')).toHaveLength(3)
})

test('a background task that ends in the moment of Enter: the person’s words are a turn of theirs, and the task’s end is told', async () => {
  submit('p1', 'do:\nbg until [ -e end-of-task ]; do sleep 0.01; done\nsay left it running')
  await endOf('left it running')
  use({ action: 'takeControl' })
  await inControl()
  type('do: say mine\r')
  writeFileSync(join(stage.workspace('ada'), 'end-of-task'), '')
  const { turnId } = await facts.waitFor('ada', 'turnStarted', fact => fact.origin === 'person')
  expect(await facts.waitFor('ada', 'turnEnded', fact => fact.turnId === turnId)).toMatchObject({ status: 'completed' })
  expect(await facts.waitFor('ada', 'turnEnded', fact => fact.background.length === 0)).toMatchObject({ status: 'completed' })
})

test('Escape and an interrupt at once end the turn once, and each is answered', async () => {
  use({ action: 'takeControl' })
  await inControl()
  type('\x15\x1b[200~do:\nsay on and on\nbash true\nhang\x1b[201~\r')
  await facts.waitFor('ada', 'outputProduced', fact => fact.kind === 'text' && fact.content === 'on and on')
  type('\x03')
  driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'cut' })
  type('\x1b')
  expect(await facts.waitFor('ada', 'interruptFinished')).toMatchObject({ requestId: 'cut', wasInTurn: true })
  use({ action: 'releaseControl', clear: false })
  submit('p1', 'do: say unharmed')
  expect(await endOf('unharmed')).toMatchObject({ promptId: 'p1', status: 'completed' })
})

test.each(['SIGKILL', 'stop'] as const)('%s in a person’s turn, with text half typed, ends all of it', async how => {
  use({ action: 'takeControl' })
  await inControl()
  type('\x1b[200~do:\nsay on and on\nbash true\nhang\x1b[201~\rhalf a sent')
  await facts.waitFor('ada', 'outputProduced', fact => fact.kind === 'text' && fact.content === 'on and on')
  if (how === 'stop') driver.dispatch({ type: 'stopAgent', agentId: 'ada', mode: 'graceful', graceMs: 5_000 })
  else process.kill(facts.factsOf('ada', 'processStarted')[0]?.pid ?? 0, how)
  await facts.waitFor('ada', 'exited', fact => fact.expected === (how === 'stop'))
  expect(facts.factsOf('ada', 'terminalClosed')).toHaveLength(1)
  type('\r')
  use({ action: 'detach' })
})
