/**
 * The program's way to Madrox: MCP over Streamable HTTP by plain fetch, as much of it as calling tools needs. Written by hand
 * because the MCP library belongs to the transports alone. Protocol: modelcontextprotocol.io, revision 2025-06-18.
 */

import { z } from 'zod'
import { wordsOf } from '../../errors.ts'

const protocolVersion = '2025-06-18'
const answerSchema = z.object({ id: z.union([z.number(), z.string()]), result: z.unknown().optional(), error: z.object({ code: z.number(), message: z.string() }).optional() })
const toolResultSchema = z.object({ content: z.array(z.looseObject({ type: z.string(), text: z.string().optional() })).default([]), isError: z.boolean().default(false) })
type RpcAnswer = z.output<typeof answerSchema>

export interface ToolAnswer {
  readonly ok: boolean
  readonly text: string
  /** No answer at all: there is no server any more, or no way to it. */
  readonly unreachable?: boolean
}

export interface McpClient {
  /** Every failure is an answer, as it would be for a model. Aborting tells the server and ends the wait. */
  callTool(tool: string, args: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<ToolAnswer>
}

export interface McpClientOptions {
  readonly url: string
  readonly token: string
  readonly clientName: string
}

/** Opens a session and lists the tools. Rejects with the reason when the server does not answer as MCP says. */
export async function connectMcp(options: McpClientOptions): Promise<McpClient> {
  let session = await openSession(options)
  let lastId = 1
  const call = async (params: object, signal: AbortSignal): Promise<unknown> => {
    const id = ++lastId
    const cancel = (): void => {
      // Closing the connection is no cancellation in MCP; whether the server still hears this one changes nothing here.
      notify(options, session, 'notifications/cancelled', { requestId: id }).catch(() => {}) // a server that is gone has nothing left to cancel
    }
    signal.addEventListener('abort', cancel, { once: true })
    try {
      return await request(options, session, { id, method: 'tools/call', params }, signal)
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }
  const callTool = async (tool: string, args: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<ToolAnswer> => {
    const params = { name: tool, arguments: args, _meta: { progressToken: lastId + 1 } }
    try {
      return toToolAnswer(await call(params, signal))
    } catch (error) {
      if (!(error instanceof SessionGone)) return toFailure(error)
      session = await openSession(options) // the server was started again
      return toToolAnswer(await call(params, signal))
    }
  }
  return {
    callTool: (tool, args, signal) => callTool(tool, args, signal).catch(toFailure),
  }
}

/** A `TypeError` is how fetch says that the network failed, before the answer or in the middle of it. */
const toFailure = (error: unknown): ToolAnswer => ({ ok: false, text: wordsOf(error), ...(error instanceof TypeError && { unreachable: true }) })

class SessionGone extends Error {}

async function openSession(options: McpClientOptions): Promise<string | undefined> {
  const params = { protocolVersion, capabilities: {}, clientInfo: { name: options.clientName, version: '1' } }
  const response = await post(options, undefined, { jsonrpc: '2.0', id: 0, method: 'initialize', params })
  const session = response.headers.get('mcp-session-id') ?? undefined
  toResult(await readAnswer(response, 0))
  await notify(options, session, 'notifications/initialized', {})
  await request(options, session, { id: 1, method: 'tools/list', params: {} })
  return session
}

async function notify(options: McpClientOptions, session: string | undefined, method: string, params: object): Promise<void> {
  const response = await post(options, session, { jsonrpc: '2.0', method, params })
  await response.body?.cancel()
}

async function request(options: McpClientOptions, session: string | undefined, call: { id: number; method: string; params: object }, signal?: AbortSignal): Promise<unknown> {
  return toResult(await readAnswer(await post(options, session, { jsonrpc: '2.0', ...call }, signal), call.id))
}

async function post(options: McpClientOptions, session: string | undefined, body: object, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(options.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${options.token}`,
      'mcp-protocol-version': protocolVersion,
      ...(session !== undefined && { 'mcp-session-id': session }),
    },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  })
  if (response.ok) return response
  const words = await response.text()
  if (response.status === 404 && session !== undefined) throw new SessionGone(words)
  throw new Error(`Madrox at ${options.url} answered ${response.status}: ${words.slice(0, 500)}`)
}

async function readAnswer(response: Response, id: number): Promise<RpcAnswer> {
  if (!response.headers.get('content-type')?.includes('text/event-stream')) return answerSchema.parse(await response.json())
  for await (const message of readEvents(response)) {
    const answer = answerSchema.safeParse(message)
    if (answer.success && answer.data.id === id && !isRequest(message)) return answer.data // the rest is progress and questions
  }
  throw new Error('Madrox closed the stream without an answer.')
}

const isRequest = (message: unknown): boolean => typeof message === 'object' && message !== null && 'method' in message

async function* readEvents(response: Response): AsyncGenerator {
  if (!response.body) return
  let pending = ''
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    pending += chunk
    const events = pending.split(/\r?\n\r?\n/)
    pending = events.pop() ?? ''
    for (const event of events) {
      const data = event.split(/\r?\n/).filter(line => line.startsWith('data:')).map(line => line.slice(5).replace(/^ /, '')).join('\n')
      if (data !== '') yield JSON.parse(data)
    }
  }
}

function toResult(answer: RpcAnswer): unknown {
  if (answer.error) throw new Error(answer.error.message)
  return answer.result
}

function toToolAnswer(result: unknown): ToolAnswer {
  const { content, isError } = toolResultSchema.parse(result)
  return { ok: !isError, text: content.flatMap(part => part.text ?? []).join('\n') }
}
