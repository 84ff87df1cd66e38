/** Who becomes the supervisor: every row of the decision, by who calls and what the call names. */
import { describe, expect, test } from 'vitest'
import { type AgentId, asOwnerId, localOwner } from '../../src/ids.ts'
import type { Caller } from '../../src/messages.ts'
import { createStage, type Stage } from './rig.ts'

/** Plain REST: a principal without a session. */
const owner: Caller = { kind: 'owner', ownerId: localOwner }

/** `boss` above `kid`, `other` beside it, `gone` ended, two `twin`s. Nobody has had a request. */
async function createTeam() {
  const stage = createStage()
  const boss = await stage.spawn('boss')
  const kid = await stage.spawn('kid', stage.as(boss))
  const [other, gone] = [await stage.spawn('other'), await stage.spawn('gone')]
  await stage.ask(stage.me, 'terminate_instance', { instance_id: gone })
  for (const _ of [1, 2]) await stage.spawn('twin')
  const eve = stage.client('eve', { ownerId: asOwnerId('eve') })
  const hers = await stage.spawn('hers', eve)
  return { stage, boss, kid, other, gone, hers }
}
type Team = Awaited<ReturnType<typeof createTeam>>

const spawn = (stage: Stage, caller: Caller, more: Readonly<Record<string, unknown>> = {}) => stage.call(caller, 'spawn_agent', { harness: 'hand', name: 'new', workspace: 'isolated', ...more })
const agents = (stage: Stage) => stage.store.listAgents().length
/** Busy, or used: its latest change is the latest of all. */
async function work(stage: Stage, id: AgentId, then: 'stays busy' | 'is idle again'): Promise<void> {
  stage.clock.advance(10)
  await stage.ask(stage.me, 'send_to_instance', { instance_id: id, message: 'go', wait_for_response: false })
  stage.begin(id)
  if (then === 'is idle again') stage.end(id)
}

interface Found {
  readonly row: string
  readonly caller: (team: Team) => Caller
  readonly asks?: (team: Team) => Record<string, unknown>
  readonly before?: (team: Team) => Promise<void>
  /** Undefined: it stands directly under a client. */
  readonly parent: (team: Team) => AgentId | undefined
  readonly source: string
}

