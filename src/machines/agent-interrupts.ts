/** Interrupts, as decisions: asked for, on their way, over or given up, and what becomes of the turn they meet. */

import type { FactOf } from '../drivers/driver.ts'
import { type AgentContext, type AgentEvent, interruptMs } from './agent-context.ts'
import { type AgentDecision, both, clear, type CommandOf, deadline, type DeadlineOf, dispatch, mailOf, noTurn, record, settle, thenQuiet, timeOf } from './agent-effects.ts'
import { whyHeld } from './agent-limits.ts'
import { asideTakesOver, settleSubject, turnEnded } from './agent-turns.ts'
import { returnWork } from './mailbox.ts'

type Begun = NonNullable<AgentContext['interrupting']>

export const interrupt = (c: AgentContext, { requestId, by, then, at }: CommandOf<'interruptAsked'>): AgentDecision => begin(c, { requestId, by, then, at })

const begin = (c: AgentContext, interrupting: Begun): AgentDecision => ({
  context: { interrupting },
  effects: [
    dispatch(c, { type: 'interrupt', requestId: interrupting.requestId }),
    deadline(c, 'interrupt', interrupting.at + interruptMs, { type: 'interruptExpired', requestId: interrupting.requestId }),
  ],
})

/** Nobody asked for it: a limit is reached, and its turn goes no further. */
export const cutAtLimit = (c: AgentContext, event: AgentEvent): AgentDecision =>
  both(begin(c, { requestId: `limit.${c.cuts + 1}`, then: 'hold', at: timeOf(c, event) }), { context: { cuts: c.cuts + 1 } })

/** The turn's end, while an interrupt is on its way: the interrupt cut it, or it ended by itself just before. */
export function turnCut(c: AgentContext, fact: FactOf<'turnEnded'>): AgentDecision {
  const subject = c.turn?.subject
  const cancelled = fact.status === 'interrupted' && subject && c.open[subject]?.settled === false ? { cancelled: subject } : {}
  return both(turnEnded(c, fact), { context: c.interrupting && c.interrupting.cut === undefined ? { interrupting: { ...c.interrupting, cut: fact.status === 'interrupted', ...cancelled } } : {} })
}

/** What the interrupter is told when it is over. */
export function settleInterrupt(c: AgentContext, event: AgentEvent): AgentDecision {
  if (!('at' in event) || !c.interrupting) return {}
  const { requestId, by, at, cut, cancelled = cut === undefined ? c.turn?.subject : undefined } = c.interrupting
  // A turn still held here never reported its end: the interrupt caught it before it began.
  const interrupted = cut ?? c.turn !== undefined
  const how = interrupted ? 'cut' : 'endedBefore'
  const [source, afterMs] = ['source' in event ? event.source : 'clock', event.at - at] as const
  const told = interrupted && cancelled ? cancelled : undefined
  return {
    emits: [{ type: 'interruptSettled', requestId, how, source, afterMs, ...(told ? { cancelledMessageId: told } : {}) }],
    // Who asks for one puts it on record; of this one nobody did.
    effects: by ? [] : [record({ type: 'audited', event: { at: event.at, event: 'interrupt_settled', agentId: c.agentId, data: { by: 'madrox', interrupted, confirmed_by: source, after_ms: afterMs, ...(told ? { cancelled: told } : {}) } } })],
  }
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
    context: { ...(interrupting.then === 'clear' ? { mailbox: [] } : {}), interrupting: undefined, hold: holdAfter(c, interrupting, at) },
    effects: [clear(c, 'interrupt'), ...cleared.flatMap(({ message }) => [clear(c, `expiry:${message.id}`), settle(c, message.id, { status: 'cancelled', text: `${c.name} was interrupted and its queue cleared.`, at })])],
  }), at)
}

/** What a limit cut is held by that; whoever held it before still does. */
const holdAfter = ({ hold }: AgentContext, { by, then }: Begun, at: number): AgentContext['hold'] => (by === undefined ? hold : then === 'continue' ? undefined : { by, at })

function cutByInterrupt(c: AgentContext, at: number): AgentDecision {
  const { turn } = c
  const next = { ...noTurn, ...asideTakesOver(c) }
  if (!turn || isOwnTurnBegunSince(c)) return {}
  const unread = turn.work?.kind === 'replies' && turn.turnId === undefined ? returnWork(mailOf(c), turn.work, false) : {} // replies nobody has seen are kept
  return both({ context: unread }, settleSubject({ ...c, ...unread }, next, { status: 'cancelled', text: `${c.name} was interrupted before it worked on this${whyHeld(c)}.`, at }))
}

/** The interrupted turn has ended, and another has begun by itself. */
export const isOwnTurnBegunSince = (c: AgentContext): boolean => c.interrupting?.cut !== undefined && c.turn !== undefined && c.turn.promptId === undefined

/** The CLI never took it: its turn goes on. */
export const interruptGivenUp = (c: AgentContext, { at }: DeadlineOf<'interruptExpired'>): AgentDecision => ({
  context: { interrupting: undefined, lastError: `${c.name} could not be interrupted within ${interruptMs / 1000} s.` },
  emits: c.interrupting ? [{ type: 'interruptSettled', requestId: c.interrupting.requestId, how: 'notTaken', source: 'clock', afterMs: at - c.interrupting.at }] : [],
})
