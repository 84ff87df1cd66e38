/** Turns, usage and failures of the real codex, and the process its agents share. */
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { FactOf } from '../../src/drivers/driver.ts'
import { atGate, callTool, fail, hang, say, stream, type Script } from '../fakes/openai/index.ts'
import { codexDrivers, createCodexStage, findCodexBin, type CodexStage, type CodexStageOptions } from './codex.ts'
import { startSilentServer } from './mcp-stand-in.ts'

const shell = (cmd: string) => callTool('exec_command', { cmd, yield_time_ms: 30_000 })

let stage: CodexStage
afterEach(() => stage.close())
const open = async (script: Script, options: CodexStageOptions = {}): Promise<CodexStage> => (stage = await createCodexStage({ script, ...options }))

/** Each unit once, as the API counts; the fake lets every call reason three tokens' worth. */
function sumUnits(reports: readonly FactOf<'usageReported'>[]) {
  const units = new Map(reports.map(report => [report.unitId, report]))
  const sum = { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningOutputTokens: 3 * units.size }
  for (const unit of units.values()) {
    sum.inputTokens += unit.inputTokens + unit.cacheReadTokens
    sum.cachedInputTokens += unit.cacheReadTokens
    sum.outputTokens += unit.outputTokens
  }
  return sum
}

describe('turns', () => {
  test('role and briefing reach the model, and the text of a prompt arrives byte by byte', async () => {
    const { start, run, api } = await open([])
    await start('ada', { systemPrompt: 'Your name is ADA-7.' })
    const text = `-!/ "$HOME" \u001B[201~ 😀 漢字 ${'x'.repeat(100_000)} \\ ;`
    await run('ada', text)
    expect(api.requests[0]?.view.instructions).toContain('Your name is ADA-7.')
    expect(api.requests[0]?.view.lastUserText).toBe(text)
  })

  test.for([
    { answer: fail(401, { body: { error: { message: 'bad key' } } }), words: 'bad key' },
    { answer: fail(529, { body: { error: { message: 'overloaded today' } } }), words: '529' },
    { answer: fail(404, { body: { error: { message: 'The model x does not exist', code: 'model_not_found' } } }), words: 'does not exist' },
  ])('an API that answers $words fails the turn in those words, and the agent lives', async ({ answer, words }) => {
    const { start, run } = await open([{ when: 'ask', then: [answer] }])
    await start('ada')
    const ended = await run('ada', 'ask')
    expect(ended.status).toBe('failed')
    expect(ended.error).toContain(words)
    expect((await run('ada', 'again')).status).toBe('completed')
  })
})

