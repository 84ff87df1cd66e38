/**
 * The decisions of one agent, as pure functions: what an event changes and what it asks of the world. The state chart in
 * `agent.ts` says when each applies; here is what it means.
 */

import type { DriverCommand, FactOf } from '../drivers/driver.ts'
import { asMessageId, type MessageId } from '../ids.ts'
import type { Message, Outcome } from '../messages.ts'
import { agentKey, type Decision, type Due, type Effect, type InboxEvent, type LedgerEvent } from './effects.ts'
import {
  type AgentCommand, type AgentContext, type AgentDeadline, type AgentEvent, type Ending, graceMs, handshakeMs, interruptMs, maxDeliveries, quietMs, retryMs, stopMs,
} from './agent-context.ts'
import {
  completeTurn, forgetSettled, type Mail, markSettled, nextWork, noteBackground, promptText, quietMessages, repliesClaimed, repliesHandedOut, replyArrived, returnWork, subjectOf,
  takeUp, takeWork, taskBegun, type Turn, type Work,
} from './mailbox.ts'

type D = Decision<AgentContext>
type Command<T extends AgentCommand['type']> = Extract<AgentCommand, { type: T }>

const mailOf = ({ mailbox, inbox, open }: AgentContext): Mail => ({ mailbox, inbox, open })
// A distributive Omit: each command keeps its own fields.
type WithoutAgent<C> = C extends unknown ? Omit<C, 'agentId'> : never
const dispatch = (c: AgentContext, command: WithoutAgent<DriverCommand>): Effect =>
  ({ to: 'drivers', event: { type: 'dispatch', harness: c.harness, command: { ...command, agentId: c.agentId } as DriverCommand } }) // one arm of the union plus its agentId is that arm
const record = (event: LedgerEvent): Effect => ({ to: 'ledger', event })
const settle = (c: AgentContext, messageId: MessageId, outcome: Outcome): Effect => record({ type: 'messageSettled', agentId: c.agentId, messageId, outcome })
const deadline = (c: AgentContext, name: string, at: Due, event: { readonly type: string; readonly messageId?: MessageId; readonly requestId?: string }): Effect =>
  ({ to: 'deadlines', event: { type: 'setDeadline', key: `${c.agentId}:${name}`, at, notify: agentKey(c.agentId), event } })
const clear = (c: AgentContext, name: string): Effect => ({ to: 'deadlines', event: { type: 'clearDeadline', key: `${c.agentId}:${name}` } })

const both = (...decisions: readonly D[]): D => ({ context: Object.assign({}, ...decisions.map(({ context }) => context)) as D['context'], effects: decisions.flatMap(({ effects }) => effects ?? []) })
/** When the event happened; those between actors may carry no time. */
const timeOf = (c: AgentContext, event: AgentEvent): number => ('at' in event && typeof event.at === 'number' ? event.at : c.since)
const noTurn = { turn: undefined, currentTool: undefined, approval: undefined } satisfies Partial<AgentContext>

/** A decision after which no turn runs: what has nothing left to wait for is given a last chance to be worked on. */
function thenQuiet(c: AgentContext, decision: D, at: number): D {
  const after = { ...c, ...decision.context }
  if (after.turn) return decision
  return { ...decision, effects: [...(decision.effects ?? []), ...quietMessages(mailOf(after)).map(({ message: { id } }) => deadline(c, `quiet:${id}`, at + quietMs, { type: 'quietPassed', messageId: id }))] }
}

// Life

export const launch = (c: AgentContext, resume: boolean): D => ({
  context: { toolsListed: !c.awaitsTools },
  effects: [dispatch(c, { type: 'startAgent', launch: { ...c.launch, resume, ...(c.sessionId ? { sessionId: c.sessionId } : {}) } })],
})

export const processStarted = (c: AgentContext, fact: FactOf<'processStarted'>): D => ({
  context: { pid: fact.pid },
  effects: [record({ type: 'agentChanged', agentId: c.agentId, state: 'spawning', ...(fact.pid === undefined ? {} : { pid: fact.pid }), at: fact.at })],
})

