/** An agent's turns, as decisions: work handed in, seen, refused or cut off, what happens meanwhile, and what a turn's end settles. */

import type { FactOf } from '../drivers/driver.ts'
import { asMessageId, type MessageId } from '../ids.ts'
import { type Outcome, poison } from '../messages.ts'
import { type AgentContext, maxDeliveries, retryMs } from './agent-context.ts'
import { type AgentDecision, both, clear, deadline, dispatch, mailOf, noTurn, record, settle, thenQuiet } from './agent-effects.ts'
import { whyHeld } from './agent-limits.ts'
import { expiry } from './agent-mail.ts'
import type { Effect } from './effects.ts'
import {
  asSeen, completeTurn, forgetSettled, isQueued, type Mail, markSettled, nextWork, noteBackground, promptText, repliesHandedOut, returnWork, subjectOf, takeUp, takeWork, type Turn, type Work,
} from './mailbox.ts'

/** The subject leads a prompt's id, so that a turn the CLI says was caused by it finds its subject again. */
export const deliver = (c: AgentContext): AgentDecision => {
  const work = nextWork(mailOf(c))
  if (!work) return {}
  const subject = subjectOf(work)
  const promptId = `${subject ?? ''}.${c.prompts + 1}`
  return {
    context: { ...takeWork(mailOf(c), work), prompts: c.prompts + 1, turn: { promptId, work, ...(subject ? { subject } : {}) } },
    effects: [
      ...(work.kind === 'message' ? [record({ type: 'messageHanded', agentId: c.agentId, messageId: work.queued.message.id })] : []),
      dispatch(c, { type: 'submitPrompt', promptId, text: promptText(work) }),
    ],
  }
}

export const promptWritten = (c: AgentContext, fact: FactOf<'promptWritten'>): AgentDecision => {
  if (fact.promptId !== c.turn?.promptId || c.turn.work?.kind !== 'message') return {}
  return { effects: [record({ type: 'messageDelivered', agentId: c.agentId, messageId: c.turn.work.queued.message.id, at: fact.at })] }
}

export const promptSeen = (c: AgentContext, fact: FactOf<'promptSeen'>): AgentDecision => {
  const work = c.turn?.work
  if (!c.turn || !work || fact.promptId !== c.turn.promptId) return {}
  const turn = { ...c.turn, turnId: fact.turnId }
  if (work.kind === 'replies') {
    // In this order: a server killed between the two hands the replies in again, and never takes the words before them for the answer.
    const handedOut = record({ type: 'repliesSeen', ids: work.replies.map(reply => reply.id), at: fact.at })
    return { context: { ...repliesHandedOut(mailOf(c), work.replies), turn }, effects: [...resumed(c, work.subject, fact.at), handedOut] }
  }
  const { id } = work.queued.message
  return { context: { turn: { ...turn, work: asSeen(work) } }, effects: [clear(c, `expiry:${id}`), record({ type: 'messageSeen', agentId: c.agentId, messageId: id, at: fact.at })] }
}

/** It rests no more: should the server be killed now, its turn was cut off. */
const resumed = (c: AgentContext, subject: MessageId | undefined, at: number): Effect[] =>
  subject && c.open[subject]?.settled === false ? [record({ type: 'messageResumed', agentId: c.agentId, messageId: subject, at })] : []

/** Nothing was typed. Where no turn of its own is in the way, it is tried again at its next fact, or after a while. */
export const promptRefused = (c: AgentContext, fact: FactOf<'promptRefused'>): AgentDecision => {
  const work = c.turn?.work
  if (!work) return {}
  if (isAsideFor(c, work)) return { context: { turn: { ...c.aside, work: asSeen(work) }, aside: undefined } }
  return {
    context: { ...returnWork(mailOf(c), work, false), ...asideTakesOver(c) },
    effects: [...(work.kind === 'message' ? expiry(c, work.queued.message, fact.at) : []), ...(c.aside ? [] : [retry(c, fact.at)])],
  }
}

