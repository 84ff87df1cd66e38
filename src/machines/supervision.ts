/**
 * What every supervisor does with its children, be it an agent or a client: spawn them, drop them when they are finished, and
 * contain it when a child's own logic threw. XState leaves a crashed actor's children and callbacks running and merely
 * unregisters the actor, so the aftermath is spelled out: the grandchildren are told to end and are the supervisor's to wait
 * for, the agent's end goes on record, and its driver is stopped by force.
 *
 * The crashed actor is not stopped before they are gone: `stopChild` takes the names of all below it out of the system at
 * once (xstate 5.33, `unregisterRecursively`), and nothing would reach those that are still ending.
 */

import type { AnyActorRef, AnyMachineSnapshot } from 'xstate'
import type { SpawnAsked } from './agent-context.ts'
import { wordsOf } from '../errors.ts'
import { type AgentId, asAgentId } from '../ids.ts'
import type { Decision } from './decision.ts'
import type { ChildCrashed, Effect, SupervisorEvent } from './effects.ts'

/** In the context of every supervisor: whom it still waits for. */
interface Supervisor {
  readonly children: readonly AgentId[]
}

type Actors = Readonly<Record<string, AnyActorRef | undefined>>
/** Gives a supervisor's child actors as XState has them, crashed ones included; not to be called before its own actor is up. */
export type Children = () => Actors

export const spawnChild = ({ children }: Supervisor, { input }: SpawnAsked): Decision<Supervisor> => ({ context: { children: [...children, input.agentId] }, spawns: [input] })

/** A child is finished, all of it: its actor can go. */
export function dropChild({ children }: Supervisor, { agentId }: SupervisorEvent, actorsOf: Children): Decision<Supervisor> {
  const left = children.filter(id => id !== agentId)
  return { context: { children: left }, stops: [agentId, ...spentCrashes(actorsOf(), left)] }
}

/** The crashed child's children are the supervisor's own now. */
export function containCrash({ children }: Supervisor, crash: ChildCrashed, actorsOf: Children): Decision<Supervisor> {
  const actors = actorsOf()
  const crashed = contextOf(actors[crash.actorId])
  const left = [...children.filter(id => id !== crash.actorId), ...(crashed.children ?? [])]
  return { context: { children: left }, effects: aftermathOf(crash, crashed), stops: spentCrashes(actors, left) }
}

interface Crashed {
  readonly harness?: string
  readonly since?: number
  readonly children?: readonly AgentId[]
}

const contextOf = (ref: AnyActorRef | undefined): Crashed => ((ref?.getSnapshot() as AnyMachineSnapshot | undefined)?.context ?? {}) as Crashed // children of supervisors are agents

/** Crashed children with nobody left below them, `living` being all the supervisor still waits for. */
function spentCrashes(actors: Actors, living: readonly AgentId[]): string[] {
  return Object.entries(actors).flatMap(([id, ref]) => (ref?.getSnapshot().status === 'error' && !contextOf(ref).children?.some(child => living.includes(child)) ? [id] : []))
}

/** Whom to tell what, when a child is gone without a word of its own. */
function aftermathOf({ actorId, error }: ChildCrashed, { harness, since = 0, children = [] }: Crashed): Effect[] {
  const agentId = asAgentId(actorId) // children of supervisors are agents, spawned under their own id
  const reason = `its actor failed: ${wordsOf(error)}`
  return [
    ...children.map((id): Effect => ({ to: 'child', agentId: id, event: { type: 'terminateAsked', reason, force: true, at: since } })),
    ...(harness ? [{ to: 'drivers', event: { type: 'dispatch', harness, command: { type: 'stopAgent', agentId, mode: 'force', graceMs: 0 } } } satisfies Effect] : []),
    { to: 'ledger', event: { type: 'agentEnded', agentId, reason, unasked: true } },
  ]
}
