/** Messages down and answers up, as calls. A message is on record before its sender hears "accepted". */

import { isAbsolute } from 'node:path'
import { MadroxError } from '../errors.ts'
import { type AgentId, asMessageId, type MessageId, type ReplyId } from '../ids.ts'
import { type Caller, type Message, type Outcome, sameAddress } from '../messages.ts'
import { endsHold } from '../machines/agent-mail.ts'
import { addressKey } from '../machines/effects.ts'
import { openMessages } from '../machines/mailbox.ts'
import type { MessageRow } from '../store/store.ts'
import { agentContext, callerKey, canonicalAddress, type Core, isBelow, ledgerActor, nameOf, rowOf, tellAgent } from './core.ts'
import { audit } from './auditing.ts'
import { refuseAtLimit } from './at-limit.ts'
import { checkTotalCost } from './budgets.ts'
import { checkRoomToWake } from './capacity.ts'
import { resolveLiving } from './directory.ts'
import type { SendReport, SendRequest, WaitOptions } from './facade.ts'
import { claim, collectReplies, inboxOf, releaseReplies } from './inboxes.ts'
import { lookIntoSessions } from './looking.ts'
import { addressOf, standFor } from './principals.ts'
import { withinTurn } from './turns.ts'
import type { Answer, Waiting } from './waiting.ts'

export function createMessaging(core: Core, waiting: Waiting) {
  return {
    send: (caller: Caller, request: SendRequest) => send(core, waiting, caller, request),
    waitForAny: (caller: Caller, ids: readonly MessageId[], wait: WaitOptions) => waitForAny(core, waiting, caller, ids, wait),
    reply: (caller: Caller, request: { text: string; correlationId?: string }) => reply(core, caller, request),
    collectReplies: async (caller: Caller, { wait, ...options }: { of?: string; limit?: number; wait: WaitOptions }) => {
      const within = { ...options, wait: { ...wait, timeoutMs: Math.max(0, waiting.deadlineFor(caller, wait.timeoutMs) - core.clock.now()) } }
      return options.of !== undefined && isAbsolute(options.of) ? { replies: await lookIntoSessions(core, caller, options.of, within), peeked: true } : collectReplies(core, caller, within)
    },
    consumeReplies: (ids: readonly ReplyId[]) => {
      if (ids.length > 0) ledgerActor(core).send({ type: 'repliesSeen', ids, at: core.clock.now() })
    },
    releaseReplies: (ids: readonly ReplyId[]) => releaseReplies(core, ids),
    pendingReplies: (caller: Caller) => inboxOf(core, addressOf(core, caller)).length,
  }
}

/** A request that works for a message of its own choosing. */
export type Sending = SendRequest & { readonly subject?: MessageId }

/** `alongside`: what goes on record with the message, or not at all. */
export function send(core: Core, waiting: Waiting, caller: Caller, request: Sending, alongside: (message: Message) => void = () => {}): SendReport {
  const earlier = request.callKey === undefined ? undefined : (core.store.findCall(callerKey(core, caller), `send ${request.callKey}`) as { messageId: MessageId } | undefined) // recorded below
  if (earlier) return report(core, earlier.messageId)
  const { id: to } = resolveLiving(core, caller, request.to, 'address')
  if (caller.kind === 'agent' && caller.agentId === to) throw new MadroxError('invalid_input', 'An agent cannot send to itself.', { remedy: 'Just go on working.' })
  checkSize(core, caller, to, request)
  checkTotalCost(core, rowOf(core, to).ownerId)
  refuseAtLimit(core, { kind: 'agent', id: to }, 'Nothing is delivered to it')
  checkRoomToWake(core, to)
  if (request.toBeWaitedFor) waiting.checkCircle(caller, [to])
  const message = toMessage(core, caller, to, request)
  core.store.transaction(() => {
    core.store.insertMessage(message)
    if (request.callKey !== undefined) core.store.recordCall(callerKey(core, caller), `send ${request.callKey}`, { messageId: message.id }, message.acceptedAt, to)
    audit(core.store, { at: message.acceptedAt, event: 'message_sent', agentId: to, data: { message: message.id, by: callerKey(core, caller), expects_reply: message.expectsReply, ...(message.causedBy ? { caused_by: message.causedBy } : {}) } })
    alongside(message)
  })
  if (message.causedBy && message.from.kind === 'agent' && message.expectsReply) tellAgent(core, message.from.id, { type: 'taskSent', subject: message.causedBy, messageId: message.id })
  tellAgent(core, to, { type: 'messageAccepted', message, fromAncestor: isAncestor(core, caller, to), at: message.acceptedAt })
  // Not read back: whatever the store does now, the message is accepted, and its sender must hear so.
  return { messageId: message.id, agentId: to, replies: [], status: 'accepted', ...placeOf(core, to, message.id) }
}

