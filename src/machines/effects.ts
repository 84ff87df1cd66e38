/**
 * What a machine may ask of the world: events for the system's hands and for the actors next to it in the tree. A decision
 * returns these as data; the actor sends them. Each hand is one actor under the root, found by its system id.
 */

import type { Audited } from '../audit.ts'
import type { DriverCommand, Want } from '../drivers/driver.ts'
import type { AgentId, JobId, MessageId, ReplyId } from '../ids.ts'
import type { JobEnd } from '../jobs.ts'
import type { Reached } from '../limits.ts'
import type { Address, Outcome, Reply } from '../messages.ts'

/** For the drivers: a command for one agent's harness. */
export type DriversEvent =
  | { readonly type: 'dispatch'; readonly harness: string; readonly command: DriverCommand }
  /** Agents can reach Madrox from now on: those whose start waited for it are started. */
  | { readonly type: 'endpointAnnounced' }
  /** Nothing can be put on record, or it can again: meanwhile nothing is typed that a killed server would not know of. */
  | { readonly type: 'recordStalled' }
  | { readonly type: 'recordResumed' }
  /** Agents hear no more of their processes: those are ended, and the agents are not. */
  | { readonly type: 'agentsLeft' }

/** For the ledger: facts to put on record, and then to act on (an outcome travels back once it is written). */
export type LedgerEvent =
  /** About to be given to its driver. Should the server be killed now, its session is asked how far it came. */
  | { readonly type: 'messageHanded'; readonly agentId: AgentId; readonly messageId: MessageId }
  | { readonly type: 'messageDelivered'; readonly agentId: AgentId; readonly messageId: MessageId; readonly at: number }
  | { readonly type: 'messageSeen'; readonly agentId: AgentId; readonly messageId: MessageId; readonly at: number }
  /** Its turn ended and left it open: tasks of its own, or background work, are out. */
  | { readonly type: 'messageRested'; readonly agentId: AgentId; readonly messageId: MessageId; readonly lastText?: string; readonly at: number }
  /** A turn of its own, or on replies, works on it again. */
  | { readonly type: 'messageResumed'; readonly agentId: AgentId; readonly messageId: MessageId; readonly at: number }
  | { readonly type: 'messageSettled'; readonly agentId: AgentId; readonly messageId: MessageId; readonly outcome: Outcome }
  | { readonly type: 'followUpGiven'; readonly agentId: AgentId; readonly messageId: MessageId; readonly text: string; readonly at: number }
  /** What became of the agent: for its supervisor, or `to`. */
  | { readonly type: 'noticeGiven'; readonly agentId: AgentId; readonly text: string; readonly to?: Address; readonly at: number }
  /** Its CLI asks whether it may use a tool; who is to say so is not the agent's to know. */
  | { readonly type: 'approvalOpened'; readonly agentId: AgentId; readonly approvalId: string; readonly tool: string; readonly detail: string; readonly wants?: readonly Want[]; readonly expiresAt: number; readonly at: number }
  /** Why it ends: `max_total_tokens`, … */
  | { readonly type: 'limitReached'; readonly agentId: AgentId; readonly limit: string; readonly detail: string; readonly at: number }
  /** It is held at these from now on (none: at none); `fresh` of them since now, and at those `lifted` no more. `notice`: for its supervisor. */
  | { readonly type: 'limitsHeld'; readonly agentId: AgentId; readonly reached: readonly Reached[]; readonly fresh: readonly Reached[]; readonly lifted: readonly string[]; readonly notice?: string; readonly at: number }
  /** `by`: who cancelled it; `quiet`: that is its caller, who need not be told. */
  | { readonly type: 'jobEnded'; readonly jobId: JobId; readonly end: Omit<JobEnd, 'noticeId'>; readonly by?: string; readonly quiet?: boolean }
  /** Nothing but the audit tells of it. */
  | { readonly type: 'audited'; readonly event: Audited }
  | { readonly type: 'repliesSeen'; readonly ids: readonly ReplyId[]; readonly at: number }
  | { readonly type: 'agentChanged'; readonly agentId: AgentId; readonly state: string; readonly source?: string; readonly sessionId?: string; readonly pid?: number; readonly hold?: Hold | null; readonly at: number }
  /** Ends its open messages as `agent_gone` and redirects its inbox. `unasked`: nobody ended it, so its supervisor is told. Without `at`: now. */
  | { readonly type: 'agentEnded'; readonly agentId: AgentId; readonly reason: string; readonly unasked?: boolean; readonly spawnFailure?: SpawnFailure; readonly at?: number }

