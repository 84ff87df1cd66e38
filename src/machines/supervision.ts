/**
 * What a supervisor does when a child's own logic threw: contain it. XState leaves a crashed actor's children and callbacks
 * running and merely unregisters the actor, so the aftermath is spelled out: the grandchildren are told to end and are the
 * supervisor's to wait for, the agent's end goes on record, and its driver is stopped by force.
 *
 * The crashed actor is not stopped before they are gone: `stopChild` takes the names of all below it out of the system at
 * once (xstate 5.33, `unregisterRecursively`), and nothing would reach those that are still ending.
 */

import type { AnyActorRef, AnyMachineSnapshot } from 'xstate'
import type { AgentId } from '../ids.ts'
import { agentKey, type ChildCrashed, hands } from './effects.ts'

interface Telling {
  readonly target: (args: { system: { get(key: string): AnyActorRef | undefined } }) => AnyActorRef
  readonly event: { readonly type: string; readonly [field: string]: unknown }
}

interface Crashed {
  readonly harness?: string
  readonly since?: number
  readonly children?: readonly AgentId[]
}
type Children = Readonly<Record<string, AnyActorRef | undefined>>

const contextOf = (ref: AnyActorRef | undefined): Crashed => ((ref?.getSnapshot() as AnyMachineSnapshot | undefined)?.context ?? {}) as Crashed // children of supervisors are agents

/** The supervisor's children once `crash` is dealt with: the crashed one's are its own now. */
export function childrenAfter(ids: readonly AgentId[], children: Children, crash: ChildCrashed): readonly AgentId[] {
  return [...ids.filter(id => id !== crash.actorId), ...(contextOf(children[crash.actorId]).children ?? [])]
}

/** Crashed children with nobody left below them, `living` being all the supervisor still waits for. */
export function spentCrashes(children: Children, living: readonly AgentId[]): string[] {
  return Object.entries(children).flatMap(([id, ref]) => (ref?.getSnapshot().status === 'error' && !contextOf(ref).children?.some(child => living.includes(child)) ? [id] : []))
}

/** Who hears of an actor's end: its supervisor, or whoever took its place. */
export function livingParent(self: AnyActorRef): AnyActorRef | undefined {
  let parent = self._parent
  while (parent && parent.getSnapshot().status !== 'active') parent = parent._parent
  return parent
}

/** Whom to tell what, when the child named by `crash` is gone. */
export function crashAftermath(children: Children, crash: ChildCrashed): Telling[] {
  const agentId = crash.actorId as AgentId // children of supervisors are agents, spawned under their own id
  const { harness, since, children: grandchildren = [] } = contextOf(children[crash.actorId])
  const reason = `its actor failed: ${crash.error instanceof Error ? crash.error.message : String(crash.error)}`
  const at = since ?? 0
  const hand = (name: string): Telling['target'] => ({ system }) => system.get(name) as AnyActorRef // the hands live as long as the system
  return [
    ...grandchildren.map(id => ({ target: ({ system }: Parameters<Telling['target']>[0]) => system.get(agentKey(id)) as AnyActorRef, event: { type: 'terminateAsked', reason, force: true, at } })),
    ...(harness ? [{ target: hand(hands.drivers), event: { type: 'dispatch', harness, command: { type: 'stopAgent', agentId, mode: 'force', graceMs: 0 } } }] : []),
    { target: hand(hands.ledger), event: { type: 'agentEnded', agentId, reason, unasked: true } },
  ]
}
