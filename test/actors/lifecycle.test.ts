/** Agents put away and brought back by wish, and all of a caller's agents at once. */
import { rmSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type AgentId, asOwnerId, localOwner } from '../../src/ids.ts'
import { createStage, type Stage } from './rig.ts'

const minute = 60_000
const tell = (stage: Stage, instance_id: AgentId, message = 'go') => stage.ask(stage.me, 'send_to_instance', { instance_id, message, wait_for_response: false })
const suspend = (stage: Stage, instance_id: AgentId) => stage.ask(stage.me, 'suspend_instance', { instance_id })
const resume = (stage: Stage, instance_id: AgentId, more = {}) => stage.ask(stage.me, 'resume_instance', { instance_id, ...more })
const end = (stage: Stage, instance_id: AgentId) => stage.ask(stage.me, 'terminate_instance', { instance_id })
const statusOf = (stage: Stage, instance_id: AgentId) => stage.ask(stage.me, 'get_instance_status', { instance_id })
const starts = (stage: Stage, id: AgentId) => stage.commands.flatMap(command => (command.type === 'startAgent' && command.agentId === id ? [command.launch] : []))
const persisted = async (stage: Stage) => ((await stage.ask(stage.me, 'list_persisted_instances'))['instances'] as Record<string, unknown>[]).map(({ name, state, can_resume, why_not }) => [name, state, can_resume, ...(why_not === undefined ? [] : [why_not])])

/** With a completed turn in its session. */
async function createUsed(stage: Stage, name = 'ada', by = stage.me as Parameters<Stage['spawn']>[1]): Promise<AgentId> {
  const id = await stage.spawn(name, by)
  await tell(stage, id)
  stage.turn(id, 'done')
  return id
}

describe('suspend_instance', () => {
  test('ends the process and keeps the session: a message wakes the agent in it, under the same id', async () => {
    const stage = createStage()
    const ada = await createUsed(stage)
    expect(await suspend(stage, ada)).toMatchObject({ instance_id: ada, suspended: true, was: 'idle.live' })
    expect(stage.state(ada)).toBe('idle.suspended.resting')
    await tell(stage, ada, 'more')
    await stage.settle()
    expect(stage.begin(ada)).toMatch(/more$/)
    const [first, second] = starts(stage, ada)
    expect(second).toMatchObject({ resume: true, sessionId: first?.sessionId })
  })

  test('of one that is suspended already is a success that says so', async () => {
    const stage = createStage()
    const ada = await createUsed(stage)
    await suspend(stage, ada)
    expect(await suspend(stage, ada)).toMatchObject({ suspended: false, note: expect.stringContaining('suspended already') })
  })

  test('is refused for a busy agent, which goes on; the remedy is to interrupt it, and an interrupted one can be put away', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    await tell(stage, ada)
    stage.begin(ada)
    expect(await stage.call(stage.me, 'suspend_instance', { instance_id: ada })).toMatchObject({ error: { code: 'agent_busy', remedy: expect.stringContaining('interrupt_instance') } })
    expect(stage.state(ada)).toBe('busy.working')
    const interrupted = stage.ask(stage.me, 'interrupt_instance', { instance_id: ada })
    stage.end(ada, { status: 'interrupted' })
    const command = stage.commands.at(-1)
    stage.fact(ada, { type: 'interruptFinished', requestId: command?.type === 'interrupt' ? command.requestId : '', wasInTurn: true })
    await interrupted
    expect(await suspend(stage, ada)).toMatchObject({ suspended: true })
    expect([stage.state(ada), await persisted(stage)]).toEqual(['interrupted.suspended', [['ada', 'interrupted.suspended', true]]])
  })

  test('is refused while background work runs, and while the agent starts', async () => {
    const stage = createStage({ byHand: ['slow'] })
    const ada = await stage.spawn('ada')
    await tell(stage, ada)
    stage.begin(ada)
    stage.end(ada, { background: [{ id: 'b1' }] })
    expect(await stage.call(stage.me, 'suspend_instance', { instance_id: ada })).toMatchObject({ error: { code: 'agent_busy', message: expect.stringContaining('1 background task running') } })
    const slow = await stage.spawn('slow', stage.me, { wait_for_ready: false })
    expect(await stage.refusal(stage.me, 'suspend_instance', { instance_id: slow })).toBe('agent_busy')
  })

  test('is refused while a person has control of its terminal or left text there, as is another model; both are told in words', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    stage.fact(ada, { type: 'controlChanged', viewerId: 'eve', holds: 'control' })
    expect(await stage.call(stage.me, 'suspend_instance', { instance_id: ada })).toMatchObject({ error: { code: 'agent_busy', message: expect.stringContaining('a person has control'), remedy: expect.stringContaining('madrox attach ada') } })
    stage.fact(ada, { type: 'controlChanged', holds: 'unsent_text' })
    expect(await stage.call(stage.me, 'resume_instance', { instance_id: ada, model: 'claude-opus-4-5' })).toMatchObject({ error: { code: 'agent_busy', message: expect.stringContaining('unsent text') } })
    stage.fact(ada, { type: 'controlChanged' })
    expect(await suspend(stage, ada)).toMatchObject({ suspended: true })
  })

  test('is for those above: not for oneself, a peer, or what has ended', async () => {
    const stage = createStage()
    const [ada, bob] = [await stage.spawn('ada'), await stage.spawn('bob')]
    expect(await stage.refusal(stage.as(ada), 'suspend_instance', { instance_id: ada })).toBe('not_allowed')
    expect(await stage.refusal(stage.as(ada), 'suspend_instance', { instance_id: bob })).toBe('not_allowed')
    await end(stage, bob)
    expect(await stage.refusal(stage.me, 'suspend_instance', { instance_id: bob })).toBe('agent_ended')
  })

  test('takes no place: MAX_INSTANCES counts living processes, and who would wake one too many is refused', async () => {
    const stage = createStage({ limits: { maxInstances: 1 } })
    const ada = await createUsed(stage)
    const spawn = () => stage.refusal(stage.me, 'spawn_agent', { harness: 'hand', name: 'bob', workspace: 'isolated' })
    expect(await spawn()).toBe('limit_reached')
    await suspend(stage, ada)
    expect(await spawn()).toBe('ok')
    expect(await stage.call(stage.me, 'send_to_instance', { instance_id: ada, message: 'x' })).toMatchObject({ error: { code: 'limit_reached', remedy: expect.stringContaining('suspend_instance') } })
    expect(await stage.refusal(stage.me, 'resume_instance', { instance_id: ada })).toBe('limit_reached')
    expect(stage.store.listOpenMessages()).toEqual([])
    await stage.ask(stage.me, 'terminate_instance', { instance_id: 'bob' })
    expect(await resume(stage, ada)).toMatchObject({ state: 'idle' })
  })
})

