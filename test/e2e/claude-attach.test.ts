/** A person at the terminal of the real Claude Code: what they typed and did not submit outlives everything that Madrox types there. */
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createClaudeDriver } from '../../src/drivers/claude/driver.ts'
import type { Driver, DriverFact, FactOf, TerminalUse } from '../../src/drivers/driver.ts'
import { createRecorder, findBreaches, toText, type Recorder } from '../contracts/driver-trace.ts'
import { createClaudeStage, type ClaudeStage } from './claude-setup.ts'

let stage: ClaudeStage
let driver: Driver
let facts: Recorder
let prompts = 0

beforeEach(async () => {
  stage = await createClaudeStage()
  facts = createRecorder(20_000)
  driver = facts.record(createClaudeDriver(stage.config, facts.emit))
  driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: { name: 'ada', cwd: stage.workspace('ada'), systemPrompt: 'You are ada.', sessionId: randomUUID(), confinement: { bypass: true }, marker: stage.marker } })
  await facts.waitFor('ada', 'ready')
  use({ action: 'attach', columns: 110, rows: 35 })
  await facts.waitFor('ada', 'terminalOutput')
})
afterEach(async () => {
  await driver.close()
  await stage.close()
  expect([...findBreaches(facts.trace), ...facts.faults], toText(facts.trace)).toEqual([])
})

const use = (use: TerminalUse): void => driver.dispatch({ type: 'useTerminal', agentId: 'ada', viewerId: 'eve', use })
const type = (data: string): void => use({ action: 'type', data })
/** The first such fact behind what was told so far, when `act` is done. */
async function after<Type extends DriverFact['type']>(act: () => void, type: Type, matching: (fact: FactOf<Type>) => boolean = () => true): Promise<FactOf<Type>> {
  const before = new Set<DriverFact>(facts.factsOf('ada'))
  act()
  return facts.waitFor('ada', type, fact => !before.has(fact) && matching(fact))
}
const takeControl = () => after(() => use({ action: 'takeControl' }), 'controlChanged', fact => fact.viewerId === 'eve')
const release = (clear = false) => after(() => use({ action: 'releaseControl', clear }), 'controlChanged')
const submit = (text: string): string => {
  const promptId = `p${++prompts}`
  driver.dispatch({ type: 'submitPrompt', agentId: 'ada', promptId, text })
  return promptId
}
const run = (text: string) => {
  const promptId = submit(text)
  return facts.waitFor('ada', 'turnEnded', fact => fact.promptId === promptId)
}
const screen = async (): Promise<string> => (await after(() => driver.dispatch({ type: 'readScreen', agentId: 'ada', requestId: randomUUID() }), 'screenRead')).text
/** Typed key by key, until the screen has it. */
const typeSlowly = async (text: string): Promise<void> => {
  for (const char of text) type(char)
  await expect.poll(screen, { timeout: 10_000 }).toContain(text.trimEnd())
}

test('text half typed while it works is there after an interrupt, and is submitted whole', async () => {
  const promptId = submit('do:\nsay on and on\nbash true\nhang')
  await facts.waitFor('ada', 'outputProduced', fact => fact.kind === 'text')
  await takeControl()
  await typeSlowly('do: say half a ')
  driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'cut' })
  expect(await facts.waitFor('ada', 'interruptFinished')).toMatchObject({ wasInTurn: true })
  expect(facts.factsOf('ada', 'turnEnded')).toMatchObject([{ promptId, status: 'interrupted' }])
  expect(await screen()).toContain('do: say half a')
  expect((await release()).holds).toBe('unsent_text')
  await takeControl()
  await typeSlowly('sentence')
  const started = await after(() => type('\r'), 'turnStarted')
  expect(started.origin).toBe('person')
  expect((await facts.waitFor('ada', 'turnEnded', fact => fact.turnId === started.turnId)).finalText).toBe('half a sentence')
  expect((await release()).holds).toBeUndefined()
  expect((await run('do: say alone')).finalText).toBe('alone')
})

test('a box that may be cleared is empty for the next prompt, wherever the cursor stood', async () => {
  await takeControl()
  await typeSlowly('one two three')
  type('\x1b\r')
  await typeSlowly('four five six')
  for (let step = 0; step < 5; step++) type('\x1b[D')
  type('\x1b[A')
  expect((await release(true)).holds).toBeUndefined()
  await run('[MSG:m1] do: say clean')
  expect(stage.fake.requests.at(-1)?.view.message?.body).toBe('do: say clean')
})

test('a command of the CLI itself is no prompt: delivery waits until the person says that it may go on', async () => {
  await takeControl()
  await typeSlowly('/help')
  type('\r')
  await expect.poll(screen, { timeout: 10_000 }).toContain('Esc to close')
  expect((await release()).holds).toBe('unsent_text')
  await takeControl()
  type('\x1b')
  await expect.poll(screen, { timeout: 10_000 }).not.toContain('Esc to close')
  expect((await release(true)).holds).toBeUndefined()
  expect((await run('do: say going on')).finalText).toBe('going on')
})

test('a prompt that a person queues while it works is taken for submitted', async () => {
  const gate = stage.fake.gate('go')
  const promptId = submit('do:\ngate go\nsay first')
  await gate.reached
  await takeControl()
  await typeSlowly('do: say second')
  type('\r')
  await expect.poll(screen, { timeout: 10_000 }).toMatch(/❯\s*(?:Press up to edit|$)/m)
  gate.open()
  await facts.waitFor('ada', 'turnEnded', fact => fact.promptId === promptId)
  await facts.waitFor('ada', 'turnEnded', fact => fact.promptId === undefined)
  expect((await release()).holds).toBeUndefined()
})
