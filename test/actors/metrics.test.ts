/** Numbers of the work, by the tool that gives them. Each is counted from the record, so a second server on it says the same. */
import { describe, expect, test } from 'vitest'
import { createCover, endingOf, medianOf, quantileOf } from '../../src/actors/measures.ts'
import { asOwnerId } from '../../src/ids.ts'
import { createPrices } from '../../src/prices.ts'
import { createStage, type Stage } from './rig.ts'

const metrics = (stage: Stage, args: Record<string, unknown> = {}, by: Parameters<Stage['ask']>[0] = stage.me) => stage.ask(by, 'get_metrics', args)
const send = (stage: Stage, id: string, by: Parameters<Stage['ask']>[0] = stage.me) => stage.ask(by, 'send_to_instance', { instance_id: id, message: 'do it', wait_for_response: false })
const call = (unitId: string, model: string) => ({ type: 'usageReported', unitId, model, inputTokens: 1_000_000, outputTokens: 10, cacheReadTokens: 7, cacheCreationTokens: 5 }) as const

/** Two agents side by side and one below the first; four messages, of which two are answered. */
async function work() {
  const prices = createPrices({ known: { input: 1, output: 0, cacheRead: 0, cacheWrite: 0 } })
  const stage = createStage({ prices })
  const [ada, bob] = [await stage.spawn('ada'), await stage.spawn('bob')]
  const kid = await stage.spawn('kid', stage.as(ada))
  await send(stage, ada)
  await send(stage, bob)
  stage.begin(ada)
  stage.begin(bob)
  stage.clock.advance(4_000)
  stage.end(ada, { finalText: 'done' })
  stage.clock.advance(6_000)
  stage.end(bob, { finalText: 'done' })
  stage.fact(ada, call('u1', 'known'))
  await send(stage, bob)
  stage.begin(bob)
  stage.end(bob, { status: 'failed', error: 'no quota' })
  await send(stage, kid, stage.as(ada))
  return { stage, ada, bob, kid }
}

