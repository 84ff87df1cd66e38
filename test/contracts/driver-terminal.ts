/** The terminal's part of the driver contract: who looks sees, who has control types, and nothing a person has half typed is touched. */
import { execFileSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { DriverFact, FactOf, TerminalUse } from '../../src/drivers/driver.ts'
import type { ContractPrompts, Stage } from './driver-stage.ts'

const size = { columns: 100, rows: 30 }

/** The terminal's size as the program that runs in it is told it. */
function sizeOf(pid: number): string {
  return execFileSync('stty', ['-F', readlinkSync(`/proc/${pid}/fd/0`), 'size'], { encoding: 'utf8' }).trim()
}

/** People at the terminal of `ada`. */
function peopleAt({ driver, facts }: Stage) {
  const use = (viewerId: string, use: TerminalUse): void => driver.dispatch({ type: 'useTerminal', agentId: 'ada', viewerId, use })
  /** The first such fact behind what was told so far, when `act` is done. */
  const after = async <Type extends DriverFact['type']>(act: () => void, type: Type, matching: (fact: FactOf<Type>) => boolean = () => true): Promise<FactOf<Type>> => {
    const before = new Set<DriverFact>(facts.factsOf('ada'))
    act()
    return facts.waitFor('ada', type, fact => !before.has(fact) && matching(fact))
  }
  return {
    use,
    after,
    attach: (viewerId: string) => after(() => use(viewerId, { action: 'attach', ...size }), 'terminalOutput', fact => fact.viewerId === viewerId),
    takeControl: (viewerId: string) => after(() => use(viewerId, { action: 'takeControl' }), 'controlChanged', fact => fact.viewerId === viewerId),
    release: (viewerId: string, clear = false) => after(() => use(viewerId, { action: 'releaseControl', clear }), 'controlChanged'),
    /** As a paste, which no program takes for keys. */
    type: (viewerId: string, text: string) => use(viewerId, { action: 'type', data: `\x1b[200~${text}\x1b[201~` }),
    enter: (viewerId: string) => use(viewerId, { action: 'type', data: '\r' }),
  }
}

/** Of harnesses that run in a terminal, into which the driver types as well. */
export function sharedBoxTests(at: () => Stage, prompts: ContractPrompts): void {
  test('the terminal has the size of the viewer in control, as the program is told it, and its own again afterwards', async () => {
    const { start, settle, pidsOf } = at()
    const { attach, takeControl, release, use } = peopleAt(at())
    await start('ada')
    await attach('eve')
    const [pid = 0] = pidsOf('ada')
    const own = sizeOf(pid)
    use('eve', { action: 'resize', columns: 90, rows: 25 })
    await settle('ada')
    expect(sizeOf(pid)).toBe(own)
    await takeControl('eve')
    expect(sizeOf(pid)).toBe('25 90')
    use('eve', { action: 'resize', columns: 88, rows: 31 })
    await settle('ada')
    expect(sizeOf(pid)).toBe('31 88')
    await release('eve')
    expect(sizeOf(pid)).toBe(own)
  })

  test('text left unsent holds prompts back, is not touched by an interrupt, and is whole when it is submitted', async () => {
    const { facts, driver, start, run, submit } = at()
    const { attach, after, takeControl, release, type, enter } = peopleAt(at())
    await start('ada')
    await attach('eve')
    await takeControl('eve')
    type('eve', prompts.answer('half a'))
    expect(await release('eve')).toMatchObject({ holds: 'unsent_text' })
    const refused = submit('ada', prompts.answer('over it'))
    expect((await facts.waitFor('ada', 'promptRefused', fact => fact.promptId === refused)).reason).toBe('held_by_person')
    driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'idle' })
    await facts.waitFor('ada', 'interruptFinished')
    await takeControl('eve')
    type('eve', ' sentence')
    const ended = await after(() => enter('eve'), 'turnEnded')
    expect(ended.finalText).toBe('half a sentence')
    expect((await release('eve')).holds).toBeUndefined()
    expect((await run('ada', prompts.answer('alone'))).finalText).toBe('alone')
  })
}

