/** Limits of tokens, cost and time: what may be granted, when they are reached, and who hears of it. */
import { describe, expect, test } from 'vitest'
import { MadroxError } from '../../src/errors.ts'
import { type AgentId, asOwnerId } from '../../src/ids.ts'
import { createPrices } from '../../src/prices.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { createStage, type Stage } from './rig.ts'

let count = 0
/** One model call is reported. `scripted` costs nothing; a million tokens of claude-opus-4-5 cost $5. */
const use = (stage: Stage, id: AgentId, inputTokens: number, model = 'scripted'): void =>
  stage.fact(id, { type: 'usageReported', unitId: `u${++count}`, model, inputTokens, outputTokens: 0, cacheReadTokens: 9_999_999, cacheCreationTokens: 0 })
const priced = createPrices({ dear: { input: 5, output: 5, cacheRead: 0, cacheWrite: 5 } })
const million = 1_000_000

const statusOf = (stage: Stage, id: AgentId): Promise<Record<string, unknown>> => stage.ask(stage.me, 'get_instance_status', { instance_id: id })
const endOf = async (stage: Stage, id: AgentId): Promise<unknown> => {
  await stage.settle()
  return (await statusOf(stage, id))['end_reason']
}
/** What is refused of a child that asks for this, and what its supervisor is said to have left. */
async function judge(stage: Stage, by: AgentId, asked: Record<string, unknown>): Promise<string> {
  const outcome = await stage.call(stage.as(by), 'spawn_agent', { harness: 'hand', name: 'asker', workspace: 'isolated', ...asked })
  return outcome.ok ? 'granted' : `${outcome.error.code} ${JSON.stringify(outcome.error.data?.['parameter'] ?? 'nothing')}: ${/left: (.*)\.$/.exec(outcome.error.message)?.[1] ?? ''}`
}

describe('what a child is granted', () => {
  test('is a time that can be told: one beyond all dates would be in the way of everybody who asks for the status', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    for (const timeout_minutes of [5_256_001, 1e300, Number.MAX_VALUE]) expect(await stage.refusal(stage.as(boss), 'spawn_agent', { harness: 'hand', name: 'asker', workspace: 'isolated', timeout_minutes })).toBe('invalid_input')
    await stage.spawn('kid', stage.as(boss), { timeout_minutes: 5_256_000 })
    expect(await stage.ask(stage.me, 'get_instance_status')).toMatchObject({ instances: [{ name: 'boss' }, { name: 'kid', limits: { timeout_minutes: { ends_at: expect.stringMatching(/^2035-/) } } }] })
  })

  test('is at most what its supervisor has not used', async () => {
    const stage = createStage({ prices: priced })
    const boss = await stage.spawn('boss', stage.me, { max_total_tokens: 1_000, max_cost: 10 })
    use(stage, boss, 400, 'dear')
    expect(await judge(stage, boss, { max_total_tokens: 601 })).toBe('exceeds_parent "max_total_tokens": 600 of 1 000')
    expect(await judge(stage, boss, { max_cost: 9.9981 })).toBe('exceeds_parent "max_cost": $9.998 of $10')
    expect(await judge(stage, boss, { max_total_tokens: 600, max_cost: 9.998 })).toBe('granted')
  })

  test('leaves the others what they were granted, used or not; what ended ones did not use comes back', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss', stage.me, { max_total_tokens: 1_000 })
    const kid = await stage.spawn('kid', stage.as(boss), { max_total_tokens: 700 })
    use(stage, kid, 100)
    expect(await judge(stage, boss, { max_total_tokens: 301 })).toBe('exceeds_parent "max_total_tokens": 300 of 1 000')
    await stage.ask(stage.me, 'terminate_instance', { instance_id: kid })
    expect(await judge(stage, boss, { max_total_tokens: 901 })).toBe('exceeds_parent "max_total_tokens": 900 of 1 000')
    expect(await judge(stage, boss, { max_total_tokens: 900 })).toBe('granted')
  })

  test('comes from the nearest limit above, through those who have none of their own', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss', stage.me, { max_total_tokens: 1_000 })
    const middle = await stage.spawn('middle', stage.as(boss))
    await stage.spawn('low', stage.as(middle), { max_total_tokens: 400 })
    expect(await judge(stage, boss, { max_total_tokens: 601 })).toBe('exceeds_parent "max_total_tokens": 600 of 1 000')
    expect(await judge(stage, middle, { max_total_tokens: 601 })).toBe('exceeds_parent "max_total_tokens": 600 of 1 000')
    expect(await judge(stage, middle, { max_total_tokens: 600 })).toBe('granted')
  })

  test('is not given twice to two that are spawned at once', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss', stage.me, { max_total_tokens: 1_000 })
    const item = (name: string) => ({ instance_type: 'hand', name, workspace: 'isolated', max_total_tokens: 600 })
    const { spawned, errors } = await stage.ask(stage.as(boss), 'spawn_multiple_instances', { instances: [item('one'), item('two')] })
    expect([spawned, errors]).toMatchObject([[{ name: 'one' }], [{ name: 'two', code: 'exceeds_parent' }]])
  })

  test("ends with its supervisor's time at the latest", async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss', stage.me, { timeout_minutes: 10 })
    stage.clock.advance(4 * 60_000)
    expect(await judge(stage, boss, { timeout_minutes: 6.1 })).toBe('exceeds_parent "timeout_minutes": 6 minutes')
    expect(await judge(stage, boss, { timeout_minutes: 6 })).toBe('granted')
  })

  test('is nothing where it asks for nothing', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss', stage.me, { max_total_tokens: 1_000, timeout_minutes: 1 })
    expect(await statusOf(stage, await stage.spawn('kid', stage.as(boss)))).not.toHaveProperty('limits')
  })

  test.each([{ max_total_tokens: 0 }, { max_total_tokens: 1.5 }, { max_cost: 0 }, { max_cost: -1 }, { timeout_minutes: 0 }, { max_cost: '5' }])('%o is refused, and changes nothing', async asked => {
    const stage = createStage()
    expect(await stage.refusal(stage.me, 'spawn_agent', { harness: 'hand', name: 'ada', workspace: 'isolated', ...asked })).toBe('invalid_input')
    expect(stage.store.listAgents()).toEqual([])
  })
})

