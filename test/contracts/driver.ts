/**
 * The driver port's promises, as one suite every implementation runs. A harness says how it is made and what to type to make
 * its agents do a handful of abstract things; everything else, the whole trace included, is judged here.
 */
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FactOf } from '../../src/drivers/driver.ts'
import { createStage, die, given, type ContractPrompts, type DriverContract, type Stage } from './driver-stage.ts'
import { describeRecall } from './driver-recall.ts'
import { sharedBoxTests, terminalTests } from './driver-terminal.ts'
import { findBreaches, toText } from './driver-trace.ts'
import { isAlive } from './processes.ts'

export type { ContractPrompts, DriverContract, DriverUnderTest, Tokens } from './driver-stage.ts'


/** Declares the suite. `name` is the implementation's. */
export function describeDriver(name: string, contract: DriverContract): void {
  const { prompts, factTimeoutMs = 5_000, processPerAgent = true } = contract
  const testTimeoutMs = factTimeoutMs * 6
  describe(`driver contract: ${name}`, { timeout: testTimeoutMs }, () => {
    let stage: Stage
    beforeEach(async () => {
      stage = await createStage(contract, factTimeoutMs)
    }, testTimeoutMs)
    afterEach(async () => {
      const { facts, driver, subject, launchOf } = stage
      try {
        await driver.close()
        const told = facts.trace.length
        expect([...findBreaches(facts.trace), ...facts.faults], toText(facts.trace)).toEqual([])
        const started = facts.trace.flatMap(entry => ('fact' in entry && entry.fact.type === 'processStarted' ? (entry.fact.pid ?? []) : []))
        expect([...started, ...(subject.pids?.() ?? [])].filter(isAlive), 'pids alive after close()').toEqual([])
        driver.dispatch({ type: 'submitPrompt', agentId: 'ada', promptId: 'after-close', text: 'anybody?' })
        driver.dispatch({ type: 'startAgent', agentId: 'eve', launch: { ...launchOf('eve'), sessionId: randomUUID() } })
        await driver.close()
        expect(facts.trace.slice(told).filter(entry => 'fact' in entry), 'facts after close()').toEqual([])
      } finally {
        await subject.release()
      }
    }, testTimeoutMs)

    startTests(() => stage, prompts)
    turnTests(() => stage, prompts)
    interruptTests(() => stage, prompts)
    endTests(() => stage, prompts, processPerAgent)
    resumeTests(() => stage, prompts)
    againTests(() => stage, prompts)
    companyTests(() => stage, prompts)
    describeRecall(() => stage, prompts)
    optionalTests(() => stage, prompts)
    if (contract.terminal === 'own') sharedBoxTests(() => stage, prompts)
    terminalTests(() => stage, prompts)
  })
}

function startTests(at: () => Stage, prompts: ContractPrompts): void {
  test('a start is answered by ready, once, with the session to return to', async () => {
    const { facts, start } = at()
    const ready = await start('ada')
    expect(ready.sessionId).not.toBe('')
    expect(facts.factsOf('ada', 'ready')).toHaveLength(1)
  })

  test('a return to a session that never was fails the start, and leaves nothing alive', async () => {
    const { facts, driver, launchOf, pidsOf } = at()
    driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: { ...launchOf('ada'), sessionId: randomUUID(), resume: true } })
    const failed = await facts.waitFor('ada', 'startFailed')
    expect(failed.detail).not.toBe('')
    expect(facts.factsOf('ada').at(-1)).toBe(failed)
    expect(pidsOf('ada').filter(isAlive)).toEqual([])
  })

  test('a prompt given before ready is refused, and the start goes on', async () => {
    const { facts, submit, start, run } = at()
    const starting = start('ada')
    const promptId = submit('ada', prompts.answer('too early'))
    await starting
    const answer = await facts.first(`answer to ${promptId}`, (fact): fact is FactOf<'promptRefused' | 'promptSeen'> =>
      (fact.type === 'promptRefused' || fact.type === 'promptSeen') && fact.promptId === promptId)
    // A start may be so quick that it came in time.
    const ended = await (answer.type === 'promptSeen' ? facts.waitFor('ada', 'turnEnded') : run('ada', prompts.answer('too early')))
    expect(answer.type === 'promptSeen' || answer.reason).toSatisfy(reason => reason === true || reason === 'not_ready')
    expect(ended.finalText).toBe('too early')
  })
}

