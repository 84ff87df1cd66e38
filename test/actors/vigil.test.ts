/** Stuck, and put away when idle, as callers meet it; and the limits of this server. */
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import type { AgentId } from '../../src/ids.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { AuditRow } from '../../src/store/store.ts'
import { createStage, type Stage } from './rig.ts'

const minute = 60_000
const tell = (stage: Stage, instance_id: AgentId) => stage.ask(stage.me, 'send_to_instance', { instance_id, message: 'go', wait_for_response: false })
const statusOf = (stage: Stage, instance_id: AgentId) => stage.ask(stage.me, 'get_instance_status', { instance_id })
const spawning = (stage: Stage, by: Parameters<Stage['call']>[0], more = {}) => stage.call(by, 'spawn_agent', { harness: 'hand', name: 'new', workspace: 'isolated', ...more })

/** With all that goes into the audit, by event. */
function createAudited(options: Parameters<typeof createStage>[0] = {}) {
  const store = createMemoryStore()
  const audit: AuditRow[] = []
  const stage = createStage({ ...options, store: { ...store, appendAudit: row => void (audit.push(row), store.appendAudit(row)) } })
  return { stage, events: () => audit.map(({ event }) => event).filter(event => /stuck|suspended|limit/.test(event)) }
}

describe('an agent that is busy and of which nothing is heard', () => {
  test('for ten minutes is stuck in its status, its supervisor gets one notice, and it is audited; a fact ends it', async () => {
    const { stage, events } = createAudited()
    const ada = await stage.spawn('ada')
    await tell(stage, ada)
    stage.begin(ada)
    stage.clock.advance(10 * minute - 1)
    expect(await statusOf(stage, ada)).toMatchObject({ health: 'ok' })
    stage.clock.advance(60 * minute)
    expect(await statusOf(stage, ada)).toMatchObject({ state: 'busy', health: 'stuck', stuck_since: '2026-01-01T00:00:00.000Z', last_fact_at: '2026-01-01T00:00:00.000Z' })
    expect(await stage.ask(stage.me, 'get_live_instance_status', { instance_id: ada })).toMatchObject({ stuck: true })
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ count: 1, replies: [{ kind: 'notice', response: expect.stringContaining('nothing was heard of it for 10 minutes') }] })
    stage.fact(ada, { type: 'outputProduced', kind: 'text', content: 'still here' })
    expect(await statusOf(stage, ada)).toMatchObject({ health: 'ok', last_fact_at: '2026-01-01T01:09:59.999Z' })
    expect(events()).toEqual(['agent_stuck', 'agent_unstuck'])
  })

  test('because it waits for its own agents in a call, is not stuck; the one it waits for is', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kid = await stage.spawn('kid', stage.as(boss))
    await tell(stage, boss)
    stage.begin(boss)
    const asked = stage.ask(stage.as(boss), 'send_to_instance', { instance_id: kid, message: 'work', timeout_seconds: 3_600 })
    await stage.settle()
    stage.begin(kid)
    stage.clock.advance(30 * minute)
    expect([(await statusOf(stage, boss))['health'], (await statusOf(stage, kid))['health']]).toEqual(['ok', 'stuck'])
    expect(await stage.ask(stage.me, 'get_live_instance_status', { instance_id: boss })).toMatchObject({ waits_for_others: true, stuck: false })
    stage.end(kid, { finalText: 'done' })
    expect(await asked).toMatchObject({ response: 'done' })
    stage.clock.advance(10 * minute)
    expect(await statusOf(stage, boss)).toMatchObject({ health: 'stuck' })
  })

  test('is never stuck where that is switched off', async () => {
    const stage = createStage({ limits: { stuckMinutes: 0 } })
    const ada = await stage.spawn('ada')
    await tell(stage, ada)
    stage.begin(ada)
    stage.clock.advance(1_000 * minute)
    expect(await statusOf(stage, ada)).toMatchObject({ health: 'ok' })
  })
})

describe('an idle agent', () => {
  test("is put away after an hour, a disconnected client's too, and wakes with its session by a message", async () => {
    const { stage, events } = createAudited()
    const client = stage.client('leaves')
    const [ada, theirs] = [await stage.spawn('ada'), await stage.spawn('theirs', client)]
    stage.system.disconnectClient(client.clientId)
    stage.clock.advance(60 * minute - 1)
    expect([stage.state(ada), stage.state(theirs)]).toEqual(['idle.live', 'idle.live'])
    stage.clock.advance(1)
    await stage.settle()
    expect([stage.state(ada), stage.state(theirs), events()]).toEqual(['idle.suspended.resting', 'idle.suspended.resting', ['agent_suspended', 'agent_suspended']])
    await tell(stage, ada)
    await stage.settle()
    expect([stage.turn(ada, 'here'), stage.commands.filter(command => command.type === 'startAgent').at(-1)]).toMatchObject([/go$/, { launch: { resume: true } }])
  })

  test('is never put away while it is busy, however long that lasts, nor while one of its agents is', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kid = await stage.spawn('kid', stage.as(boss))
    await tell(stage, kid)
    stage.begin(kid)
    stage.clock.advance(1_000 * minute)
    expect([stage.state(boss), stage.state(kid)]).toEqual(['busy.delivering', 'busy.working']) // it is told that its agent is stuck
    stage.turn(boss, 'noted')
    stage.clock.advance(1_000 * minute)
    expect([stage.state(boss), stage.state(kid)]).toEqual(['idle.live', 'busy.working'])
    stage.end(kid)
    stage.clock.advance(60 * minute)
    await stage.settle()
    expect([stage.state(boss), stage.state(kid)]).toEqual(['idle.suspended.resting', 'idle.suspended.resting'])
  })

  test('that a killed server left is put away by the next one in the same way', async () => {
    const stage = createStage().crash()
    const ada = await stage.spawn('ada')
    const after = stage.crash()
    await tell(after, ada)
    await after.settle()
    after.turn(ada, 'here')
    after.clock.advance(60 * minute)
    await after.settle()
    expect(after.state(ada)).toBe('idle.suspended.resting')
  })

  test('stays where that is switched off', async () => {
    const stage = createStage({ limits: { idleMinutes: 0 } })
    const ada = await stage.spawn('ada')
    stage.clock.advance(10_000 * minute)
    expect(stage.state(ada)).toBe('idle.live')
  })
})

