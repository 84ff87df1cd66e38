/**
 * What a supervisor does when a child's own logic threw: contain it. XState leaves a crashed actor's children and callbacks
 * running and merely unregisters the actor, so the aftermath is spelled out: the grandchildren are told to end, and the
 * agent's end goes on record; its driver is stopped by force.
 */

import type { AnyActorRef, AnyMachineSnapshot } from 'xstate'
import type { AgentId } from '../ids.ts'
import { agentKey, type ChildCrashed, hands } from './effects.ts'

interface Telling {
  readonly target: (args: { system: { get(key: string): AnyActorRef | undefined } }) => AnyActorRef
  readonly event: { readonly type: string; readonly [field: string]: unknown }
}

/** Whom to tell what, when the child named by `crash` is gone. */
export function crashAftermath(children: Readonly<Record<string, AnyActorRef | undefined>>, crash: ChildCrashed): Telling[] {
  const agentId = crash.actorId as AgentId // children of supervisors are agents, spawned under their own id
  const snapshot = children[crash.actorId]?.getSnapshot() as AnyMachineSnapshot | undefined // an agent's, for the same reason
  const { harness, since, children: grandchildren = [] } = (snapshot?.context ?? {}) as { harness?: string; since?: number; children?: readonly AgentId[] }
  const reason = `its actor failed: ${crash.error instanceof Error ? crash.error.message : String(crash.error)}`
  const at = since ?? 0
  const hand = (name: string): Telling['target'] => ({ system }) => system.get(name) as AnyActorRef // the hands live as long as the system
  return [
    ...grandchildren.map(id => ({ target: ({ system }: Parameters<Telling['target']>[0]) => system.get(agentKey(id)) as AnyActorRef, event: { type: 'terminateAsked', reason, force: true, at } })),
    ...(harness ? [{ target: hand(hands.drivers), event: { type: 'dispatch', harness, command: { type: 'stopAgent', agentId, mode: 'force', graceMs: 0 } } }] : []),
    { target: hand(hands.ledger), event: { type: 'agentEnded', agentId, reason, at } },
  ]
}