describe('the supervisor is', () => {
  test.each<Found>([
    { row: 'explicit: by id', caller: ({ stage }) => stage.me, asks: ({ kid }) => ({ parent_instance_id: kid }), parent: ({ kid }) => kid, source: 'parent_instance_id: given' },
    { row: 'explicit: by name', caller: ({ stage }) => stage.me, asks: () => ({ parent_instance_id: 'kid' }), parent: ({ kid }) => kid, source: 'parent_instance_id: given' },
    { row: 'explicit: by prefix', caller: ({ stage }) => stage.me, asks: ({ kid }) => ({ parent_instance_id: kid.slice(0, 6) }), parent: ({ kid }) => kid, source: 'parent_instance_id: given' },
    { row: 'explicit, by an agent: one below it', caller: ({ stage, boss }) => stage.as(boss), asks: ({ kid }) => ({ parent_instance_id: kid }), parent: ({ kid }) => kid, source: 'parent_instance_id: given' },
    { row: 'explicit, by an agent: itself', caller: ({ stage, boss }) => stage.as(boss), asks: ({ boss }) => ({ parent_instance_id: boss }), parent: ({ boss }) => boss, source: 'parent_instance_id: given' },
    { row: 'explicit goes before all else: a sessionless caller beside a busy agent', caller: () => owner, asks: () => ({ parent_instance_id: 'other' }), before: ({ stage, kid }) => work(stage, kid, 'stays busy'), parent: ({ other }) => other, source: 'parent_instance_id: given' },
    { row: 'an agent, by its credential', caller: ({ stage, kid }) => stage.as(kid), parent: ({ kid }) => kid, source: 'credential: the calling agent' },
    { row: 'an agent, by its credential, though another is busy', caller: ({ stage, kid }) => stage.as(kid), before: ({ stage, other }) => work(stage, other, 'stays busy'), parent: ({ kid }) => kid, source: 'credential: the calling agent' },
    { row: 'a client, by its session', caller: ({ stage }) => stage.me, parent: () => undefined, source: 'session: the calling client' },
    { row: 'a client, by its session, though an agent is busy', caller: ({ stage }) => stage.me, before: ({ stage, other }) => work(stage, other, 'stays busy'), parent: () => undefined, source: 'session: the calling client' },
    {
      row: 'sessionless: of the busy agents the most recently active', caller: () => owner, parent: ({ other }) => other, source: 'busy: other is the most recently active busy agent',
      before: async ({ stage, boss, kid, other }) => {
        for (const id of [boss, other]) await work(stage, id, 'stays busy')
        await work(stage, kid, 'is idle again')
      },
    },
    {
      row: 'sessionless, none busy: of those that had a request the most recently active', caller: () => owner, parent: ({ kid }) => kid, source: 'recent: kid is the most recently active agent with a request',
      before: async ({ stage, boss, kid }) => {
        for (const id of [boss, kid]) await work(stage, id, 'is idle again')
      },
    },
    {
      row: 'sessionless: one that is suspended and had a request', caller: () => owner, parent: ({ kid }) => kid, source: 'recent: kid is the most recently active agent with a request',
      before: async ({ stage, kid }) => {
        await work(stage, kid, 'is idle again')
        await stage.ask(stage.me, 'suspend_instance', { instance_id: kid })
      },
    },
    { row: 'main-orchestrator, sessionless: under its owner', caller: () => owner, asks: () => ({ name: 'main-orchestrator' }), before: ({ stage, kid }) => work(stage, kid, 'stays busy'), parent: () => undefined, source: 'name: main-orchestrator stands under its owner' },
    { row: 'main-orchestrator by a client: that client', caller: ({ stage }) => stage.me, asks: () => ({ name: 'main-orchestrator' }), parent: () => undefined, source: 'session: the calling client' },
    { row: 'main-orchestrator with a supervisor named: that one', caller: () => owner, asks: () => ({ name: 'main-orchestrator', parent_instance_id: 'boss' }), parent: ({ boss }) => boss, source: 'parent_instance_id: given' },
  ])('$row', async ({ caller, asks = () => ({}), before = () => Promise.resolve(), parent, source }) => {
    const team = await createTeam()
    await before(team)
    const { stage } = team
    const expected = { parent_instance_id: parent(team) ?? null, parent_source: source }
    const outcome = await spawn(stage, caller(team), asks(team))
    expect(outcome).toMatchObject({ ok: true, data: expected })
    // Recorded with the agent, and shown in its status, to this server and the next.
    const id = String(outcome.ok && outcome.data?.['instance_id'])
    expect(await stage.ask(stage.me, 'get_instance_status', { instance_id: id })).toMatchObject(expected)
    const after = stage.crash()
    expect(await after.ask(after.me, 'get_instance_status', { instance_id: id })).toMatchObject(expected)
  })
})

interface Refused {
  readonly row: string
  readonly caller: (team: Team) => Caller
  readonly parent?: (team: Team) => string
  readonly before?: (team: Team) => Promise<void>
  readonly error: Record<string, unknown>
}

