/**
 * The words of a conversation: messages, outcomes, replies, and who sends them. A message is a task for one agent and ends
 * in exactly one outcome; a reply is what travels back and waits in its addressee's inbox until it is handed out.
 */

import type { AgentId, ClientId, MessageId, OwnerId, ReplyId } from './ids.ts'

/** Who calls. An agent is known by its credential; a client by its session; an owner (CLI, plain REST) by token or loopback. */
export type Caller =
  | { readonly kind: 'agent'; readonly agentId: AgentId }
  | { readonly kind: 'client'; readonly clientId: ClientId; readonly ownerId: OwnerId }
  | { readonly kind: 'owner'; readonly ownerId: OwnerId }

/** Where outcomes go. */
export type Address = { readonly kind: 'agent'; readonly id: AgentId } | { readonly kind: 'client'; readonly id: ClientId }

export const outcomeStatuses = ['answered', 'failed', 'cancelled', 'expired', 'agent_gone'] as const
export type OutcomeStatus = (typeof outcomeStatuses)[number]

/** How a message ended. Recorded once; what comes later is a follow-up. */
export interface Outcome {
  readonly status: OutcomeStatus
  /** The answer, or in plain words why there is none. */
  readonly text: string
  /** What gave an answer its text. */
  readonly via?: 'reply_to_caller' | 'turn_end'
  readonly at: number
}

/** How the outcome of a message reads that was delivered as often as may be, and cut off each time. */
export const poison = 'poison: '

/** It had no answer, and through no word of its agent's or sender's: it may be worth sending again. */
export const isUndelivered = ({ status, text }: Outcome): boolean => status === 'agent_gone' || status === 'expired' || (status === 'failed' && text.startsWith(poison))

export interface Message {
  readonly id: MessageId
  readonly to: AgentId
  readonly from: Address
  readonly text: string
  readonly expectsReply: boolean
  /** The sender's subject when it sent this: the message this one works for. */
  readonly causedBy?: MessageId
  readonly acceptedAt: number
  /** Not *seen* by then: the message ends `expired`. */
  readonly expiresAt?: number
}

/** `outcome` settles a message; `follow_up` is said after it was settled; `notice` is Madrox telling of an agent's fate. */
export type ReplyKind = 'outcome' | 'follow_up' | 'notice'

export interface Reply {
  readonly id: ReplyId
  readonly kind: ReplyKind
  readonly to: Address
  /** The agent that speaks, or that a notice is about. */
  readonly from: AgentId
  readonly fromName: string
  /** The message it answers; absent on notices. */
  readonly messageId?: MessageId
  /** The addressee's own subject that the answered message worked for: replies handed in together are grouped by it. */
  readonly subject?: MessageId
  readonly status?: OutcomeStatus
  readonly text: string
  readonly at: number
}

/**
 * What did not reach anybody: a reply that nobody is left to hear, or a message whose agent ended, was too late, or was cut off by it each
 * time. Kept, and may be sent again, once.
 */
export type DeadLetter = {
  /** When it died, and why. */
  readonly at: number
  readonly reason: string
  /** The new message or reply it was sent again as. */
  readonly resent?: { readonly as: MessageId | ReplyId; readonly at: number }
} & ({ readonly kind: 'reply'; readonly reply: Reply } | { readonly kind: 'message'; readonly message: Message; readonly status: OutcomeStatus })

export const sameAddress = (a: Address, b: Address): boolean => a.kind === b.kind && a.id === b.id