const retry = (c: AgentContext, at: number): Effect => deadline(c, 'retry', at + retryMs, { type: 'deliveryRetried' })
/** The turn that stands aside works on this very message: seen after all, it is not to be delivered again. */
const isAsideFor = ({ aside }: AgentContext, work: Work): boolean => aside?.subject !== undefined && work.kind === 'message' && work.queued.message.id === aside.subject
/** It is the turn now; without one, none is. */
export const asideTakesOver = ({ aside }: AgentContext): Partial<AgentContext> => ({ turn: aside, aside: undefined })

/** Typed and never confirmed: a message is tried again and given up as poison after the last try; replies are tried again, after a while. */
export const promptUnconfirmed = (c: AgentContext, fact: FactOf<'promptUnconfirmed'>): AgentDecision => {
  const work = c.turn?.work
  if (work && isAsideFor(c, work)) return { context: { turn: { ...c.aside, work: asSeen(work) }, aside: undefined } }
  const cut = cutOff(c, fact.at, `${c.name} never confirmed that it saw the message: ${fact.detail}`)
  return both(cut, { context: asideTakesOver(c), effects: work?.kind === 'message' || c.aside ? [] : [retry(c, fact.at)] })
}

/** The turn came to nothing through no word of the agent's: its work goes back, marked, or is given up. */
export function cutOff(c: AgentContext, at: number, why: string): AgentDecision {
  const work = c.turn?.work
  if (!work) return { context: noTurn }
  if (work.kind === 'message' && work.queued.deliveries + 1 >= maxDeliveries) {
    return settleSubject(c, noTurn, { status: 'failed', text: `${poison}delivered ${maxDeliveries} times and cut off each time. ${why}`, at })
  }
  // It may have expired on its way, when nobody would have known whether it was seen.
  return { context: { ...returnWork(mailOf(c), work, true), ...noTurn, lastError: why }, effects: work.kind === 'message' ? expiry(c, work.queued.message, at) : [] }
}

/** A turn Madrox did not start: background work that ended, a person typing, or a prompt given up as unseen that was seen after all. */
export const turnStarted = (c: AgentContext, fact: FactOf<'turnStarted'>): AgentDecision => {
  const turn: Turn = { turnId: fact.turnId, ...subjectOfOwnTurn(c, fact) }
  const { mail, work } = turn.subject ? takeUp(mailOf(c), turn.subject) : { mail: mailOf(c), work: undefined }
  const key = c.turn ? 'aside' : 'turn'
  if (work?.kind !== 'message') return { context: { [key]: turn }, effects: resumed(c, turn.subject, fact.at) }
  const { id } = work.queued.message
  return { context: { ...mail, [key]: { ...turn, work: asSeen(work) } }, effects: [clear(c, `expiry:${id}`), record({ type: 'messageSeen', agentId: c.agentId, messageId: id, at: fact.at })] }
}

function subjectOfOwnTurn(c: AgentContext, { backgroundTaskId, causedByPromptId }: FactOf<'turnStarted'>): { subject?: MessageId } {
  const byTask = Object.values(c.open).find(message => backgroundTaskId !== undefined && message.background.includes(backgroundTaskId))
  const subject = byTask?.message.id ?? causedByPromptId?.split('.')[0]
  return subject ? { subject: asMessageId(subject) } : {}
}

/** What a turn's end settles: see `completeTurn`. A failed turn fails its subject, an interrupted one cancels it. A turn that stood aside goes on. */
export function turnEnded(c: AgentContext, fact: FactOf<'turnEnded'>): AgentDecision {
  const seen = seenByItsEnd(c, fact)
  return both(seen, thenQuiet(c, both(settleTurn({ ...c, ...seen.context }, fact), { context: asideTakesOver(c) }), fact.at))
}

/** A prompt's own word came too late, or never. */
export const seenByItsEnd = (c: AgentContext, fact: FactOf<'turnEnded'>): AgentDecision =>
  c.turn && c.turn.turnId === undefined ? promptSeen(c, { ...fact, type: 'promptSeen', promptId: c.turn.promptId ?? '' }) : {}

