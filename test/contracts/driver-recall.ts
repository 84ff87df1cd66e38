/** What a driver knows of a session's earlier life: what became of a turn, and what everything cost. */
import { expect, test } from 'vitest'
import type { FactOf } from '../../src/drivers/driver.ts'
import { die, dieInTurn, given, type ContractPrompts, type Stage, type Tokens } from './driver-stage.ts'

/** Declares this part of the suite. */
export function describeRecall(at: () => Stage, prompts: ContractPrompts): void {
  let asked = 0
  const recall = async (...markers: string[]): Promise<Pick<FactOf<'turnRecalled'>, 'status' | 'finalText' | 'error'>> => {
    const { facts, driver } = at()
    const requestId = `recall-${++asked}`
    driver.dispatch({ type: 'recallTurn', agentId: 'ada', requestId, markers })
    const { status, finalText, error } = await facts.waitFor('ada', 'turnRecalled', fact => fact.requestId === requestId)
    return { status, ...(finalText !== undefined && { finalText }), ...(error !== undefined && { error }) }
  }
  const killIdle = async (): Promise<void> => {
    await die(at(), 'ada', prompts)
    await at().facts.waitFor('ada', 'exited')
  }

  test('a turn nobody began is absent from the record, be the session new or old', async () => {
    const { start, run } = at()
    await start('ada')
    expect(await recall('[MSG:a]')).toEqual({ status: 'absent' })
    await run('ada', `[MSG:b] ${prompts.answer('about [MSG:a] and [REPLY:a ')}`)
    expect(await recall('[MSG:a]', '[REPLY:a ')).toEqual({ status: 'absent' })
  })

  test('a turn that had ended is known by its prompt, with its last words, before and after its process was killed', async () => {
    const { start, run } = at()
    const { sessionId } = await start('ada')
    for (const id of ['a', 'b']) await run('ada', `[MSG:${id}] ${prompts.answer(`the answer to ${id}`)}`)
    const expectBoth = async (): Promise<void> => {
      expect(await recall('[MSG:a]')).toEqual({ status: 'completed', finalText: 'the answer to a' })
      expect(await recall('[MSG:none]', '[MSG:b]')).toEqual({ status: 'completed', finalText: 'the answer to b' })
    }
    await expectBoth()
    await killIdle()
    await start('ada', { sessionId, resume: true })
    await expectBoth()
  })

  test('a turn whose process was killed in it is cut, whatever came before and behind it; done again, it is complete', async () => {
    const { start, run } = at()
    const { sessionId } = await start('ada')
    await run('ada', `[MSG:a] ${prompts.answer('first time')}`)
    await dieInTurn(at(), 'ada', '[MSG:a]', prompts)
    await start('ada', { sessionId, resume: true })
    expect(await recall('[MSG:a]')).toEqual({ status: 'cut' })
    await run('ada', `[MSG:b] ${prompts.answer('meanwhile')}`)
    expect(await recall('[MSG:a]')).toEqual({ status: 'cut' })
    await run('ada', `[MSG:a] ${prompts.answer('second time')}`)
    expect(await recall('[MSG:a]')).toEqual({ status: 'completed', finalText: 'second time' })
  })

  test.each([prompts.stream, ...given(prompts.holdInTool)])('an interrupted turn is cut: %j', async prompt => {
    const { facts, driver, start, submit } = at()
    const { sessionId } = await start('ada')
    submit('ada', `[MSG:a] ${prompt}`)
    await facts.waitFor('ada', 'outputProduced')
    driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'cut' })
    await facts.waitFor('ada', 'interruptFinished')
    expect(await recall('[MSG:a]')).toEqual({ status: 'cut' })
    await killIdle()
    await start('ada', { sessionId, resume: true })
    expect(await recall('[MSG:a]')).toEqual({ status: 'cut' })
  })

  test.each(given(prompts.fail))('a failed turn has failed in the words it was told with', async prompt => {
    const { start, run } = at()
    const { sessionId } = await start('ada')
    const { error = 'nothing' } = await run('ada', `[MSG:a] ${prompt}`)
    const expectFailed = async (): Promise<void> => {
      const recalled = await recall('[MSG:a]')
      expect(recalled.status).toBe('failed')
      expect(error).toContain(recalled.error)
    }
    await expectFailed()
    await killIdle()
    await start('ada', { sessionId, resume: true })
    await expectFailed()
  })

  test.each(given(prompts.background))('a turn that left work running had ended', async prompt => {
    const { start, run } = at()
    await start('ada')
    const { finalText } = await run('ada', `[MSG:a] ${prompt}`)
    expect(await recall('[MSG:a]')).toEqual({ status: 'completed', ...(finalText !== undefined && { finalText }) })
  })

  test('a session resumed after a kill tells all it has spent, each call once and as it was told before', async () => {
    const { facts, start, run, subject } = at()
    const { sessionId } = await start('ada')
    for (const text of ['long before', 'before']) await run('ada', prompts.answer(text)) // a CLI may repeat the last one by itself
    await dieInTurn(at(), 'ada', '[MSG:a]', prompts)
    const killedAt = facts.factsOf('ada').length
    await start('ada', { sessionId, resume: true })
    await run('ada', prompts.answer('after'))
    const told = facts.factsOf('ada').filter(fact => fact.type === 'usageReported')
    const after = facts.factsOf('ada').slice(killedAt).filter(fact => fact.type === 'usageReported')
    expect(sumOnce(after)).toEqual(subject.usageOf(sessionId))
    expect(sumOnce(told)).toEqual(subject.usageOf(sessionId))
    expect(sumOnce(told.toReversed())).toEqual(subject.usageOf(sessionId))
  })
}

/** Each unit by its first report. */
function sumOnce(reports: readonly FactOf<'usageReported'>[]): Tokens {
  const once = reports.filter((report, index) => reports.findIndex(({ unitId }) => unitId === report.unitId) === index)
  const sum = (field: keyof Tokens): number => once.reduce((total, report) => total + report[field], 0)
  return { inputTokens: sum('inputTokens'), outputTokens: sum('outputTokens'), cacheReadTokens: sum('cacheReadTokens'), cacheCreationTokens: sum('cacheCreationTokens') }
}
