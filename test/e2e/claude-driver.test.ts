/** What is Claude Code's own, on the driver port, with the real program: text, interrupts, approvals, background work, confinement, ends. Both ways of speaking with it, where they could differ. */
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { createClaudeDriver } from '../../src/drivers/claude/driver.ts'
import { createClaudeStreamDriver } from '../../src/drivers/claude/stream/driver.ts'
import type { CreateDriver, Driver, DriverCommand, FactOf } from '../../src/drivers/driver.ts'
import { createRecorder, findBreaches, toText, type Recorder } from '../contracts/driver-trace.ts'
import { atGate, callTool, hang, say, stream, type FakeAnthropicOptions } from '../fakes/anthropic/index.ts'
import { createClaudeStage, type ClaudeStage } from './claude-setup.ts'
import { isAlive } from './processes.ts'

type LaunchInput = Extract<DriverCommand, { type: 'startAgent' }>['launch']

interface Scene {
  readonly stage: ClaudeStage
  readonly driver: Driver
  readonly facts: Recorder
  start(more?: Partial<LaunchInput>): Promise<FactOf<'ready'>>
  submit(text: string): string
  run(text: string): Promise<FactOf<'turnEnded'>>
}

let scene: Scene | undefined
afterEach(async () => {
  if (!scene) return
  const { stage, driver, facts } = scene
  scene = undefined
  await driver.close()
  await stage.close()
  expect([...findBreaches(facts.trace), ...facts.faults], toText(facts.trace)).toEqual([])
})

type SceneOptions = FakeAnthropicOptions & { env?: Record<string, string | undefined>; bin?: string }

async function openScene(createDriver: CreateDriver, options: SceneOptions = {}): Promise<Scene> {
  const stage = await createClaudeStage(options)
  const facts = createRecorder(30_000)
  const driver = facts.record(createDriver({ ...stage.config, ...(options.bin ? { bin: options.bin } : {}) }, facts.emit))
  let count = 0
  const submit = (text: string): string => {
    const promptId = `p${++count}`
    driver.dispatch({ type: 'submitPrompt', agentId: 'ada', promptId, text })
    return promptId
  }
  scene = {
    stage, driver, facts, submit,
    start: async (more = {}) => {
      driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: {
        name: 'ada', cwd: stage.workspace('ada'), systemPrompt: 'You are ada.', sessionId: randomUUID(),
        confinement: { bypass: true }, marker: stage.marker, ...more,
      } })
      const answer = await facts.first('ready or startFailed', (fact): fact is FactOf<'ready' | 'startFailed'> => fact.type === 'ready' || fact.type === 'startFailed')
      if (answer.type === 'startFailed') throw new Error(`${answer.code}: ${answer.detail}`)
      return answer
    },
    run: text => {
      const promptId = submit(text)
      return facts.waitFor('ada', 'turnEnded', fact => fact.promptId === promptId)
    },
  }
  return scene
}

const interrupt = async ({ driver, facts }: Scene): Promise<FactOf<'interruptFinished'>> => {
  const requestId = randomUUID()
  driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId })
  return facts.waitFor('ada', 'interruptFinished', fact => fact.requestId === requestId)
}

