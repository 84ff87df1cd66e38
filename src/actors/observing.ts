/**
 * What XState tells of the actors, made into what happens to agents: who is spawned, changes state, ends. It keeps each living
 * agent's last state and nothing else. Of an event its type, time and source pass and nothing it carries: prompts, answers and
 * credentials stay with the actors.
 */

import type { AnyActorRef, InspectionEvent } from 'xstate'
import { wordsOf } from '../errors.ts'
import type { AgentId } from '../ids.ts'
import { agentActor, type AgentSnapshot, type Core, detailOf, ledgerActor } from './core.ts'
import type { Happening } from './facade.ts'

// A distributive Omit: each kind keeps its own fields.
type WithoutName<H> = H extends unknown ? Omit<H, 'id' | 'name'> : never
export type BareHappening = WithoutName<Happening>

export interface Observer {
  readonly happened: (happening: BareHappening) => void
  /** An agent was told something; its state is what it was. */
  readonly touched: (agentId: AgentId) => void
  /** It bears another name from now on. */
  readonly renamed: (agentId: AgentId) => void
}

/** Observes a started tree from now on. Both are called while an actor is at work, and what they throw is logged. */
export function observeAgents(core: Core, { happened, touched, renamed }: Observer): void {
  const states = new Map<AgentId, string | undefined>()
  const names = new Map<AgentId, string>()
  const end = (id: AgentId): void => {
    names.delete(id)
    if (states.delete(id)) happened({ type: 'ended', agentId: id, at: core.clock.now() })
  }
  const meet = (id: AgentId): void => {
    const row = core.rows.get(id)
    if (!row || states.has(id)) return
    states.set(id, undefined)
    names.set(id, row.name)
    happened({ type: 'spawned', agentId: id, at: row.createdAt, harness: row.harness, parent: row.parent })
  }
  const follow = (id: AgentId, inspected: Extract<InspectionEvent, { snapshot: unknown }>): void => {
    const to = detailOf(inspected.snapshot as AgentSnapshot) // only an agent's actor bears an agent's id
    const from = states.get(id)
    if (to === from) return
    states.set(id, to)
    happened({ type: 'changed', agentId: id, to, ...(from === undefined ? {} : { from }), ...causeOf(inspected, core.clock.now()) })
  }
  const call = (id: AgentId, name: unknown): void => {
    if (typeof name !== 'string' || name === names.get(id)) return
    names.set(id, name)
    renamed(id)
  }
  const look = (inspected: InspectionEvent): void => {
    const id = (inspected.actorRef as AnyActorRef).id as AgentId // other actors bear ids that no row has
    if (inspected.type === '@xstate.actor') meet(id)
    if (!states.has(id)) return
    if (inspected.type === '@xstate.microstep' || inspected.type === '@xstate.snapshot') follow(id, inspected)
    if (inspected.type !== '@xstate.snapshot') return
    if (inspected.event.type === 'respecified') call(id, inspected.event['name'])
    if (inspected.snapshot.status === 'stopped') end(id)
    else if (inspected.event.type !== 'screenRead') touched(id) // somebody looked: who looks when there is something new would look for ever
  }
  // Thrown into XState, it would be the end of the actor that is looked at.
  const unharmed = (observe: () => void): void => {
    try {
      observe()
    } catch (error) {
      core.log.error('an actor could not be observed', { reason: wordsOf(error) })
    }
  }
  core.root.system.inspect(inspected => unharmed(() => look(inspected)))
  // An actor that failed is inspected no more: of its end the ledger tells, and of others' while they are still at it.
  ledgerActor(core).on('agentEnded', ({ agentId }) => unharmed(() => agentActor(core, agentId)?.getSnapshot().status !== 'active' && end(agentId)))
}

type Cause = Pick<Extract<BareHappening, { type: 'changed' }>, 'at' | 'event' | 'source' | 'byItself'>

/** A transition without an event of its own is taken in the wake of one. */
function causeOf(inspected: Extract<InspectionEvent, { snapshot: unknown }>, now: number): Cause {
  const { event } = inspected
  const byItself = inspected.type === '@xstate.microstep' && inspected._transitions.some(({ eventType }) => eventType === '')
  return {
    at: typeof event['at'] === 'number' ? event['at'] : now,
    event: event.type,
    source: typeof event['source'] === 'string' ? event['source'] : 'command',
    ...(byItself ? { byItself } : {}),
  }
}
