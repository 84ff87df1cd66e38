/**
 * Who waits for which message. An outcome that somebody waits for answers the wait; any other reply goes to its addressee's
 * inbox. Routing is by correlation id (the message's id) only.
 */

import { type AnyActorRef, fromCallback } from 'xstate'
import type { JobId, MessageId } from '../ids.ts'
import type { Outcome, Reply } from '../messages.ts'
import { addressKey, hands, type InboxEvent } from '../machines/effects.ts'

export type AsksEvent =
  | { readonly type: 'asked'; readonly askId: string; readonly messageIds: readonly MessageId[]; readonly deadlineAt: number }
  | { readonly type: 'withdrawn'; readonly askId: string }
  | { readonly type: 'askExpired'; readonly askId: string; readonly at: number }
  /** From the ledger, after it was written. Without `reply`: nobody is to be told, but a wait for it ends. `jobId`: it is a step of that. */
  | { readonly type: 'outcomeRecorded'; readonly messageId: MessageId; readonly outcome: Outcome; readonly reply?: Reply; readonly jobId?: JobId }
  /** A follow-up, a notice, or a reply whose answer could not leave. */
  | { readonly type: 'replyRecorded'; readonly reply: Reply }

export type AskSettled =
  | { readonly type: 'askSettled'; readonly askId: string; readonly messageId: MessageId; readonly outcome: Outcome; readonly reply?: Reply }
  | { readonly type: 'askSettled'; readonly askId: string; readonly messageId?: undefined }

export const createAsks = () =>
  fromCallback<AsksEvent, undefined, AskSettled>(({ receive, system, emit }) => {
    const asks = new Map<string, readonly MessageId[]>()
    const tellAddressee = (reply: Reply, event: InboxEvent): void => (system.get(addressKey(reply.to)) as AnyActorRef | undefined)?.send(event) // a client without an actor finds it in the store when it returns
    const deadlines = (): AnyActorRef => system.get(hands.deadlines) as AnyActorRef // lives as long as the system
    const forget = (askId: string): boolean => {
      deadlines().send({ type: 'clearDeadline', key: `ask:${askId}` })
      return asks.delete(askId)
    }

    receive(event => {
      switch (event.type) {
        case 'asked':
          asks.set(event.askId, event.messageIds)
          deadlines().send({ type: 'setDeadline', key: `ask:${event.askId}`, at: event.deadlineAt, notify: hands.asks, event: { type: 'askExpired', askId: event.askId } })
          break
        case 'withdrawn':
          forget(event.askId)
          break
        case 'askExpired':
          if (forget(event.askId)) emit({ type: 'askSettled', askId: event.askId })
          break
        case 'outcomeRecorded': {
          const { messageId, outcome, reply } = event
          const waiting = [...asks].flatMap(([askId, ids]) => (ids.includes(messageId) ? [askId] : []))
          if (waiting.length === 0) {
            if (reply) tellAddressee(reply, { type: 'replyArrived', reply, at: reply.at })
            break
          }
          waiting.forEach(forget)
          if (reply) tellAddressee(reply, { type: 'repliesClaimed', ids: [reply.id], messageIds: [messageId], at: reply.at })
          // All who wait hear it; the first of them hands the reply out.
          waiting.forEach((askId, index) => emit({ type: 'askSettled', askId, messageId, outcome, ...(reply && index === 0 ? { reply } : {}) }))
          break
        }
        case 'replyRecorded':
          tellAddressee(event.reply, { type: 'replyArrived', reply: event.reply, at: event.reply.at })
          break
      }
    })
  })
