/** Claude Code by structured messages, beside itself in a terminal: as a harness of its own, and in each other's sessions. */
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createClaudeDriver } from '../../src/drivers/claude/driver.ts'
import { createClaudeStreamDriver } from '../../src/drivers/claude/stream/driver.ts'
import type { CreateDriver, FactOf, TerminalUse } from '../../src/drivers/driver.ts'
import { createRecorder, findBreaches, toText } from '../contracts/driver-trace.ts'
import { createClaudeStage, type ClaudeStage } from './claude-setup.ts'
import { openRig } from './rig.ts'

let stage: ClaudeStage | undefined
afterEach(async () => {
  await stage?.close()
  stage = undefined
})

/** One life of a session: started or resumed by that driver, given these prompts, and ended. */
async function live(of: ClaudeStage, createDriver: CreateDriver, session: { sessionId: string; resume: boolean }, prompts: readonly string[]) {
  const facts = createRecorder(30_000)
  const driver = facts.record(createDriver(of.config, facts.emit))
  driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: { name: 'ada', cwd: of.workspace('ada'), systemPrompt: '', confinement: { bypass: true }, marker: of.marker, ...session } })
  await facts.waitFor('ada', 'ready')
  for (const text of prompts) {
    driver.dispatch({ type: 'submitPrompt', agentId: 'ada', promptId: text, text })
    await facts.waitFor('ada', 'turnEnded', fact => fact.promptId === text)
  }
  driver.dispatch({ type: 'stopAgent', agentId: 'ada', mode: 'graceful', graceMs: 5_000 })
  await facts.waitFor('ada', 'exited')
  await driver.close()
  expect([...findBreaches(facts.trace), ...facts.faults], toText(facts.trace)).toEqual([])
  return { usage: facts.factsOf('ada', 'usageReported'), lastText: facts.factsOf('ada', 'turnEnded').at(-1)?.finalText }
}

const unitsOf = (usage: readonly FactOf<'usageReported'>[]): string[] => [...new Set(usage.map(fact => fact.unitId))]
/** Every report of a call says the same of its tokens. */
const tokensOf = (usage: readonly FactOf<'usageReported'>[]): Set<string> => new Set(usage.map(fact => JSON.stringify([fact.unitId, fact.model, fact.inputTokens, fact.outputTokens, fact.cacheReadTokens, fact.cacheCreationTokens])))

test.each([
  ['a terminal', 'structured messages', createClaudeDriver, createClaudeStreamDriver],
  ['structured messages', 'a terminal', createClaudeStreamDriver, createClaudeDriver],
])('a session begun by %s goes on by %s: it knows what was said, and counts nothing twice', async (_from, _to, first, second) => {
  stage = await createClaudeStage()
  const sessionId = randomUUID()
  const before = await live(stage, first, { sessionId, resume: false }, ['do: say remember heliotrope', 'do:\nbash true\nsay done'])
  const after = await live(stage, second, { sessionId, resume: true }, ['do: recall'])
  expect(after.lastText).toContain('remember heliotrope')
  expect(unitsOf(before.usage)).toHaveLength(3)
  expect(unitsOf([...before.usage, ...after.usage])).toEqual(stage.fake.requests.map(request => request.messageId))
  expect(tokensOf([...before.usage, ...after.usage]).size).toBe(4)
  expect(unitsOf(after.usage).slice(0, 3)).toEqual(unitsOf(before.usage))
})

test('a session that runs by one is not begun by the other', async () => {
  stage = await createClaudeStage()
  const facts = createRecorder(30_000)
  const [first, second] = [createClaudeStreamDriver(stage.config, facts.emit), createClaudeDriver(stage.config, facts.emit)]
  const launch = { name: 'ada', cwd: stage.workspace('ada'), systemPrompt: '', confinement: { bypass: true }, marker: stage.marker, sessionId: randomUUID() }
  first.dispatch({ type: 'startAgent', agentId: 'ada', launch })
  await facts.waitFor('ada', 'ready')
  second.dispatch({ type: 'startAgent', agentId: 'bob', launch: { ...launch, resume: true } })
  const pid = facts.factsOf('ada', 'processStarted')[0]?.pid
  expect(await facts.waitFor('bob', 'startFailed')).toMatchObject({ code: 'session_locked', detail: expect.stringContaining(`process ${pid}`) })
  await Promise.all([first.close(), second.close()])
})