function checkSize(core: Core, caller: Caller, to: AgentId, { text, expiresAt }: SendRequest): void {
  const { maxMailbox } = core.limits
  checkText(core, text)
  if (expiresAt !== undefined && expiresAt <= core.clock.now()) throw new MadroxError('invalid_input', 'expires_at has already passed.', { remedy: 'Give a time in the future, or none.' })
  const context = agentContext(core, to)
  const waiting = context?.mailbox.length ?? 0
  // What waits behind a hold leaves only by the word that ends it.
  const isAwaited = context && endsHold(context, addressOf(core, caller), isAncestor(core, caller, to))
  if (waiting >= maxMailbox && !isAwaited) throw new MadroxError('mailbox_full', `${waiting} messages already wait for "${rowOf(core, to).name}".`, { remedy: 'Wait for some of them, or send to another agent.', data: { waiting } })
}

/** Refuses what could not be sent, whoever it is for. */
export function checkText({ limits: { maxMessageLength } }: Core, text: string): void {
  if (/^[\s\p{Cc}\p{Cf}\p{Cs}]*$/u.test(text)) throw new MadroxError('invalid_input', 'The message is empty.', { remedy: 'Say what is to be done.' })
  if (text.length > maxMessageLength) throw new MadroxError('invalid_input', `The message has ${text.length} characters and the limit is ${maxMessageLength}.`, { remedy: 'Write the long part to a file and send its path.' })
}

function toMessage(core: Core, caller: Caller, to: AgentId, request: Sending): Message {
  const subject = 'subject' in request ? request.subject : caller.kind === 'agent' ? subjectNow(core, caller.agentId) : undefined
  return {
    id: core.ids.message(), to, from: standFor(core, caller), text: request.text, expectsReply: request.expectsReply, acceptedAt: core.clock.now(),
    ...(subject ? { causedBy: subject } : {}), ...(request.expiresAt === undefined ? {} : { expiresAt: request.expiresAt }),
  }
}

/** What the agent is working on: the turn it was seen to begin, be it ours or its own. */
export function subjectNow(core: Core, agentId: AgentId): MessageId | undefined {
  const context = agentContext(core, agentId)
  return (context?.turn?.turnId === undefined ? (context?.aside ?? context?.turn) : context.turn)?.subject
}

const isAncestor = (core: Core, caller: Caller, of: AgentId): boolean => (caller.kind === 'agent' ? isBelow(core, of, caller.agentId) : true)

/** What is on record of a message now. */
function report(core: Core, id: MessageId): SendReport {
  const row = core.store.getMessage(id)
  if (!row) throw new MadroxError('not_found', `There is no message "${id}".`)
  const base = { messageId: id, agentId: row.to, replies: [] }
  if (row.outcome) return { ...base, ...toOutcome(core, row, row.outcome) }
  return { ...base, status: 'accepted', ...placeOf(core, row.to, id) }
}

/** In the mailbox, while it is there. */
function placeOf(core: Core, to: AgentId, id: MessageId): Pick<SendReport, 'position'> {
  const place = agentContext(core, to)?.mailbox.findIndex(queued => queued.message.id === id) ?? -1
  return place >= 0 ? { position: place + 1 } : {}
}

async function waitForAny(core: Core, waiting: Waiting, caller: Caller, ids: readonly MessageId[], wait: WaitOptions): Promise<SendReport> {
  for (const id of ids) checkMayWait(core, caller, id)
  const done = ids.find(id => core.store.getMessage(id)?.outcome)
  if (done) return { ...report(core, done), replies: claimReplyOf(core, done) } // claimed last: what fails before leaves it in its inbox
  const began = core.clock.now()
  const answer = await withinTurn(core, caller, wait, within => waiting.waitFor(caller, ids, within))
  const first = answer?.messageId ?? ids[0]
  if (first === undefined) throw new MadroxError('invalid_input', 'There is nothing to wait for.', { remedy: 'Give at least one message id.' })
  if (!answer) return { ...report(core, first), status: 'pending', waitedMs: core.clock.now() - began }
  return toReport(core, answer)
}

/** The wait has taken the reply out of its inbox; if it cannot be told now, it goes back there. */
function toReport(core: Core, { messageId, reply }: Answer): SendReport {
  try {
    return { ...report(core, messageId), replies: reply ? [reply.id] : [] }
  } catch (error) {
    if (reply) core.root.system.get(addressKey(reply.to))?.send({ type: 'replyArrived', reply, at: core.clock.now() })
    throw error
  }
}

/** An answer by `reply_to_caller` is given in a turn that goes on: what it used is not known yet. */
function toOutcome(core: Core, { to, seenAt }: MessageRow, { status, text, via, at }: Outcome): Pick<SendReport, 'status' | 'response' | 'via' | 'usage'> {
  const usage = via === 'turn_end' && seenAt !== undefined ? core.store.usageTotals(to, { since: seenAt, until: at }) : undefined
  return { status, response: text, ...(via ? { via } : {}), ...(usage ? { usage } : {}) }
}

