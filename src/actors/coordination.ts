/** The facade's words for jobs. Types only; `coordinating.ts` builds what they promise. */

import type { AgentId, JobId, MessageId, ReplyId } from '../ids.ts'
import type { CoordinationType, JobStatus } from '../jobs.ts'
import type { Caller, OutcomeStatus } from '../messages.ts'

export interface JobRequest {
  readonly coordinator: string
  readonly participants: readonly string[]
  readonly task: string
  readonly type: CoordinationType
  readonly callKey?: string
}

/** One agent's part. `waiting`: its turn has not come; `open`: it was sent, and is not answered. */
export interface JobPart {
  readonly agentId: AgentId
  readonly name: string
  readonly as: 'participant' | 'coordinator'
  readonly status: 'waiting' | 'open' | OutcomeStatus
  readonly messageId?: MessageId
  /** Its answer, or why there is none. */
  readonly text?: string
}

export interface JobTold {
  readonly id: JobId
  readonly type: CoordinationType
  readonly task: string
  readonly status: JobStatus
  /** In the order they were named, the coordinator last. */
  readonly parts: readonly JobPart[]
  readonly createdAt: number
  readonly endedAt?: number
  /** The result, or why there is none. */
  readonly result?: string
}

/** Ends early when `signal` is aborted; the job goes on. */
export interface JobWait {
  readonly signal?: AbortSignal
  readonly timeoutMs: number
  /** Called as the job goes on. */
  readonly progress?: (message: string) => void
}

/** What became of the messages that were open. */
export interface JobCancelled {
  readonly job: JobTold
  /** False: it had ended before. */
  readonly cancelled: boolean
  /** Their turns were cut. */
  readonly interrupted: readonly string[]
  /** Had not begun, and will not. */
  readonly withdrawn: readonly string[]
  /** Go on: the caller may not interrupt them, or they are at work on something else. What they answer goes nowhere. */
  readonly left: readonly string[]
}

/** A job is its caller's, and of those above it; of a client's, all of its owner's. Any other is `not_found`. */
export interface Coordination {
  /**
   * On record when this returns, and under way. Its messages are sent as the caller's, and their answers go to the job. Refused:
   * `invalid_input` (somebody named twice, or as both; a task that is empty or too long), `wait_cycle` (the caller itself), and as `send`
   * refuses.
   */
  coordinate(caller: Caller, request: JobRequest): JobTold
  /** `wait`: until it has ended, or the wait has. Refused: `wait_cycle`, where it waits for the caller. `replies`: what tells its caller of the end, handed out by this answer. */
  jobStatus(caller: Caller, id: string, wait?: JobWait): Promise<{ readonly job: JobTold; readonly replies: readonly ReplyId[] }>
  cancelJob(caller: Caller, id: string): Promise<JobCancelled>
}