describe('resume_instance', () => {
  test('brings up a suspended agent, with another name and model from now on, on record too', async () => {
    const stage = createStage()
    const ada = await createUsed(stage)
    await suspend(stage, ada)
    expect(await resume(stage, ada, { name: 'ida', model: 'claude-opus-4-5' })).toMatchObject({ instance_id: ada, name: 'ida', model: 'claude-opus-4-5', was: 'idle.suspended.resting', state: 'idle', revived: false })
    expect(starts(stage, ada).at(-1)).toMatchObject({ resume: true, name: 'ida', model: 'claude-opus-4-5', systemPrompt: expect.stringContaining('ida') })
    const after = stage.crash()
    expect(await statusOf(after, ada)).toMatchObject({ name: 'ida', model: 'claude-opus-4-5' })
  })

  test('of a live one does nothing and says so; another name is taken, another model is a new process for the same session', async () => {
    const stage = createStage()
    const ada = await createUsed(stage)
    expect(await resume(stage, ada)).toMatchObject({ note: expect.stringContaining('nothing was changed') })
    expect(await resume(stage, ada, { name: 'ida' })).toMatchObject({ name: 'ida', note: expect.stringContaining('only its name') })
    expect(starts(stage, ada)).toHaveLength(1)
    expect(await resume(stage, ada, { model: 'other' })).toMatchObject({ was: 'idle.live', state: 'idle', model: 'other' })
    const [first, second] = starts(stage, ada)
    expect(second).toMatchObject({ resume: true, sessionId: first?.sessionId, model: 'other' })
  })

  test('refuses another model for a busy one, and one of unknown price where there is a cost to keep; nothing is changed', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada', stage.me, { max_cost: 5 })
    expect(await stage.refusal(stage.me, 'resume_instance', { instance_id: ada, model: 'nobody-knows' })).toBe('invalid_input')
    await tell(stage, ada)
    stage.begin(ada)
    expect(await stage.refusal(stage.me, 'resume_instance', { instance_id: ada, model: 'claude-opus-4-5' })).toBe('agent_busy')
    expect([(await statusOf(stage, ada))['model'], stage.state(ada)]).toEqual([null, 'busy.working'])
  })

  test('that fails says why in the words of the CLI, and the agent rests', async () => {
    const stage = createStage()
    const ada = await createUsed(stage)
    await suspend(stage, ada)
    stage.byHand.add('ada')
    const resumed = stage.call(stage.me, 'resume_instance', { instance_id: ada })
    await stage.settle()
    stage.fact(ada, { type: 'startFailed', code: 'not_logged_in', detail: 'Please run /login' })
    expect(await resumed).toMatchObject({ error: { code: 'spawn_failed', message: expect.stringContaining('Please run /login') } })
    expect(stage.state(ada)).toBe('idle.suspended.unwakeable')
  })

  test('answers when its time is up that the agent is still starting', async () => {
    const stage = createStage()
    const ada = await createUsed(stage)
    await suspend(stage, ada)
    stage.byHand.add('ada')
    const resumed = resume(stage, ada, { timeout_seconds: 5 })
    await stage.settle()
    stage.clock.advance(5_000)
    expect(await resumed).toMatchObject({ state: 'spawning', note: 'It is still starting.' })
  })

  test('while its process is still ending: it comes up when that has gone', async () => {
    const stage = createStage()
    const ada = await createUsed(stage)
    stage.byHand.add('ada')
    const suspended = suspend(stage, ada)
    await stage.settle()
    const resumed = resume(stage, ada)
    await stage.settle()
    stage.byHand.delete('ada')
    stage.fact(ada, { type: 'exited', expected: true })
    expect(await suspended).toMatchObject({ suspended: false, note: expect.stringContaining('spawning again') })
    expect(await resumed).toMatchObject({ state: 'idle' })
  })
})

