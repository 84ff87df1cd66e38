/** Interrupts, as decisions: asked for, on their way, over or given up, and what becomes of the turn they meet. */

import type { FactOf } from '../drivers/driver.ts'
import { type AgentContext, type AgentEvent, interruptMs } from './agent-context.ts'
import { type AgentDecision, both, clear, type CommandOf, deadline, type DeadlineOf, dispatch, mailOf, noTurn, settle, thenQuiet, timeOf } from './agent-effects.ts'
import { asideTakesOver, settleSubject, turnEnded } from './agent-turns.ts'
import { returnWork } from './mailbox.ts'

export const interrupt = (c: AgentContext, { requestId, by, then, at }: CommandOf<'interruptAsked'>): AgentDecision => ({
  context: { interrupting: { requestId, by, then, at } },
  effects: [dispatch(c, { type: 'interrupt', requestId }), deadline(c, 'interrupt', at + interruptMs, { type: 'interruptExpired', requestId })],
})

/** The turn's end, while an interrupt is on its way: the interrupt cut it, or it ended by itself just before. */
export function turnCut(c: AgentContext, fact: FactOf<'turnEnded'>): AgentDecision {
  const subject = c.turn?.subject
  const cancelled = fact.status === 'interrupted' && subject && c.open[subject]?.settled === false ? { cancelled: subject } : {}
  return both(turnEnded(c, fact), { context: c.interrupting && c.interrupting.cut === undefined ? { interrupting: { ...c.interrupting, cut: fact.status === 'interrupted', ...cancelled } } : {} })
}

/** What the interrupter is told when it is over. */
export function settleInterrupt(c: AgentContext, event: AgentEvent): AgentDecision {
  if (!('at' in event) || !c.interrupting) return {}
  const { requestId, at, cut, cancelled = cut === undefined ? c.turn?.subject : undefined } = c.interrupting
  // A turn still held here never reported its end: the interrupt caught it before it began.
  const interrupted = cut ?? c.turn !== undefined
  const how = interrupted ? 'cut' : 'endedBefore'
  return { emits: [{ type: 'interruptSettled', requestId, how, source: 'source' in event ? event.source : 'clock', afterMs: event.at - at, ...(interrupted && cancelled ? { cancelledMessageId: cancelled } : {}) }] }
}

/** The interrupt is over. A turn that never began (or never reported its end) is cut here; one that began by itself meanwhile goes on. */
export function interruptOver(c: AgentContext, event: AgentEvent): AgentDecision {
  const { interrupting } = c
  if (!interrupting) return {}
  const at = timeOf(c, event)
  const cut = cutByInterrupt(c, at)
  const after = { ...c, ...cut.context }
  const cleared = interrupting.then === 'clear' ? after.mailbox : []
  return thenQuiet(c, both(cut, {
    context: { ...(interrupting.then === 'clear' ? { mailbox: [] } : {}), interrupting: undefined, hold: interrupting.then === 'continue' ? undefined : { by: interrupting.by, at } },
    effects: [clear(c, 'interrupt'), ...cleared.flatMap(({ message }) => [clear(c, `expiry:${message.id}`), settle(c, message.id, { status: 'cancelled', text: `${c.name} was interrupted and its queue cleared.`, at })])],
  }), at)
}

function cutByInterrupt(c: AgentContext, at: number): AgentDecision {
  const { turn } = c
  const next = { ...noTurn, ...asideTakesOver(c) }
  if (!turn || isOwnTurnBegunSince(c)) return {}
  const unread = turn.work?.kind === 'replies' && turn.turnId === undefined ? returnWork(mailOf(c), turn.work, false) : {} // replies nobody has seen are kept
  return both({ context: unread }, settleSubject({ ...c, ...unread }, next, { status: 'cancelled', text: `${c.name} was interrupted before it worked on this.`, at }))
}

/** The interrupted turn has ended, and another has begun by itself. */
export const isOwnTurnBegunSince = (c: AgentContext): boolean => c.interrupting?.cut !== undefined && c.turn !== undefined && c.turn.promptId === undefined

/** The CLI never took it: its turn goes on. */
export const interruptGivenUp = (c: AgentContext, { at }: DeadlineOf<'interruptExpired'>): AgentDecision => ({
  context: { interrupting: undefined, lastError: `${c.name} could not be interrupted within ${interruptMs / 1000} s.` },
  emits: c.interrupting ? [{ type: 'interruptSettled', requestId: c.interrupting.requestId, how: 'notTaken', source: 'clock', afterMs: at - c.interrupting.at }] : [],
})
