/** What happens at a limit under `at_limit: interrupt`: who is held, what is told, what lets it go on, and what a restart makes of it. */
import { describe, expect, test } from 'vitest'
import type { AgentId } from '../../src/ids.ts'
import { createPrices } from '../../src/prices.ts'
import { createStage, type Stage, type StageOptions } from './rig.ts'

let count = 0
const use = (stage: Stage, id: AgentId, inputTokens: number, more: { readonly model?: string; readonly costUsd?: number; readonly unitId?: string } = {}): void =>
  stage.fact(id, { type: 'usageReported', unitId: `u${++count}`, model: 'scripted', inputTokens, outputTokens: 0, cacheReadTokens: 0, cacheCreationTokens: 0, ...more })
/** Its CLI takes every interrupt it was asked for since the last look. */
function takeInterrupts(stage: Stage): readonly string[] {
  const asked = stage.commands.splice(0).flatMap(command => (command.type === 'interrupt' ? [command] : []))
  for (const { agentId, requestId } of asked) {
    stage.end(agentId as AgentId, { status: 'interrupted' }) // an id of ours
    stage.fact(agentId as AgentId, { type: 'interruptFinished', requestId, wasInTurn: true }) // see above
  }
  return asked.map(({ agentId }) => agentId)
}
const statusOf = (stage: Stage, id: AgentId): Promise<Record<string, unknown>> => stage.ask(stage.me, 'get_instance_status', { instance_id: id })
const send = (stage: Stage, id: AgentId, message: string, by = stage.me as Parameters<Stage['ask']>[0]): Promise<Record<string, unknown>> => stage.ask(by, 'send_to_instance', { instance_id: id, message, wait_for_response: false })
const raise = (stage: Stage, id: AgentId, limits: Record<string, unknown>, by: Parameters<Stage['ask']>[0] = stage.me): Promise<Record<string, unknown>> => stage.ask(by, 'resume_instance', { instance_id: id, ...limits })
const replies = async (stage: Stage): Promise<readonly string[]> => ((await stage.ask(stage.me, 'get_pending_replies'))['replies'] as { readonly text?: string; readonly message?: string; readonly content?: string }[]).map(reply => JSON.stringify(reply))
const audited = (stage: Stage, event: string): unknown[] => stage.store.listAudit({ limit: 100, event }).map(({ agentId, data }) => [agentId, data])
const holding = { limits: { atLimit: 'interrupt' } } as const satisfies StageOptions
const detail = 'max_total_tokens 1 000 (1 100 used by it and its agents)'

/** A supervisor at work with a limit of 1 000 tokens, and two below it, one of them at work; the limit is passed by the other's call. */
async function openTeam(options: StageOptions = holding) {
  const stage = createStage(options)
  const boss = await stage.spawn('boss', stage.me, { max_total_tokens: 1_000 })
  const [busy, idle] = [await stage.spawn('busy', stage.as(boss)), await stage.spawn('idle', stage.as(boss))]
  await send(stage, boss, 'lead')
  stage.begin(boss)
  await send(stage, busy, 'work', stage.as(boss))
  stage.begin(busy)
  stage.commands.splice(0)
  use(stage, idle, 1_100)
  return { stage, boss, busy, idle }
}