describe('an agent that ended', () => {
  test('is a spawn to policy when it is resumed: its harness and model must be allowed, and a person is asked where spawns are', async () => {
    const stage = createStage()
    const ada = await createUsed(stage)
    await end(stage, ada)
    await stage.ask(stage.me, 'set_policy', { allowed_models: ['*haiku*'], spawn_approval: 'manual' })
    expect(await stage.refusal(stage.me, 'resume_instance', { instance_id: ada, model: 'opus' })).toBe('against_policy')
    const resumed = resume(stage, ada, { model: 'haiku' })
    await stage.settle()
    const { approvals } = (await stage.ask(stage.me, 'list_approvals')) as { approvals: { approval_id: string }[] }
    expect([approvals.length, await persisted(stage)]).toEqual([1, [['ada', 'terminated', true]]])
    await stage.ask({ kind: 'owner', ownerId: localOwner }, 'answer_approval', { approval_id: approvals[0]?.approval_id, decision: 'allow' })
    expect(await resumed).toMatchObject({ revived: true, state: 'idle', model: 'haiku' })
    expect(await stage.refusal(stage.me, 'resume_instance', { instance_id: ada, model: 'opus' })).toBe('against_policy')
  })

  test('lives again by resume_instance, with its id, session, workspace, usage and limits; what was open stays ended', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada', stage.me, { max_total_tokens: 1_000 })
    const sent = await tell(stage, ada)
    stage.begin(ada)
    stage.fact(ada, { type: 'usageReported', unitId: 'u1', model: 'scripted', inputTokens: 700, outputTokens: 0, cacheReadTokens: 0, cacheCreationTokens: 0 })
    const before = await statusOf(stage, ada)
    await end(stage, ada)
    expect(await resume(stage, ada)).toMatchObject({ instance_id: ada, revived: true, was: 'terminated', state: 'idle', session_id: before['session_id'] })
    expect(await statusOf(stage, ada)).toMatchObject({ state: 'idle', workspace: before['workspace'], parent_source: 'session: the calling client', limits: { max_total_tokens: { limit: 1_000, used: 700 } } })
    expect(await stage.ask(stage.me, 'wait_for_any', { message_ids: [sent['message_id']] })).toMatchObject({ status: 'agent_gone' })
    await tell(stage, ada, 'again')
    expect(stage.turn(ada, 'here')).toMatch(/again$/)
    stage.fact(ada, { type: 'usageReported', unitId: 'u2', model: 'scripted', inputTokens: 300, outputTokens: 0, cacheReadTokens: 0, cacheCreationTokens: 0 })
    await stage.settle()
    expect(await statusOf(stage, ada)).toMatchObject({ state: 'terminated', end_reason: expect.stringContaining('max_total_tokens') })
  })

  test('whose supervisor has ended too comes back under the nearest above that lives, and that is on record', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const middle = await stage.spawn('middle', stage.as(boss))
    const low = await createUsed(stage, 'low', stage.as(middle))
    await end(stage, middle)
    expect(await resume(stage, low)).toMatchObject({ revived: true, parent_instance_id: boss, parent_source: 'resumed: boss is the nearest that lives above middle, its supervisor before' })
    await end(stage, boss)
    expect(await resume(stage, low)).toMatchObject({ parent_instance_id: null, parent_source: expect.stringContaining('above boss') })
    const after = stage.crash()
    expect(await statusOf(after, low)).toMatchObject({ state: 'idle', parent_source: expect.stringContaining('above boss') })
  })

  test('is not to be had while it is still ending', async () => {
    const stage = createStage()
    const ada = await createUsed(stage)
    stage.byHand.add('ada')
    const ended = end(stage, ada)
    await stage.settle()
    expect(await stage.call(stage.me, 'resume_instance', { instance_id: ada })).toMatchObject({ error: { code: 'agent_ended', message: expect.stringContaining('it is ending now') } })
    expect(await persisted(stage)).toEqual([['ada', 'terminated', false, 'it is ending now']])
    stage.fact(ada, { type: 'exited', expected: true })
    await ended
    stage.byHand.delete('ada')
    expect(await resume(stage, ada)).toMatchObject({ revived: true, state: 'idle' })
  })

  test('can be brought back by an agent above it, and by no other', async () => {
    const stage = createStage()
    const [boss, other] = [await stage.spawn('boss'), await stage.spawn('other')]
    const kid = await createUsed(stage, 'kid', stage.as(boss))
    await end(stage, kid)
    expect(await stage.refusal(stage.as(other), 'resume_instance', { instance_id: kid })).toBe('not_allowed')
    expect(await stage.ask(stage.as(boss), 'resume_instance', { instance_id: kid })).toMatchObject({ revived: true, parent_instance_id: boss })
  })

  test('is not brought back by one above it that has ended as well', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kid = await createUsed(stage, 'kid', stage.as(boss))
    await end(stage, boss)
    expect([await stage.refusal(stage.as(boss), 'resume_instance', { instance_id: kid }), (await statusOf(stage, kid))['state']]).toEqual(['agent_ended', 'terminated'])
  })

  test('cannot, where its session, its workspace or its limits do not let it: list_persisted_instances says why, and nothing is changed', async () => {
    const stage = createStage({ byHand: ['never'] })
    const [gone, timed] = [await stage.spawn('gone'), await stage.spawn('timed', stage.me, { timeout_minutes: 5 })]
    const never = await stage.spawn('never', stage.me, { wait_for_ready: false })
    stage.fact(never, { type: 'startFailed', code: 'exited', detail: 'no' })
    await end(stage, gone)
    rmSync(stage.system.status(stage.me, gone).workspace.path, { recursive: true })
    stage.clock.advance(5 * minute)
    await stage.settle()
    const list = await persisted(stage)
    expect(list).toEqual([
      ['gone', 'terminated', false, expect.stringMatching(/^its workspace .* is gone$/)], ['timed', 'terminated', false, 'its limit is reached: timeout_minutes 5'], ['never', 'terminated', false, 'it has no session to return to'],
    ])
    for (const id of [gone, timed, never]) expect(await stage.call(stage.me, 'resume_instance', { instance_id: id })).toMatchObject({ error: { code: 'agent_ended', remedy: expect.stringContaining('get_instance_output') } })
    expect(await persisted(stage)).toEqual(list)
  })

  test('is held to the limits of children, depth and processes as one that is spawned', async () => {
    const stage = createStage({ limits: { maxChildren: 1 } })
    const boss = await stage.spawn('boss')
    const kid = await createUsed(stage, 'kid', stage.as(boss))
    await end(stage, kid)
    await stage.spawn('next', stage.as(boss))
    expect(await stage.call(stage.me, 'resume_instance', { instance_id: kid })).toMatchObject({ error: { code: 'limit_reached', data: { limit: 1 } } })
    expect(await statusOf(stage, kid)).toMatchObject({ state: 'terminated' })
  })
})