/** Terminal sequences go on their way through a terminal, and what a key would do there must not be typed. */
const ways = [
  {
    way: 'in a PTY', createDriver: createClaudeDriver, toTyped: (text: string) => text.replace(/\x1b\[(31m|0m|201~)/g, ''),
    guarded: ['Message: /exit', 'Message: !touch escaped', 'Message: exit', 'Message:   /help me'], loopback: '200', // its hooks go that way
  },
  { way: 'by structured messages', createDriver: createClaudeStreamDriver, toTyped: (text: string) => text, guarded: ['Message: /exit', '!touch escaped', 'exit', '  /help me'], loopback: '403' },
]

const readScreen = async ({ driver, facts }: Scene): Promise<string> => {
  const requestId = randomUUID()
  driver.dispatch({ type: 'readScreen', agentId: 'ada', requestId })
  return (await facts.waitFor('ada', 'screenRead', fact => fact.requestId === requestId)).text
}

const readTranscript = (stage: ClaudeStage): string => {
  const sessionId = scene?.facts.factsOf('ada', 'ready')[0]?.sessionId ?? ''
  return readFileSync(join(stage.home, '.claude', 'projects', stage.workspace('ada').replace(/[^a-zA-Z0-9]/g, '-'), `${sessionId}.jsonl`), 'utf8')
}

describe.each(ways)('$way', ({ createDriver, toTyped, guarded, loopback }) => {
  const open = (options?: SceneOptions): Promise<Scene> => openScene(createDriver, options)

  test('the model gets text as typed, whatever is in it, without a paste mark', async () => {
    const { stage, start, run } = await open()
    await start()
    const body = ['-x !ls /help `id` $(id) ; # @x', '', 'tail of a \x1b[31mred\x1b[0m line\x1b[201~', ...Array.from({ length: 40 }, (_, line) => `line ${line} 🎉 漢字`), '/exit', 'ends with \\'].join('\n')
    await run(`[MSG:m1] ${body}`)
    expect(stage.fake.requests.at(-1)?.view.message?.body).toBe(toTyped(body))
    expect(JSON.stringify(stage.fake.requests.at(-1)?.view.messages)).not.toContain('pasted_content')
  })

  test('a text without an address is no command either', async () => {
    const { stage, start, run } = await open()
    await start()
    for (const text of ['/exit', '!touch escaped', 'exit', '  /help me']) expect((await run(text)).status).toBe('completed')
    expect(stage.fake.requests.map(request => request.view.lastUserText)).toEqual(guarded)
    expect(existsSync(join(stage.workspace('ada'), 'escaped'))).toBe(false)
  })

  test('100 KB arrive whole', async () => {
    const { stage, start, run } = await open()
    await start()
    const lines = Array.from({ length: 2_500 }, (_, line) => `${line} /!-;\\ ${'x'.repeat(30)}`).join('\n')
    await run(`[MSG:big] ${lines}`)
    expect(stage.fake.requests.at(-1)?.view.lastUserText.replace(/\s+/g, ' ')).toBe(`[MSG:big] ${lines}`.replace(/\s+/g, ' '))
  })

  test('cut before its first byte, a prompt does not stick to the next', async () => {
    const { stage, start, submit, run, facts } = await open({ script: [{ when: 'never', then: [hang()] }] })
    await start()
    const promptId = submit('[MSG:a] never\nmind\nthis\none\nat all')
    await stage.fake.waitForRequest(request => request.view.message?.id === 'a')
    expect(await interrupt(scene as Scene)).toMatchObject({ wasInTurn: true })
    expect(facts.factsOf('ada', 'turnEnded')).toMatchObject([{ promptId, status: 'interrupted' }])
    await run('[MSG:b] do: say fresh')
    expect(stage.fake.requests.at(-1)?.view.lastUserText).toBe('[MSG:b] do: say fresh')
  })

  test('cut while it streams, a turn keeps what it had said, and its usage as far as it is known', async () => {
    const { stage, start, submit, run, facts } = await open({ script: [{ when: 'long', then: [say('so far'), atGate('middle'), stream('and more')] }] })
    await start()
    submit('[MSG:a] long')
    await stage.fake.gate('middle').reached
    // What was sent is not said before it is shown; a screen has no event.
    await expect.poll(() => readScreen(scene as Scene), { timeout: 20_000 }).toContain('so far')
    expect(await interrupt(scene as Scene)).toMatchObject({ wasInTurn: true })
    expect((await run('[MSG:b] do: recall')).finalText).toContain('so far')
    expect(facts.factsOf('ada', 'turnEnded').map(fact => fact.status)).toEqual(['interrupted', 'completed'])
    expect(stage.fake.requests[0]?.outcome).toBe('cut')
  })

  test('two interrupts of one turn finish with it', async () => {
    const { stage, driver, start, submit, facts } = await open()
    await start()
    submit('[MSG:a] do: hang')
    await stage.fake.waitForRequest(request => request.view.message?.id === 'a')
    for (const requestId of ['one', 'two']) driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId })
    await facts.waitFor('ada', 'interruptFinished', fact => fact.requestId === 'two')
    expect(facts.factsOf('ada', 'turnEnded')).toHaveLength(1)
  })

  test.for([401, 529])('the API answering %i fails the turn in the CLI\'s own words', async status => {
    const { start, run } = await open()
    await start()
    expect(await run(`[MSG:a] do: fail ${status}`)).toMatchObject({ status: 'failed', error: expect.stringContaining(String(status)) })
  })

  test('usage told equals usage served, subagents and background turns included', async () => {
    const { stage, start, run, facts } = await open({
      script: [
        { when: 'SUBTASK', then: [say('sub answer')] },
        { when: '[MSG:a]', then: [callTool('Agent', { description: 'd', prompt: 'SUBTASK', subagent_type: 'general-purpose' }), callTool('Bash', { command: 'echo hi', description: 'd' }), say('main answer')] },
      ],
    })
    await start()
    await run('[MSG:a] delegate')
    await facts.waitFor('ada', 'turnEnded', fact => fact.background.length === 0) // the subagent's end is absorbed by the turn, or starts one
    // A call may be told again, with its cost: its tokens are the same then.
    const told = [...new Map(facts.factsOf('ada', 'usageReported').map(fact => [fact.unitId, [fact.unitId, fact.inputTokens, fact.outputTokens, fact.cacheReadTokens, fact.cacheCreationTokens]])).values()]
    const served = stage.fake.requests.filter(request => request.kind === 'turn').map(({ messageId, usage }) => [messageId, usage.input_tokens, usage.output_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens])
    const byId = (a: readonly unknown[], b: readonly unknown[]): number => String(a[0]).localeCompare(String(b[0]))
    expect(told.toSorted(byId)).toEqual(served.toSorted(byId))
  })

  test('a background task wakes the agent, and the turn names the prompt it works for', async () => {
    const { stage, start, run, facts } = await open()
    await start()
    const flag = join(stage.root, 'flag')
    const promptId = (await run(`[MSG:a] do:\nbg until [ -e ${flag} ]; do sleep 0.1; done; echo ok\nsay later`)).promptId
    expect(facts.factsOf('ada', 'turnEnded')[0]?.background).toHaveLength(1)
    await run('[MSG:b] do: say between')
    writeFileSync(flag, '')
    const own = await facts.waitFor('ada', 'turnStarted')
    expect(own).toMatchObject({ origin: 'self', causedByPromptId: promptId, backgroundTaskId: facts.factsOf('ada', 'turnEnded')[0]?.background[0]?.id })
  })

  test('a background task that ends inside another turn is still out when that turn ends', async () => {
    const { stage, start, run, submit, facts } = await open({ script: [{ when: '[MSG:b]', then: [say('b began'), atGate('middle'), say('b ended')] }] })
    await start()
    const flag = join(stage.root, 'flag')
    const first = await run(`[MSG:a] do:\nbg until [ -e ${flag} ]; do sleep 0.1; done; touch ${flag}2\nsay later`)
    const promptId = submit('[MSG:b] x')
    await stage.fake.gate('middle').reached
    writeFileSync(flag, '')
    await expect.poll(() => existsSync(`${flag}2`)).toBe(true)
    await expect.poll(() => readTranscript(stage), { timeout: 10_000 }).toContain('task-notification')
    stage.fake.gate('middle').open()
    const second = await facts.waitFor('ada', 'turnEnded', fact => fact.promptId === promptId)
    expect(second.background.map(task => task.id)).toEqual(first.background.map(task => task.id))
    const own = await facts.waitFor('ada', 'turnStarted')
    expect((await facts.waitFor('ada', 'turnEnded', fact => fact.turnId === own.turnId)).background).toEqual([])
  })

  test.for(['allow', 'deny'] as const)('a permission request waits, nothing is typed into it, and %s decides it', async decision => {
    const { stage, driver, start, submit, facts } = await open()
    await start({ confinement: { bypass: true, permissionMode: 'default' } })
    const promptId = submit('[MSG:a] do:\nbash touch asked\nsay went on')
    const { approvalId, tool } = await facts.waitFor('ada', 'approvalRequested')
    expect(tool).toBe('Bash')
    const second = submit('[MSG:b] do: say no')
    expect((await facts.waitFor('ada', 'promptRefused')).promptId).toBe(second)
    driver.dispatch({ type: 'answerApproval', agentId: 'ada', approvalId, decision })
    expect(await facts.waitFor('ada', 'turnEnded', fact => fact.promptId === promptId)).toMatchObject({ status: 'completed', finalText: 'went on' })
    expect(existsSync(join(stage.workspace('ada'), 'asked'))).toBe(decision === 'allow')
  })

  test('an interrupt closes an open permission dialog', async () => {
    const { start, submit, run, facts } = await open()
    await start({ confinement: { bypass: true, permissionMode: 'default' } })
    const promptId = submit('[MSG:a] do:\nbash touch asked')
    const { approvalId } = await facts.waitFor('ada', 'approvalRequested')
    expect(await interrupt(scene as Scene)).toMatchObject({ wasInTurn: true })
    expect(facts.factsOf('ada', 'turnEnded')).toMatchObject([{ promptId, status: 'interrupted' }])
    expect(facts.factsOf('ada', 'approvalResolved')).toMatchObject([{ approvalId, decision: 'gone' }])
    expect((await run('[MSG:b] do: say ok')).finalText).toBe('ok')
  })

  test('a confined agent writes in its workspace, reads its supervisor\'s, writes nowhere else, and reaches this machine\'s servers only where it must', async () => {
    const { stage, start, run } = await open()
    const other = stage.workspace('supervisor')
    writeFileSync(join(other, 'plan.md'), 'the plan')
    await start({ confinement: {}, readableDirs: [other] })
    await run(`[MSG:a] do:\nbash NO_PROXY= no_proxy= curl -sI -o /dev/null -w '%{http_code}' ${stage.fake.url}/\nbash echo in > in.txt; echo out > ${other}/out.txt\ncall Write {"file_path":"${other}/w.txt","content":"x"}\ncall Write {"file_path":"${stage.workspace('ada')}/w.txt","content":"x"}\ncall Read {"file_path":"${other}/plan.md"}`)
    const results = stage.fake.requests.flatMap(request => request.view.lastToolResults)
    expect(existsSync(join(stage.workspace('ada'), 'in.txt'))).toBe(true)
    expect(existsSync(join(stage.workspace('ada'), 'w.txt'))).toBe(true)
    expect(existsSync(join(other, 'out.txt'))).toBe(false)
    expect(existsSync(join(other, 'w.txt'))).toBe(false)
    expect(results.at(-1)?.text).toContain('the plan')
    expect(results[0]?.text).toMatch(new RegExp(`^${loopback}`))
  })

  test('ending an agent inside a tool leaves none of what the tool had started', async () => {
    const { stage, driver, start, submit, facts } = await open()
    await start()
    const pids = join(stage.root, 'pids')
    mkdirSync(pids)
    writeFileSync(join(stage.root, 'stubborn.sh'), `trap '' HUP TERM INT\necho $$ > ${pids}/$1\nwhile :; do sleep 0.2; done\n`)
    submit(`[MSG:a] do:\nbash (setsid bash ${stage.root}/stubborn.sh away &) ; (env -i bash ${stage.root}/stubborn.sh bare &) ; bash ${stage.root}/stubborn.sh near`)
    const read = (name: string): number => (existsSync(join(pids, name)) ? Number(readFileSync(join(pids, name), 'utf8')) : 0)
    await expect.poll(() => ['away', 'bare', 'near'].map(read).every(pid => pid > 0), { timeout: 20_000 }).toBe(true)
    driver.dispatch({ type: 'stopAgent', agentId: 'ada', mode: 'graceful', graceMs: 3_000 })
    expect((await facts.waitFor('ada', 'exited')).expected).toBe(true)
    expect(['away', 'bare', 'near'].map(read).filter(isAlive)).toEqual([])
  })
})

