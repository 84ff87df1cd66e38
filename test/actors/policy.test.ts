/** `get_policy` and `set_policy`: what is allowed, who may say so, and that spawns are held to it before anything exists. */
import { describe, expect, test } from 'vitest'
import { fits, rules } from '../../src/actors/policy.ts'
import { asOwnerId, localOwner } from '../../src/ids.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { AuditRow, Store } from '../../src/store/store.ts'
import { createStage } from './rig.ts'

const spawning = (name: string, more: Record<string, unknown> = {}) => ({ harness: 'hand', name, workspace: 'isolated', wait_for_ready: false, ...more })

/** A store whose audit can be read. */
function audited(): { store: Store; audit: AuditRow[] } {
  const store = createMemoryStore()
  const audit: AuditRow[] = []
  return { audit, store: { ...store, appendAudit: row => (audit.push(row), store.appendAudit(row)) } }
}

describe('set_policy', () => {
  test('holds for the owner in all of its sessions, is shown with who set it and why, and is on record for the next server', async () => {
    const { store, audit } = audited()
    const stage = createStage({ store })
    await stage.ask(stage.me, 'set_policy', { max_instances: 2, spawn_approval: 'auto', reason: 'at most 2' })
    const told = await stage.ask(stage.client('other'), 'get_policy')
    expect(told).toMatchObject({ scope: { kind: 'owner', id: 'local' }, effective: { max_instances: { value: 2, set_by: 'tester', scope: 'owner', reason: 'at most 2' }, max_depth: { value: 8, set_by: "the server's configuration", scope: 'server' }, orchestration: { value: 'on', set_by: 'nobody', scope: 'default' } } })
    expect(audit.filter(({ event }) => event === 'policy_changed')).toMatchObject([{ data: { scope: 'owner:local', by: `client:${stage.me.clientId}`, changes: { max_instances: 2, spawn_approval: 'auto' }, reason: 'at most 2' } }])
    const next = stage.crash()
    expect(await next.ask(next.me, 'get_policy')).toMatchObject({ own: { max_instances: { value: 2 } } })
    expect(await next.ask(next.client('bob', { ownerId: asOwnerId('bob') }), 'get_policy')).toMatchObject({ own: {}, effective: { max_instances: { value: 10 } } })
    await next.ask(next.me, 'set_policy', { max_instances: null })
    expect(await next.ask(next.me, 'get_policy')).toMatchObject({ own: { spawn_approval: { value: 'auto' } }, effective: { max_instances: { value: 10 } } })
  })

  test('of an agent binds it and all below it, and the strictest of all that stands above holds', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kid = await stage.spawn('kid', stage.as(boss))
    const peer = await stage.spawn('peer')
    await stage.ask(stage.me, 'set_policy', { allowed_models: ['claude-*', 'gpt-5'], max_children: 3 })
    await stage.ask(stage.as(boss), 'set_policy', { allowed_models: ['claude-haiku-*'], max_children: 1, permission_prompts: 'person' })
    expect(await stage.ask(stage.me, 'get_policy', { instance_id: kid })).toMatchObject({ effective: { allowed_models: { value: ['claude-haiku-*'], set_by: 'boss', scope: 'boss' }, max_children: { value: 1, set_by: 'boss' }, permission_prompts: { value: 'person' } }, own: {} })
    expect(await stage.ask(stage.as(peer), 'get_policy')).toMatchObject({ effective: { max_children: { value: 3, set_by: 'tester' } } })
    // Tightened above later, it is tightened below as well.
    await stage.ask(stage.me, 'set_policy', { allowed_models: ['*-4-5'] })
    expect(await stage.ask(stage.as(kid), 'get_policy')).toMatchObject({ effective: { allowed_models: { value: ['*-4-5 & claude-haiku-*'] } } })
    const tries = ['claude-haiku-4-5', 'claude-haiku-5', 'gpt-4-5'].map(model => stage.refusal(stage.as(kid), 'spawn_agent', spawning(model, { model })))
    expect(await Promise.all(tries)).toEqual(['ok', 'against_policy', 'against_policy'])
  })

  test.each([
    ['spawn_approval', 'auto'], ['orchestration', 'on'], ['allowed_models', ['*']], ['allowed_harnesses', ['hand', 'scripted']], ['max_instances', 6], ['max_depth', 5], ['max_children', 5], ['max_total_cost', 20], ['permission_prompts', 'policy'],
  ])('never loosens what stands above an agent: %s, which the refusal names', async (key, value) => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    await stage.ask(stage.me, 'set_policy', { spawn_approval: 'manual', orchestration: 'off', allowed_models: ['haiku'], allowed_harnesses: ['hand'], max_instances: 5, max_depth: 4, max_children: 4, max_total_cost: 10, permission_prompts: 'supervisor' })
    expect(await stage.call(stage.as(boss), 'set_policy', { max_children: 2, [key]: value })).toMatchObject({ error: { code: 'exceeds_parent', message: expect.stringContaining(key), data: { parameter: key } } })
    expect(await stage.ask(stage.as(boss), 'get_policy')).toMatchObject({ own: {} })
  })

  test('an agent cannot take back what it, or somebody above it, has set for it; those above can', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kid = await stage.spawn('kid', stage.as(boss))
    await stage.ask(stage.as(kid), 'set_policy', { max_children: 2 })
    await stage.ask(stage.me, 'set_policy', { instance_id: kid, max_depth: 3 })
    for (const change of [{ max_children: 3 }, { max_children: null }, { max_depth: 4 }, { max_depth: null }]) expect(await stage.refusal(stage.as(kid), 'set_policy', change)).toBe('exceeds_parent')
    await stage.ask(stage.as(kid), 'set_policy', { max_children: 1 })
    await stage.ask(stage.as(boss), 'set_policy', { instance_id: kid, max_children: 5 })
    expect(await stage.refusal(stage.as(boss), 'set_policy', { instance_id: kid, max_depth: 4 })).toBe('exceeds_parent')
    expect(await stage.refusal(stage.as(kid), 'set_policy', { instance_id: boss, max_children: 1 })).toBe('not_allowed')
    await stage.ask(stage.me, 'set_policy', { instance_id: kid, max_depth: null })
    expect(await stage.ask(stage.me, 'get_policy', { instance_id: kid })).toMatchObject({ own: { max_children: { value: 5, set_by: 'boss' } } })
  })

  test('refuses what means nothing, whole: more than the server allows, an unknown harness, nothing to change, an agent\'s own notifications', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    expect(await stage.call(stage.me, 'set_policy', { max_depth: 2, max_instances: 11 })).toMatchObject({ error: { code: 'exceeds_parent', message: expect.stringContaining("the server's configuration allows 10"), data: { parameter: 'max_instances' } } })
    expect(await stage.call(stage.me, 'set_policy', { max_depth: 2, allowed_harnesses: ['scriptd'] })).toMatchObject({ error: { code: 'invalid_input', remedy: expect.stringContaining('Did you mean "scripted"?') } })
    for (const args of [{}, { reason: 'why' }, { max_children: 0 }, { max_children: 1.5 }, { allowed_models: [] }, { spawn_approval: 'maybe' }, { instance_id: ada }]) expect(await stage.refusal(stage.me, 'set_policy', args)).toBe('invalid_input')
    expect(await stage.refusal(stage.as(ada), 'set_policy', { notifications: { end: true } })).toBe('not_allowed')
    expect(await stage.ask(stage.me, 'get_policy')).toMatchObject({ own: {} })
  })

  test('that cannot be written does not hold', async () => {
    const durable = createMemoryStore()
    const stage = createStage({ store: { ...durable, putPolicy: () => durable.settleApproval('nobody', { decision: 'deny', by: 'x', at: 1 }) } })
    expect(await stage.refusal(stage.me, 'set_policy', { orchestration: 'off' })).toBe('internal')
    expect(await stage.refusal(stage.me, 'spawn_agent', spawning('ada'))).toBe('ok')
  })
})

