/** Telling the tracer of each message that has an outcome: what is on record of it then. What goes wrong here is nobody's trouble. */

import { wordsOf } from '../errors.ts'
import type { AgentId, MessageId } from '../ids.ts'
import type { Log } from '../log.ts'
import type { Message, Outcome } from '../messages.ts'
import type { AgentRow, Store } from '../store/store.ts'
import type { MessageTrace, Tracing } from '../telemetry/spans.ts'
import { specOf } from './core.ts'
import type { Recorded } from './recording.ts'

interface TracingOptions {
  readonly tracing: Tracing
  readonly store: Store
  readonly rowOf: (id: AgentId) => AgentRow | undefined
  readonly log: Log
}

/** For `tellRecords`. */
export const traceRecords = ({ tracing, store, rowOf, log }: TracingOptions) => (recorded: Recorded): void => {
  if (recorded.type !== 'said' || recorded.said.kind !== 'outcome') return
  const { message, outcome } = recorded.said
  try {
    const row = rowOf(message.to)
    if (row) tracing.ended(toTrace(store, row, message, outcome))
  } catch (error) {
    // It is told while the ledger is at work, and the message is settled whatever becomes of its trace.
    log.warn('A message could not be traced.', { messageId: message.id, reason: wordsOf(error) })
  }
}

function toTrace(store: Store, row: AgentRow, message: Message, outcome: Outcome): MessageTrace {
  const { deliveredAt, seenAt } = store.getMessage(message.id) ?? {}
  const usage = seenAt === undefined ? undefined : store.usageTotals(row.id, { since: seenAt, until: outcome.at })
  const sessionId = store.getAgent(row.id)?.sessionId
  const { model } = specOf(row)
  return {
    messageId: message.id, ...(message.causedBy ? { causedBy: message.causedBy } : {}), rootId: rootOf(store, message), from: message.from, text: message.text, acceptedAt: message.acceptedAt, outcome,
    agent: { id: row.id, name: row.name, harness: row.harness, role: row.role, ...(sessionId ? { sessionId } : {}), ...(model ? { model } : {}) },
    ...(deliveredAt === undefined ? {} : { deliveredAt }), ...(seenAt === undefined ? {} : { seenAt }), ...(usage && Object.values(usage).some(tokens => tokens > 0) ? { usage } : {}),
  }
}

/** A message is caused by an earlier one, so the line has an end. */
function rootOf(store: Store, { id, causedBy }: Pick<Message, 'id' | 'causedBy'>): MessageId {
  const cause = causedBy && store.getMessage(causedBy)
  return cause ? rootOf(store, cause) : (causedBy ?? id)
}
