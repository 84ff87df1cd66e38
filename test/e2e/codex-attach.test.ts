/** A person at the terminal of the real codex: what they typed and did not submit outlives what Madrox types there, and their turns are theirs. */
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DriverFact, FactOf, TerminalUse } from '../../src/drivers/driver.ts'
import { atGate, callTool, say } from '../fakes/openai/index.ts'
import { createCodexStage, type CodexStage } from './codex.ts'

let stage: CodexStage

beforeEach(async () => {
  stage = await createCodexStage({
    driver: 'pty',
    script: [
      { when: /^say /, then: ({ lastUserText }) => [say(lastUserText.replace(/^say /, ''))] },
      { when: 'hold', then: [say('begun'), callTool('exec_command', { cmd: 'sleep 600', yield_time_ms: 30_000 }), say('slept')] },
      { when: 'wait', then: [atGate('go'), say('first')] },
    ],
  })
  await stage.start('ada')
  use({ action: 'attach', columns: 110, rows: 35 })
  await stage.facts.waitFor('ada', 'terminalOutput')
})
afterEach(() => stage.close())

const use = (use: TerminalUse): void => stage.driver.dispatch({ type: 'useTerminal', agentId: 'ada', viewerId: 'eve', use })
const type = (data: string): void => use({ action: 'type', data })
/** The first such fact behind what was told so far, when `act` is done. */
async function after<Type extends DriverFact['type']>(act: () => void, type: Type, matching: (fact: FactOf<Type>) => boolean = () => true): Promise<FactOf<Type>> {
  const before = new Set<DriverFact>(stage.facts.factsOf('ada'))
  act()
  return stage.facts.waitFor('ada', type, fact => !before.has(fact) && matching(fact))
}
const takeControl = () => after(() => use({ action: 'takeControl' }), 'controlChanged', fact => fact.viewerId === 'eve')
const release = (clear = false) => after(() => use({ action: 'releaseControl', clear }), 'controlChanged')
const screen = async (): Promise<string> => (await after(() => stage.driver.dispatch({ type: 'readScreen', agentId: 'ada', requestId: randomUUID() }), 'screenRead')).text
/** Typed key by key, until the screen has it. */
const typeSlowly = async (text: string): Promise<void> => {
  for (const char of text) type(char)
  await expect.poll(screen, { timeout: 10_000 }).toContain(text.trimEnd())
}

test('text half typed while it works is there after an interrupt, and is submitted whole', async () => {
  const promptId = stage.submit('ada', 'hold')
  await stage.facts.waitFor('ada', 'outputProduced', fact => fact.kind === 'tool_call')
  await takeControl()
  await typeSlowly('say half a ')
  stage.driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'cut' })
  expect(await stage.facts.waitFor('ada', 'interruptFinished')).toMatchObject({ wasInTurn: true })
  expect(stage.facts.factsOf('ada', 'turnEnded')).toMatchObject([{ promptId, status: 'interrupted' }])
  expect(await screen()).toContain('say half a')
  expect((await release()).holds).toBe('unsent_text')
  await takeControl()
  await typeSlowly('sentence')
  const started = await after(() => type('\r'), 'turnStarted')
  expect(started.origin).toBe('person')
  expect((await stage.facts.waitFor('ada', 'turnEnded', fact => fact.turnId === started.turnId)).finalText).toBe('half a sentence')
  expect((await release()).holds).toBeUndefined()
  expect((await stage.run('ada', 'say alone')).finalText).toBe('alone')
})

test('what is typed in the moment of a new size is whole, by a person who takes control and by Madrox when they release it', async () => {
  for (let round = 0; round < 8; round++) {
    await takeControl()
    type(`\x1b[200~say typed ${round}\x1b[201~`)
    expect((await after(() => type('\r'), 'turnEnded')).finalText).toBe(`typed ${round}`)
    await release()
    expect((await stage.run('ada', `say delivered ${round}`)).finalText).toBe(`delivered ${round}`)
  }
})

test('a composer that may be cleared is empty for the next prompt, wherever the cursor stood, and no shell takes it', async () => {
  const left: readonly (readonly string[])[] = [
    ['one two three', '\n', 'four five six', '\x1b[D', '\x1b[D', '\x1b[A'],
    ['!', 'touch me'], // its mark is no part of the text
    ['/sta'],
  ]
  for (const [round, typed] of left.entries()) {
    await takeControl()
    for (const keys of typed) type(keys)
    const last = typed.findLast(keys => !keys.startsWith('\x1b')) ?? ''
    await expect.poll(screen, { timeout: 10_000 }).toContain(last)
    expect((await release(true)).holds).toBeUndefined()
    await stage.run('ada', `say clean ${round}`)
    expect(stage.api.requests.at(-1)?.view.lastUserText).toBe(`say clean ${round}`)
  }
})

test('a prompt that a person queues while it works is a turn of theirs behind the one that runs, of which both ends are told', async () => {
  const promptId = stage.submit('ada', 'wait')
  await stage.api.gate('go').reached
  await takeControl()
  await typeSlowly('say second')
  type('\t')
  await expect.poll(screen, { timeout: 10_000 }).toMatch(/say second[\s\S]*› /)
  expect((await release()).holds).toBe('unsent_text')
  stage.api.gate('go').open()
  expect(await stage.facts.waitFor('ada', 'turnEnded', fact => fact.promptId === promptId)).toMatchObject({ finalText: 'first' })
  expect(await stage.facts.waitFor('ada', 'turnEnded', fact => fact.promptId === undefined)).toMatchObject({ finalText: 'second' })
  expect(stage.facts.factsOf('ada', 'turnStarted')).toMatchObject([{ origin: 'person' }])
})