function turnTests(at: () => Stage, prompts: ContractPrompts): void {
  test('a prompt is seen, answered and ended, in that order and in one turn', async () => {
    const { facts, start, run } = at()
    await start('ada')
    const ended = await run('ada', prompts.answer('forty-two'))
    expect(ended).toMatchObject({ status: 'completed', finalText: 'forty-two', background: [] })
    const told = facts.factsOf('ada')
    const seen = facts.factsOf('ada', 'promptSeen')[0]
    const output = told.find(fact => fact.type === 'outputProduced' && fact.kind === 'text' && fact.content.includes('forty-two'))
    expect(seen?.turnId).toBe(ended.turnId)
    expect(output).toBeDefined()
    expect(told.findIndex(fact => fact === seen)).toBeLessThan(told.findIndex(fact => fact === output))
    expect(told.findIndex(fact => fact === output)).toBeLessThan(told.findIndex(fact => fact === ended))
  })

  test('prompts one after another each get their own turn and their own answer', async () => {
    const { start, run } = at()
    await start('ada')
    const turns = []
    for (const text of ['one', 'two', 'three']) turns.push(await run('ada', prompts.answer(text)))
    expect(turns.map(turn => turn.finalText)).toEqual(['one', 'two', 'three'])
    expect(new Set(turns.map(turn => turn.turnId)).size).toBe(3)
  })

  test('text that looks like commands, options and escapes arrives as it is', async () => {
    const { start, run } = at()
    await start('ada')
    const text = '-x !ls /help @file #note $HOME `id` "quoted" \'single\' a\\b é 漢字 🎉 tail\\'
    expect((await run('ada', prompts.answer(text))).finalText).toBe(text)
  })

  test('a prompt given inside a turn is refused, and the turn is not disturbed', async () => {
    const { facts, driver, start, submit } = at()
    await start('ada')
    submit('ada', prompts.stream)
    await facts.waitFor('ada', 'outputProduced', fact => fact.kind === 'text')
    const second = submit('ada', prompts.answer('not now'))
    expect((await facts.waitFor('ada', 'promptRefused', fact => fact.promptId === second)).reason).toBe('in_turn')
    expect(facts.factsOf('ada', 'turnEnded')).toEqual([])
    driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'cut' })
    await facts.waitFor('ada', 'interruptFinished')
    expect(facts.factsOf('ada', 'promptSeen').map(fact => fact.promptId)).not.toContain(second)
  })

  test('every model call is told once, under an id of its own, before its turn ends', async () => {
    const { facts, start, run } = at()
    await start('ada')
    const units: string[][] = []
    for (const text of ['first', 'second']) {
      await run('ada', prompts.answer(text))
      units.push(facts.factsOf('ada', 'usageReported').map(fact => fact.unitId))
    }
    const [first = [], both = []] = units
    expect(first.length).toBeGreaterThan(0)
    expect(new Set(both).size).toBeGreaterThan(new Set(first).size)
    for (const fact of facts.factsOf('ada', 'usageReported')) expect(fact.inputTokens + fact.outputTokens).toBeGreaterThan(0)
  })

  test('the screen shows what was said', async () => {
    const { facts, driver, start, run } = at()
    await start('ada')
    await run('ada', prompts.answer('seen on screen'))
    driver.dispatch({ type: 'readScreen', agentId: 'ada', requestId: 'look' })
    expect((await facts.waitFor('ada', 'screenRead')).text).toContain('seen on screen')
  })
}

function interruptTests(at: () => Stage, prompts: ContractPrompts): void {
  const expectCut = async (prompt: string, kind: 'text' | 'tool_call'): Promise<void> => {
    const { facts, driver, start, run, submit } = at()
    await start('ada')
    await run('ada', prompts.answer('before the cut'))
    const promptId = submit('ada', prompt)
    const { turnId } = await facts.waitFor('ada', 'promptSeen', fact => fact.promptId === promptId)
    await facts.waitFor('ada', 'outputProduced', fact => fact.kind === kind && (fact.turnId === undefined || fact.turnId === turnId))
    driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'cut' })
    expect(await facts.waitFor('ada', 'interruptFinished')).toMatchObject({ requestId: 'cut', wasInTurn: true })
    expect(facts.factsOf('ada', 'turnEnded').find(fact => fact.turnId === turnId)).toMatchObject({ status: 'interrupted', promptId })
    expect((await run('ada', prompts.recall)).finalText).toContain('before the cut')
  }

  test('an interrupt while it speaks ends the turn, and the context is kept', () => expectCut(prompts.stream, 'text'))

  test.each(given(prompts.holdInTool))('an interrupt inside a tool ends the turn, and the context is kept', prompt => expectCut(prompt, 'tool_call'))

  test('an interrupt at idle says that there was no turn, and disturbs nothing', async () => {
    const { facts, driver, start, run } = at()
    await start('ada')
    driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'idle' })
    expect(await facts.waitFor('ada', 'interruptFinished')).toMatchObject({ requestId: 'idle', wasInTurn: false })
    expect((await run('ada', prompts.answer('still here'))).finalText).toBe('still here')
  })
}