export const ready = (c: AgentContext, fact: FactOf<'ready'>): D => ({
  context: { sessionId: fact.sessionId, warnings: fact.warnings },
  effects: [
    deadline(c, 'handshake', fact.at + handshakeMs, { type: 'handshakeExpired' }),
  ],
})

/** Ready whole: its session goes on record only now, as what tells an agent that was spawned from one that never was. */
export const shaken = (c: AgentContext): D => ({
  effects: [clear(c, 'handshake'), record({ type: 'agentChanged', agentId: c.agentId, state: 'spawning', ...(c.sessionId ? { sessionId: c.sessionId } : {}), at: c.since })],
})

/** Every entry into a top-level state goes on record. */
export const stateEntered = (c: AgentContext, state: string): D => ({ effects: [record({ type: 'agentChanged', agentId: c.agentId, state, at: c.since })] })

export const toEnding = (c: AgentContext, ending: Ending): D => ({ context: { ending: { ...ending, processGone: ending.processGone || (c.ending?.processGone ?? false) } } })

/** Asked again while it ends: force takes the place of grace, and the first reason stands. */
export const hasten = (c: AgentContext, { force }: Command<'terminateAsked'>): D => (c.ending && force ? { context: { ending: { ...c.ending, force: true } } } : {})

/** Children are gone: now the process. */
export const stopProcess = (c: AgentContext): D => ({
  effects: c.ending?.processGone
    ? []
    : [dispatch(c, { type: 'stopAgent', mode: c.ending?.force ? 'force' : 'graceful', graceMs }), deadline(c, 'stop', { afterMs: stopMs }, { type: 'stopExpired' })],
})

export const stopGivenUp = (c: AgentContext): D => ({
  context: { ending: { force: true, processGone: false, unasked: false, ...c.ending, reason: `${c.ending?.reason ?? 'ended'}; its driver did not report its process gone within ${stopMs / 1000} s` } },
})

export const finish = (c: AgentContext, event: AgentEvent): D => ({
  effects: [
    ...['handshake', 'retry', 'stop', 'interrupt', ...c.mailbox.map(({ message }) => `expiry:${message.id}`), ...Object.keys(c.open).flatMap(id => [`expiry:${id}`, `quiet:${id}`])].map(name => clear(c, name)),
    record({ type: 'agentEnded', agentId: c.agentId, reason: c.ending?.reason ?? 'ended', unasked: c.ending?.unasked ?? false, at: timeOf(c, event) }),
    { to: 'supervisor', event: { type: 'agentFinished', agentId: c.agentId, at: timeOf(c, event) } },
  ],
})

/** Its session could not be returned to: those who sent are told, and it rests until somebody sends again. */
export const wakeFailed = (c: AgentContext, { code, detail, at }: FactOf<'startFailed'>): D => {
  const why = `${c.name} could not be woken (${code}): ${detail}`
  return { context: { mailbox: [], pid: undefined, lastError: why }, effects: c.mailbox.flatMap(({ message }) => [clear(c, `expiry:${message.id}`), settle(c, message.id, { status: 'failed', text: why, at })]) }
}

// Mail

export const queueMessage = (c: AgentContext, { message, at, fromAncestor }: Command<'messageAccepted'>): D => {
  const releases = c.hold !== undefined && (fromAncestor || (c.hold.by.kind === message.from.kind && c.hold.by.id === message.from.id))
  const queued = { message, deliveries: 0, ...(releases ? { ahead: true } : {}) }
  return {
    context: {
      requestCount: c.requestCount + 1,
      // What the interrupter says next goes ahead of what was waiting.
      mailbox: releases ? [queued, ...c.mailbox] : [...c.mailbox, queued],
      ...(releases ? { hold: undefined } : {}),
    },
    effects: expiry(c, message, at),
  }
}

const expiry = (c: AgentContext, { id, expiresAt }: Message, at: number): Effect[] =>
  expiresAt === undefined ? [] : [deadline(c, `expiry:${id}`, Math.max(at, expiresAt), { type: 'messageExpired', messageId: id })]

export const takeReply = (c: AgentContext, event: Extract<InboxEvent, { type: 'replyArrived' }>): D => ({ context: replyArrived(mailOf(c), event.reply) })