describe('an agent whose limit is reached is interrupted where at_limit says so', () => {
  test('and all below it are held with it: their turns are cut, and the cancelled messages say why', async () => {
    const { stage, boss, busy, idle } = await openTeam()
    expect(takeInterrupts(stage).toSorted()).toEqual([boss, busy].toSorted())
    expect([boss, busy, idle].map(id => stage.state(id))).toEqual(['interrupted.live', 'interrupted.live', 'interrupted.live'])
    expect(audited(stage, 'message_settled')).toEqual([[boss, expect.objectContaining({ status: 'cancelled' })], [busy, expect.objectContaining({ status: 'cancelled' })]])
    expect(await replies(stage)).toEqual([
      expect.stringContaining(`boss has reached its limit: ${detail}. Its turn is interrupted, as are those of agents below it, and nothing is delivered to any of them. You can raise it (resume_instance ${boss} with a higher max_total_tokens), end it (terminate_instance ${boss}), or leave it as it is.`),
      expect.stringContaining(`boss was interrupted while it worked on this: limit reached: ${detail}.`),
    ])
    expect(audited(stage, 'limit_reached')).toEqual([[boss, { limit: 'max_total_tokens', detail, then: 'interrupt' }]])
    expect(stage.store.getAgent(boss)?.atLimit).toEqual([{ limit: 'max_total_tokens', detail, at: stage.clock.now() }])
  })

  test('the status of each says at which limit, whose, and since when', async () => {
    const { stage, boss, busy } = await openTeam()
    takeInterrupts(stage)
    const reached = [{ limit: 'max_total_tokens', detail, since: '2026-01-01T00:00:00.000Z', of: 'boss', of_instance_id: boss }]
    expect(await statusOf(stage, boss)).toMatchObject({ state: 'interrupted', health: 'held at a limit', limits: { max_total_tokens: { limit: 1_000, used: 1_100 }, reached } })
    expect(await statusOf(stage, busy)).toMatchObject({ state: 'interrupted', health: 'held at a limit', limits: { reached } })
  })

  test('get_metrics counts them as what their status says, and nobody twice or as well', async () => {
    const { stage, boss } = await openTeam()
    takeInterrupts(stage)
    const held = await stage.spawn('held')
    stage.fact(held, { type: 'controlChanged', viewerId: 'v', holds: 'control' })
    await stage.spawn('well')
    expect(await stage.ask(stage.me, 'get_metrics')).toMatchObject({ health: { agents_ok: 1, agents_held_at_limit: 3, agents_held_by_person: 1, agents_waiting_for_approval: 0, agents_stuck: 0, agents_recovered: 0 } })
    expect(await stage.ask(stage.me, 'get_metrics', { instance_id: boss })).toMatchObject({ health: { agents_ok: 0, agents_held_at_limit: 3 } })
  })

  test('a message to any of them is refused, with what can be done; so is an agent for them', async () => {
    const { stage, boss, busy } = await openTeam()
    takeInterrupts(stage)
    const remedy = `Whoever supervises "boss" can raise it (resume_instance ${boss} with a higher max_total_tokens), or end it (terminate_instance ${boss}).`
    expect(await stage.call(stage.me, 'send_to_instance', { instance_id: boss, message: 'go on' })).toMatchObject({ ok: false, error: { code: 'limit_reached', message: `"boss" is held at its limit: ${detail}. Nothing is delivered to it.`, remedy, data: { parameter: 'max_total_tokens', agentId: boss } } })
    expect(await stage.call(stage.as(boss), 'send_to_instance', { instance_id: busy, message: 'go on' })).toMatchObject({ error: { code: 'limit_reached', message: `"busy" is held, because "boss" above it is at its limit: ${detail}. Nothing is delivered to it.`, remedy } })
    expect(await stage.call(stage.me, 'spawn_agent', { harness: 'hand', name: 'more', workspace: 'isolated', parent_instance_id: boss })).toMatchObject({ error: { code: 'limit_reached', message: expect.stringContaining('It takes no agents'), remedy } })
    expect(stage.store.listAgents()).toHaveLength(3)
  })

  test('what waited, and replies, are kept and delivered when it is let go', async () => {
    const { stage, boss, idle } = await openTeam()
    const told = await send(stage, idle, 'unseen').catch((error: unknown) => String(error))
    expect(told).toContain('limit_reached')
    takeInterrupts(stage)
    expect(await raise(stage, boss, { max_total_tokens: 2_000 })).toMatchObject({ was: 'interrupted.live', state: 'busy', note: expect.stringContaining('only its limits are others') })
    expect(stage.begin(boss)).toContain('busy was interrupted while it worked on this: limit reached by "boss" above it')
  })

  test('another limit that is reached meanwhile is told as well, and each once', async () => {
    const stage = createStage(holding)
    const ada = await stage.spawn('ada', stage.me, { max_total_tokens: 1_000, timeout_minutes: 10 })
    use(stage, ada, 1_000)
    use(stage, ada, 50)
    stage.clock.advance(10 * 60_000)
    expect(audited(stage, 'limit_reached').map(row => (row as [unknown, { limit: string }])[1].limit)).toEqual(['max_total_tokens', 'timeout_minutes'])
    expect((await replies(stage)).length).toBe(2)
    expect(await raise(stage, ada, { max_total_tokens: 5_000 })).toMatchObject({ state: 'interrupted', note: expect.stringContaining('It is held: its limit is reached: timeout_minutes 10.') })
    expect(await raise(stage, ada, { timeout_minutes: 20 })).toMatchObject({ state: 'idle' })
    stage.clock.advance(10 * 60_000)
    expect(stage.state(ada)).toBe('interrupted.live')
  })

  test('one of its children at a limit of its own leaves it alone, and it is told as a turn of its own', async () => {
    const stage = createStage(holding)
    const boss = await stage.spawn('boss', stage.me, { max_total_tokens: 10_000 })
    const kid = await stage.spawn('kid', stage.as(boss), { max_total_tokens: 100 })
    use(stage, kid, 100)
    expect([stage.state(kid), stage.begin(boss)]).toEqual(['interrupted.live', expect.stringContaining('[NOTICE from kid] kid has reached its limit: max_total_tokens 100 (100 used by it and its agents).')])
    expect(await raise(stage, kid, { max_total_tokens: 200 }, stage.as(boss))).toMatchObject({ state: 'idle' })
  })

  test('an unused limit is no way round: below the limit nothing happens', async () => {
    const stage = createStage(holding)
    const ada = await stage.spawn('ada', stage.me, { max_total_tokens: 1_000 })
    use(stage, ada, 999)
    expect([stage.state(ada), audited(stage, 'limit_reached')]).toEqual(['idle.live', []])
  })
})