function endTests(at: () => Stage, prompts: ContractPrompts, processPerAgent: boolean): void {
  for (const mode of ['graceful', 'force'] as const) {
    test.for(['idle', 'in a turn', 'just prompted'])(`stopAgent (${mode}) while %s is answered by one exited, with no process left`, async when => {
      const { facts, driver, start, submit, pidsOf } = at()
      await start('ada')
      if (when === 'in a turn') {
        submit('ada', prompts.stream)
        await facts.waitFor('ada', 'outputProduced', fact => fact.kind === 'text')
      }
      if (when === 'just prompted') submit('ada', prompts.stream)
      driver.dispatch({ type: 'stopAgent', agentId: 'ada', mode, graceMs: 2_000 })
      expect((await facts.waitFor('ada', 'exited')).expected).toBe(true)
      if (processPerAgent) expect(pidsOf('ada').filter(isAlive)).toEqual([])
    })
  }

  test('commands for an agent that has ended are ignored', async () => {
    const { facts, driver, start, submit, settle } = at()
    await start('ada')
    await start('bob')
    driver.dispatch({ type: 'stopAgent', agentId: 'ada', mode: 'force', graceMs: 0 })
    const exited = await facts.waitFor('ada', 'exited')
    submit('ada', prompts.answer('anybody?'))
    driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'late' })
    driver.dispatch({ type: 'stopAgent', agentId: 'ada', mode: 'graceful', graceMs: 10 })
    await settle('bob')
    expect(facts.factsOf('ada').at(-1)).toBe(exited)
  })

  test.for(['graceful', 'force'] as const)('a stop (%s) while it starts is answered by exited alone', async mode => {
    const { facts, driver, launchOf, pidsOf } = at()
    driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: { ...launchOf('ada'), sessionId: randomUUID() } })
    driver.dispatch({ type: 'stopAgent', agentId: 'ada', mode, graceMs: 2_000 })
    const answer = await facts.first('end of ada', (fact): fact is FactOf<'exited' | 'startFailed'> => fact.type === 'exited' || fact.type === 'startFailed')
    expect(answer).toMatchObject({ type: 'exited', expected: true }) // that nothing comes behind it is judged after every test
    if (processPerAgent) expect(pidsOf('ada').filter(isAlive)).toEqual([])
  })

  test('a death nobody asked for is told as such, behind everything it had said, and is its own', async () => {
    const { facts, start, run } = at()
    await start('ada')
    await start('bob')
    await run('ada', prompts.answer('last words'))
    await die(at(), 'ada', prompts)
    const exited = await facts.waitFor('ada', 'exited')
    expect(exited.expected).toBe(false)
    expect(facts.factsOf('ada').at(-1)).toBe(exited)
    if (processPerAgent) expect((await run('bob', prompts.answer('unharmed'))).finalText).toBe('unharmed')
  })
}

function resumeTests(at: () => Stage, prompts: ContractPrompts): void {
  test('a session that was stopped is resumed under its id, with its context, and its usage ids go on', async () => {
    const { facts, driver, start, run } = at()
    const { sessionId } = await start('ada')
    await run('ada', prompts.answer('remember me'))
    driver.dispatch({ type: 'stopAgent', agentId: 'ada', mode: 'graceful', graceMs: 5_000 })
    await facts.waitFor('ada', 'exited')
    const before = new Set(facts.factsOf('ada', 'usageReported').map(fact => fact.unitId))
    expect((await start('ada', { sessionId, resume: true })).sessionId).toBe(sessionId)
    const earlier = facts.factsOf('ada', 'usageReported').length
    expect((await run('ada', prompts.recall)).finalText).toContain('remember me')
    const fresh = facts.factsOf('ada', 'usageReported').slice(earlier).map(fact => fact.unitId)
    expect(fresh.filter(unit => !before.has(unit)).length).toBeGreaterThan(0)
  })

  test('a session whose process died is resumed with its context', async () => {
    const { facts, start, run } = at()
    const { sessionId } = await start('ada')
    await run('ada', prompts.answer('remember me too'))
    await die(at(), 'ada', prompts)
    await facts.waitFor('ada', 'exited')
    await start('ada', { sessionId, resume: true })
    expect((await run('ada', prompts.recall)).finalText).toContain('remember me too')
  })
}

