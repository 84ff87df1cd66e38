/**
 * The MCP endpoint: Streamable HTTP with sessions. It reads the credential of every request, finds or opens the session, and
 * keeps sessions to the principal that opened them. It knows web requests only; sockets are told to it as exchanges.
 */

import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js'
import type { MadroxSystem } from '../../actors/system.ts'
import { systemClock, type Clock } from '../../clock.ts'
import { MadroxError, toWireError, toWireText } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Caller } from '../../messages.ts'
import { toolsets, type ToolTable } from '../../tools/tool.ts'
import { authenticate, challenge } from '../credentials.ts'
import type { Exchange } from '../exchange.ts'
import type { From } from '../guard.ts'
import type { McpExtension } from './extension.ts'
import { createListing } from './listing.ts'
import { pathOfFileUri } from './presence.ts'
import { createSession, toolsetOverride, type McpTimings, type Session, type SessionShared } from './session.ts'

export interface McpEndpointOptions {
  readonly system: MadroxSystem
  readonly tools: ToolTable
  readonly version: string
  readonly log: Log
  /** What a connecting model is told of this server; at most 2 000 characters. */
  readonly instructions?: string
  readonly extension?: McpExtension
  readonly clock?: Clock
  readonly timings?: Partial<McpTimings>
  readonly maxBodyBytes: number
}

export interface McpEndpoint {
  handle(request: Request, arrival: { readonly exchange: Exchange; readonly from: From }): Promise<Response>
  readonly sessionCount: number
  /** Ends every session: calls are aborted, streams end, clients are disconnected. */
  close(): Promise<void>
}

/** Set by our own stdio proxy: the directory it was started in, as a file URI (a header holds no bare Unicode). */
export const cwdHeader = 'x-madrox-cwd'

const defaultTimings: McpTimings = { progressEveryMs: 10_000, goneAfterMs: 30_000, idleAfterMs: 30 * 60_000, retryMs: 1_000 }

export function createMcpEndpoint(options: McpEndpointOptions): McpEndpoint {
  const { system, log } = options
  const shared: SessionShared = {
    system,
    tools: options.tools,
    listing: createListing(options.tools),
    instructions: options.instructions,
    version: options.version,
    extension: options.extension,
    clock: options.clock ?? systemClock,
    log,
    timings: { ...defaultTimings, ...options.timings },
    maxBodyBytes: options.maxBodyBytes,
  }
  const sessions = new Map<string, Session>()
  let closing = false
  // Its process said no farewell; what a session holds is not to wait for the end of its idleness.
  system.onAgentEnded(agentId => {
    for (const session of sessions.values()) if (session.principal === principalOf({ kind: 'agent', agentId })) void session.close()
  })

  system.onPolicyChanged(() => {
    for (const session of sessions.values()) session.allowedAnew()
  })

  const open = async (request: Request, exchange: Exchange, caller: Caller): Promise<Response> => {
    const body = await readJson(request)
    if (body === undefined) return refusal(400, -32700, 'Parse error: the body is not JSON.')
    // Clients of a later protocol begin with other methods and fall back to `initialize` at a 400.
    if (!isInitializeRequest(body)) return refusal(400, -32000, 'Bad Request: no session. Begin with initialize, then send its Mcp-Session-Id.')
    const cwd = request.headers.get(cwdHeader)
    const session = await createSession(shared, {
      caller,
      principal: principalOf(caller),
      clientName: body.params.clientInfo.name,
      cwd: cwd === null ? undefined : pathOfFileUri(cwd),
      onOpened: (opened, id) => void sessions.set(id, opened),
      onClosed: id => void sessions.delete(id),
    })
    const response = await session.handle(request, exchange, body).catch(toRefusal)
    if (!response.ok) await session.close()
    return response
  }

  return {
    async handle(request, { exchange, from }) {
      if (closing) return refusal(503, -32000, 'The server is shutting down.')
      const url = new URL(request.url)
      if (url.searchParams.has('toolset') && !toolsetOverride(url)) return refusal(400, -32602, `Unknown toolset. Use one of ${toolsets.join(', ')}.`)
      const caller = authenticate(system, request, from)
      if (caller instanceof MadroxError) return refusal(401, -32001, toWireText(toWireError(caller)), challenge)
      const id = request.headers.get('mcp-session-id')
      if (id !== null) {
        const session = sessions.get(id)
        if (session && session.principal !== principalOf(caller)) system.recordRefusedLogin({ reason: 'foreign_session', peer: from.peer })
        // Another principal's session is none: its id tells nothing.
        if (!session || session.principal !== principalOf(caller)) return refusal(404, -32001, 'Session not found. Begin with initialize.')
        return session.handle(request, exchange).catch(toRefusal)
      }
      if (request.method === 'POST') return open(request, exchange, caller)
      return refusal(400, -32000, 'Bad Request: Mcp-Session-Id header is required.')
    },
    get sessionCount() {
      return sessions.size
    },
    async close() {
      closing = true
      await Promise.all([...sessions.values()].map(session => session.close()))
    },
  }
}

function principalOf(caller: Caller): string {
  if (caller.kind === 'agent') return `agent ${caller.agentId}`
  return caller.kind === 'client' ? `client ${caller.clientId}` : `owner ${caller.ownerId}`
}

/** What Madrox refuses is said in its words; anything else is a fault. */
function toRefusal(error: unknown): Response {
  if (error instanceof MadroxError) return refusal(error.code === 'unavailable' ? 503 : 500, -32000, toWireText(toWireError(error)))
  throw error
}

async function readJson(request: Request): Promise<unknown> {
  try {
    return await request.json()
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function refusal(status: number, code: number, message: string, headers: Record<string, string> = {}): Response {
  return Response.json({ jsonrpc: '2.0', error: { code, message }, id: null }, { status, headers })
}
