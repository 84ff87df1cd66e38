/**
 * JSON-RPC in lines, as `codex app-server` speaks it on stdio (without a `jsonrpc` field). Owns ids and pending requests; knows neither
 * processes nor threads. Refusals are results, not exceptions: each caller has its own idea of what one means.
 */

import { z } from 'zod'
import type { Log } from '../../log.ts'

export type RequestId = string | number

/** `refused`: the server's own error. `gone`: it died before it answered. `unreadable`: it answered something else than agreed. */
export type RpcResult<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly reason: 'refused' | 'gone' | 'unreadable'; readonly message: string }

export interface Rpc {
  request<Value>(method: string, params: object, result: z.ZodType<Value>): Promise<RpcResult<Value>>
  notify(method: string, params?: object): void
  respond(id: RequestId, result: object): void
  refuse(id: RequestId, message: string): void
  /** One line of the server's output. */
  accept(line: string): void
  /** Answers everything still open with `gone`. */
  end(): void
}

export interface RpcOptions {
  readonly write: (line: string) => void
  readonly onNotification: (method: string, message: unknown) => void
  readonly onRequest: (id: RequestId, method: string, message: unknown) => void
  readonly log: Log
}

const messageSchema = z.looseObject({
  id: z.union([z.string(), z.number()]).optional(),
  method: z.string().optional(),
  result: z.unknown().optional(),
  error: z.object({ code: z.number(), message: z.string() }).optional(),
})
type Message = z.infer<typeof messageSchema>

const methodNotFound = -32_601

export function createRpc({ write, onNotification, onRequest, log }: RpcOptions): Rpc {
  const pending = new Map<RequestId, (answer: Message | undefined) => void>()
  let lastId = 0
  let ended = false
  const send = (message: object): void => {
    if (!ended) write(`${JSON.stringify(message)}\n`)
  }

  return {
    request(method, params, result) {
      if (ended) return Promise.resolve(toResult(method, undefined, result))
      const id = ++lastId
      return new Promise(resolve => {
        pending.set(id, answer => resolve(toResult(method, answer, result)))
        send({ id, method, params })
      })
    },
    notify: (method, params) => send({ method, ...(params && { params }) }),
    respond: (id, result) => send({ id, result }),
    refuse: (id, message) => send({ id, error: { code: methodNotFound, message } }),
    accept(line) {
      const message = parse(line)
      if (!message) return log.warn('The codex app-server wrote a line that is no message.', { line: line.slice(0, 200) })
      const { id, method } = message
      if (method !== undefined && id !== undefined) return onRequest(id, method, message)
      if (method !== undefined) return onNotification(method, message)
      if (id === undefined) return log.warn('The codex app-server wrote a message without id and method.')
      pending.get(id)?.(message)
      pending.delete(id)
    },
    end() {
      ended = true
      for (const answer of pending.values()) answer(undefined)
      pending.clear()
    },
  }
}

function parse(line: string): Message | undefined {
  try {
    return messageSchema.safeParse(JSON.parse(line)).data
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function toResult<Value>(method: string, answer: Message | undefined, schema: z.ZodType<Value>): RpcResult<Value> {
  if (!answer) return { ok: false, reason: 'gone', message: `The codex app-server ended before it answered ${method}.` }
  if (answer.error) return { ok: false, reason: 'refused', message: answer.error.message }
  const result = schema.safeParse(answer.result)
  if (result.success) return { ok: true, value: result.data }
  return { ok: false, reason: 'unreadable', message: `The answer to ${method} does not fit codex-cli 0.169: ${z.prettifyError(result.error)}` }
}
