/** Watching the tree: what is told of its agents, to whom, how much of the past, and that nothing private passes. */
import { expect, test } from 'vitest'
import { keptHappenings } from '../../src/actors/inspecting.ts'
import type { Happening, Watch } from '../../src/actors/system.ts'
import type { AgentId } from '../../src/ids.ts'
import { asOwnerId } from '../../src/ids.ts'
import type { Caller } from '../../src/messages.ts'
import { createStage, type Stage } from './rig.ts'

interface Watched extends Watch {
  readonly heard: Happening[]
  readonly touched: AgentId[]
}

function watch(stage: Stage, by: Caller = stage.me, after?: string): Watched {
  const heard: Happening[] = []
  const touched: AgentId[] = []
  return { ...stage.system.inspect(by, { happened: happening => heard.push(happening), touched: id => touched.push(id) }, after), heard, touched }
}

const told = (happening: Happening): string =>
  happening.type === 'changed' ? `${happening.name}: ${happening.from ?? ''} > ${happening.to} by ${happening.event} (${happening.source})${happening.byItself ? ' by itself' : ''}` : `${happening.name} ${happening.type}`

const send = (stage: Stage, to: AgentId, message: string) => stage.ask(stage.me, 'send_to_instance', { instance_id: to, message, wait_for_response: false })

test('an agent’s life is told whole: its spawn, each change of state with what made it, and its end last', async () => {
  const stage = createStage()
  const { heard } = watch(stage)
  const ada = await stage.spawn('ada')
  await send(stage, ada, 'go')
  stage.turn(ada, 'done')
  await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
  expect(heard.map(told)).toEqual([
    'ada spawned',
    'ada:  > spawning.launching by xstate.init (command) by itself',
    'ada: spawning.launching > spawning.handshaking by ready (self)',
    'ada: spawning.handshaking > idle.live by ready (self) by itself',
    'ada: idle.live > busy.delivering by messageAccepted (command) by itself',
    'ada: busy.delivering > busy.working by promptSeen (self)',
    'ada: busy.working > idle.live by turnEnded (self)',
    'ada: idle.live > terminated.draining by terminateAsked (command)',
    'ada: terminated.draining > terminated.stopping by terminateAsked (command) by itself',
    'ada: terminated.stopping > terminated.final by exited (self) by itself',
    'ada ended',
  ])
  expect(new Set(heard.map(({ id }) => id)).size).toBe(heard.length)
  expect(heard.every(({ at }) => at === stage.clock.now())).toBe(true)
})

test('an agent whose actor failed is told as ended', async () => {
  const stage = createStage()
  const ada = await stage.spawn('ada')
  const { heard } = watch(stage)
  // A fact no driver may send: the machine's own code throws on it.
  stage.fact(ada, { type: 'turnEnded', turnId: 't', status: 'completed', background: undefined as never })
  await stage.settle()
  expect(heard.map(told)).toEqual(['ada ended'])
})

test('what changes no state is no happening, but the agent is worth looking at anew', async () => {
  const stage = createStage()
  const ada = await stage.spawn('ada')
  await send(stage, ada, 'go')
  stage.begin(ada)
  const { heard, touched } = watch(stage)
  await send(stage, ada, 'and then this')
  expect(heard).toEqual([])
  expect(new Set(touched)).toEqual(new Set([ada]))
})

// Who looks whenever there is something new would else look for ever.
test('that somebody looked at its screen makes an agent neither another nor worth looking at anew', async () => {
  const stage = createStage()
  const ada = await stage.spawn('ada')
  await send(stage, ada, 'go')
  stage.begin(ada)
  const { heard, touched } = watch(stage)
  stage.fact(ada, { type: 'screenRead', requestId: 'r1', rendering: 'terminal', text: 'Thinking' })
  expect([heard, touched]).toEqual([[], []])
})