describe('a spawn is held to policy before anything exists', () => {
  test.each([
    ['orchestration', { orchestration: 'off', reason: 'we are done' }, {}, 'against_policy', /tester switched orchestration off \(we are done\)/],
    ['allowed_harnesses', { allowed_harnesses: ['scripted'] }, {}, 'against_policy', /harness "hand" is not allowed: tester allows scripted/],
    ['allowed_models', { allowed_models: ['*haiku*'] }, { model: 'claude-opus-5' }, 'against_policy', /model "claude-opus-5" is not allowed: tester allows \*haiku\*/],
    ['allowed_models, none named', { allowed_models: ['*haiku*'] }, {}, 'against_policy', /names no model/],
    ['max_instances', { max_instances: 1 }, {}, 'limit_reached', /1 agents are alive, and tester set max_instances to 1/],
    ['max_children', { max_children: 1 }, {}, 'limit_reached', /tester set max_children to 1/],
    ['max_depth', { max_depth: 1 }, { parent_instance_id: 'first' }, 'limit_reached', /2 levels deep, and tester set max_depth to 1/],
  ])('%s', async (_key, policy, more, code, words) => {
    const stage = createStage()
    await stage.spawn('first')
    await stage.ask(stage.me, 'set_policy', policy)
    const before = stage.commands.length
    expect(await stage.call(stage.me, 'spawn_agent', spawning('ada', more))).toMatchObject({ error: { code, message: expect.stringMatching(words), remedy: expect.any(String) } })
    expect([stage.system.list(stage.me, { ended: true }).length, stage.commands.length]).toEqual([1, before])
  })

  test('"Haiku only" lets haiku through, by any name, and harnesses that call no model', async () => {
    const stage = createStage()
    await stage.ask(stage.me, 'set_policy', { allowed_models: ['*haiku*'] })
    for (const [name, more] of [['a', { model: 'Haiku' }], ['b', { model: 'claude-haiku-4-5' }], ['c', { harness: 'scripted' }]] as const) await stage.ask(stage.me, 'spawn_agent', spawning(name, more))
    expect(stage.system.list(stage.me)).toHaveLength(3)
  })

  test('"at most 5": of a batch as many come up as there is room for', async () => {
    const stage = createStage()
    await stage.ask(stage.me, 'set_policy', { max_instances: 3 })
    const { spawned, errors } = await stage.ask(stage.me, 'spawn_multiple_instances', { instances: ['a', 'b', 'c', 'd', 'e'].map(name => ({ instance_type: 'hand', name, workspace: 'isolated' })) })
    expect([spawned, errors]).toMatchObject([[{ name: 'a' }, { name: 'b' }, { name: 'c' }], [{ name: 'd', code: 'limit_reached' }, { name: 'e', code: 'limit_reached' }]])
  })

  test('what counts is below the agent whose policy it is, and no other', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    await stage.spawn('peer')
    await stage.ask(stage.as(boss), 'set_policy', { max_instances: 1 })
    const kid = await stage.spawn('kid', stage.as(boss))
    expect(await stage.refusal(stage.as(kid), 'spawn_agent', spawning('grandkid'))).toBe('limit_reached')
    expect(await stage.refusal(stage.me, 'spawn_agent', spawning('other'))).toBe('ok')
  })

  test('max_total_cost of an owner holds for spawns and messages, as the server\'s does', async () => {
    const stage = createStage({ prices: { isKnown: () => true, costOf: () => 2, promptOver: () => 0, promptSizes: [] } })
    const ada = await stage.spawn('ada')
    stage.fact(ada, { type: 'usageReported', unitId: 'u1', model: 'm', inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheCreationTokens: 0 })
    await stage.ask(stage.me, 'set_policy', { max_total_cost: 1.5 })
    expect(await stage.call(stage.me, 'spawn_agent', spawning('bob'))).toMatchObject({ error: { code: 'limit_reached', remedy: expect.stringContaining('max_total_cost by set_policy') } })
    expect(await stage.refusal(stage.me, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false })).toBe('limit_reached')
    expect(stage.system.policy({ kind: 'owner', ownerId: localOwner }).effective.max_total_cost?.value).toBe(1.5)
  })
})