export const releaseReplies = (c: AgentContext, event: Extract<InboxEvent, { type: 'repliesClaimed' }>): D =>
  thenQuiet(c, { context: repliesClaimed(mailOf(c), event.ids, event.messageIds) }, event.at)

export const noteTask = (c: AgentContext, event: Command<'taskSent'>): D => ({ context: taskBegun(mailOf(c), event.subject, event.messageId) })

/** `reply_to_caller`: settles an open message; said of one already settled, it is a follow-up. */
export const giveReply = (c: AgentContext, { messageId, text, at }: Command<'replyGiven'>): D => {
  const waits = c.mailbox.some(({ message }) => message.id === messageId) // given before, and to be given again
  if (c.open[messageId]?.settled || (!c.open[messageId] && !waits)) return { effects: [record({ type: 'followUpGiven', agentId: c.agentId, messageId, text, at })] }
  return {
    context: markSettled(mailOf(c), messageId),
    effects: [clear(c, `expiry:${messageId}`), settle(c, messageId, { status: 'answered', text, via: 'reply_to_caller', at })],
  }
}

export const expireMessage = (c: AgentContext, { messageId, at }: Extract<AgentDeadline, { type: 'messageExpired' }>): D => {
  if (!c.mailbox.some(({ message }) => message.id === messageId)) return {}
  return {
    context: { mailbox: c.mailbox.filter(({ message }) => message.id !== messageId) },
    effects: [settle(c, messageId, { status: 'expired', text: `${c.name} did not get to it before it expired.`, at })],
  }
}

// Turns

/** The subject leads a prompt's id, so that a turn the CLI says was caused by it finds its subject again. */
export const deliver = (c: AgentContext): D => {
  const work = nextWork(mailOf(c))
  if (!work) return {}
  const subject = subjectOf(work)
  const promptId = `${subject ?? ''}.${c.prompts + 1}`
  return {
    context: { ...takeWork(mailOf(c), work), prompts: c.prompts + 1, turn: { promptId, work, ...(subject ? { subject } : {}) } },
    effects: [dispatch(c, { type: 'submitPrompt', promptId, text: promptText(work) })],
  }
}

export const promptWritten = (c: AgentContext, fact: FactOf<'promptWritten'>): D => {
  if (fact.promptId !== c.turn?.promptId || c.turn.work?.kind !== 'message') return {}
  return { effects: [record({ type: 'messageDelivered', agentId: c.agentId, messageId: c.turn.work.queued.message.id, at: fact.at })] }
}

export const promptSeen = (c: AgentContext, fact: FactOf<'promptSeen'>): D => {
  const work = c.turn?.work
  if (!c.turn || !work || fact.promptId !== c.turn.promptId) return {}
  const turn = { ...c.turn, turnId: fact.turnId }
  if (work.kind === 'replies') {
    return { context: { ...repliesHandedOut(mailOf(c), work.replies), turn }, effects: [record({ type: 'repliesSeen', ids: work.replies.map(reply => reply.id), at: fact.at })] }
  }
  const { id } = work.queued.message
  return { context: { turn }, effects: [clear(c, `expiry:${id}`), record({ type: 'messageSeen', agentId: c.agentId, messageId: id, at: fact.at })] }
}

/** Nothing was typed. Where no turn of its own is in the way, it is tried again at its next fact, or after a while. */
export const promptRefused = (c: AgentContext, fact: FactOf<'promptRefused'>): D => {
  const work = c.turn?.work
  if (!work) return {}
  if (isAsideFor(c, work)) return { context: { turn: { ...c.aside, work }, aside: undefined } }
  return {
    context: { ...returnWork(mailOf(c), work, false), ...asideTakesOver(c) },
    effects: [...(work.kind === 'message' ? expiry(c, work.queued.message, fact.at) : []), ...(c.aside ? [] : [retry(c, fact.at)])],
  }
}

