/**
 * What a proxy must remember of the messages it passes on: which requests of the client are unanswered, and which session a
 * request of the server came from. Servers number their requests anew in each session, so an answer to an old one must not
 * reach a new one.
 */

import { isAnswer, isNotification, isRequest, type JSONRPCMessage, type JSONRPCRequest, type RequestId } from './wire.ts'

export interface ProxyLedger {
  /** A message of the client as it goes to the server; nothing when it concerns a session that is gone. */
  toServer(message: JSONRPCMessage): JSONRPCMessage | undefined
  /** A message of the server as it goes to the client; nothing when the client does not wait for it any more. */
  toClient(message: JSONRPCMessage): JSONRPCMessage | undefined
  /** A new session began: requests of the old one are void. */
  renew(): void
  /** The client's unanswered requests, oldest first, as they were sent. */
  open(): readonly JSONRPCRequest[]
  /** Takes a request off; false when it was answered or cancelled before. */
  close(id: RequestId): boolean
}

export function createProxyLedger(): ProxyLedger {
  let session = 0
  const open = new Map<RequestId, JSONRPCRequest>()
  const asked = new Map<RequestId, RequestId>()
  const tag = (id: RequestId): string => `madrox-${session}-${typeof id}-${id}`
  return {
    toServer(message) {
      if (isRequest(message)) {
        const identified = withIdentity(message)
        open.set(message.id, identified)
        return identified
      }
      if (isAnswer(message)) {
        const id = asked.get(message.id)
        asked.delete(message.id)
        return id === undefined ? undefined : { ...message, id }
      }
      const cancelled = cancelledBy(message)
      if (cancelled !== undefined) open.delete(cancelled)
      return message
    },
    toClient(message) {
      if (isAnswer(message)) return open.delete(message.id) ? message : undefined
      if (isRequest(message)) {
        asked.set(tag(message.id), message.id)
        return { ...message, id: tag(message.id) }
      }
      const cancelled = cancelledBy(message)
      return cancelled === undefined || !isNotification(message) ? message : { ...message, params: { ...message.params, requestId: tag(cancelled) } }
    },
    renew() {
      session++
      asked.clear()
    },
    open: () => [...open.values()],
    close: id => open.delete(id),
  }
}

function cancelledBy(message: JSONRPCMessage): RequestId | undefined {
  if (!isNotification(message) || message.method !== 'notifications/cancelled') return undefined
  const id = message.params?.['requestId']
  return typeof id === 'string' || typeof id === 'number' ? id : undefined
}

const identities = ['madrox/key', 'claudecode/toolUseId', 'callId']

/** A call that may have to be sent twice must be known as the same call; most clients give it an identity, the others get one here. */
function withIdentity(request: JSONRPCRequest): JSONRPCRequest {
  const meta = request.params?._meta
  if (request.method !== 'tools/call' || identities.some(name => meta?.[name] !== undefined)) return request
  return { ...request, params: { ...request.params, _meta: { ...meta, 'madrox/key': crypto.randomUUID() } } }
}