describe.each(codexDrivers)('turns, by %s', name => {
  test('a prompt longer than codex takes is unconfirmed in its words, and the next one is taken', async () => {
    const { start, run, submit, facts } = await open([], { driver: name })
    await start('ada')
    submit('ada', 'x'.repeat(1_048_577))
    expect((await facts.waitFor('ada', 'promptUnconfirmed')).detail).toContain('1048576')
    expect((await run('ada', 'short')).finalText).toBe('ack: short')
  })

  test('usage adds up to what the API told, through interrupts, kills and returns', async () => {
    const { start, run, submit, stop, driver, facts, api } = await open([
      { when: 'work', then: [shell('true'), shell('true'), say('done')] },
      { when: 'stream', then: [stream('a long answer', { gate: 'never' })] },
    ], { driver: name })
    const { sessionId } = await start('ada')
    await run('ada', 'work')
    submit('ada', 'stream')
    await api.gate('never').reached
    driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'cut' })
    await facts.waitFor('ada', 'interruptFinished')
    await stop('ada')
    await start('ada', { sessionId, resume: true })
    await run('ada', 'work')
    const pid = facts.factsOf('ada', 'processStarted').at(-1)?.pid ?? 0
    process.kill(pid, 'SIGKILL')
    await facts.waitFor('ada', 'exited', ({ expected }) => !expected)
    await start('ada', { sessionId, resume: true })
    await run('ada', 'work')

    const reports = facts.factsOf('ada', 'usageReported')
    expect(new Set(reports.map(({ unitId }) => unitId)).size).toBe(9)
    expect(sumUnits(reports)).toEqual(api.usage(sessionId))
  })

  test('a call whose tool ran when its process was killed is counted all the same, though codex itself forgets it', async () => {
    const { start, run, submit, facts, api, home } = await open([{ when: 'hold', then: [shell('sleep 600'), say('never')] }], { driver: name })
    const { sessionId } = await start('ada')
    await run('ada', 'before')
    submit('ada', 'hold')
    const rollout = (): string => readdirSync(home.codexHome, { recursive: true, encoding: 'utf8' }).find(name => name.endsWith(`${sessionId}.jsonl`)) ?? ''
    await expect.poll(() => readFileSync(join(home.codexHome, rollout()), 'utf8').split('token_usage_record').length, { timeout: 10_000 }).toBe(3)
    process.kill(facts.factsOf('ada', 'processStarted').at(-1)?.pid ?? 0, 'SIGKILL')
    await facts.waitFor('ada', 'exited', ({ expected }) => !expected)
    for (const text of ['after', 'long after']) {
      await start('ada', { sessionId, resume: true })
      await run('ada', text)
      expect(sumUnits(facts.factsOf('ada', 'usageReported'))).toEqual(api.usage(sessionId))
      await stage.stop('ada')
    }
    expect(facts.factsOf('ada', 'turnEnded').map(({ finalText }) => finalText)).toEqual(['ack: before', 'ack: after', 'ack: long after'])
  })

  test('an interrupt on the heels of its prompt still ends the turn', async () => {
    const { start, submit, driver, facts, run } = await open([{ when: 'stream', then: [atGate('never')] }], { driver: name })
    await start('ada')
    submit('ada', 'stream')
    driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'at once' })
    expect(await facts.waitFor('ada', 'interruptFinished')).toMatchObject({ wasInTurn: true })
    expect((await run('ada', 'next')).finalText).toBe('ack: next')
  })
})

test('an API that cannot be reached fails the turn in words, once codex is told not to retry for ever', async () => {
  const { start, run, api } = await open([])
  await start('ada')
  await api.close()
  const ended = await run('ada', 'anybody?')
  expect(ended).toMatchObject({ status: 'failed', error: expect.stringMatching(/request|connect/i) })
})

test('an API that takes a request and never answers fails the turn in words; what takes long for other reasons does not', async () => {
  const { start, run } = await open([
    { when: 'silent', then: [hang()] },
    { when: 'build', then: [shell('sleep 1.5'), say('built')] },
  ], { silenceMs: 700 })
  await start('ada')
  expect(await run('ada', 'silent')).toMatchObject({ status: 'failed', error: 'The model API gave no sign of life for 0.7 s.' })
  expect(await run('ada', 'build')).toMatchObject({ status: 'completed', finalText: 'built' })
})

