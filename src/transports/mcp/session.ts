/** One MCP session: a transport, an SDK server on it, and the caller they speak for. */

import type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { CallToolRequestSchema, ListToolsRequestSchema, RootsListChangedNotificationSchema, type JSONRPCMessage, type ListToolsResult } from '@modelcontextprotocol/sdk/types.js'
import type { MadroxSystem } from '../../actors/system.ts'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import type { Caller } from '../../messages.ts'
import { toolsets, type ToolTable, type Toolset } from '../../tools/tool.ts'
import type { Exchange } from '../exchange.ts'
import { createAttendance } from './attendance.ts'
import { createCallDesk } from './calls.ts'
import { createEventLog } from './event-log.ts'
import type { CallExtra, McpExtension } from './extension.ts'
import type { Listing } from './listing.ts'
import { openAtOnce, opensByItself } from './opened.ts'
import { createClientPresence, fixedPresence, type Presence } from './presence.ts'
import { createRootsInquiry } from './roots.ts'

export interface McpTimings {
  /** Between two signs of life of a waiting call. */
  readonly progressEveryMs: number
  /** A client whose stream was lost this long ago, without a request since, is gone. */
  readonly goneAfterMs: number
  /** A session with nothing open for so long is closed. */
  readonly idleAfterMs: number
  /** What a client is asked to wait before it resumes a broken stream. */
  readonly retryMs: number
}

/** What all sessions of a server share. */
export interface SessionShared {
  readonly system: MadroxSystem
  readonly tools: ToolTable
  readonly listing: Listing
  readonly instructions: string | undefined
  readonly version: string
  readonly extension: McpExtension | undefined
  readonly clock: Clock
  readonly log: Log
  readonly timings: McpTimings
  readonly maxBodyBytes: number
}

export interface SessionOpening {
  /** Who authenticated, and under which name sessions of the same principal are compared. */
  readonly caller: Caller
  readonly principal: string
  readonly clientName: string
  /** Where the client says it stands, absolute, before it is asked for roots. */
  readonly cwd: string | undefined
  readonly onOpened: (session: Session, id: string) => void
  readonly onClosed: (id: string) => void
}

export interface Session {
  readonly principal: string
  handle(request: Request, exchange: Exchange, body?: unknown): Promise<Response>
  close(): Promise<void>
}

export async function createSession(shared: SessionShared, opening: SessionOpening): Promise<Session> {
  const { system, log } = shared
  const presence: Presence =
    opening.caller.kind === 'owner' ? createClientPresence(system, opening.caller, opening.clientName, opening.cwd) : fixedPresence(opening.caller)
  const events = createEventLog()
  // `authInfo` is the only thing the SDK carries from an HTTP request to its handler.
  const exchanges = new WeakMap<AuthInfo, Exchange>()
  const exchangeOf = (extra: CallExtra): Exchange => (extra.authInfo && exchanges.get(extra.authInfo)) ?? unknownExchange
  const attendance = createAttendance({
    clock: shared.clock,
    goneAfterMs: shared.timings.goneAfterMs,
    idleAfterMs: shared.timings.idleAfterMs,
    onGone: () => presence.leave(),
    onIdle: () => void session.close(),
  })
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: () => crypto.randomUUID(),
    onsessioninitialized: id => {
      presence.caller() // a client exists from its initialize on: its inbox may be waiting
      opening.onOpened(session, id)
    },
    eventStore: events,
    retryInterval: shared.timings.retryMs,
    maxRequestBodySize: shared.maxBodyBytes,
  })
  const server = createServer(shared)
  const roots = createRootsInquiry(server, uri => presence.locate(uri), log)
  const desk = createCallDesk({
    system,
    tools: shared.tools,
    extension: shared.extension,
    clock: shared.clock,
    progressEveryMs: shared.timings.progressEveryMs,
    events,
    keyScope: `${opening.principal} ${opening.caller.kind === 'owner' ? opening.clientName : ''}`,
    exchangeOf,
    async callerOf(extra) {
      const caller = presence.caller()
      if (caller.kind === 'client') await roots.known(extra.requestId)
      return caller
    },
    send: message => transport.send(message),
  })

  announceAnswers(transport, message => desk.leaving(message.id))
  server.setRequestHandler(CallToolRequestSchema, (request, extra) => desk.answer(request, extra))
  server.setRequestHandler(ListToolsRequestSchema, (_, extra) => listTools(shared, presence.caller(), extra, exchangeOf(extra)))
  server.setNotificationHandler(RootsListChangedNotificationSchema, () => roots.ask())
  server.onerror = error => log.debug('mcp session', { reason: error.message })
  server.onclose = () => {
    attendance.stop()
    presence.leave()
    if (transport.sessionId !== undefined) opening.onClosed(transport.sessionId)
  }
  const session: Session = {
    principal: opening.principal,
    async handle(request, exchange, body) {
      const lastEventId = request.method === 'GET' ? request.headers.get('last-event-id') : null
      const leave = attendance.enter(request.method === 'GET' ? 'stream' : 'request')
      void exchange.written.then(leave)
      if (request.method === 'GET') presence.caller() // it came back
      const resumed = lastEventId ? events.resume(lastEventId) : undefined
      if (resumed) return resumed
      const ticket: AuthInfo = { token: '', clientId: opening.principal, scopes: [] }
      exchanges.set(ticket, exchange)
      const response = await transport.handleRequest(request, { authInfo: ticket, parsedBody: body })
      // Only now is there a stream by which a question can reach the client.
      if (request.method === 'GET' && response.ok) roots.ask()
      return opensByItself(request) ? response : openAtOnce(response)
    },
    close: () => server.close(),
  }
  await server.connect(transport)
  return session
}

function createServer({ version, instructions, extension }: SessionShared): Server {
  const server = new Server(
    { name: 'madrox', version },
    { capabilities: { ...extension?.capabilities, tools: {} }, instructions },
  )
  extension?.configure?.(server)
  return server
}

function listTools(shared: SessionShared, caller: Caller, extra: CallExtra, exchange: Exchange): ListToolsResult {
  if (caller.kind === 'agent') void exchange.written.then(written => written && shared.system.toolsListed(caller.agentId))
  const toolset = toolsetOverride(extra.requestInfo?.url) ?? shared.system.toolsetOf(caller)
  return { tools: [...shared.listing(toolset, caller.kind), ...(shared.extension?.tools ?? []).map(tool => tool.definition)] }
}

/** `?toolset=` changes what is listed, never what may be called. */
export function toolsetOverride(url: URL | undefined): Toolset | undefined {
  const wanted = url?.searchParams.get('toolset')
  return toolsets.find(toolset => toolset === wanted)
}

/** Tells of each answer before it goes to the wire. */
function announceAnswers(transport: WebStandardStreamableHTTPServerTransport, onAnswer: (message: JSONRPCMessage & { id: string | number }) => void): void {
  const send = transport.send.bind(transport)
  transport.send = (message, options) => {
    if (!('method' in message) && 'id' in message && message.id !== undefined) onAnswer({ ...message, id: message.id })
    return send(message, options)
  }
}

/** For requests that came by no watched exchange: nothing is known to have left. */
const unknownExchange: Exchange = { written: Promise.resolve(false), broken: new AbortController().signal }
