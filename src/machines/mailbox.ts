/**
 * An agent's two queues and its open messages, and what follows from them: which work is next, what a turn's end settles.
 * Pure functions over plain data; the agent machine calls them, the tests table them. They own the rules of subjects
 * (a turn's subject is the message it works for; it stays open while tasks it caused are out) and nothing about processes.
 */

import type { BackgroundTask } from '../drivers/driver.ts'
import type { MessageId, ReplyId } from '../ids.ts'
import type { Message, Reply } from '../messages.ts'

/** A message that was handed to the CLI and has no outcome yet, or had it given during a turn that still runs. */
export interface OpenMessage {
  readonly message: Message
  readonly settled: boolean
  /** Messages this agent sent for it, whose replies it has not been given yet. */
  readonly tasks: readonly MessageId[]
  /** The CLI's own background work begun for it. */
  readonly background: readonly string[]
  /** The final text of its latest turn: the answer, should nothing better come. */
  readonly lastText?: string
}

export interface QueuedMessage {
  readonly message: Message
  readonly deliveries: number
  /** The word that ends an interrupt's hold: it goes before everything that was waiting, replies included. */
  readonly ahead?: boolean
}

/** What drives a turn. */
export type Work =
  | { readonly kind: 'message'; readonly queued: QueuedMessage }
  | { readonly kind: 'replies'; readonly replies: readonly Reply[]; readonly subject?: MessageId }

export interface Turn {
  readonly promptId?: string
  /** Given by the CLI once the prompt was seen. */
  readonly turnId?: string
  readonly work?: Work
  readonly subject?: MessageId
}

export interface Mail {
  readonly mailbox: readonly QueuedMessage[]
  readonly inbox: readonly Reply[]
  readonly open: Readonly<Record<string, OpenMessage>>
}

/** What ends a hold; then pending replies, those of one subject together; then the mailbox, in order. */
export function nextWork({ inbox, mailbox }: Mail): Work | undefined {
  const first = inbox[0]
  if (first && !mailbox[0]?.ahead) {
    const replies = inbox.filter(reply => reply.subject === first.subject)
    return { kind: 'replies', replies, ...(first.subject === undefined ? {} : { subject: first.subject }) }
  }
  const queued = mailbox[0]
  return queued && { kind: 'message', queued }
}

export const subjectOf = (work: Work): MessageId | undefined => (work.kind === 'message' ? work.queued.message.id : work.subject)

/** The text the CLI is given. The prefix also keeps a leading `!`, `/` or `exit` from being a command. */
export function promptText(work: Work): string {
  if (work.kind === 'replies') return work.replies.map(replyLine).join('\n\n')
  const { message, deliveries } = work.queued
  const again = deliveries > 0 ? '(delivered again: you were cut off; check what is done, then finish) ' : ''
  return `[MSG:${message.id}] ${again}${message.text}`
}

function replyLine(reply: Reply): string {
  if (reply.kind === 'notice') return `[NOTICE from ${reply.fromName}] ${reply.text}`
  const how = reply.kind === 'follow_up' ? '(follow-up) ' : reply.status && reply.status !== 'answered' ? `(${reply.status}) ` : ''
  return `[REPLY:${reply.messageId} from ${reply.fromName}] ${how}${reply.text}`
}

/** Takes the work off its queue; a message becomes open. */
export function takeWork(mail: Mail, work: Work): Mail {
  if (work.kind === 'replies') {
    const taken = new Set(work.replies.map(reply => reply.id))
    return { ...mail, inbox: mail.inbox.filter(reply => !taken.has(reply.id)) }
  }
  const { message } = work.queued
  const open: OpenMessage = mail.open[message.id] ?? { message, settled: false, tasks: [], background: [] }
  return { ...mail, mailbox: mail.mailbox.filter(queued => queued.message.id !== message.id), open: { ...mail.open, [message.id]: open } }
}

/** As work that was seen: from then on it does not expire, however often it has to be delivered again. */
export function asSeen(work: Work): Work {
  if (work.kind === 'replies') return work
  const { expiresAt: _, ...message } = work.queued.message
  return { kind: 'message', queued: { ...work.queued, message } }
}

/** Puts work back where it came from, ahead of everything else. `again` counts the delivery that came to nothing. */
export function returnWork(mail: Mail, work: Work, again: boolean): Mail {
  if (work.kind === 'replies') return { ...mail, inbox: [...work.replies, ...mail.inbox] }
  const { queued } = work
  const { message, deliveries } = queued
  const known = mail.open[message.id]
  if (known?.settled) return forgetSettled(mail)
  const { [message.id]: _, ...rest } = mail.open
  // One that has begun tasks stays open while it waits to be delivered again: its tasks' replies still belong to it.
  const open = known && known.tasks.length > 0 ? mail.open : rest
  return { ...mail, open, mailbox: [{ ...queued, deliveries: again ? deliveries + 1 : deliveries }, ...mail.mailbox] }
}

/** A turn on a message thought undelivered: it was seen after all, and is the turn's work. */
export function takeUp(mail: Mail, id: MessageId): { readonly mail: Mail; readonly work?: Work } {
  const queued = mail.mailbox.find(({ message }) => message.id === id)
  if (!queued) return { mail }
  const work: Work = { kind: 'message', queued }
  return { mail: takeWork(mail, work), work }
}

