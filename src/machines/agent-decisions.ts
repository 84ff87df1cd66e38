/**
 * The decisions of one agent, as pure functions: what an event changes and what it asks of the world. The state chart in
 * `agent.ts` says when each applies; here is what it means.
 */

import type { DriverCommand, FactOf } from '../drivers/driver.ts'
import type { MessageId } from '../ids.ts'
import type { Outcome } from '../messages.ts'
import { agentKey, type Decision, type Effect, type InboxEvent, type LedgerEvent } from './effects.ts'
import { type AgentCommand, type AgentContext, type AgentDeadline, graceMs, handshakeMs, maxDeliveries, quietMs, retryMs, stopMs } from './agent-context.ts'
import {
  completeTurn, forgetSettled, type Mail, markSettled, nextWork, openMessages, promptText, repliesClaimed, repliesHandedOut, replyArrived, returnWork, subjectOf,
  takeWork, taskBegun, type Work,
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
const deadline = (c: AgentContext, name: string, at: number, event: { readonly type: string; readonly messageId?: MessageId }): Effect =>
  ({ to: 'deadlines', event: { type: 'setDeadline', key: `${c.agentId}:${name}`, at, notify: agentKey(c.agentId), event } })
const clear = (c: AgentContext, name: string): Effect => ({ to: 'deadlines', event: { type: 'clearDeadline', key: `${c.agentId}:${name}` } })

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
  context: { sessionId: fact.sessionId },
  effects: [
    record({ type: 'agentChanged', agentId: c.agentId, state: 'spawning', sessionId: fact.sessionId, at: fact.at }),
    deadline(c, 'handshake', fact.at + handshakeMs, { type: 'handshakeExpired' }),
  ],
})

export const shaken = (c: AgentContext): D => ({ effects: [clear(c, 'handshake')] })

/** Every entry into a top-level state goes on record. */
export const stateEntered = (c: AgentContext, state: string): D => ({ effects: [record({ type: 'agentChanged', agentId: c.agentId, state, at: c.since })] })

export const toEnding = (c: AgentContext, reason: string, options: { force: boolean; processGone: boolean }): D => ({
  context: { ending: { reason, ...options, processGone: options.processGone || (c.ending?.processGone ?? false) } },
})

/** Children are gone: now the process. */
export const stopProcess = (c: AgentContext): D => ({
  effects: c.ending?.processGone
    ? []
    : [dispatch(c, { type: 'stopAgent', mode: c.ending?.force ? 'force' : 'graceful', graceMs }), deadline(c, 'stop', c.since + stopMs, { type: 'stopExpired' })],
})

export const finish = (c: AgentContext): D => ({
  effects: [
    ...['handshake', 'retry', 'stop', ...c.mailbox.map(({ message }) => `expiry:${message.id}`), ...Object.keys(c.open).map(id => `quiet:${id}`)].map(name => clear(c, name)),
    record({ type: 'agentEnded', agentId: c.agentId, reason: c.ending?.reason ?? 'ended', at: c.since }),
    { to: 'supervisor', event: { type: 'agentFinished', agentId: c.agentId } },
  ],
})

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
    effects: message.expiresAt === undefined ? [] : [deadline(c, `expiry:${message.id}`, Math.max(at, message.expiresAt), { type: 'messageExpired', messageId: message.id })],
  }
}

export const takeReply = (c: AgentContext, event: Extract<InboxEvent, { type: 'replyArrived' }>): D => ({ context: replyArrived(mailOf(c), event.reply) })

export const releaseReplies = (c: AgentContext, event: Extract<InboxEvent, { type: 'repliesClaimed' }>): D => ({ context: repliesClaimed(mailOf(c), event.ids, event.messageIds) })

export const noteTask = (c: AgentContext, event: Command<'taskSent'>): D => ({ context: taskBegun(mailOf(c), event.subject, event.messageId) })

