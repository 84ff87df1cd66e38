/** JSON-RPC over a pair of byte streams, a message a line; and what kinds of messages there are. */

import type { Readable, Writable } from 'node:stream'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import {
  isJSONRPCErrorResponse,
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCErrorResponse,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type JSONRPCResultResponse,
  type RequestId,
} from '@modelcontextprotocol/sdk/types.js'

export type { JSONRPCMessage, JSONRPCRequest, RequestId }
export type JSONRPCAnswer = (JSONRPCResultResponse | JSONRPCErrorResponse) & { readonly id: RequestId }

export const isRequest = isJSONRPCRequest
export const isNotification = isJSONRPCNotification
export const isAnswer = (message: JSONRPCMessage): message is JSONRPCAnswer =>
  (isJSONRPCResultResponse(message) || isJSONRPCErrorResponse(message)) && message.id !== undefined

export interface Wire {
  send(message: JSONRPCMessage): void
  close(): Promise<void>
}

export interface WireEvents {
  readonly onMessage: (message: JSONRPCMessage) => void
  /** A line that is no message. The next one is read. */
  readonly onBadLine: (error: Error) => void
  /** The other side is gone: its end of either stream closed. */
  readonly onEnd: () => void
}

export async function openWire(input: Readable, output: Writable, maxLineBytes: number, events: WireEvents): Promise<Wire> {
  const stdio = new StdioServerTransport(input, output, { maxBufferSize: maxLineBytes })
  stdio.onmessage = events.onMessage
  stdio.onerror = events.onBadLine
  stdio.onclose = events.onEnd // the transport closes itself on a line beyond the limit: what follows it cannot be told apart
  input.once('end', events.onEnd)
  input.once('close', events.onEnd)
  output.once('error', events.onEnd) // EPIPE: nobody reads
  await stdio.start()
  return {
    send: message => void stdio.send(message), // resolves at `drain`; a stream that will not drain has an `error` or `close` of its own
    close: () => stdio.close(),
  }
}
