/** The port of tracing: a message from its acceptance to its outcome, told once, when it has one. Plain data; what a span is, the exporter knows. */

import type { AgentId, MessageId } from '../ids.ts'
import type { Address, Outcome } from '../messages.ts'

export interface MessageTrace {
  readonly messageId: MessageId
  /** The message in whose course this one was sent. */
  readonly causedBy?: MessageId
  /** At the top of that line: all that was done for it is one trace. */
  readonly rootId: MessageId
  readonly from: Address
  readonly agent: { readonly id: AgentId; readonly name: string; readonly harness: string; readonly role: string; readonly sessionId?: string; readonly model?: string }
  readonly text: string
  readonly acceptedAt: number
  /** The latest delivery. */
  readonly deliveredAt?: number
  readonly seenAt?: number
  readonly outcome: Outcome
  /** Reported while the message was worked on; absent: nothing was. */
  readonly usage?: { readonly inputTokens: number; readonly outputTokens: number; readonly cacheReadTokens: number; readonly cacheCreationTokens: number }
}

export interface Tracing {
  /** Takes it for export. Never throws and never waits. */
  ended(trace: MessageTrace): void
  /** Sends what waits, if that can be done in short time, and releases everything. */
  close(): Promise<void>
}