describe('get_metrics', () => {
  test('counts agents, messages, times, tokens and cost of all the caller may see', async () => {
    const { stage } = await work()
    expect(await metrics(stage)).toMatchObject({
      scope: 'all',
      agents: { created: 3, active: 3, by_state: { idle: 2, busy: 1 }, ended: 0 },
      messages: { accepted: 4, open: 1, by_outcome: { answered: 2, failed: 1, cancelled: 0, expired: 0, agent_gone: 0 }, success_rate: 0.6667 },
      response_times: { count: 2, median_seconds: 7, p95_seconds: 10 },
      tokens: { total: 1_000_015, input_tokens: 1_000_000, output_tokens: 10, cache_creation_tokens: 5, cache_read_tokens: 7 },
      cost: { total_cost: 1, known_cost: 1, unknown_cost_models: [] },
      errors: { messages_failed: 1, agents_died: 0, calls_refused: {} },
      restarts: 0, health: { server: 'ok', agents_waiting_for_approval: 0 },
    })
  })

  test('time saved is what turns took together, less the time in which any ran', async () => {
    const { stage } = await work()
    expect(await metrics(stage, { scope: 'own' })).toMatchObject({ parallel: { turn_seconds: 14, elapsed_seconds: 10, time_saved_seconds: 4 } })
  })

  test('a cost that is not wholly known is null, and names whose price is missing', async () => {
    const { stage, bob } = await work()
    stage.fact(bob, call('u2', 'mystery'))
    expect(await metrics(stage)).toMatchObject({ cost: { total_cost: null, known_cost: 1, unknown_cost_models: ['mystery'] } })
  })

  test('ends by their kind, deaths, restarts and refused calls, the same from the next server on that record', async () => {
    const { stage, ada, bob } = await work()
    stage.fact(bob, { type: 'exited', expected: false, code: 1 })
    await stage.settle()
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    await stage.refusal(stage.me, 'get_children', { parent_id: 'nobody' })
    const first = await metrics(stage)
    expect(first).toMatchObject({ agents: { active: 1, ended: 2, ended_by: { asked: 1, with_supervisor: 1, died: 0 } }, messages: { by_outcome: { agent_gone: 1 } }, restarts: 1, errors: { messages_failed: 2, calls_refused: { not_found: 1 } }, health: { agents_recovered: 1 } })
    const next = stage.crash()
    const { health: _, ...told } = first
    const { health: __, ...again } = await metrics(next)
    expect({ ...again, agents: { ...(again['agents'] as object), by_state: {} } }).toEqual({ ...told, agents: { ...(told['agents'] as object), by_state: {} } })
  })

  test('time saved counts turns that ended since it was last asked for, of agents that came since too', async () => {
    const { stage, ada } = await work()
    expect(await metrics(stage)).toMatchObject({ parallel: { turn_seconds: 14, elapsed_seconds: 10 } })
    const dan = await stage.spawn('dan')
    for (const id of [ada, dan]) await send(stage, id)
    stage.begin(ada)
    stage.begin(dan)
    stage.clock.advance(3_000)
    expect(await metrics(stage)).toMatchObject({ parallel: { turn_seconds: 23, elapsed_seconds: 13 } })
    stage.end(ada, { finalText: 'done' })
    stage.clock.advance(1_000)
    stage.end(dan, { finalText: 'done' })
    expect(await metrics(stage)).toMatchObject({ parallel: { turn_seconds: 25, elapsed_seconds: 14 } })
    expect(await metrics(stage, { instance_id: 'dan' })).toMatchObject({ parallel: { turn_seconds: 4, elapsed_seconds: 4 } })
  })

  test('a turn that its killed server cut is in no sum: nobody knows when it ended', async () => {
    const { stage, ada } = await work()
    await send(stage, ada)
    stage.begin(ada)
    stage.clock.advance(5_000)
    const next = stage.crash()
    next.clock.advance(60_000)
    expect(await metrics(next)).toMatchObject({ parallel: { turn_seconds: 14 } })
  })

  test('one agent with all below it, one client alone, an agent its own; nothing of another owner', async () => {
    const { stage, ada, bob } = await work()
    const other = stage.client('other')
    const stranger = stage.client('stranger', { ownerId: asOwnerId('else') })
    const created = async (args: Record<string, unknown>, by: Parameters<Stage['ask']>[0]) => ((await metrics(stage, args, by))['agents'] as { created: number }).created
    expect(await created({ instance_id: ada }, stage.me)).toBe(2)
    expect(await created({ scope: 'instance', instance_id: bob }, stage.me)).toBe(1)
    expect([await created({ scope: 'own' }, other), await created({ scope: 'all' }, other)]).toEqual([0, 3])
    expect([await created({ scope: 'own' }, stage.as(ada)), await created({}, stage.as(ada))]).toEqual([2, 2])
    expect(await created({}, stranger)).toBe(0)
    expect(await stage.refusal(stage.as(ada), 'get_metrics', { instance_id: bob })).toBe('not_allowed')
    expect(await stage.refusal(stranger, 'get_metrics', { instance_id: bob })).toBe('not_found')
  })

  test.each([
    ['an instance without its id', { scope: 'instance' }],
    ['an id in another scope', { scope: 'own', instance_id: 'ada' }],
    ['a scope there is not', { scope: 'everything' }],
  ])('refuses %s', async (_, args) => {
    const stage = createStage()
    expect(await stage.refusal(stage.me, 'get_metrics', args)).toBe('invalid_input')
  })

  test('of nothing it says nothing: no rate, no times', async () => {
    expect(await metrics(createStage())).toMatchObject({ messages: { accepted: 0, success_rate: null }, response_times: { count: 0, median_seconds: null, p95_seconds: null }, parallel: { time_saved_seconds: 0 } })
  })
})

describe('the arithmetic', () => {
  test.each([[[], undefined], [[3], 3], [[1, 4], 2.5], [[1, 2, 9], 2]])('the median of %j is %j', (values, median) => expect(medianOf(values)).toBe(median))
  test('the 95th percentile is the nearest rank', () => {
    const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
    expect([quantileOf([], 0.95), quantileOf([7], 0.95), quantileOf(upTo(20), 0.95), quantileOf(upTo(100), 0.95)]).toEqual([undefined, 7, 19, 95])
  })
  test('spans that touch, lie within each other, or run backwards', () => {
    const cover = createCover()
    for (const span of [{ since: 10, until: 20 }, { since: 0, until: 10 }, { since: 12, until: 15 }, { since: 5, until: 3 }]) cover.add(span)
    expect(cover.read([30], 31)).toEqual({ sumMs: 24, unionMs: 21 })
    expect(cover.read([15, 18, 40], 25)).toEqual({ sumMs: 40, unionMs: 25 })
    cover.add({ since: 30, until: 31 })
    cover.add({ since: 19, until: 30 })
    expect(cover.read([], 50)).toEqual({ sumMs: 35, unionMs: 31 })
  })
  test.each([
    ['terminated by its client', 'asked'], ['terminated with all others', 'asked'], ['its supervisor ended: terminated by lead', 'with_supervisor'], ['the server is shutting down', 'shutdown'], ['limit reached: max_cost $1', 'limit'],
    ['its CLI process died (exit code 1)', 'died'], ['it did not start (not_found): no such file', 'not_started'], ['its model was rejected: no such model', 'not_started'], ['there is no harness "x" here', 'not_recovered'], ['', 'other'],
  ])('"%s" counts as %s', (reason, ending) => expect(endingOf(reason)).toBe(ending))
})