const retry = (c: AgentContext, at: number): Effect => deadline(c, 'retry', at + retryMs, { type: 'deliveryRetried' })
/** The turn that stands aside works on this very message: seen after all, it is not to be delivered again. */
const isAsideFor = ({ aside }: AgentContext, work: Work): boolean => aside?.subject !== undefined && work.kind === 'message' && work.queued.message.id === aside.subject
const asideTakesOver = ({ aside }: AgentContext): Partial<AgentContext> => ({ turn: aside, aside: undefined })

/** Typed and never confirmed: a message is tried again and given up as poison after the last try; replies are tried again, after a while. */
export const promptUnconfirmed = (c: AgentContext, fact: FactOf<'promptUnconfirmed'>): D => {
  const work = c.turn?.work
  if (work && isAsideFor(c, work)) return { context: { turn: { ...c.aside, work }, aside: undefined } }
  const again = work?.kind === 'message' ? expiry(c, work.queued.message, fact.at) : c.aside ? [] : [retry(c, fact.at)]
  const cut = cutOff(c, fact.at, `${c.name} never confirmed that it saw the message: ${fact.detail}`)
  return both(cut, { context: asideTakesOver(c), effects: cut.effects?.length ? [] : again })
}

/** The turn came to nothing through no word of the agent's: its work goes back, marked, or is given up. */
export function cutOff(c: AgentContext, at: number, why: string): D {
  const work = c.turn?.work
  if (!work) return { context: noTurn }
  if (work.kind === 'message' && work.queued.deliveries + 1 >= maxDeliveries) {
    return settleSubject(c, noTurn, { status: 'failed', text: `poison: delivered ${maxDeliveries} times and cut off each time. ${why}`, at })
  }
  return { context: { ...returnWork(mailOf(c), work, true), ...noTurn, lastError: why } }
}

/** A turn Madrox did not start: background work that ended, a person typing, or a prompt given up as unseen that was seen after all. */
export const turnStarted = (c: AgentContext, fact: FactOf<'turnStarted'>): D => {
  const turn: Turn = { turnId: fact.turnId, ...subjectOfOwnTurn(c, fact) }
  const { mail, work } = turn.subject ? takeUp(mailOf(c), turn.subject) : { mail: mailOf(c), work: undefined }
  const key = c.turn ? 'aside' : 'turn'
  if (work?.kind !== 'message') return { context: { [key]: turn } }
  const { id } = work.queued.message
  return { context: { ...mail, [key]: { ...turn, work } }, effects: [clear(c, `expiry:${id}`), record({ type: 'messageSeen', agentId: c.agentId, messageId: id, at: fact.at })] }
}

function subjectOfOwnTurn(c: AgentContext, { backgroundTaskId, causedByPromptId }: FactOf<'turnStarted'>): { subject?: MessageId } {
  const byTask = Object.values(c.open).find(message => backgroundTaskId !== undefined && message.background.includes(backgroundTaskId))
  const subject = byTask?.message.id ?? causedByPromptId?.split('.')[0]
  return subject ? { subject: asMessageId(subject) } : {}
}

/** What a turn's end settles: see `completeTurn`. A failed turn fails its subject, an interrupted one cancels it. A turn that stood aside goes on. */
export function turnEnded(c: AgentContext, fact: FactOf<'turnEnded'>): D {
  const seen = c.turn && c.turn.turnId === undefined ? promptSeen(c, { ...fact, type: 'promptSeen', promptId: c.turn.promptId ?? '' }) : {} // its word came too late, or never
  return both(seen, thenQuiet(c, both(settleTurn({ ...c, ...seen.context }, fact), { context: asideTakesOver(c) }), fact.at))
}

/** The turn that stood aside has ended; ours is still on its way, or running. */
export function asideEnded(c: AgentContext, fact: FactOf<'turnEnded'>): D {
  const { currentTool, approval, turn, interrupting } = c
  const decision = settleTurn({ ...c, turn: c.aside }, fact)
  const cut = interrupting && fact.status === 'interrupted' ? { interrupting: { ...interrupting, cut: true } } : {}
  // It may have been the same message, seen after all: what is still on its way for it must find it settled.
  const same = turn?.work?.kind === 'message' && c.open[turn.work.queued.message.id]
  const open = decision.context?.open ?? c.open
  const kept = same && !open[same.message.id] ? { open: { ...open, [same.message.id]: { ...same, settled: true } } } : {}
  return both(decision, { context: { currentTool, approval, turn, aside: undefined, ...kept, ...cut } })
}