/** The replies of `work` were seen: their tasks are no longer out. */
export const repliesHandedOut = (mail: Mail, replies: readonly Reply[]): Mail =>
  tasksAnswered(mail, replies.flatMap(reply => (reply.messageId ? [reply.messageId] : [])))

export function tasksAnswered(mail: Mail, messageIds: readonly MessageId[]): Mail {
  const answered = new Set(messageIds)
  return mapOpen(mail, message => ({ ...message, tasks: message.tasks.filter(id => !answered.has(id)) }))
}

export function taskBegun(mail: Mail, subject: MessageId, task: MessageId): Mail {
  return mapOpen(mail, message => (message.message.id === subject && !message.tasks.includes(task) ? { ...message, tasks: [...message.tasks, task] } : message))
}

/** A reply for this agent's inbox. Arriving a second time (an answer that could not leave) makes its task outstanding again. */
export function replyArrived(mail: Mail, reply: Reply): Mail {
  if (mail.inbox.some(known => known.id === reply.id)) return mail
  const inbox = { ...mail, inbox: [...mail.inbox, reply] }
  return reply.subject && reply.messageId && reply.kind === 'outcome' ? taskBegun(inbox, reply.subject, reply.messageId) : inbox
}

export function repliesClaimed(mail: Mail, ids: readonly ReplyId[], messageIds: readonly MessageId[]): Mail {
  const claimed = new Set(ids)
  return tasksAnswered({ ...mail, inbox: mail.inbox.filter(reply => !claimed.has(reply.id)) }, messageIds)
}

/** Nothing of it is to be delivered any more; what its tasks bring still belongs to it. */
export function markSettled({ mailbox, ...mail }: Mail, id: MessageId): Mail {
  return mapOpen({ ...mail, mailbox: mailbox.filter(({ message }) => message.id !== id) }, message => (message.message.id === id ? { ...message, settled: true } : message))
}

/** Still owes an answer, or its tasks' replies have yet to come in. */
export function isWaiting({ inbox }: Mail, message: OpenMessage): boolean {
  return message.tasks.length > 0 || message.background.length > 0 || inbox.some(reply => reply.subject === message.message.id)
}

/** It was cut off, and is to be delivered again. */
export const isQueued = ({ mailbox }: Mail, { message: { id } }: OpenMessage): boolean => mailbox.some(({ message }) => message.id === id)

export interface TurnEnd {
  readonly subject?: MessageId
  readonly finalText?: string
  /** Every background task of the session still running. */
  readonly background: readonly BackgroundTask[]
  /** Tasks that were told of before this turn's end: not begun by it, whosever they are. */
  readonly earlier?: readonly string[]
}

/**
 * After a completed turn: which message its final text answers, if any. A settled subject, one whose tasks are out, one
 * with background work, or one that is yet to be delivered again is not answered by it; the text is kept for the day nothing better comes.
 */
export function completeTurn(before: Mail, end: TurnEnd): { readonly mail: Mail; readonly answered?: MessageId } {
  const mail = keepText(noteBackground(before, end.background, end.subject, end.earlier), end)
  const subject = end.subject && mail.open[end.subject]
  return subject && !subject.settled && !isWaiting(mail, subject) && !isQueued(mail, subject) ? { mail, answered: subject.message.id } : { mail: forgetSettled(mail) }
}

/** The session's background tasks as a turn's end tells them: those nobody knew were begun by its subject. */
export function noteBackground(mail: Mail, tasks: readonly BackgroundTask[], subject?: MessageId, earlier: readonly string[] = []): Mail {
  const running = new Set(tasks.map(task => task.id))
  const known = new Set([...Object.values(mail.open).flatMap(message => message.background), ...earlier])
  const begun = [...running].filter(id => !known.has(id))
  return mapOpen(mail, message => ({ ...message, background: [...message.background.filter(id => running.has(id)), ...(message.message.id === subject ? begun : [])] }))
}

const keepText = (mail: Mail, { subject, finalText }: TurnEnd): Mail =>
  finalText === undefined ? mail : mapOpen(mail, message => (message.message.id === subject ? { ...message, lastText: finalText } : message))

/**
 * Unanswered, and nothing of theirs is out or will be delivered: what was awaited came in during another message's turn, or
 * background work ended without a word. If no turn of their own follows, their last words are their answers.
 */
export const quietMessages = (mail: Mail): OpenMessage[] =>
  openMessages(mail).filter(open => !isWaiting(mail, open) && !isQueued(mail, open))

/** Settled messages are kept only while something of theirs is still to come in. */
export function forgetSettled(mail: Mail): Mail {
  const open = Object.fromEntries(Object.entries(mail.open).filter(([, message]) => !message.settled || isWaiting(mail, message)))
  return { ...mail, open }
}

export const openMessages = (mail: Mail): OpenMessage[] => Object.values(mail.open).filter(message => !message.settled)

function mapOpen(mail: Mail, change: (message: OpenMessage) => OpenMessage): Mail {
  return { ...mail, open: Object.fromEntries(Object.entries(mail.open).map(([id, message]) => [id, change(message)])) }
}