describe('what this server allows each agent', () => {
  test('is a number of agents below one agent, those on their way counted; a client may have more', async () => {
    const stage = createStage({ limits: { maxChildren: 2 } })
    const boss = await stage.spawn('boss')
    const three = ['a', 'b', 'c'].map(name => ({ instance_type: 'hand', name, workspace: 'isolated' }))
    expect(await stage.ask(stage.as(boss), 'spawn_multiple_instances', { instances: three })).toMatchObject({ spawned: [{}, {}], errors: [{ code: 'limit_reached', message: expect.stringContaining('3 agents and the limit is 2') }] })
    await stage.ask(stage.me, 'terminate_instance', { instance_id: 'a' })
    expect(await spawning(stage, stage.as(boss))).toMatchObject({ ok: true })
    expect(await stage.ask(stage.me, 'spawn_multiple_instances', { instances: three.map(each => ({ ...each, name: `my ${each.name}` })) })).toMatchObject({ errors: [] })
  })

  test('is a number of tokens, its agents counted: who asks for more is refused, and who asks for none has it', async () => {
    const { stage, events } = createAudited({ limits: { maxTokensPerInstance: 1_000 } })
    expect(await spawning(stage, stage.me, { max_total_tokens: 1_001 })).toMatchObject({ error: { code: 'limit_reached', data: { parameter: 'max_total_tokens', limit: 1_000 } } })
    const boss = await stage.spawn('boss')
    const kid = await stage.spawn('kid', stage.as(boss), { max_total_tokens: 800 })
    expect(await statusOf(stage, boss)).toMatchObject({ limits: { max_total_tokens: { limit: 1_000, used: 0 } } })
    expect(await statusOf(stage, kid)).toMatchObject({ limits: { max_total_tokens: { limit: 800 } } })
    await tell(stage, boss)
    stage.begin(boss)
    stage.fact(boss, { type: 'usageReported', unitId: 'u1', model: 'scripted', inputTokens: 1_000, outputTokens: 0, cacheReadTokens: 0, cacheCreationTokens: 0 })
    await stage.settle()
    expect(await statusOf(stage, boss)).toMatchObject({ state: 'terminated', end_reason: expect.stringContaining('max_total_tokens 1 000') })
    expect(events()).toEqual(['limit_reached'])
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ replies: [{ status: 'agent_gone', response: expect.stringContaining('limit reached: max_total_tokens') }] })
  })

  test('is a number of minutes from its spawn, and the next server on the same home holds to it', async () => {
    const stage = createStage({ limits: { maxMinutesPerInstance: 30 } })
    expect(await spawning(stage, stage.me, { timeout_minutes: 31 })).toMatchObject({ error: { code: 'limit_reached', data: { parameter: 'timeout_minutes' } } })
    const ada = await stage.spawn('ada')
    stage.clock.advance(29 * minute)
    expect(await statusOf(stage, ada)).toMatchObject({ state: 'idle', limits: { timeout_minutes: { limit: 30, used: 29 } } })
    const after = stage.crash()
    after.clock.advance(minute)
    await after.settle()
    expect(await statusOf(after, ada)).toMatchObject({ state: 'terminated', end_reason: 'limit reached: timeout_minutes 30' })
  })
})

test.each([
  ['MADROX_MAX_CHILDREN', '3', 'maxChildren', 3], ['MADROX_MAX_DEPTH', '2', 'maxDepth', 2], ['MADROX_MAX_TOKENS_PER_INSTANCE', '5000', 'maxTokensPerInstance', 5_000], ['MADROX_MAX_MINUTES_PER_INSTANCE', '1.5', 'maxMinutesPerInstance', 1.5],
  ['MADROX_AT_LIMIT', 'interrupt', 'atLimit', 'interrupt'], ['MADROX_IDLE_MINUTES', '0', 'idleMinutes', 0], ['MADROX_STUCK_MINUTES', '5', 'stuckMinutes', 5],
] as const)('%s=%s is taken for %s, and nonsense is refused', (variable, value, key, expected) => {
  const env = { XDG_DATA_HOME: '/nowhere' }
  expect(loadConfig({}, { ...env, [variable]: value })[key]).toBe(expected)
  expect(() => loadConfig({}, { ...env, [variable]: '-1' })).toThrow(new RegExp(variable))
})