describe('resume_instance with a limit', () => {
  test('is within the rights of those above: at most what they have left, what the agent was granted being its own', async () => {
    const stage = createStage(holding)
    const boss = await stage.spawn('boss', stage.me, { max_total_tokens: 1_000 })
    const [kid, other] = [await stage.spawn('kid', stage.as(boss), { max_total_tokens: 300 }), await stage.spawn('other', stage.as(boss), { max_total_tokens: 200 })]
    use(stage, kid, 300)
    expect(await stage.call(stage.as(boss), 'resume_instance', { instance_id: kid, max_total_tokens: 801 })).toMatchObject({ error: { code: 'exceeds_parent', message: expect.stringContaining('500 of 1 000'), data: { parameter: 'max_total_tokens' } } })
    expect(stage.state(kid)).toBe('interrupted.live')
    expect(await raise(stage, kid, { max_total_tokens: 800 }, stage.as(boss))).toMatchObject({ state: 'idle' })
    expect(audited(stage, 'agent_respecified')).toEqual([[kid, { by: `agent:${boss}`, limits: { maxTotalTokens: 800 } }]])
    expect(audited(stage, 'limit_lifted')).toEqual([[kid, { limit: 'max_total_tokens' }]])
    expect(await stage.refusal(stage.as(kid), 'resume_instance', { instance_id: kid, max_total_tokens: 900 })).toBe('not_allowed')
    expect(await stage.refusal(stage.as(other), 'resume_instance', { instance_id: kid, max_total_tokens: 900 })).toBe('not_allowed')
  })

  test('is at most what this server allows an agent; the way out of that is told', async () => {
    const stage = createStage({ limits: { atLimit: 'interrupt', maxTokensPerInstance: 500 } })
    const ada = await stage.spawn('ada')
    use(stage, ada, 500)
    expect(await replies(stage)).toEqual([expect.stringContaining('You can start the server with a higher MADROX_MAX_TOKENS_PER_INSTANCE, end it')])
    expect(await stage.call(stage.me, 'resume_instance', { instance_id: ada, max_total_tokens: 600 })).toMatchObject({ error: { code: 'limit_reached', remedy: expect.any(String) } })
    const later = stage.crash({ limits: { atLimit: 'interrupt', maxTokensPerInstance: 600 } })
    expect(later.state(ada)).toBe('idle.suspended.resting')
  })

  test('that is lower holds the agent at once', async () => {
    const stage = createStage(holding)
    const ada = await stage.spawn('ada')
    use(stage, ada, 500)
    expect(await raise(stage, ada, { max_total_tokens: 400 })).toMatchObject({ state: 'interrupted', note: expect.stringContaining('It is held: its limit is reached: max_total_tokens 400 (500 used') })
  })

  test('that is not enough leaves it held, and says so in the numbers of now', async () => {
    const stage = createStage(holding)
    const ada = await stage.spawn('ada', stage.me, { max_total_tokens: 1_000 })
    use(stage, ada, 1_100)
    expect(await raise(stage, ada, { max_total_tokens: 1_050 })).toMatchObject({ state: 'interrupted', note: expect.stringContaining('max_total_tokens 1 050 (1 100 used by it and its agents)') })
    expect(await statusOf(stage, ada)).toMatchObject({ limits: { reached: [{ detail: 'max_total_tokens 1 050 (1 100 used by it and its agents)' }] } })
  })

  test('brings back one that was ended at it', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada', stage.me, { max_total_tokens: 1_000 })
    await send(stage, ada, 'work')
    stage.turn(ada, 'done')
    use(stage, ada, 1_000)
    await stage.settle()
    expect(await stage.call(stage.me, 'resume_instance', { instance_id: ada })).toMatchObject({ error: { code: 'agent_ended', message: expect.stringContaining('its limit is reached: max_total_tokens 1 000') } })
    expect(await raise(stage, ada, { max_total_tokens: 2_000 })).toMatchObject({ revived: true, state: 'idle' })
    expect(await statusOf(stage, ada)).toMatchObject({ limits: { max_total_tokens: { limit: 2_000, used: 1_000 } } })
  })
})