/** The end of a turn nobody here knows of still tells what runs in the background. */
export const foreignTurnEnded = (c: AgentContext, { background, at }: FactOf<'turnEnded'>): D =>
  thenQuiet(c, { context: { ...noteBackground(mailOf(c), background), background: background.map(task => task.id) } }, at)

function settleTurn(c: AgentContext, fact: FactOf<'turnEnded'>): D {
  const background = fact.background.map(task => task.id)
  const told = { ...c, ...noteBackground(mailOf(c), fact.background, c.turn?.subject) }
  if (fact.status === 'failed') return settleSubject(told, { ...noTurn, background, lastError: fact.error }, { status: 'failed', text: fact.error ?? 'The turn failed and the CLI did not say why.', at: fact.at })
  if (fact.status === 'interrupted') return settleSubject(told, { ...noTurn, background }, { status: 'cancelled', text: `${c.name} was interrupted while it worked on this.`, at: fact.at })
  const { mail, answered } = completeTurn(mailOf(c), { ...(c.turn?.subject ? { subject: c.turn.subject } : {}), ...(fact.finalText === undefined ? {} : { finalText: fact.finalText }), background: fact.background })
  if (!answered) return { context: { ...mail, ...noTurn, background, hasHistory: true, revivals: 0 } }
  const outcome: Outcome = { status: 'answered', text: mail.open[answered]?.lastText ?? '', via: 'turn_end', at: fact.at }
  return { context: { ...forgetSettled(markSettled(mail, answered)), ...noTurn, background, hasHistory: true, revivals: 0 }, effects: [settle(c, answered, outcome)] }
}

/** Nothing of it is out any more, and no turn came of that: the subject's last words are its answer. A turn's end asks again. */
export function quietPassed(c: AgentContext, { messageId, at }: Extract<AgentDeadline, { type: 'quietPassed' }>): D {
  const open = quietMessages(mailOf(c)).find(({ message }) => message.id === messageId)
  if (!open || c.turn) return {}
  return { context: forgetSettled(markSettled(mailOf(c), messageId)), effects: [settle(c, messageId, { status: 'answered', text: open.lastText ?? '', via: 'turn_end', at })] }
}

function settleSubject(c: AgentContext, context: Partial<AgentContext>, outcome: Outcome): D {
  const subject = c.turn?.subject
  const open = subject && c.open[subject]
  if (!open || open.settled) return { context: { ...forgetSettled(mailOf(c)), ...context } }
  return { context: { ...forgetSettled(markSettled(mailOf(c), subject)), ...context }, effects: [settle(c, subject, outcome)] }
}

/** What the agent is doing right now, for people. */
export const outputProduced = (c: AgentContext, fact: FactOf<'outputProduced'>): D => {
  if (fact.kind === 'tool_call' && fact.tool) return { context: { currentTool: { name: fact.tool, ...(fact.callId ? { callId: fact.callId } : {}) } } }
  return fact.kind === 'tool_result' && fact.callId === c.currentTool?.callId ? { context: { currentTool: undefined } } : {}
}

// Interrupts, approvals, death

export const interrupt = (c: AgentContext, { requestId, by, then, at }: Command<'interruptAsked'>): D => ({
  context: { interrupting: { requestId, by, then, at } },
  effects: [dispatch(c, { type: 'interrupt', requestId }), deadline(c, 'interrupt', at + interruptMs, { type: 'interruptExpired', requestId })],
})

/** The turn's end, while an interrupt is on its way: the interrupt cut it, or it ended by itself just before. */
export function turnCut(c: AgentContext, fact: FactOf<'turnEnded'>): D {
  const subject = c.turn?.subject
  const cancelled = fact.status === 'interrupted' && subject && c.open[subject]?.settled === false ? { cancelled: subject } : {}
  return both(turnEnded(c, fact), { context: c.interrupting && c.interrupting.cut === undefined ? { interrupting: { ...c.interrupting, cut: fact.status === 'interrupted', ...cancelled } } : {} })
}