describe('list_persisted_instances', () => {
  test('shows what is on record of those the caller may see, the newest last, and which can be resumed', async () => {
    const stage = createStage()
    const ada = await createUsed(stage)
    const kid = await createUsed(stage, 'kid', stage.as(ada))
    await end(stage, kid)
    await suspend(stage, await stage.spawn('rests'))
    const all = [['ada', 'idle.live', false, 'it is idle, with a living process'], ['kid', 'terminated', true], ['rests', 'idle.suspended.resting', true]]
    expect(await persisted(stage)).toEqual(all)
    expect(await stage.ask(stage.me, 'list_persisted_instances', { limit: 1 })).toMatchObject({ total: all.length, instances: [{ name: 'rests' }] })
    expect(await stage.ask(stage.as(ada), 'list_persisted_instances')).toMatchObject({ instances: [{ name: 'ada' }, { name: 'kid' }] })
    expect(await stage.ask(stage.client('other', { ownerId: asOwnerId('eve') }), 'list_persisted_instances')).toMatchObject({ instances: [] })
  })
})

describe('all at once', () => {
  test('terminate_all ends those below the caller, leaves first, and nobody else', async () => {
    const stage = createStage()
    const other = stage.client('other')
    const [boss, theirs] = [await stage.spawn('boss'), await stage.spawn('theirs', other)]
    const middle = await stage.spawn('middle', stage.as(boss))
    await stage.spawn('low', stage.as(middle))
    expect(await stage.ask(stage.as(boss), 'terminate_all')).toMatchObject({ terminated: [{ name: 'low' }, { name: 'middle' }], total: 2 })
    expect(await stage.ask(stage.me, 'terminate_all', { force: true })).toMatchObject({ terminated: [{ name: 'boss' }], total: 1 })
    expect(await stage.ask(stage.me, 'terminate_all')).toEqual({ terminated: [], total: 0 })
    expect(stage.state(theirs)).toBe('idle.live')
    expect(await stage.ask({ kind: 'owner', ownerId: stage.me.ownerId }, 'terminate_all')).toMatchObject({ total: 1 })
  })

  test('interrupt_all interrupts those below the caller that are busy', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const [busy, idle] = [await stage.spawn('busy', stage.as(boss)), await stage.spawn('idle', stage.as(boss))]
    for (const id of [boss, busy]) {
      await tell(stage, id)
      stage.begin(id)
    }
    const interrupted = stage.ask(stage.as(boss), 'interrupt_all', { then: 'continue' })
    stage.end(busy, { status: 'interrupted' })
    const command = stage.commands.at(-1)
    stage.fact(busy, { type: 'interruptFinished', requestId: command?.type === 'interrupt' ? command.requestId : '', wasInTurn: true })
    expect(await interrupted).toMatchObject({ results: [{ instance_id: busy, interrupted: true }], total: 1 })
    expect([stage.state(boss), stage.state(busy), stage.state(idle)]).toEqual(['busy.working', 'idle.live', 'idle.live'])
    expect(await stage.ask(stage.as(boss), 'interrupt_all')).toMatchObject({ total: 0, note: expect.stringContaining('nothing was changed') })
  })
})

