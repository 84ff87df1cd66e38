/** Permission prompts of an agent's CLI, as decisions: opened, answered, overdue, closed. Who answers is decided outside; nothing is typed. */

import type { FactOf } from '../drivers/driver.ts'
import { type AgentContext, answerMs, approvalMs } from './agent-context.ts'
import { type AgentDecision, clear, type CommandOf, deadline, type DeadlineOf, dispatch, record } from './agent-effects.ts'

/** It is told of, and denied at its deadline: a dialog that nobody sees would hold its agent for ever. */
export function opened(c: AgentContext, { approvalId, tool, detail, wants, at }: FactOf<'approvalRequested'>): AgentDecision {
  const expiresAt = at + (c.approvalMs ?? approvalMs)
  return {
    context: { approvals: [...c.approvals.filter(known => known.approvalId !== approvalId), { approvalId, tool, detail }] },
    effects: [
      record({ type: 'approvalOpened', agentId: c.agentId, approvalId, tool, detail, ...(wants ? { wants } : {}), expiresAt, at }),
      // Whoever was told denies it first; this is for when nobody could be told.
      deadline(c, `approval:${approvalId}`, expiresAt + answerMs, { type: 'approvalExpired', approvalId }),
    ],
  }
}

/** By its own id only: what was open when somebody decided may have closed since, and another have opened. */
export const answered = (c: AgentContext, { approvalId, decision, message }: CommandOf<'approvalAnswered'>): AgentDecision =>
  c.approvals.some(open => open.approvalId === approvalId) ? { effects: [dispatch(c, { type: 'answerApproval', approvalId, decision, ...(message ? { message } : {}) })] } : {}

export const expired = (c: AgentContext, { approvalId, at }: DeadlineOf<'approvalExpired'>): AgentDecision =>
  answered(c, { type: 'approvalAnswered', approvalId, decision: 'deny', message: overdue(c.approvalMs ?? approvalMs), at })

/** What the CLI is told then. */
export const overdue = (ms: number): string => `Nobody answered within ${Math.round(ms / 1000)} seconds, so it is denied.`

/** The CLI's own word that it is over, by an answer or without. */
export const closed = (c: AgentContext, { approvalId }: FactOf<'approvalResolved'>): AgentDecision =>
  c.approvals.some(open => open.approvalId === approvalId) ? { context: { approvals: c.approvals.filter(open => open.approvalId !== approvalId) }, effects: [clear(c, `approval:${approvalId}`)] } : {}