describe('at_limit', () => {
  test('is end where nobody says otherwise; of an owner or an agent it goes before the configuration, either way', async () => {
    const stage = createStage()
    expect(await stage.ask(stage.me, 'get_policy')).toMatchObject({ effective: { at_limit: { value: 'end', set_by: "the server's configuration", scope: 'server' } } })
    const [kept, lost] = [await stage.spawn('kept', stage.me, { max_total_tokens: 10 }), await stage.spawn('lost', stage.me, { max_total_tokens: 10 })]
    await stage.ask(stage.me, 'set_policy', { instance_id: kept, at_limit: 'interrupt' })
    for (const id of [kept, lost]) use(stage, id, 10)
    await stage.settle()
    expect([stage.state(kept), stage.state(lost)]).toEqual(['interrupted.live', 'terminated.final'])
  })

  test('may be tightened by an agent, from interrupt to end, and never loosened: not against who set it, nor against the configuration', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kid = await stage.spawn('kid', stage.as(boss))
    const loosen = (by: AgentId, of: AgentId): Promise<string> => stage.refusal(stage.as(by), 'set_policy', { instance_id: of, at_limit: 'interrupt' })
    expect(await loosen(boss, kid)).toBe('exceeds_parent')
    await stage.ask(stage.me, 'set_policy', { at_limit: 'interrupt' })
    await stage.ask(stage.as(boss), 'set_policy', { instance_id: kid, at_limit: 'end' })
    expect(await loosen(kid, kid)).toBe('exceeds_parent')
    expect(await loosen(boss, kid)).toBe('ok')
    await stage.ask(stage.me, 'set_policy', { at_limit: 'end' })
    expect(await loosen(boss, kid)).toBe('exceeds_parent')
  })

  test('made stricter, it ends those that are held', async () => {
    const { stage, boss, busy } = await openTeam()
    takeInterrupts(stage)
    await stage.ask(stage.me, 'set_policy', { at_limit: 'end' })
    await stage.settle()
    expect([boss, busy].map(id => stage.state(id))).toEqual(['terminated.final', 'terminated.final'])
    expect(await statusOf(stage, boss)).toMatchObject({ end_reason: `limit reached: ${detail}` })
  })
})