test('it is a harness of its own, alone or in a batch; its process has no terminal, its screen is the conversation, and its cost is its own word', async () => {
  const { call, text } = await openRig()
  expect(await call('spawn_agent', { harness: 'claude-stream', name: 'ada', model: 'claude-sonnet-4-5-20250929' })).toMatchObject({ instance_type: 'claude-stream', state: 'idle' })
  await call('spawn_multiple_instances', { instances: [{ name: 'bob', instance_type: 'claude-stream' }, { name: 'cyd', instance_type: 'claude' }] })
  for (const name of ['ada', 'bob', 'cyd']) expect(await call('send_to_instance', { instance_id: name, message: 'do: reply here' })).toMatchObject({ status: 'answered', response: 'here', via: 'reply_to_caller' })
  // A reply comes before its turn has ended, and its cost with that end.
  for (const name of ['ada', 'bob', 'cyd']) expect(await call('send_to_instance', { instance_id: name, message: 'do: say done' })).toMatchObject({ response: 'done', via: 'turn_end' })
  const status = async (name: string) => call('get_instance_status', { instance_id: name })
  const [ada, bob, cyd] = [await status('ada'), await status('bob'), await status('cyd')]
  expect([ada, bob, cyd].map(agent => [agent['instance_type'], agent['cost_sources']])).toEqual([['claude-stream', ['cli']], ['claude-stream', ['cli']], ['claude', ['price_table']]])
  expect(ada['total_cost']).toBeGreaterThan(0)
  expect(await text('get_terminal_screen', { instance_id: 'ada' })).toMatch(/^> \[MSG:\w+\] do: reply here\n• mcp__madrox__reply_to_caller .*here/m)
  const isHeadless = (agent: typeof ada): boolean => readFileSync(`/proc/${Number(agent['pid'])}/cmdline`, 'utf8').split('\0').includes('-p')
  expect([ada, bob, cyd].map(isHeadless)).toEqual([true, true, false])
})

test('what it asks for is answered in its console, by who has control there for a person', async () => {
  stage = await createClaudeStage()
  const facts = createRecorder(30_000)
  const driver = facts.record(createClaudeStreamDriver(stage.config, facts.emit))
  const cwd = stage.workspace('ada')
  driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: { name: 'ada', cwd, systemPrompt: '', confinement: { bypass: true, permissionMode: 'default' }, marker: stage.marker, sessionId: randomUUID() } })
  await facts.waitFor('ada', 'ready')
  const use = (use: TerminalUse): void => driver.dispatch({ type: 'useTerminal', agentId: 'ada', viewerId: 'eve', use })
  const shows = (words: string) => facts.waitFor('ada', 'terminalOutput', fact => fact.data.includes(words))
  use({ action: 'attach', columns: 100, rows: 30 })
  for (const [decision, key] of [['deny', 'n'], ['allow', 'y']] as const) {
    driver.dispatch({ type: 'submitPrompt', agentId: 'ada', promptId: decision, text: `do:\nbash touch ${decision}\nsay told of ${decision}` })
    const { approvalId } = await facts.waitFor('ada', 'approvalRequested', fact => fact.detail.includes(`touch ${decision}`))
    use({ action: 'takeControl', answers: true })
    await shows(`? Bash {"command":"touch ${decision}"`)
    use({ action: 'type', data: `${key}\r` })
    expect(await facts.waitFor('ada', 'approvalResolved', fact => fact.approvalId === approvalId)).toMatchObject({ decision })
    await facts.waitFor('ada', 'turnEnded', fact => fact.promptId === decision)
    use({ action: 'releaseControl', clear: false })
  }
  expect(['deny', 'allow'].map(name => existsSync(join(cwd, name)))).toEqual([false, true])
  await driver.close()
  expect([...findBreaches(facts.trace), ...facts.faults], toText(facts.trace)).toEqual([])
})