/** `reply_to_caller`: settles an open message; said of one already settled, it is a follow-up. */
export const giveReply = (c: AgentContext, { messageId, text, at }: Command<'replyGiven'>): D => {
  const open = c.open[messageId]
  if (!open || open.settled) return { effects: [record({ type: 'followUpGiven', agentId: c.agentId, messageId, text, at })] }
  return {
    context: markSettled(mailOf(c), messageId),
    effects: [settle(c, messageId, { status: 'answered', text, via: 'reply_to_caller', at })],
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

export const deliver = (c: AgentContext): D => {
  const work = nextWork(mailOf(c))
  if (!work) return {}
  const first = work.kind === 'message' ? `${work.queued.message.id}.${work.queued.deliveries}` : `${work.replies[0]?.id}.${c.since}`
  const subject = subjectOf(work)
  return {
    context: { ...takeWork(mailOf(c), work), turn: { promptId: first, work, ...(subject ? { subject } : {}) } },
    effects: [dispatch(c, { type: 'submitPrompt', promptId: first, text: promptText(work) })],
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

export const promptRefused = (c: AgentContext, fact: FactOf<'promptRefused'>): D => {
  if (!c.turn?.work || fact.promptId !== c.turn.promptId) return {}
  return {
    context: { ...returnWork(mailOf(c), c.turn.work, false), turn: undefined },
    effects: [deadline(c, 'retry', fact.at + retryMs, { type: 'deliveryRetried' })],
  }
}

/** Typed and never confirmed: tried again, and given up as poison after the last try. */
export const promptUnconfirmed = (c: AgentContext, fact: FactOf<'promptUnconfirmed'>): D =>
  fact.promptId === c.turn?.promptId ? cutOff(c, fact.at, `${c.name} never confirmed that it saw the message: ${fact.detail}`) : {}

/** The turn came to nothing through no word of the agent's: its work goes back, marked, or is given up. */
export function cutOff(c: AgentContext, at: number, why: string): D {
  const work = c.turn?.work
  const none = { turn: undefined, currentTool: undefined, approval: undefined }
  if (!work) return { context: none }
  if (work.kind === 'message' && work.queued.deliveries + 1 >= maxDeliveries) {
    return settleSubject({ ...c, turn: c.turn }, none, { status: 'failed', text: `poison: delivered ${maxDeliveries} times and cut off each time. ${why}`, at })
  }
  if (work.kind === 'message' && c.open[work.queued.message.id]?.settled) return { context: { ...forgetSettled(mailOf(c)), ...none } }
  return { context: { ...returnWork(mailOf(c), work, true), ...none, lastError: why } }
}

export const turnStarted = (c: AgentContext, fact: FactOf<'turnStarted'>): D => ({ context: { turn: { turnId: fact.turnId, ...subjectOfOwnTurn(c, fact) } } })

function subjectOfOwnTurn(c: AgentContext, fact: FactOf<'turnStarted'>): { subject?: MessageId } {
  const byTask = Object.values(c.open).find(message => fact.backgroundTaskId !== undefined && message.background.includes(fact.backgroundTaskId))
  return byTask ? { subject: byTask.message.id } : {}
}

/** What a turn's end settles: see `completeTurn`. A failed turn fails its subject, an interrupted one cancels it. */
export function turnEnded(c: AgentContext, fact: FactOf<'turnEnded'>): D {
  if (fact.turnId !== c.turn?.turnId && !(c.turn && fact.promptId === c.turn.promptId)) return {}
  const none = { turn: undefined, currentTool: undefined, approval: undefined, background: fact.background.map(task => task.id) }
  if (fact.status === 'failed') return settleSubject(c, { ...none, lastError: fact.error }, { status: 'failed', text: fact.error ?? 'The turn failed and the CLI did not say why.', at: fact.at })
  if (fact.status === 'interrupted') return settleSubject(c, none, { status: 'cancelled', text: `${c.name} was interrupted while it worked on this.`, at: fact.at })
  const { mail, answered, quiet } = completeTurn(mailOf(c), { subject: c.turn.subject, finalText: fact.finalText, background: fact.background })
  const waiting = quiet.map(id => deadline(c, `quiet:${id}`, fact.at + quietMs, { type: 'quietPassed', messageId: id }))
  if (!answered) return { context: { ...mail, ...none, revivals: 0 }, effects: waiting }
  const outcome: Outcome = { status: 'answered', text: mail.open[answered]?.lastText ?? '', via: 'turn_end', at: fact.at }
  return { context: { ...forgetSettled(markSettled(mail, answered)), ...none, revivals: 0 }, effects: [...waiting, settle(c, answered, outcome)] }
}

/** Background work ended, and no turn came of it: the subject's last words are its answer. */
export function quietPassed(c: AgentContext, { messageId, at }: Extract<AgentDeadline, { type: 'quietPassed' }>): D {
  const open = c.open[messageId]
  if (!open || c.turn?.subject === messageId) return {}
  const { mail, answered } = completeTurn(mailOf(c), { subject: messageId, background: c.background.map(id => ({ id })) })
  if (!answered) return {}
  return { context: forgetSettled(markSettled(mail, answered)), effects: [settle(c, answered, { status: 'answered', text: open.lastText ?? '', via: 'turn_end', at })] }
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
  effects: [dispatch(c, { type: 'interrupt', requestId })],
})

/** The turn's end, while an interrupt is on its way: the interrupt cut it, or it ended by itself just before. */
export function turnCut(c: AgentContext, fact: FactOf<'turnEnded'>): D {
  const decision = turnEnded(c, fact)
  const subject = c.turn?.subject
  const cancelled = fact.status === 'interrupted' && subject && c.open[subject]?.settled === false ? { cancelled: subject } : {}
  return { ...decision, context: { ...decision.context, ...(c.interrupting ? { interrupting: { ...c.interrupting, cut: fact.status === 'interrupted', ...cancelled } } : {}) } }
}

/** The driver is done interrupting. A turn that never began (or never reported its end) is cut here. */
export function interruptFinished(c: AgentContext, fact: FactOf<'interruptFinished'>): D {
  const { interrupting } = c
  if (!interrupting) return {}
  const cut = c.turn ? settleSubject(c, { turn: undefined, currentTool: undefined, approval: undefined }, { status: 'cancelled', text: `${c.name} was interrupted before it worked on this.`, at: fact.at }) : {}
  const cleared = interrupting.then === 'clear' ? c.mailbox : []
  return {
    context: {
      ...cut.context,
      ...(interrupting.then === 'clear' ? { mailbox: [] } : {}),
      interrupting: undefined,
      hold: interrupting.then === 'continue' ? undefined : { by: interrupting.by },
    },
    effects: [...(cut.effects ?? []), ...cleared.map(({ message }) => settle(c, message.id, { status: 'cancelled', text: `${c.name} was interrupted and its queue cleared.`, at: fact.at }))],
  }
}

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
  const cut = cutOff(c, fact.at, `Its CLI process died (${how}).`)
  // Background work died with the process: what waited for it alone is answered by its last words.
  const dead: Mail = { ...mailOf(c), ...cut.context }
  const { mail } = completeTurn({ ...dead, open: Object.fromEntries(Object.entries(dead.open).map(([id, open]) => [id, { ...open, background: [] }])) }, { background: [] })
  const orphaned = openMessages(mail).filter(open => (c.open[open.message.id]?.background.length ?? 0) > 0)
  return {
    context: { ...cut.context, ...mail, revivals: c.revivals + 1, pid: undefined, background: [], interrupting: undefined, lastError: `The CLI process died (${how}) and was resumed.` },
    effects: [
      ...(cut.effects ?? []),
      record({ type: 'noticeGiven', agentId: c.agentId, at: fact.at, text: `The CLI process of ${c.name} died (${how}); its session is being resumed.` }),
      ...orphaned.map(open => deadline(c, `quiet:${open.message.id}`, fact.at + quietMs, { type: 'quietPassed', messageId: open.message.id })),
    ],
  }
}

export function describeExit({ code, signal, lastWords }: FactOf<'exited'>): string {
  const how = signal ? `signal ${signal}` : `exit code ${code ?? 'unknown'}`
  return lastWords ? `${how}; its last words: ${lastWords}` : how
}

export const hasWork = (c: AgentContext): boolean => nextWork(mailOf(c)) !== undefined
export type { Work }