/** The interrupt is over. A turn that never began (or never reported its end) is cut here; one that began by itself meanwhile goes on. */
export function interruptOver(c: AgentContext, event: AgentEvent): D {
  const { interrupting } = c
  if (!interrupting) return {}
  const at = timeOf(c, event)
  const cut = cutByInterrupt(c, at)
  const after = { ...c, ...cut.context }
  const cleared = interrupting.then === 'clear' ? after.mailbox : []
  return thenQuiet(c, both(cut, {
    context: { ...(interrupting.then === 'clear' ? { mailbox: [] } : {}), interrupting: undefined, hold: interrupting.then === 'continue' ? undefined : { by: interrupting.by } },
    effects: [clear(c, 'interrupt'), ...cleared.flatMap(({ message }) => [clear(c, `expiry:${message.id}`), settle(c, message.id, { status: 'cancelled', text: `${c.name} was interrupted and its queue cleared.`, at })])],
  }), at)
}

function cutByInterrupt(c: AgentContext, at: number): D {
  const { turn } = c
  const next = { ...noTurn, ...asideTakesOver(c) }
  if (!turn || isOwnTurnBegunSince(c)) return {}
  const unread = turn.work?.kind === 'replies' && turn.turnId === undefined ? returnWork(mailOf(c), turn.work, false) : {} // replies nobody has seen are kept
  return both({ context: unread }, settleSubject({ ...c, ...unread }, next, { status: 'cancelled', text: `${c.name} was interrupted before it worked on this.`, at }))
}

/** The interrupted turn has ended, and another has begun by itself. */
export const isOwnTurnBegunSince = (c: AgentContext): boolean => c.interrupting?.cut !== undefined && c.turn !== undefined && c.turn.promptId === undefined

/** The CLI never took it: its turn goes on. */
export const interruptGivenUp = (c: AgentContext): D => ({ context: { interrupting: undefined, lastError: `${c.name} could not be interrupted within ${interruptMs / 1000} s.` } })

export const approvalRequested = (c: AgentContext, fact: FactOf<'approvalRequested'>): D => ({
  context: { approval: { approvalId: fact.approvalId, tool: fact.tool, detail: fact.detail } },
  effects: [record({ type: 'noticeGiven', agentId: c.agentId, at: fact.at, text: `${c.name} waits for permission to use ${fact.tool}: ${fact.detail}` })],
})

export const answerApproval = (c: AgentContext, event: Command<'approvalAnswered'>): D => ({
  effects: c.approval ? [dispatch(c, { type: 'answerApproval', approvalId: c.approval.approvalId, decision: event.decision, ...(event.message ? { message: event.message } : {}) })] : [],
})

/** The process died by itself and its session can be returned to. */
export function revive(c: AgentContext, fact: FactOf<'exited'>): D {
  const how = describeExit(fact)
  // An interrupt on its way has what it wanted: the turn is not driven again.
  const cut = c.interrupting ? interruptOver(c, fact) : cutOff(c, fact.at, `Its CLI process died (${how}).`)
  // Background work died with the process: what waited for it alone is answered by its last words.
  const left = noteBackground(mailOf({ ...c, ...cut.context }), [])
  return thenQuiet(c, both(cut, {
    context: { ...forgetSettled(left), ...noTurn, aside: undefined, revivals: c.revivals + 1, pid: undefined, background: [], lastError: `The CLI process died (${how}) and was resumed.` },
    effects: [record({ type: 'noticeGiven', agentId: c.agentId, at: fact.at, text: `The CLI process of ${c.name} died (${how}); its session is being resumed.` })],
  }), fact.at)
}

export function describeExit({ code, signal, lastWords }: FactOf<'exited'>): string {
  const how = signal ? `signal ${signal}` : `exit code ${code ?? 'unknown'}`
  return lastWords ? `${how}; its last words: ${lastWords}` : how
}

export const hasWork = (c: AgentContext): boolean => nextWork(mailOf(c)) !== undefined
export type { Work }