describe('a model whose price is not known', () => {
  test('cannot be asked for where there is a cost to keep, its own or one above; the remedy names the file', async () => {
    const stage = createStage()
    const ask = { harness: 'hand', name: 'ada', workspace: 'isolated', model: 'nobody-knows' }
    expect(await stage.call(stage.me, 'spawn_agent', { ...ask, max_cost: 5 })).toMatchObject({ ok: false, error: { code: 'invalid_input', remedy: expect.stringContaining('prices.json') } })
    const boss = await stage.spawn('boss', stage.me, { max_cost: 5 })
    expect(await stage.refusal(stage.as(boss), 'spawn_agent', ask)).toBe('invalid_input')
    expect(await stage.refusal(stage.as(boss), 'spawn_agent', { ...ask, model: 'claude-opus-4-5-20251101' })).toBe('ok')
    expect(await stage.refusal(stage.as(boss), 'spawn_agent', { ...ask, name: 'chosen', model: 'sonnet[1m]' })).toBe('ok')
    expect(await stage.refusal(stage.me, 'spawn_agent', ask)).toBe('ok')
  })

  test("that turns out to be the CLI's own default is a cost limit reached, also one above", async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss', stage.me, { max_cost: 5 })
    const kid = await stage.spawn('kid', stage.as(boss))
    use(stage, kid, 1, 'nobody-knows')
    expect(await endOf(stage, boss)).toBe('limit reached: max_cost $5 (what nobody-knows costs is not known, so neither is what it and its agents have cost)')
    expect(await endOf(stage, kid)).toMatch(/^its supervisor ended: limit reached: max_cost/)
  })

  test('ends nobody who has no cost to keep', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada', stage.me, { max_total_tokens: 100 })
    use(stage, ada, 1, 'nobody-knows')
    expect(stage.state(ada)).toBe('idle.live')
  })
})

