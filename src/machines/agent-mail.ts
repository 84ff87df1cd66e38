/** What reaches an agent between turns, as decisions: messages, replies, and the answers it gives. `mailbox.ts` has the rules of the queues. */

import { type Address, type Message, sameAddress } from '../messages.ts'
import type { AgentContext } from './agent-context.ts'
import { type AgentDecision, clear, type CommandOf, deadline, type DeadlineOf, mailOf, quietOf, record, settle, thenQuiet } from './agent-effects.ts'
import type { Effect, InboxEvent } from './effects.ts'
import { forgetSettled, markSettled, nextWork, repliesClaimed, replyArrived, taskBegun } from './mailbox.ts'

export const hasWork = (c: AgentContext): boolean => nextWork(mailOf(c)) !== undefined

/** Whether a word from there ends the agent's hold: from who interrupted it, or from above. */
export const endsHold = ({ hold }: Pick<AgentContext, 'hold'>, from: Address, fromAncestor: boolean): boolean => hold !== undefined && (fromAncestor || sameAddress(hold.by, from))

export const queueMessage = (c: AgentContext, { message, at, fromAncestor }: CommandOf<'messageAccepted'>): AgentDecision => {
  const releases = endsHold(c, message.from, fromAncestor)
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

export const expiry = (c: AgentContext, { id, expiresAt }: Message, at: number): Effect[] =>
  expiresAt === undefined ? [] : [deadline(c, `expiry:${id}`, Math.max(at, expiresAt), { type: 'messageExpired', messageId: id })]

export const expireMessage = (c: AgentContext, { messageId, at }: DeadlineOf<'messageExpired'>): AgentDecision => {
  if (!c.mailbox.some(({ message }) => message.id === messageId)) return {}
  return {
    context: { mailbox: c.mailbox.filter(({ message }) => message.id !== messageId) },
    effects: [settle(c, messageId, { status: 'expired', text: `${c.name} did not get to it before it expired.`, at })],
  }
}

/** One that was cut off and waits to be delivered again is its turn's no more. */
export const withdrawMessage = (c: AgentContext, { messageId, reason, at }: CommandOf<'messageWithdrawn'>): AgentDecision => {
  if (!c.mailbox.some(({ message }) => message.id === messageId)) return {}
  return { context: markSettled(mailOf(c), messageId), effects: [clear(c, `expiry:${messageId}`), settle(c, messageId, { status: 'cancelled', text: reason, at })] }
}

export const takeReply = (c: AgentContext, event: Extract<InboxEvent, { type: 'replyArrived' }>): AgentDecision => ({ context: replyArrived(mailOf(c), event.reply) })

export const releaseReplies = (c: AgentContext, event: Extract<InboxEvent, { type: 'repliesClaimed' }>): AgentDecision =>
  thenQuiet(c, { context: repliesClaimed(mailOf(c), event.ids, event.messageIds) }, event.at)

export const noteTask = (c: AgentContext, event: CommandOf<'taskSent'>): AgentDecision => ({ context: taskBegun(mailOf(c), event.subject, event.messageId) })

/** `reply_to_caller`: settles an open message; said of one already settled, it is a follow-up. */
export const giveReply = (c: AgentContext, { messageId, text, at }: CommandOf<'replyGiven'>): AgentDecision => {
  const waits = c.mailbox.some(({ message }) => message.id === messageId) // given before, and to be given again
  if (c.open[messageId]?.settled || (!c.open[messageId] && !waits)) return { effects: [record({ type: 'followUpGiven', agentId: c.agentId, messageId, text, at })] }
  return {
    context: markSettled(mailOf(c), messageId),
    effects: [clear(c, `expiry:${messageId}`), settle(c, messageId, { status: 'answered', text, via: 'reply_to_caller', at })],
  }
}

/** Nothing of it is out any more, and no turn came of that: the subject's last words are its answer. A turn's end asks again. */
export function quietPassed(c: AgentContext, { messageId, at }: DeadlineOf<'quietPassed'>): AgentDecision {
  const open = quietOf(c).find(({ message }) => message.id === messageId)
  if (!open || c.turn) return {}
  return { context: forgetSettled(markSettled(mailOf(c), messageId)), effects: [settle(c, messageId, { status: 'answered', text: open.lastText ?? '', via: 'turn_end', at })] }
}