describe('a glance', () => {
  test('get_live_instance_status tells the current tool, since when and by what, and when the agent was last heard of', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    await tell(stage, ada)
    stage.begin(ada)
    stage.clock.advance(2_000)
    stage.fact(ada, { type: 'outputProduced', kind: 'tool_call', tool: 'Bash', callId: 'c1', content: 'ls' })
    stage.clock.advance(3_000)
    expect(await stage.ask(stage.me, 'get_live_instance_status', { instance_id: ada })).toMatchObject({
      state: 'busy', source: 'self', seconds_in_state: 5, current_tool: { name: 'Bash', since: '2026-01-01T00:00:02.000Z', source: 'self' }, seconds_since_last_fact: 3, stuck: false, waits_for_others: false,
    })
    const told = async (tool: string) => Object.keys(await stage.ask(stage.me, tool, { instance_id: ada }))
    expect(await told('get_live_instance_status')).toEqual(expect.arrayContaining((await told('get_instance_status')).filter(key => key !== 'changes')))
    stage.fact(ada, { type: 'outputProduced', kind: 'tool_result', callId: 'c1', content: 'done' })
    expect(await stage.ask(stage.me, 'get_live_instance_status')).toMatchObject({ instances: [{ name: 'ada', current_tool: null }], total: 1 })
  })

  test('get_multiple_instance_outputs shows each on its own, and says of what cannot be shown why', async () => {
    const stage = createStage()
    const ada = await createUsed(stage)
    const { text } = await stage.ask(stage.me, 'get_multiple_instance_outputs', { instance_ids: [ada, 'nobody'], limit: 1 })
    expect(text).toMatch(new RegExp(`^=== ada \\(${ada}\\)\n\\[older records are left out by limit: 1\\]\n\\S+ \\[reply\\] done\n\n=== nobody\nnot_found: There is no agent`))
  })

  test('get_dashboard_url gives the page that stands beside /mcp, and null where none is served', async () => {
    const served = createStage({ endpoint: () => 'http://127.0.0.1:8001/mcp' })
    expect(await served.ask(served.me, 'get_dashboard_url')).toEqual({ url: 'http://127.0.0.1:8001/' })
    const embedded = createStage()
    expect(await embedded.ask(embedded.me, 'get_dashboard_url')).toMatchObject({ url: null, note: expect.stringContaining('madrox serve') })
  })

  test('get_main_instance_id gives main-orchestrator, else the top of an agent\'s own line, else nobody', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kid = await stage.spawn('kid', stage.as(boss))
    expect(await stage.ask(stage.as(kid), 'get_main_instance_id')).toMatchObject({ instance_id: boss, because: expect.stringContaining('top of your line') })
    expect(await stage.ask(stage.me, 'get_main_instance_id')).toMatchObject({ instance_id: null })
    const main = await stage.spawn('main-orchestrator', { kind: 'owner', ownerId: stage.me.ownerId })
    for (const caller of [stage.me, stage.as(kid)]) expect(await stage.ask(caller, 'get_main_instance_id')).toMatchObject({ instance_id: main })
  })
})