describe('a limit', () => {
  test('of tokens ends the agent when it and its agents have used it; cache reads do not count', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada', stage.me, { max_total_tokens: 1_000 })
    const kid = await stage.spawn('kid', stage.as(ada))
    use(stage, ada, 999)
    expect(await statusOf(stage, ada)).toMatchObject({ state: 'idle', limits: { max_total_tokens: { limit: 1_000, used: 999 } } })
    use(stage, kid, 205)
    expect(await endOf(stage, ada)).toBe('limit reached: max_total_tokens 1 000 (1 204 used by it and its agents)')
    expect(await endOf(stage, kid)).toMatch(/^its supervisor ended/)
    expect(await statusOf(stage, ada)).toMatchObject({ health: 'ended', limits: { max_total_tokens: { used: 1_204 } } })
  })

  test('of cost ends the agent when it is spent', async () => {
    const stage = createStage({ prices: priced })
    const ada = await stage.spawn('ada', stage.me, { max_cost: 5.5 })
    use(stage, ada, million, 'dear')
    expect(await statusOf(stage, ada)).toMatchObject({ limits: { max_cost: { limit: 5.5, used: 5 } } })
    use(stage, ada, million / 10, 'dear')
    expect(await endOf(stage, ada)).toBe('limit reached: max_cost $5.5 ($5.5 used by it and its agents)')
  })

  test('of cost ends the agent when its CLI says that it is spent, whatever the price table says', async () => {
    const stage = createStage({ prices: priced })
    const ada = await stage.spawn('ada', stage.me, { max_cost: 5.5 })
    const call = { type: 'usageReported', unitId: 'told', model: 'dear', inputTokens: 10, outputTokens: 0, cacheReadTokens: 0, cacheCreationTokens: 0 } as const
    stage.fact(ada, call)
    expect(await statusOf(stage, ada)).toMatchObject({ limits: { max_cost: { limit: 5.5, used: 0.00005 } } })
    stage.fact(ada, { ...call, costUsd: 6 })
    expect(await endOf(stage, ada)).toBe('limit reached: max_cost $5.5 ($6 used by it and its agents)')
  })

  test('of time ends the agent at its time, idle or busy, and shows when that is', async () => {
    const stage = createStage()
    const [idle, busy] = [await stage.spawn('idle', stage.me, { timeout_minutes: 30 }), await stage.spawn('busy', stage.me, { timeout_minutes: 30 })]
    await stage.ask(stage.me, 'send_to_instance', { instance_id: busy, message: 'x', wait_for_response: false })
    stage.begin(busy)
    stage.clock.advance(30 * 60_000 - 1)
    expect([stage.state(idle), stage.state(busy)]).toEqual(['idle.live', 'busy.working'])
    expect(await statusOf(stage, idle)).toMatchObject({ limits: { timeout_minutes: { limit: 30, used: 30, ends_at: '2026-01-01T00:30:00.000Z' } } })
    stage.clock.advance(1)
    expect([await endOf(stage, idle), await endOf(stage, busy)]).toEqual(['limit reached: timeout_minutes 30', 'limit reached: timeout_minutes 30'])
  })

  test("of a child leaves its supervisor alone, and tells it: by its message's outcome where one is open, else by a notice", async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss', stage.me, { max_total_tokens: 10_000 })
    const [quiet, asked] = [await stage.spawn('quiet', stage.as(boss), { max_total_tokens: 100 }), await stage.spawn('asked', stage.as(boss), { max_total_tokens: 100 })]
    await stage.ask(stage.as(boss), 'send_to_instance', { instance_id: asked, message: 'x', wait_for_response: false })
    stage.begin(asked)
    use(stage, quiet, 100)
    await stage.settle()
    expect(stage.begin(boss)).toBe('[NOTICE from quiet] quiet has ended: limit reached: max_total_tokens 100 (100 used by it and its agents).')
    stage.end(boss)
    use(stage, asked, 100)
    await stage.settle()
    expect(stage.begin(boss)).toMatch(/^\[REPLY:\w+ from asked\] \(agent_gone\) asked ended before it answered: limit reached: max_total_tokens 100/)
    stage.end(boss)
    expect(stage.state(boss)).toBe('idle.live')
  })

  test('is noticed when the call goes on record, also where the store could not take it at first', async () => {
    const store = createMemoryStore()
    let full = true
    const addUsage: Store['addUsage'] = row => {
      if (full) throw new MadroxError('unavailable', 'The disk is full.')
      return store.addUsage(row)
    }
    const stage = createStage({ store: { ...store, addUsage } })
    const ada = await stage.spawn('ada', stage.me, { max_total_tokens: 100 })
    use(stage, ada, 100)
    stage.clock.advance(1_000)
    expect(stage.state(ada)).toBe('idle.live')
    full = false
    stage.clock.advance(1_000)
    expect(await endOf(stage, ada)).toMatch(/100 used/)
  })
})

describe('the total cost of an owner', () => {
  const open = async () => {
    const stage = createStage({ prices: priced, limits: { maxTotalCost: 5 } })
    const ada = await stage.spawn('ada')
    const kid = await stage.spawn('kid', stage.as(ada))
    return { stage, ada, kid, spawn: () => stage.refusal(stage.me, 'spawn_agent', { harness: 'hand', name: 'new', workspace: 'isolated' }), send: () => stage.refusal(stage.me, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false }) }
  }

  test('refuses spawns and messages once living trees have cost it, ended members included; ends nobody', async () => {
    const { stage, ada, kid, spawn, send } = await open()
    use(stage, kid, million, 'dear')
    await stage.ask(stage.me, 'terminate_instance', { instance_id: kid })
    expect([await spawn(), await send(), stage.state(ada)]).toEqual(['limit_reached', 'limit_reached', 'idle.live'])
    expect(stage.store.listOpenMessages()).toEqual([])
  })

  test('counts no tree that has ended, no other owner, and nothing of unknown price, which it names', async () => {
    const { stage, ada, spawn, send } = await open()
    use(stage, ada, million - 1, 'dear')
    use(stage, ada, million, 'nobody-knows')
    expect(await send()).toBe('ok')
    use(stage, ada, 1, 'dear')
    expect(await stage.call(stage.me, 'send_to_instance', { instance_id: ada, message: 'x' })).toMatchObject({ error: { code: 'limit_reached', message: expect.stringContaining('not counting nobody-knows'), data: { limit: 5, cost: 5 } } })
    expect(await stage.refusal(stage.client('other', { ownerId: asOwnerId('other') }), 'spawn_agent', { harness: 'hand', name: 'theirs', workspace: 'isolated' })).toBe('ok')
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    expect(await spawn()).toBe('ok')
  })
})