/** The turn that stood aside has ended; ours is still on its way, or running. */
export function asideEnded(c: AgentContext, fact: FactOf<'turnEnded'>): AgentDecision {
  const { currentTool, turn, interrupting } = c
  const decision = settleTurn({ ...c, turn: c.aside }, fact)
  const cut = interrupting && fact.status === 'interrupted' ? { interrupting: { ...interrupting, cut: true } } : {}
  // It may have been the same message, seen after all: what is still on its way for it must find it settled.
  const same = turn?.work?.kind === 'message' && c.open[turn.work.queued.message.id]
  const open = decision.context?.open ?? c.open
  const kept = same && !open[same.message.id] ? { open: { ...open, [same.message.id]: { ...same, settled: true } } } : {}
  return both(decision, { context: { currentTool, turn, aside: undefined, ...kept, ...cut } })
}

/**
 * The end of a turn nobody here knows of still tells what runs in the background. Not while a turn is known to run: a CLI has one
 * at a time, so whoever tells that is wrong, and what it leaves out would be taken for the running turn's own.
 */
export const foreignTurnEnded = (c: AgentContext, { background, at }: FactOf<'turnEnded'>): AgentDecision =>
  (c.turn ?? c.aside)?.turnId !== undefined ? {} : thenQuiet(c, { context: { ...noteBackground(mailOf(c), background), background: background.map(task => task.id) } }, at)

/** How a turn ended: as the CLI says when it does, or as its session's record says later. */
export type TurnEnding = Pick<FactOf<'turnEnded'>, 'status' | 'finalText' | 'error' | 'background' | 'at'>

export function settleTurn(c: AgentContext, fact: TurnEnding): AgentDecision {
  const background = fact.background.map(task => task.id)
  const told = { ...c, ...noteBackground(mailOf(c), fact.background, c.turn?.subject, c.background) }
  if (fact.status === 'failed') return settleSubject(told, { ...noTurn, background, lastError: fact.error }, { status: 'failed', text: fact.error ?? 'The turn failed and the CLI did not say why.', at: fact.at })
  if (fact.status === 'interrupted') return settleSubject(told, { ...noTurn, background }, { status: 'cancelled', text: `${c.name} was interrupted while it worked on this${whyHeld(c)}.`, at: fact.at })
  const { mail, answered } = completeTurn(mailOf(c), { ...(c.turn?.subject ? { subject: c.turn.subject } : {}), ...(fact.finalText === undefined ? {} : { finalText: fact.finalText }), background: fact.background, earlier: c.background })
  if (!answered) return { context: { ...mail, ...noTurn, background, hasHistory: true, revivals: 0 }, effects: rested(c, mail, fact.at) }
  const outcome: Outcome = { status: 'answered', text: mail.open[answered]?.lastText ?? '', via: 'turn_end', at: fact.at }
  return { context: { ...forgetSettled(markSettled(mail, answered)), ...noTurn, background, hasHistory: true, revivals: 0 }, effects: [settle(c, answered, outcome)] }
}

/** On record as well: a server that is killed meanwhile must not take it for cut off. */
function rested(c: AgentContext, mail: Mail, at: number): Effect[] {
  const open = c.turn?.subject && mail.open[c.turn.subject]
  if (!open || open.settled || isQueued(mail, open)) return []
  return [record({ type: 'messageRested', agentId: c.agentId, messageId: open.message.id, at, ...(open.lastText === undefined ? {} : { lastText: open.lastText }) })]
}

export function settleSubject(c: AgentContext, context: Partial<AgentContext>, outcome: Outcome): AgentDecision {
  const subject = c.turn?.subject
  const open = subject && c.open[subject]
  if (!open || open.settled) return { context: { ...forgetSettled(mailOf(c)), ...context } }
  return { context: { ...forgetSettled(markSettled(mailOf(c), subject)), ...context }, effects: [settle(c, subject, outcome)] }
}

/** What the agent is doing right now, for people. */
export const outputProduced = (c: AgentContext, fact: FactOf<'outputProduced'>): AgentDecision => {
  if (fact.kind === 'tool_call' && fact.tool) return { context: { currentTool: { name: fact.tool, since: fact.at, source: fact.source, ...(fact.callId ? { callId: fact.callId } : {}) } } }
  return fact.kind === 'tool_result' && fact.callId === c.currentTool?.callId ? { context: { currentTool: undefined } } : {}
}
