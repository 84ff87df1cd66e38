/**
 * One agent's machine under a supervisor, with hands that only note what they are asked. The test is the driver, the facade
 * and the clock: nothing happens that it does not say.
 */

import { type ActorRefFrom, type AnyActorRef, createActor, fromCallback, setup, spawnChild } from 'xstate'
import type { DriverCommand, DriverFact } from '../../src/drivers/driver.ts'
import type { BareFact } from '../../src/drivers/facts.ts'
import { asAgentId, asClientId, asMessageId, asReplyId } from '../../src/ids.ts'
import type { Address, Message, Reply } from '../../src/messages.ts'
import { agentMachine } from '../../src/machines/agent.ts'
import type { AgentContext, AgentEmitted, AgentEvent, AgentInput } from '../../src/machines/agent-context.ts'
import { defaultSupervision } from '../../src/restarts.ts'
import { agentKey, type DeadlinesEvent, type DriversEvent, type LedgerEvent } from '../../src/machines/effects.ts'

export const ada = asAgentId('ada')
export const boss: Address = { kind: 'client', id: asClientId('boss') }
export const peer: Address = { kind: 'agent', id: asAgentId('peer') }

export const inputOf = (id: string, more: Partial<AgentInput> = {}): AgentInput => ({
  agentId: asAgentId(id), name: id, harness: 'hand', supervisor: boss, awaitsTools: false, restart: 'temporary', supervision: defaultSupervision, at: 0, ...more,
  launch: { name: id, cwd: '/', readableDirs: [], systemPrompt: '', sessionId: `session-${id}`, resume: false, mcpServers: {}, inheritMcp: false, confinement: { bypass: false }, marker: {}, readyTimeoutMs: 1 },
})

export const messageOf = (id: string, more: Partial<Message> = {}): Message => ({ id: asMessageId(id), to: ada, from: boss, text: `do ${id}`, expectsReply: true, acceptedAt: 0, ...more })
export const replyOf = (id: string, more: Partial<Reply> = {}): Reply =>
  ({ id: asReplyId(id), kind: 'outcome', to: { kind: 'agent', id: ada }, from: asAgentId('child'), fromName: 'child', messageId: asMessageId(`task-${id}`), status: 'answered', text: `result ${id}`, at: 0, ...more })

export interface Rig {
  readonly context: AgentContext
  /** `busy.working`, `idle.live`, … */
  readonly state: string
  /** Commands to the driver, in order; each is taken out by looking. */
  commands(): DriverCommand[]
  /** Records since the last look, changes of state left out. */
  records(): LedgerEvent[]
  readonly emitted: AgentEmitted[]
  readonly deadlines: ReadonlyMap<string, Extract<DeadlinesEvent, { type: 'setDeadline' }>>
  /** What the supervisor was told. */
  readonly finished: string[]
  /** Whose restart the supervisor is asked for. */
  readonly fallen: string[]
  tell(event: AgentEvent): void
  fact(fact: BareFact, agentId?: string): void
  /** Lets a deadline that is set fall due. */
  due(name: string): void
  accept(id: string, more?: Partial<Message> & { fromAncestor?: boolean }): void
  reply(id: string, more?: Partial<Reply>): void
  /** The prompt on its way. */
  readonly promptId: string
  readonly at: number
  tick(byMs: number): void
  actor(id: string): ActorRefFrom<typeof agentMachine> | undefined
}