describe('notifications', () => {
  const notices = async (stage: ReturnType<typeof createStage>) => ((await stage.ask(stage.me, 'get_pending_replies')) as { replies: { kind: string; response: string }[] }).replies.map(({ kind, response }) => `${kind}: ${response}`)

  test('of spawns, ends, errors and cost come as marked notices, and only what was asked for', async () => {
    const stage = createStage({ prices: { isKnown: () => true, costOf: () => 2, promptOver: () => 0, promptSizes: [] } })
    const boss = await stage.spawn('boss')
    await stage.ask(stage.me, 'set_policy', { notifications: { spawn: true, end: true, error: true, cost: 3 } })
    const kid = await stage.spawn('kid', stage.as(boss))
    await stage.ask(stage.as(boss), 'send_to_instance', { instance_id: kid, message: 'go', wait_for_response: false })
    stage.begin(kid)
    stage.end(kid, { status: 'failed', error: '529 overloaded' })
    for (const unitId of ['u1', 'u2', 'u3']) stage.fact(kid, { type: 'usageReported', unitId, model: 'm', inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheCreationTokens: 0 })
    await stage.ask(stage.as(boss), 'terminate_instance', { instance_id: kid })
    expect(await notices(stage)).toEqual([
      'notice: [notification: spawn] kid (hand, general) was spawned.', 'notice: [notification: error] A message to kid failed: 529 overloaded',
      'notice: [notification: cost] Your living agents have cost $4; you asked to hear of $3.', 'notice: [notification: end] kid has ended: terminated by boss.',
    ])
    await stage.ask(stage.me, 'set_policy', { notifications: { end: true } })
    await stage.spawn('quiet')
    expect(await notices(stage)).toEqual([])
  })

  test('are bounded: what lies unread is not added to for ever, and the next says how many are missing', async () => {
    const stage = createStage({ limits: { maxInstances: 200 } })
    await stage.ask(stage.me, 'set_policy', { notifications: { spawn: true } })
    for (let index = 0; index < 53; index++) await stage.spawn(`a${index}`)
    expect(await notices(stage)).toHaveLength(50)
    await stage.spawn('last')
    expect(await notices(stage)).toEqual(['notice: [notification: spawn] last (hand, general) was spawned. (3 earlier notifications were left out: 50 lay unread.)'])
  })
})