/** Of all. */
export function terminalTests(at: () => Stage, prompts: ContractPrompts): void {
  test('who attaches is painted the whole screen, then its changes, and nothing any more once detached', async () => {
    const { facts, start, run, settle } = at()
    const { attach, use } = peopleAt(at())
    await start('ada')
    await run('ada', prompts.answer('before you came'))
    expect((await attach('eve')).data).toContain('before you came')
    await run('ada', prompts.answer('while you looked'))
    await facts.waitFor('ada', 'terminalOutput', fact => fact.data.includes('while you looked'))
    use('eve', { action: 'detach' })
    await settle('ada')
    const told = facts.factsOf('ada', 'terminalOutput').length
    await run('ada', prompts.answer('behind your back'))
    expect(facts.factsOf('ada', 'terminalOutput')).toHaveLength(told)
  })

  test('while a person has control prompts are refused, and what the person submits is a turn of a person', async () => {
    const { facts, start, run, submit } = at()
    const { attach, takeControl, release, type, enter } = peopleAt(at())
    await start('ada')
    await attach('eve')
    expect(await takeControl('eve')).toMatchObject({ viewerId: 'eve', holds: 'control' })
    const refused = submit('ada', prompts.answer('not now'))
    expect((await facts.waitFor('ada', 'promptRefused', fact => fact.promptId === refused)).reason).toBe('held_by_person')
    type('eve', prompts.answer('by hand'))
    enter('eve')
    const { turnId } = await facts.waitFor('ada', 'turnStarted', fact => fact.origin === 'person')
    const ended = await facts.waitFor('ada', 'turnEnded', fact => fact.turnId === turnId)
    expect(ended).toMatchObject({ status: 'completed', finalText: 'by hand' })
    expect(ended.promptId).toBeUndefined()
    expect((await release('eve')).holds).toBeUndefined()
    expect((await run('ada', prompts.answer('now'))).finalText).toBe('now')
  })

  test('a person who lets the box be cleared leaves nothing of it to the next prompt', async () => {
    const { start, run } = at()
    const { attach, takeControl, release, type } = peopleAt(at())
    await start('ada')
    await attach('eve')
    await takeControl('eve')
    type('eve', 'never mind\nthis')
    expect((await release('eve', true)).holds).toBeUndefined()
    expect((await run('ada', prompts.answer('clean'))).finalText).toBe('clean')
  })

  test('one viewer has control at a time; all see, and control ends with the viewer that has it', async () => {
    const { facts, start } = at()
    const { use, after, attach, takeControl, type, enter } = peopleAt(at())
    await start('ada')
    await attach('eve')
    await attach('fay')
    await takeControl('eve')
    expect((await after(() => use('fay', { action: 'takeControl' }), 'controlChanged')).viewerId).toBe('eve')
    type('fay', prompts.answer('from who may not'))
    enter('fay')
    type('eve', prompts.answer('from who may'))
    enter('eve')
    for (const viewerId of ['eve', 'fay']) await facts.waitFor('ada', 'terminalOutput', fact => fact.viewerId === viewerId && fact.data.includes('from who may'))
    expect((await facts.waitFor('ada', 'turnEnded')).finalText).toBe('from who may')
    const left = await after(() => use('eve', { action: 'detach' }), 'controlChanged')
    expect([left.viewerId, left.holds]).toEqual([undefined, undefined])
    await takeControl('fay')
  })

  test('control asked for while a prompt is typed is given when that is confirmed, and the prompt is whole', async () => {
    const { facts, start, submit } = at()
    const { attach, takeControl } = peopleAt(at())
    await start('ada')
    await attach('eve')
    const promptId = submit('ada', prompts.answer('typed to the end'))
    const control = await takeControl('eve')
    const seen = await facts.waitFor('ada', 'promptSeen', fact => fact.promptId === promptId)
    const told = facts.factsOf('ada')
    expect(told.indexOf(seen)).toBeLessThan(told.indexOf(control))
    expect((await facts.waitFor('ada', 'turnEnded', fact => fact.promptId === promptId)).finalText).toBe('typed to the end')
  })

  test('viewers are told of the end of the process', async () => {
    const { facts, driver, start } = at()
    const { attach } = peopleAt(at())
    await start('ada')
    await attach('eve')
    driver.dispatch({ type: 'stopAgent', agentId: 'ada', mode: 'force', graceMs: 0 })
    expect((await facts.waitFor('ada', 'terminalClosed')).viewerId).toBe('eve')
    await facts.waitFor('ada', 'exited')
  })
}