/** The agent, spawned and not yet ready. */
export function createRig(input: Partial<AgentInput> = {}): Rig {
  const commands: DriverCommand[] = []
  const records: LedgerEvent[] = []
  const emitted: AgentEmitted[] = []
  const finished: string[] = []
  const fallen: string[] = []
  const deadlines = new Map<string, Extract<DeadlinesEvent, { type: 'setDeadline' }>>()
  let at = 0
  const root = setup({
    types: { events: {} as { type: 'begin' } | { type: 'agentFinished' | 'childDied'; agentId: string } },
    actors: {
      agent: agentMachine,
      drivers: fromCallback<DriversEvent>(({ receive }) => receive(event => void (event.type === 'dispatch' && commands.push(event.command)))),
      ledger: fromCallback<LedgerEvent>(({ receive }) => receive(event => records.push(event))),
      deadlines: fromCallback<DeadlinesEvent>(({ receive }) => receive(event => void (event.type === 'setDeadline' ? deadlines.set(event.key, event) : deadlines.delete(event.key)))),
    },
  }).createMachine({
    invoke: ['drivers', 'ledger', 'deadlines'].map(name => ({ id: name, systemId: name, src: name as 'drivers' })),
    // After the hands are there.
    on: { begin: { actions: spawnChild('agent', { id: ada, systemId: agentKey(ada), input: inputOf(ada, input) }) }, agentFinished: { actions: ({ event }) => finished.push(event.agentId) }, childDied: { actions: ({ event }) => fallen.push(event.agentId) } },
  })
  const system = createActor(root).start()
  system.send({ type: 'begin' })
  const find = (id: string) => system.system.get(agentKey(id)) as ActorRefFrom<typeof agentMachine> | undefined
  const agent = find(ada)
  if (!agent) throw new Error('The agent was not spawned.')
  agent.on('interruptSettled', event => emitted.push(event))
  const path = (value: unknown): string => (typeof value === 'object' && value !== null ? Object.entries(value).map(([key, inner]) => `${key}.${path(inner)}`).join('|') : String(value))
  const rig: Rig = {
    get context() {
      return agent.getSnapshot().context
    },
    get state() {
      return path(agent.getSnapshot().value)
    },
    commands: () => commands.splice(0),
    records: () => records.splice(0).filter(event => event.type !== 'agentChanged'),
    emitted,
    deadlines,
    finished,
    fallen,
    tell: event => find(ada)?.send(event),
    fact: (fact, agentId = ada) => (find(agentId) as AnyActorRef | undefined)?.send({ ...fact, agentId, source: 'self', at } as DriverFact), // the three fields Bare leaves out
    due: name => {
      const deadline = deadlines.get(`${ada}:${name}`)
      if (!deadline) throw new Error(`No deadline "${name}"; set: ${[...deadlines.keys()].join(', ')}`)
      deadlines.delete(deadline.key)
      at = Math.max(at, typeof deadline.at === 'number' ? deadline.at : at + deadline.at.afterMs)
      agent.send({ ...deadline.event, at } as AgentEvent) // the machine's own event, come back
    },
    accept: (id, { fromAncestor = true, ...more } = {}) => agent.send({ type: 'messageAccepted', message: messageOf(id, more), fromAncestor, at }),
    reply: (id, more = {}) => agent.send({ type: 'replyArrived', reply: replyOf(id, more), at }),
    get promptId() {
      const id = agent.getSnapshot().context.turn?.promptId
      if (id === undefined) throw new Error('No prompt is on its way.')
      return id
    },
    get at() {
      return at
    },
    tick: byMs => void (at += byMs),
    actor: find,
  }
  return rig
}

/** Ready, with nothing to do. */
export function createIdle(input: Partial<AgentInput> = {}): Rig {
  const rig = createRig(input)
  rig.fact({ type: 'ready', sessionId: 's1' })
  rig.commands()
  rig.records()
  return rig
}

/** In the turn `t1` of message `m1`. */
export function createWorking(): Rig {
  const rig = createIdle()
  rig.accept('m1')
  rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't1' })
  rig.commands()
  rig.records()
  return rig
}

export const ended = (turnId: string, more: Partial<TurnEnded> = {}): TurnEnded => ({ type: 'turnEnded', turnId, status: 'completed', background: [], ...more })
type TurnEnded = BareFact<'turnEnded'>
export const outcomes = (records: readonly LedgerEvent[]): string[] => records.flatMap(event => (event.type === 'messageSettled' ? [`${event.messageId} ${event.outcome.status}: ${event.outcome.text}`] : []))

/** An agent in this state, by the shortest way, with a session of its own (save while launching). */
export function inState(state: string): Rig {
  if (state === 'spawning.launching') return createRig()
  const rig = createIdle()
  if (state === 'idle.live') return rig
  if (state.startsWith('idle.suspend')) {
    rig.tell({ type: 'suspendAsked', why: 'asked', at: 1 })
    if (state !== 'idle.suspending') rig.fact({ type: 'exited', expected: true })
    rig.commands()
    return rig
  }
  rig.accept('m1', { from: peer, fromAncestor: false })
  if (state === 'idle.deferred') rig.fact({ type: 'promptRefused', promptId: rig.promptId, reason: 'in_turn' })
  if (state === 'busy.delivering' || state === 'idle.deferred') return rig
  rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't1' })
  if (state === 'busy.awaitingApproval') rig.fact({ type: 'approvalRequested', approvalId: 'a1', tool: 'Bash', detail: 'ls' })
  if (state === 'busy.interrupting' || state === 'interrupted.live') rig.tell({ type: 'interruptAsked', requestId: 'i1', by: boss, then: 'hold', at: 1 })
  if (state === 'interrupted.live') {
    rig.fact(ended('t1', { status: 'interrupted' }))
    rig.fact({ type: 'interruptFinished', requestId: 'i1', wasInTurn: true })
  }
  rig.commands()
  rig.records()
  return rig
}