describe('room', () => {
  test('is taken by who comes first, also where many are brought back at once', async () => {
    const stage = createStage({ limits: { maxInstances: 3 } })
    const ids: string[] = []
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      ids.push(await stage.spawn(name))
      await stage.ask(stage.me, 'terminate_instance', { instance_id: name })
    }
    const outcomes = await Promise.all(ids.map(id => stage.refusal(stage.me, 'resume_instance', { instance_id: id })))
    expect(outcomes.toSorted()).toEqual(['limit_reached', 'limit_reached', 'ok', 'ok', 'ok'])
    expect(stage.system.list(stage.me).map(({ detail }) => detail)).toEqual(['idle.live', 'idle.live', 'idle.live'])
  })

  test('that a spawn under way has taken is no suspended or ended agent\'s, nor are its tokens', async () => {
    const stage = createStage({ limits: { maxInstances: 2 } })
    const boss = await stage.spawn('boss', stage.me, { max_total_tokens: 100 })
    const [asleep, gone] = [await stage.spawn('asleep', stage.as(boss)), 'gone']
    await stage.ask(stage.me, 'suspend_instance', { instance_id: asleep })
    await stage.spawn(gone, stage.as(boss), { max_total_tokens: 60 })
    await stage.ask(stage.me, 'terminate_instance', { instance_id: gone })
    const spawned = stage.call(stage.as(boss), 'spawn_agent', { harness: 'hand', name: 'new', workspace: 'isolated', max_total_tokens: 50 })
    expect(await Promise.all([asleep, gone].map(id => stage.refusal(stage.me, 'resume_instance', { instance_id: id })))).toEqual(['limit_reached', 'exceeds_parent'])
    expect(await stage.refusal(stage.me, 'send_to_instance', { instance_id: asleep, message: 'wake', wait_for_response: false })).toBe('limit_reached')
    expect(await spawned).toMatchObject({ ok: true })
  })
})