test('nothing an event carries is told', async () => {
  const stage = createStage()
  const { heard } = watch(stage)
  const ada = await stage.spawn('ada', stage.me, { system_prompt: 'secret-role', mcp_servers: { tracker: { command: 'tracker', env: { KEY: 'secret-key' } } } })
  await send(stage, ada, 'secret-task')
  stage.begin(ada)
  stage.fact(ada, { type: 'approvalRequested', approvalId: 'a', tool: 'Bash', detail: 'secret-command' })
  stage.end(ada, { finalText: 'secret-answer' })
  await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
  expect(heard.length).toBeGreaterThan(8)
  expect(JSON.stringify(heard)).not.toContain('secret')
})

test('each hears of those it may see: an owner of its own, an agent of itself and those below', async () => {
  const stage = createStage({ ownerTokens: { other: 'the-token-of-another-owner' } })
  const lead = await stage.spawn('lead')
  const stranger = watch(stage, { kind: 'owner', ownerId: asOwnerId('other') })
  const leads = watch(stage, stage.as(lead))
  await stage.spawn('peer')
  await stage.spawn('child', stage.as(lead))
  await send(stage, lead, 'go')
  const namesOf = (happenings: readonly Happening[]): string[] => [...new Set(happenings.map(({ name }) => name))]
  expect(namesOf(leads.past)).toEqual(['lead'])
  expect(namesOf(leads.heard)).toEqual(['child', 'lead'])
  expect([stranger.past, stranger.heard, stranger.touched]).toEqual([[], [], []])
  expect(namesOf(watch(stage, stage.as(lead)).past)).toEqual(['lead', 'child'])
})

test('who comes later gets the past; who comes back gets what it missed, and stops hearing when it stops', async () => {
  const stage = createStage()
  const first = watch(stage)
  const ada = await stage.spawn('ada')
  first.stop()
  const known = first.heard.length
  await send(stage, ada, 'go')
  expect(first.heard).toHaveLength(known)
  expect(watch(stage).past.slice(0, known)).toEqual(first.heard)
  const back = watch(stage, stage.me, first.heard.at(-1)?.id)
  expect(back.complete).toBe(true)
  expect(back.past.map(told)).toEqual(['ada: idle.live > busy.delivering by messageAccepted (command) by itself'])
})

test.each(['another-1', '0123456789ab-1', 'nonsense', ''])('after an id of another run (%j) all that is kept is told, as incomplete', async after => {
  const stage = createStage()
  await stage.spawn('ada')
  const { past, complete } = watch(stage, stage.me, after)
  expect([past.length, complete]).toEqual([4, false])
})

test('only the newest are kept, and who missed more than that is told so', async () => {
  const stage = createStage()
  const ada = await stage.spawn('ada')
  const first = watch(stage).past[0]
  for (let turn = 0; turn <= keptHappenings / 3; turn++) {
    await send(stage, ada, 'again')
    stage.turn(ada, 'done')
  }
  const { past, complete } = watch(stage, stage.me, first?.id)
  expect([past.length, complete]).toEqual([keptHappenings, false])
  expect(past.at(-1)).toMatchObject({ type: 'changed', to: 'idle.live' })
  expect(watch(stage, stage.me, past.at(-3)?.id)).toMatchObject({ complete: true, past: past.slice(-2) })
})

test('a watcher that throws harms neither the agent nor the other watchers, and is told no more', async () => {
  const stage = createStage()
  let calls = 0
  const thrower = (): never => {
    calls++
    throw new Error('a watcher’s own fault')
  }
  stage.system.inspect(stage.me, { happened: thrower, touched: thrower })
  const { heard } = watch(stage)
  const ada = await stage.spawn('ada')
  expect(stage.state(ada)).toBe('idle.live')
  expect(heard).toHaveLength(4)
  expect(calls).toBe(1)
})

test('without a transport a spawn names no inspector', async () => {
  const stage = createStage()
  expect(await stage.ask(stage.me, 'spawn_agent', { harness: 'hand', name: 'ada', workspace: 'isolated' })).not.toHaveProperty('inspector_url')
})