describe('values', () => {
  test.each([['*haiku*', 'claude-haiku-4-5', true], ['HAIKU', 'haiku', true], ['claude-*', 'claude', false], ['a.c', 'abc', false], ['*', 'anything', true], ['gpt-5', 'gpt-5.1', false], ['*a*', 'b*a', true]])('%s fits %s: %s', (pattern, text, expected) => {
    expect(fits(pattern, text)).toBe(expected)
  })

  test('a pattern of many stars is judged at once: agents write patterns, and the server is everybody\'s', () => {
    expect(fits(`${'*a'.repeat(90)}b`, 'a'.repeat(200))).toBe(false)
    expect([['a*b*c', 'aXbYc'], ['a*a', 'a'], ['*ab*ab', 'abab'], ['*ab*ab', 'aab'], ['', ''], ['**', ''], ['a**b', 'ab']].map(([pattern = '', text = '']) => fits(pattern, text))).toEqual([true, false, true, false, true, true, true])
  })

  test('what patterns allow together stays short, however many levels add theirs', () => {
    const level = (name: string): string[] => Array.from({ length: 50 }, (_, index) => `*${name}${index}*`)
    const met = ['a', 'b', 'c', 'd', 'e', 'f'].map(level).reduce(rules.allowed_models.meet)
    expect(met.length).toBeLessThanOrEqual(200)
  })

  test('names meet in what both allow', () => {
    expect(rules.allowed_models.meet(['claude-*', 'x'], ['claude-haiku', 'x', 'y'])).toEqual(['claude-haiku', 'x'])
    expect(rules.allowed_models.meet(['a'], ['b'])).toEqual([])
  })
})