/** One may wait for what one sent; an owner, for what any of its clients sent. */
function checkMayWait(core: Core, caller: Caller, id: MessageId): void {
  const row = core.store.getMessage(id)
  const mine = row && (sameAddress(row.from, addressOf(core, caller)) || (caller.kind !== 'agent' && row.from.kind === 'client' && core.store.getClient(row.from.id)?.ownerId === caller.ownerId))
  if (!mine) throw new MadroxError('not_found', `There is no message "${id}" of yours.`, { remedy: 'Use the message_id that send_to_instance returned.' })
}

/** An outcome found on record may still lie in an inbox: it is handed out now, by this answer. */
function claimReplyOf(core: Core, id: MessageId): ReplyId[] {
  const sender = core.store.getMessage(id)?.from
  const from = sender && canonicalAddress(core, sender)
  const reply = from && inboxOf(core, from).find(known => known.messageId === id && known.kind === 'outcome')
  if (!from || !reply) return []
  claim(core, from, [reply])
  return [reply.id]
}

function reply(core: Core, caller: Caller, { text, correlationId }: { text: string; correlationId?: string }): { to: string; messageId: MessageId; kind: 'outcome' | 'follow_up' } {
  if (caller.kind !== 'agent') throw new MadroxError('not_allowed', 'Only an agent has a caller to reply to.', { remedy: 'To tell an agent something, use send_to_instance.' })
  const context = agentContext(core, caller.agentId)
  if (!context) throw new MadroxError('agent_ended', 'This agent has ended, and what it had to answer is settled.', { remedy: 'Stop here: nothing it says is heard any more.' })
  // Unnamed, it is about what a turn was seen to begin on: what is still on its way was read by nobody.
  const turn = context.turn?.turnId === undefined ? context.aside : context.turn
  const open = turn ? openMessages(context).filter(known => turn === context.turn || known.message.id !== context.turn?.subject) : []
  const messageId = correlationId === undefined ? soleMessage(core, open.map(known => known.message), turn?.subject) : namedMessage(core, caller.agentId, correlationId)
  const row = core.store.getMessage(messageId)
  const kind = row?.outcome ? 'follow_up' : 'outcome'
  giveReply(core, caller.agentId, messageId, text)
  return { to: !row?.expectsReply ? 'nobody: it was a note, and its sender expects no answer' : nameOf(core, row.from), messageId, kind }
}

/** @throws MadroxError `unavailable` where it is not on record yet: "delivered" may be said of nothing that a crash would forget */
function giveReply(core: Core, agentId: AgentId, messageId: MessageId, text: string): void {
  let waits = false
  const failed = ledgerActor(core).on('writeFailed', ({ event }) => {
    waits ||= (event.type === 'messageSettled' || event.type === 'followUpGiven') && event.messageId === messageId
  })
  tellAgent(core, agentId, { type: 'replyGiven', messageId, text, at: core.clock.now() })
  failed.unsubscribe()
  if (waits) throw new MadroxError('unavailable', 'The answer is taken, but it cannot be put on record now, so nobody has it yet.', { remedy: 'It is tried again every second: you need not repeat it, unless you are asked for it again.', data: { messageId } })
}

function soleMessage(core: Core, open: readonly Message[], subject: MessageId | undefined): MessageId {
  // Said in the turn of what is settled, it is a follow-up, and never another message's answer.
  if (subject && !open.some(message => message.id === subject) && core.store.getMessage(subject)) return subject
  if (open.length === 1 && open[0]) return open[0].id
  if (open.length > 1) {
    const list = open.map(message => `${message.id} from ${nameOf(core, message.from)} ("${message.text.slice(0, 60)}")`)
    throw new MadroxError('ambiguous_message', `${open.length} messages are open: ${list.join('; ')}.`, { remedy: 'Call again with correlation_id.', data: { open: open.map(message => message.id) } })
  }
  throw new MadroxError('no_open_message', 'No turn of yours is known to work on an open message, so there is nobody to reply to.', { remedy: 'Answering a task, name it by correlation_id, the id in its [MSG:<id>] line. To tell your supervisor, a peer or a child something, use send_to_instance.' })
}

function namedMessage(core: Core, agentId: AgentId, correlationId: string): MessageId {
  const row = core.store.getMessage(asMessageId(correlationId.replace(/^\[?(?:MSG:)?|\]$/gi, '')))
  const open = openMessages(agentContext(core, agentId) ?? { mailbox: [], inbox: [], open: {} }).map(known => known.message.id)
  // Its delivery may not be on record yet.
  if (row && row.to === agentId && (row.deliveredAt !== undefined || row.seenAt !== undefined || row.outcome || open.includes(row.id))) return row.id
  throw new MadroxError('not_found', `No message "${correlationId}" was given to you.`, { remedy: open.length > 0 ? `Open: ${open.join(', ')}.` : 'Nothing is open; to start something new, use send_to_instance.', data: { open } })
}
