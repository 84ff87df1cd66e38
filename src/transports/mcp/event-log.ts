/**
 * What a session's streams have said and may have to say again: a client whose stream broke resumes it with `Last-Event-ID`.
 * Bounded, and short-lived: a stream whose answer was written is forgotten. It owns no replies; what must not be said twice is
 * retracted from here.
 */

import type { EventId, EventStore, StreamId } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { isAnswer, type JSONRPCMessage, type RequestId } from './wire.ts'

export interface EventLog extends EventStore {
  /**
   * The answer to a resuming GET where the transport has none that ends: a stream whose answer is on record gets what it
   * missed, or 405 when it missed nothing. The SDK's own replay would hold it open for ever. `undefined`: still unanswered,
   * the transport goes on with it.
   */
  resume(lastEventId: string): Response | undefined
  /** The answer reached its caller: nothing of its stream is needed again. */
  forget(answered: RequestId): void
  /** The answer must not be repeated: whoever resumes is told `instead`. */
  retract(answered: RequestId, instead: JSONRPCMessage): void
}

interface Event {
  readonly id: EventId
  readonly stream: StreamId
  message: JSONRPCMessage
}

/**
 * @param limit events kept a session; the oldest go first, and what resumes from them is refused
 * @param limitOfStream of one stream: what is told again and again on the standing one takes no answer's place
 */
export function createEventLog(limit = 512, limitOfStream = limit / 4): EventLog {
  let counter = 0
  const events = new Map<EventId, Event>()
  const answered = new Set<StreamId>()
  const of = (stream: StreamId): Event[] => [...events.values()].filter(event => event.stream === stream)
  const answerTo = (request: RequestId): Event | undefined => [...events.values()].findLast(event => isAnswer(event.message) && event.message.id === request)
  return {
    async storeEvent(stream, message) {
      const event = { id: `${stream}_${++counter}`, stream, message }
      events.set(event.id, event)
      if (isAnswer(message)) remember(answered, stream, limit)
      for (const { id } of of(stream).slice(0, -limitOfStream)) events.delete(id)
      for (const id of events.keys()) if (events.size > limit) events.delete(id)
      return event.id
    },
    async getStreamIdForEventId(id) {
      return events.get(id)?.stream
    },
    async replayEventsAfter(lastEventId, { send }) {
      const stream = streamOf(lastEventId)
      for (const event of after(of(stream), lastEventId)) if (!isPriming(event.message)) await send(event.id, event.message)
      return stream
    },
    resume(lastEventId) {
      const stream = streamOf(lastEventId)
      if (!answered.has(stream)) return undefined
      const missed = after(of(stream), lastEventId)
      if (missed.length === 0) return new Response(null, { status: 405, headers: { allow: 'POST, DELETE' } })
      const body = missed.map(event => `event: message\nid: ${event.id}\ndata: ${JSON.stringify(event.message)}\n\n`).join('')
      return new Response(body, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform' } })
    },
    forget(request) {
      const stream = answerTo(request)?.stream
      if (stream !== undefined) for (const event of of(stream)) events.delete(event.id)
    },
    retract(request, instead) {
      const event = answerTo(request)
      if (event) event.message = instead
    },
  }
}

/** The SDK stores `{}` to obtain the id of a stream's opening event. */
const isPriming = (message: JSONRPCMessage): boolean => Object.keys(message).length === 0

const streamOf = (event: EventId): StreamId => event.slice(0, event.lastIndexOf('_'))
const orderOf = (event: EventId): number => Number(event.slice(event.lastIndexOf('_') + 1))
const after = (events: readonly Event[], last: EventId): readonly Event[] => events.filter(event => orderOf(event.id) > orderOf(last))

function remember(set: Set<string>, item: string, limit: number): void {
  set.add(item)
  for (const oldest of set) if (set.size > limit) set.delete(oldest)
}
