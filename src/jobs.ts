/**
 * The words of a job: one task given to several agents in one of three manners, with one of them, the coordinator, who makes a whole of
 * what they answered. Its steps are messages; what became of a step is its message's outcome.
 */

import type { AgentId, JobId, MessageId, OwnerId, ReplyId } from './ids.ts'
import type { Address, Caller, Outcome } from './messages.ts'

/** `sequential`: one after the other, each with the results so far; `parallel`: all at once, each a part; `consensus`: all at once, each the whole and on its own. */
export const coordinationTypes = ['sequential', 'parallel', 'consensus'] as const
export type CoordinationType = (typeof coordinationTypes)[number]

/** `completed_with_failures`: there is a result, and somebody's part is missing from it. */
export const jobStatuses = ['running', 'completed', 'completed_with_failures', 'failed', 'cancelled'] as const
export type JobStatus = (typeof jobStatuses)[number]

export interface Job {
  readonly id: JobId
  readonly type: CoordinationType
  readonly task: string
  readonly coordinator: AgentId
  readonly participants: readonly AgentId[]
  /** Whose call it was: its messages are sent as this caller's. */
  readonly caller: Caller
  /** Who is told of its end. */
  readonly from: Address
  readonly ownerId: OwnerId
  /** What the calling agent was working on: the job's messages work for it. */
  readonly subject?: MessageId
  readonly createdAt: number
}

/** Recorded once. */
export interface JobEnd {
  readonly status: Exclude<JobStatus, 'running'>
  /** The result, or why there is none. */
  readonly text: string
  /** What tells the caller of it. */
  readonly noticeId?: ReplyId
  readonly at: number
}

/** A step that was taken. Its number names it: the place of its participant, from 1, and after those the coordinator's. */
export interface JobStep {
  readonly jobId: JobId
  readonly number: number
  readonly agentId: AgentId
  /** Absent: it could not be sent. */
  readonly messageId?: MessageId
  /** Why it could not. */
  readonly refusal?: Outcome
}

/** A step with what became of it; without an outcome it is still worked on. */
export interface StepTaken extends JobStep {
  readonly outcome?: Outcome
}
