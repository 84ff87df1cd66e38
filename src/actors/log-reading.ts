/** The facade's words for logs: what was done, what was said, what was shown. Types only; `logs.ts` builds what they promise. */

import type { AgentId, MessageId, ReplyId } from '../ids.ts'
import type { Caller, OutcomeStatus } from '../messages.ts'

/** Both ends included; milliseconds since the epoch. `limit`: the newest so many; none: all. */
export interface LogRange {
  readonly since?: number
  readonly until?: number
  readonly limit?: number
}

/** An event of the audit, with the agent it is about by name. */
export interface AuditTold {
  readonly at: number
  readonly event: string
  readonly agent?: { readonly id: AgentId; readonly name: string }
  readonly data: Readonly<Record<string, unknown>>
}

/** A message, how it ended, or what was said beside it (`follow_up`, `notice`). */
export interface SaidTold {
  readonly at: number
  readonly kind: 'message' | 'outcome' | 'follow_up' | 'notice'
  readonly messageId?: MessageId
  readonly replyId?: ReplyId
  readonly from: { readonly id: string; readonly name: string }
  readonly to: { readonly id: string; readonly name: string }
  readonly text: string
  readonly expectsReply?: boolean
  readonly causedBy?: MessageId
  readonly status?: OutcomeStatus
  readonly via?: 'reply_to_caller' | 'turn_end'
}

/** A line of what an agent showed, as it was read at `at`. */
export interface ShownLine {
  readonly at: number
  /** `transcript`: of an agent without a terminal. */
  readonly rendering: 'terminal' | 'transcript'
  readonly line: string
}

export interface LoggedAgent {
  readonly id: AgentId
  readonly name: string
  readonly harness: string
  readonly role: string
  readonly createdAt: number
  readonly endedAt?: number
  readonly endReason?: string
  /** Where its files are, and which; none where nothing is exported. */
  readonly directory?: string
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly changedAt: number }[]
}

/** Oldest first, all of them, and without secrets. Of ended agents too, as far as retention has left it. */
export interface LogReading {
  /** What concerns those the caller may see, and for owners their clients and the server. `invalid_input`: no such event. */
  auditLog(caller: Caller, query: LogRange & { readonly event?: string; readonly agent?: string }): readonly AuditTold[]
  /** The audit of one agent. */
  instanceLog(caller: Caller, reference: string, range: LogRange): readonly AuditTold[]
  communicationLog(caller: Caller, reference: string, range: LogRange): readonly SaidTold[]
  /** What was read of its screen as turns ended. `unavailable`: nothing is exported here, or the files cannot be read. */
  terminalLog(caller: Caller, reference: string, range: LogRange): Promise<readonly ShownLine[]>
  loggedAgents(caller: Caller): Promise<readonly LoggedAgent[]>
  /** A tool refused the caller: for the audit. Not kept of an outage, in which everything is refused. */
  recordRefusal(caller: Caller, tool: string, code: string): void
}