describe('there is none, and nothing is spawned, where the caller', () => {
  test.each<Refused>([
    { row: 'names one that is unknown: the nearest name is shown', caller: ({ stage }) => stage.me, parent: () => 'bosss', error: { code: 'not_found', remedy: expect.stringContaining('"boss"') } },
    { row: 'names one that has ended: how it ended is said', caller: ({ stage }) => stage.me, parent: ({ gone }) => gone, error: { code: 'agent_ended', message: expect.stringContaining('terminated by its client') } },
    { row: 'names several at once: their ids are shown', caller: ({ stage }) => stage.me, parent: () => 'twin', error: { code: 'ambiguous_reference', data: { candidates: [expect.any(String), expect.any(String)] } } },
    { row: 'names too short a prefix', caller: ({ stage }) => stage.me, parent: ({ kid }) => kid.slice(0, 5), error: { code: 'not_found' } },
    { row: 'is an agent and names a peer', caller: ({ stage, boss }) => stage.as(boss), parent: ({ other }) => other, error: { code: 'not_allowed', remedy: expect.stringContaining('supervisor') } },
    { row: 'is an agent and names its supervisor', caller: ({ stage, kid }) => stage.as(kid), parent: ({ boss }) => boss, error: { code: 'not_allowed' } },
    { row: "names another owner's: it is not even known", caller: ({ stage }) => stage.me, parent: ({ hers }) => hers, error: { code: 'not_found' } },
    { row: 'is sessionless and no agent is busy or had a request: causes and three remedies', caller: () => owner, error: { code: 'parent_unknown', message: expect.stringMatching(/names none, comes from no session, and no agent is busy or has had a request/), remedy: expect.stringMatching(/parent_instance_id.*MCP session.*"main-orchestrator"/) } },
    { row: "is sessionless and only another owner's agent is busy", caller: () => owner, before: ({ stage, hers }) => busyOf(stage, hers), error: { code: 'parent_unknown' } },
    {
      row: 'is sessionless and the only busy agent has ended', caller: () => owner, error: { code: 'parent_unknown' },
      before: async ({ stage, other }) => {
        await work(stage, other, 'stays busy')
        await stage.ask(stage.me, 'terminate_instance', { instance_id: other })
      },
    },
  ])('$row', async ({ caller, parent, before = () => Promise.resolve(), error }) => {
    const team = await createTeam()
    await before(team)
    const count = agents(team.stage)
    const outcome = await spawn(team.stage, caller(team), parent ? { parent_instance_id: parent(team) } : {})
    expect(outcome).toMatchObject({ ok: false, error })
    expect(agents(team.stage)).toBe(count)
  })
})

/** Of eve's, whom only she may tell. */
async function busyOf(stage: Stage, id: AgentId): Promise<void> {
  await stage.ask({ kind: 'owner', ownerId: asOwnerId('eve') }, 'send_to_instance', { instance_id: id, message: 'go', wait_for_response: false })
  stage.begin(id)
}

describe('a batch', () => {
  const item = (name: string, more = {}) => ({ instance_type: 'hand', name, workspace: 'isolated', ...more })
  const batch = (stage: Stage, instances: readonly unknown[], more = {}) => stage.call(owner, 'spawn_multiple_instances', { instances, ...more })

  test('has one supervisor, found once, though the first of it changes who was active last', async () => {
    const { stage, kid } = await createTeam()
    await work(stage, kid, 'stays busy')
    expect(await batch(stage, [item('a', { initial_prompt: 'go' }), item('b'), item('c')])).toMatchObject({ data: { spawned: [1, 2, 3].map(() => ({ parent_instance_id: kid, parent_source: expect.stringContaining('busy: kid') })), errors: [] } })
  })

  test('takes the one it names, and an item the one that names', async () => {
    const { stage, boss, kid } = await createTeam()
    expect(await batch(stage, [item('a'), item('b', { parent_instance_id: kid })], { parent_instance_id: boss })).toMatchObject({ data: { spawned: [{ parent_instance_id: boss }, { parent_instance_id: kid }] } })
  })

  test('with nobody to be found spawns nothing, and says so once', async () => {
    const { stage } = await createTeam()
    const count = agents(stage)
    expect(await batch(stage, [item('a'), item('b')])).toMatchObject({ ok: false, error: { code: 'parent_unknown' } })
    expect(agents(stage)).toBe(count)
  })

  test('may hold main-orchestrator, which stands under its owner: alone no other is looked for, and beside others these have theirs', async () => {
    const { stage, kid } = await createTeam()
    const main = { parent_instance_id: null, parent_source: 'name: main-orchestrator stands under its owner' }
    expect(await batch(stage, [item('main-orchestrator')])).toMatchObject({ data: { spawned: [main], errors: [] } })
    await work(stage, kid, 'stays busy')
    expect(await batch(stage, [item('main-orchestrator'), item('a')])).toMatchObject({ data: { spawned: [main, { parent_instance_id: kid }], errors: [] } })
  })
})
