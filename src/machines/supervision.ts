/**
 * What every supervisor does with its children, be it an agent or a client: spawn them, drop them when they are finished,
 * decide whether one that died is restarted and who with it, and contain it when a child's own logic threw. XState leaves a crashed actor's children and callbacks running and merely
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
import type { RestartStrategy, Supervision } from '../restarts.ts'

const firstBackoffMs = 1_000
const longestBackoffMs = 60_000
/** The first restart waits a second, each further one within the window twice as long, up to a minute. Milliseconds. */
export const backoffMs = (earlier: number): number => Math.min(firstBackoffMs * 2 ** earlier, longestBackoffMs)

/** In the context of every supervisor: whom it still waits for, and whom it had restarted when. */
interface Supervisor {
  readonly children: readonly AgentId[]
  readonly restarts: readonly number[]
  readonly supervision: Supervision
}
type Finished = Extract<SupervisorEvent, { type: 'agentFinished' }>
type Died = Extract<SupervisorEvent, { type: 'childDied' }>

type Actors = Readonly<Record<string, AnyActorRef | undefined>>
/** Gives a supervisor's child actors as XState has them, crashed ones included; not to be called before its own actor is up. */
export type Children = () => Actors

export const spawnChild = ({ children }: Pick<Supervisor, 'children'>, { input }: SpawnAsked): Decision<Pick<Supervisor, 'children'>> => ({ context: { children: [...children, input.agentId] }, spawns: [input] })

/** A child is finished, all of it: its actor can go. */
export function dropChild({ children }: Pick<Supervisor, 'children'>, { agentId }: Finished, actorsOf: Children): Decision<Pick<Supervisor, 'children'>> {
  const left = children.filter(id => id !== agentId)
  return { context: { children: left }, stops: [agentId, ...spentCrashes(actorsOf(), left)] }
}

/** Restarted after a while that grows, unless too many were: then the death stands, and the supervisor hears of it as of any other. */
export function decideRestart({ children, restarts, supervision }: Supervisor, { agentId, at }: Died): Decision<Supervisor> {
  const { strategy, maxRestarts, withinMs } = supervision
  const recent = restarts.filter(each => each > at - withinMs)
  if (recent.length >= maxRestarts) {
    const reason = `its supervisor had ${recent.length === 1 ? 'one restart' : `${recent.length} restarts`} within ${withinMs / 1000} s, which is its limit`
    return { context: { restarts: recent }, effects: [{ to: 'child', agentId, event: { type: 'restartRefused', reason, at } }] }
  }
  const dueAt = at + backoffMs(recent.length)
  const reason = `its sibling ${agentId} went down, and their supervisor restarts ${strategy}`
  return {
    context: { restarts: [...recent, at] },
    effects: [
      { to: 'child', agentId, event: { type: 'restartGranted', dueAt, at } },
      ...restartedWith(strategy, children, agentId).map((id): Effect => ({ to: 'child', agentId: id, event: { type: 'restartAsked', reason, at } })),
    ],
  }
}

/** A supervisor that is ending brings nobody back. */
export const refuseRestart = (_: unknown, { agentId, at }: Died): Decision<never> =>
  ({ effects: [{ to: 'child', agentId, event: { type: 'restartRefused', reason: 'its supervisor is ending', at } }] })

function restartedWith(strategy: RestartStrategy, children: readonly AgentId[], fallen: AgentId): readonly AgentId[] {
  if (strategy === 'one_for_one') return []
  return strategy === 'one_for_all' ? children.filter(id => id !== fallen) : children.slice(children.indexOf(fallen) + 1)
}

/** The crashed child's children are the supervisor's own now. */
export function containCrash({ children }: Pick<Supervisor, 'children'>, crash: ChildCrashed, actorsOf: Children): Decision<Pick<Supervisor, 'children'>> {
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