function againTests(at: () => Stage, prompts: ContractPrompts): void {
  test.for(['death', 'stop'])('a start given while the %s is being told is taken', async way => {
    const { facts, driver, launchOf, start, run } = at()
    const { sessionId } = await start('ada')
    await run('ada', prompts.answer('first life'))
    facts.onNext('ada', 'exited', () => driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: { ...launchOf('ada'), sessionId, resume: true } }))
    if (way === 'death') await die(at(), 'ada', prompts)
    else driver.dispatch({ type: 'stopAgent', agentId: 'ada', mode: 'graceful', graceMs: 5_000 })
    await facts.waitFor('ada', 'exited')
    await facts.waitFor('ada', 'ready', fact => fact !== facts.factsOf('ada', 'ready')[0])
    expect((await run('ada', prompts.answer('second life'))).finalText).toBe('second life')
  })

  test('a prompt given while the end of a turn is being told is taken', async () => {
    const { facts, start, submit, run } = at()
    await start('ada')
    let promptId = ''
    facts.onNext('ada', 'turnEnded', () => (promptId = submit('ada', prompts.answer('at once'))))
    await run('ada', prompts.answer('first'))
    expect((await facts.waitFor('ada', 'turnEnded', fact => fact.promptId === promptId)).finalText).toBe('at once')
  })
}

function companyTests(at: () => Stage, prompts: ContractPrompts): void {
  test('several agents work at once, each on its own prompt', async () => {
    const { start, run, facts } = at()
    const names = ['ada', 'bob', 'cyd']
    const ready = await Promise.all(names.map(name => start(name)))
    expect(new Set(ready.map(fact => fact.sessionId)).size).toBe(3)
    const ended = await Promise.all(names.map(name => run(name, prompts.answer(`I am ${name}`))))
    expect(ended.map(fact => fact.finalText)).toEqual(['I am ada', 'I am bob', 'I am cyd'])
    for (const name of names) expect(facts.factsOf(name, 'promptSeen')).toHaveLength(1)
  })

  test('close ends every agent, the busy and the starting ones too', async () => {
    const { facts, driver, launchOf, start, submit } = at()
    await start('ada')
    await start('bob')
    submit('bob', prompts.stream)
    await facts.waitFor('bob', 'outputProduced', fact => fact.kind === 'text')
    driver.dispatch({ type: 'startAgent', agentId: 'cyd', launch: { ...launchOf('cyd'), sessionId: randomUUID() } })
    await driver.close() // what is left, and what was said, is judged after every test
    for (const name of ['ada', 'bob', 'cyd']) expect(facts.factsOf(name).at(-1)).toMatchObject({ type: 'exited', expected: true })
  })
}

function optionalTests(at: () => Stage, prompts: ContractPrompts): void {
  test.each(given(prompts.fail))('a turn that fails says why, and the agent can take the next prompt', async prompt => {
    const { start, run } = at()
    await start('ada')
    const ended = await run('ada', prompt)
    expect(ended.status).toBe('failed')
    expect(ended.error).toBeTruthy()
    expect((await run('ada', prompts.answer('recovered'))).finalText).toBe('recovered')
  })

  test.each(given(prompts.background))('a turn that ends with work left running names it, and its end starts a turn of its own', async prompt => {
    const { facts, start, run, subject } = at()
    await start('ada')
    const ended = await run('ada', prompt)
    expect(ended.background).toHaveLength(1)
    subject.endBackground?.('ada')
    const own = await facts.waitFor('ada', 'turnStarted', fact => fact.origin === 'self')
    expect((await facts.waitFor('ada', 'turnEnded', fact => fact.turnId === own.turnId)).background).toEqual([])
  })

  test.each(given(prompts.approval))('while it asks for an approval nothing is typed; the answer lets it go on', async prompt => {
    const { facts, driver, start, submit } = at()
    await start('ada')
    const promptId = submit('ada', prompt)
    const { approvalId } = await facts.waitFor('ada', 'approvalRequested')
    const refused = submit('ada', prompts.answer('into the dialog'))
    expect((await facts.waitFor('ada', 'promptRefused', fact => fact.promptId === refused)).reason).toBe('awaiting_approval')
    driver.dispatch({ type: 'answerApproval', agentId: 'ada', approvalId, decision: 'allow' })
    expect(await facts.waitFor('ada', 'approvalResolved')).toMatchObject({ approvalId, decision: 'allow' })
    expect((await facts.waitFor('ada', 'turnEnded', fact => fact.promptId === promptId)).status).toBe('completed')
  })
}
