/**
 * An agent brought back from an earlier server's record, as decisions. What it had not been handed waits in its mailbox as
 * before; what it had been handed and not answered is asked of its session: settled as its record says, else driven again, marked.
 */

import type { FactOf } from '../drivers/driver.ts'
import { type AgentContext, recallMs, type Recovered } from './agent-context.ts'
import { type AgentDecision, both, clear, deadline, type DeadlineOf, dispatch, mailOf, thenQuiet } from './agent-effects.ts'
import { expiry } from './agent-mail.ts'
import { cutOff, settleTurn } from './agent-turns.ts'
import { asSeen, returnWork, type Work } from './mailbox.ts'

export const contextOf = (recovered: Recovered | undefined): Partial<AgentContext> => {
  if (!recovered) return {}
  const { mailbox, inbox, open, uncertain, hasHistory, requestCount, sessionId, hold, atLimit = [] } = recovered
  return { mailbox, inbox, open, uncertain, hasHistory, requestCount, atLimit, established: sessionId !== undefined, ...(sessionId ? { sessionId } : {}), ...(hold ? { hold } : {}) }
}

/** Its deadlines are set anew. */
export const arrive = (c: AgentContext): AgentDecision => thenQuiet(c, { effects: c.mailbox.flatMap(({ message }) => expiry(c, message, c.at)) }, c.at)

export const recallId = ({ uncertain: [first] }: AgentContext): string | undefined => first && `recall.${first.messageId}`

export const recall = (c: AgentContext): AgentDecision => {
  const [first] = c.uncertain
  const requestId = recallId(c)
  if (!first || requestId === undefined) return {}
  return { effects: [dispatch(c, { type: 'recallTurn', requestId, markers: [...first.markers] }), deadline(c, 'recall', { afterMs: recallMs }, { type: 'recallExpired', requestId })] }
}

/** What the session says of the first of them. A turn that it began by itself meanwhile goes on. */
export const recalled = (c: AgentContext, event: FactOf<'turnRecalled'> | DeadlineOf<'recallExpired'>): AgentDecision =>
  both(settleFirst(c, event), { context: { turn: c.turn, aside: c.aside, currentTool: c.currentTool, approvals: c.approvals } })

function settleFirst(c: AgentContext, event: FactOf<'turnRecalled'> | DeadlineOf<'recallExpired'>): AgentDecision {
  const [first, ...uncertain] = c.uncertain
  const open = first && c.open[first.messageId]
  const asked: AgentDecision = { context: { uncertain }, effects: [clear(c, 'recall')] }
  if (!open || open.settled) return asked
  const status = event.type === 'turnRecalled' ? event.status : 'cut'
  const work: Work = { kind: 'message', queued: { message: open.message, deliveries: Math.max(0, first.deliveries - 1) } }
  const now = { ...c, uncertain }
  // Never on its record: it was not seen, whatever was typed, and is delivered as if for the first time.
  if (status === 'absent') return both(asked, { context: returnWork(mailOf(c), { ...work, queued: { ...work.queued, deliveries: 0 } }, false), effects: expiry(c, open.message, event.at) })
  if (status === 'cut') return both(asked, cutOff({ ...now, turn: { subject: first.messageId, work: asSeen(work) } }, event.at, 'The server was stopped while it worked on this.'))
  const words = event.type === 'turnRecalled' ? { ...(event.finalText === undefined ? {} : { finalText: event.finalText }), ...(event.error === undefined ? {} : { error: event.error }) } : {}
  return both(asked, thenQuiet(now, settleTurn({ ...now, turn: { subject: first.messageId } }, { status, background: [], at: event.at, ...words }), event.at))
}