describe('after a restart', () => {
  test('those that were held are held, no process is started, and nobody is told again; raised, they go on', async () => {
    const { stage, boss, busy, idle } = await openTeam()
    takeInterrupts(stage)
    await replies(stage)
    const later = stage.crash()
    await later.settle()
    expect([boss, busy, idle].map(id => later.state(id))).toEqual(['interrupted.suspended', 'interrupted.suspended', 'interrupted.suspended'])
    expect([later.commands, await replies(later), audited(later, 'limit_reached').length]).toEqual([[], [], 1])
    expect(await later.refusal(later.me, 'send_to_instance', { instance_id: busy, message: 'go on' })).toBe('limit_reached')
    expect(await raise(later, boss, { max_total_tokens: 2_000 })).toMatchObject({ was: 'interrupted.suspended' })
    await later.settle()
    expect(later.begin(boss)).toContain('busy was interrupted')
    expect(later.state(idle)).toBe('idle.suspended.resting')
  })

  test('a limit that was reached and not yet on record is held to, and told then', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada', stage.me, { timeout_minutes: 10 })
    const later = stage.crash({ startAt: stage.clock.now() + 11 * 60_000, ...holding })
    await later.settle()
    expect(later.state(ada)).toBe('interrupted.suspended')
    expect(await replies(later)).toEqual([expect.stringContaining('ada has reached its limit: timeout_minutes 10.')])
  })
})

describe('a cost that the CLI itself tells at the end of a turn', () => {
  const priced = createPrices({})
  const open = async (options: StageOptions = {}) => {
    const stage = createStage({ prices: priced, tellsCost: true, ...options })
    const ada = await stage.spawn('ada', stage.me, { max_cost: 5 })
    await send(stage, ada, 'work')
    stage.begin(ada)
    use(stage, ada, 10, { model: 'nobody-knows', unitId: `told${count}` })
    return { stage, ada, unitId: `told${count - 1}` }
  }

  test('is waited for: a model without a price ends nobody while its turn runs, nor when the cost was told', async () => {
    const { stage, ada, unitId } = await open()
    expect(stage.state(ada)).toBe('busy.working')
    use(stage, ada, 10, { model: 'nobody-knows', unitId, costUsd: 1 })
    stage.end(ada, { finalText: 'done' })
    await stage.settle()
    expect([stage.state(ada), await statusOf(stage, ada)]).toMatchObject(['idle.live', { total_cost: 1, limits: { max_cost: { used: 1 } } }])
  })

  test('that stays untold when the turn has ended is not known, and that is the limit reached', async () => {
    const { stage, ada } = await open()
    stage.end(ada, { finalText: 'done' })
    await stage.settle()
    expect((await statusOf(stage, ada))['end_reason']).toMatch(/^limit reached: max_cost \$5 \(what nobody-knows costs is not known/)
  })

  test('and is too much, is the limit reached, also of one above', async () => {
    const { stage, ada, unitId } = await open()
    use(stage, ada, 10, { model: 'nobody-knows', unitId, costUsd: 6 })
    stage.end(ada, { finalText: 'done' })
    await stage.settle()
    expect((await statusOf(stage, ada))['end_reason']).toBe('limit reached: max_cost $5 ($6 used by it and its agents)')
  })

  test('held at an unknown cost, the way out is its price', async () => {
    const { stage, ada } = await open(holding)
    stage.end(ada, { finalText: 'done' })
    const requestId = stage.commands.flatMap(command => (command.type === 'interrupt' ? [command.requestId] : []))[0] ?? ''
    stage.fact(ada, { type: 'interruptFinished', requestId, wasInTurn: false })
    expect([stage.state(ada), await replies(stage)]).toEqual(['interrupted.live', expect.arrayContaining([expect.stringContaining('You can add the price of nobody-knows to prices.json in the home of the server and start it again')])])
  })
})