describe('the shared process', () => {
  test('its death is the exit of all its agents, and each returns with its context', async () => {
    const { start, run, submit, facts, api } = await open([
      { when: 'stream', then: [stream('a long answer', { gate: 'never' })] },
      { when: 'recall', then: ({ userTexts }) => [say(userTexts.join(','))] },
    ])
    const names = ['ada', 'bob', 'cyd']
    const ready = await Promise.all(names.map(name => start(name)))
    await Promise.all(names.map(name => run(name, `I am ${name}`)))
    submit('cyd', 'stream')
    await api.gate('never').reached
    process.kill(facts.factsOf('ada', 'processStarted')[0]?.pid ?? 0, 'SIGKILL')
    const exits = await Promise.all(names.map(name => facts.waitFor(name, 'exited')))
    expect(exits.map(({ expected, signal }) => [expected, signal])).toEqual(names.map(() => [false, 'SIGKILL']))

    await Promise.all(names.map((name, index) => start(name, { sessionId: ready[index]?.sessionId ?? '', resume: true })))
    const answers = await Promise.all(names.map(name => run(name, 'recall')))
    expect(answers.map(({ finalText }) => finalText)).toEqual(['I am ada,recall', 'I am bob,recall', 'I am cyd,stream,recall'])
    expect(new Set(names.map(name => facts.factsOf(name, 'processStarted').at(-1)?.pid)).size).toBe(1)
  })

  test('a thread whose stop was cut short between archiving and unarchiving can be returned to', async () => {
    const { start, run, stop, home } = await open([{ when: 'recall', then: ({ userTexts }) => [say(userTexts.join(','))] }])
    const { sessionId } = await start('ada')
    await run('ada', 'remember')
    await stop('ada')
    execFileSync(findCodexBin(), ['archive', sessionId], { env: { ...home.env }, stdio: 'ignore' })
    await start('ada', { sessionId, resume: true })
    expect((await run('ada', 'recall')).finalText).toBe('remember,recall')
  })

  test('twenty agents live in one process, and stop one by one', { timeout: 60_000 }, async () => {
    const { start, run, stop, facts } = await open([])
    const names = Array.from({ length: 20 }, (_, index) => `agent-${index}`)
    await Promise.all(names.map(name => start(name)))
    const answers = await Promise.all(names.map(name => run(name, `hello from ${name}`)))
    expect(answers.map(({ finalText }) => finalText)).toEqual(names.map(name => `ack: hello from ${name}`))
    expect(new Set(names.map(name => facts.factsOf(name, 'processStarted')[0]?.pid)).size).toBe(1)
    await Promise.all(names.slice(1).map(name => stop(name)))
    expect((await run('agent-0', 'still there')).finalText).toBe('ack: still there')
  })

  test('a start that takes too long is given up, and its neighbour is not disturbed', async () => {
    const { start, run, driver, launch, facts } = await open([])
    await start('bob')
    const silent = await startSilentServer()
    driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: launch('ada', { madrox: { url: silent.url, token: 't' }, readyTimeoutMs: 500 }) })
    expect(await facts.waitFor('ada', 'startFailed')).toMatchObject({ code: 'timeout' })
    silent.close()
    expect((await run('bob', 'still there')).finalText).toBe('ack: still there')
  })
})

describe('starts that fail', () => {
  const failedStart = async (options: CodexStageOptions) => {
    const { driver, launch, facts } = await open([], options)
    driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: launch('ada') })
    return facts.waitFor('ada', 'startFailed')
  }

  test('no codex', async () => {
    expect(await failedStart({ bin: 'codex-that-is-not-there' })).toMatchObject({ code: 'cli_missing', detail: expect.stringContaining('ENOENT') })
  })

  test('something that is not codex', async () => {
    expect(await failedStart({ bin: '/bin/false' })).toMatchObject({ code: 'exited' })
  })

  test('nobody logged in', async () => {
    const { driver, launch, facts, home } = await open([])
    writeFileSync(join(home.codexHome, 'config.toml'), '')
    driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: launch('ada') })
    expect(await facts.waitFor('ada', 'startFailed')).toMatchObject({ code: 'not_logged_in', detail: expect.stringContaining('codex login') })
  })

  test('a configuration codex does not understand', async () => {
    const { driver, launch, facts, home } = await open([])
    writeFileSync(join(home.codexHome, 'config.toml'), 'model = [')
    driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: launch('ada') })
    expect((await facts.waitFor('ada', 'startFailed')).detail).not.toBe('')
  })

  test('a thread that another agent lives in', async () => {
    const { start, driver, launch, facts, run } = await open([])
    const { sessionId } = await start('bob')
    driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: launch('ada', { sessionId, resume: true }) })
    expect(await facts.waitFor('ada', 'startFailed')).toMatchObject({ code: 'session_locked' })
    expect((await run('bob', 'mine')).finalText).toBe('ack: mine')
  })
})