/** An agent that came up and then proved to be of no use: on record it was never spawned, and the message that showed it fails in the CLI's words. */
export interface SpawnFailure {
  readonly messageId?: MessageId
  readonly words: string
}

/** Interrupted on purpose: nothing is delivered until the one who did it, or an ancestor, sends. */
export interface Hold {
  readonly by: Address
  readonly at: number
}

/** For the jobs. */
export type JobsEvent =
  | { readonly type: 'jobBegun'; readonly jobId: JobId }
  /** From the ledger, after it was written: a step has its outcome. */
  | { readonly type: 'stepSettled'; readonly jobId: JobId }
  /** From the ledger: its end is on record. */
  | { readonly type: 'jobClosed'; readonly jobId: JobId }
  /** All that run go on: the tree stands again, or the store may be written again. */
  | { readonly type: 'jobsDue' }

/** For the deadlines: one timer wheel for all, because every stopped actor scans the timers of the whole system. `event` comes back with `at`, when it fell due. */
export type DeadlinesEvent =
  | { readonly type: 'setDeadline'; readonly key: string; readonly at: Due; readonly notify: string; readonly event: { readonly type: string; readonly [field: string]: unknown } }
  | { readonly type: 'clearDeadline'; readonly key: string }

/** A time, or so long from when the deadlines hear of it: for decisions whose event carries no time of its own. Milliseconds. */
export type Due = number | { readonly afterMs: number }

/** From an agent to its supervisor. `childDied`: its process is gone and its restart policy wants it back; the supervisor decides. `childRested`: it has nothing to do. */
export type SupervisorEvent =
  | { readonly type: 'agentFinished'; readonly agentId: AgentId; readonly at: number }
  | { readonly type: 'childDied'; readonly agentId: AgentId; readonly at: number }
  | { readonly type: 'childRested'; readonly agentId: AgentId; readonly at: number }

/** The supervisor's decision. `restartAsked`: of a child that is well, because a sibling was not. */
export type RestartDecision =
  | { readonly type: 'restartGranted'; readonly dueAt: number; readonly at: number }
  | { readonly type: 'restartRefused'; readonly reason: string; readonly at: number }
  | { readonly type: 'restartAsked'; readonly reason: string; readonly at: number }

/** From a supervisor, or by way of the facade, to an agent. */
export type TerminateAsked = { readonly type: 'terminateAsked'; readonly reason: string; readonly force: boolean; readonly at: number }

/** XState's own word that a child's logic threw. */
export type ChildCrashed = { readonly type: `xstate.error.actor.${string}`; readonly actorId: string; readonly error: unknown }

export type Effect =
  | { readonly to: 'drivers'; readonly event: DriversEvent }
  | { readonly to: 'ledger'; readonly event: LedgerEvent }
  | { readonly to: 'deadlines'; readonly event: DeadlinesEvent }
  | { readonly to: 'supervisor'; readonly event: SupervisorEvent }
  | { readonly to: 'child'; readonly agentId: AgentId; readonly event: TerminateAsked | RestartDecision }
  /** What follows in another transition of its own, under that one's guard. */
  | { readonly to: 'self'; readonly event: { readonly type: 'suspendAsked'; readonly why: 'idle'; readonly at: number } }

/** System ids: how actors find each other. */
export const agentKey = (id: string): string => `agent:${id}`
export const clientKey = (id: string): string => `client:${id}`
export const addressKey = (address: Address): string => `${address.kind}:${address.id}`
export const hands = { drivers: 'drivers', ledger: 'ledger', deadlines: 'deadlines', asks: 'asks', retention: 'retention', exporting: 'exporting', jobs: 'jobs' } as const

/** A reply on its way: recorded, and now for its addressee. */
export type InboxEvent =
  | { readonly type: 'replyArrived'; readonly reply: Reply; readonly at: number }
  /** Handed out by a call (or answered to a waiting ask): no longer pending here. */
  | { readonly type: 'repliesClaimed'; readonly ids: readonly ReplyId[]; readonly messageIds: readonly MessageId[]; readonly at: number }
