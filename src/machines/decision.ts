/**
 * What a machine decides, as data, and how XState carries it out. Decisions are pure and can be tabled in tests; whatever a
 * machine does to the world beyond changing its context passes through `carryOut`.
 */

import type { AnyActorRef } from 'xstate'
import type { AgentInput } from './agent-context.ts'
import { agentKey, type Effect, hands } from './effects.ts'

/** A machine's answer to an event: what changes in its context, and what is to be done. */
export interface Decision<Context, Emitted = never> {
  readonly context?: Partial<Context>
  readonly effects?: readonly Effect[]
  /** For those who listen to the actor. */
  readonly emits?: readonly Emitted[]
  /** Agents to be children of this actor. */
  readonly spawns?: readonly AgentInput[]
  /** Child actors that can go, by their ids. */
  readonly stops?: readonly string[]
}

/** As much of XState's `enqueue` as a decision needs: that of every machine which knows the actor `agent`. */
interface Enqueue<Context, Emitted> {
  assign(changes: Partial<Context>): void
  spawnChild(logic: 'agent', options: { readonly id: string; readonly systemId: string; readonly input: AgentInput }): void
  sendTo(receiver: (args: Surroundings) => AnyActorRef, event: Effect['event']): void
  emit(event: Emitted): void
  stopChild(id: string): void
}

interface Surroundings {
  readonly self: AnyActorRef
  readonly system: { get(key: string): AnyActorRef | undefined }
}

export function carryOut<Context, Emitted>(enqueue: Enqueue<Context, Emitted>, { context, effects = [], emits = [], spawns = [], stops = [] }: Decision<Context, Emitted>): void {
  if (context) enqueue.assign(context)
  for (const input of spawns) enqueue.spawnChild('agent', { id: input.agentId, systemId: agentKey(input.agentId), input })
  for (const effect of effects) enqueue.sendTo(receiverOf(effect), effect.event)
  for (const event of emits) enqueue.emit(event)
  for (const id of stops) enqueue.stopChild(id)
}

/** Always there: the hands and the root live as long as the system, and a child stays in it until its supervisor drops it. */
const receiverOf = (effect: Effect) => ({ self, system }: Surroundings): AnyActorRef => {
  if (effect.to === 'supervisor') return livingParent(self) as AnyActorRef
  if (effect.to === 'self') return self
  return system.get(effect.to === 'child' ? agentKey(effect.agentId) : hands[effect.to]) as AnyActorRef
}

/** Who hears of an actor's end: its supervisor, or whoever took its place. */
function livingParent(self: AnyActorRef): AnyActorRef | undefined {
  let parent = self._parent
  while (parent && parent.getSnapshot().status !== 'active') parent = parent._parent
  return parent
}