describe('however it is spoken with', () => {
  const open = (options?: SceneOptions): Promise<Scene> => openScene(createClaudeDriver, options)

  test('nobody logged in fails the start', async () => {
    const { driver, facts, stage } = await open({ env: { ANTHROPIC_AUTH_TOKEN: undefined } })
    driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: { name: 'ada', cwd: stage.workspace('ada'), systemPrompt: '', sessionId: randomUUID(), confinement: { bypass: true }, marker: stage.marker } })
    expect((await facts.waitFor('ada', 'startFailed')).code).toBe('not_logged_in')
  })

  test('no executable of that name fails the start', async () => {
    const { driver, facts, stage } = await open({ bin: 'claude-that-is-not-there' })
    driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: { name: 'ada', cwd: stage.workspace('ada'), systemPrompt: '', sessionId: randomUUID(), confinement: { bypass: true }, marker: stage.marker } })
    expect((await facts.waitFor('ada', 'startFailed')).code).toBe('cli_missing')
  })

  test.runIf(process.platform === 'linux')('a confined agent on a machine without the sandbox has no Bash, and knows; so does its supervisor', async () => {
    const { stage, start, run } = await open({ env: { PATH: '/nowhere' } })
    expect((await start({ confinement: {} })).warnings).toEqual([expect.stringMatching(/no Bash tool.*bubblewrap and socat/)])
    await run('[MSG:a] do: say hello')
    const { view } = stage.fake.requests[0] ?? {}
    expect(view?.tools).toEqual(expect.arrayContaining(['Read', 'Edit']))
    expect(view?.tools).not.toContain('Bash')
    expect(view?.systemText).toContain('You have no Bash tool')
  })
})

test("the CLI's own cost of every turn is told, to the last of it", async () => {
  const { stage, start, run, facts } = await openScene(createClaudeStreamDriver)
  await start({ model: 'claude-sonnet-4-5-20250929' })
  await run('do:\nbash true\nsay one')
  await run('do: say two')
  const told = facts.factsOf('ada', 'usageReported').flatMap(fact => fact.costUsd ?? [])
  // As of the vendor's list: per million, 3 in, 15 out, 0.30 from the cache, 3.75 into it.
  const listed = stage.fake.requests.map(({ usage }) => (usage.input_tokens * 3 + usage.output_tokens * 15 + usage.cache_read_input_tokens * 0.3 + usage.cache_creation_input_tokens * 3.75) / 1_000_000)
  expect([told.length, told.reduce((sum, cost) => sum + cost, 0)]).toEqual([3, expect.closeTo(listed.reduce((sum, cost) => sum + cost, 0), 9)])
})
