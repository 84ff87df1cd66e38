/** One MCP session: a transport, an SDK server on it, and the caller they speak for. */

import type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { CallToolRequestSchema, ListToolsRequestSchema, RootsListChangedNotificationSchema, type JSONRPCMessage, type RequestId } from '@modelcontextprotocol/sdk/types.js'
import type { MadroxSystem, Person } from '../../actors/system.ts'
import type { Clock } from '../../clock.ts'
import { MadroxError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Caller } from '../../messages.ts'
import { toolsets, type ToolTable, type Toolset } from '../../tools/tool.ts'
import type { Exchange } from '../exchange.ts'
import { createAttendance } from './attendance.ts'
import { createCallDesk } from './calls.ts'
import { createEventLog, type EventLog } from './event-log.ts'
import type { CallExtra, McpExtension } from './extension.ts'
import type { Listing } from './listing.ts'
import { createShownTools } from './shown-tools.ts'
import { openAtOnce, opensByItself } from './event-stream.ts'
import { createPerson } from './person.ts'
import { createClientPresence, fixedPresence, type Presence } from './presence.ts'
import { offer } from './offering.ts'
import { toRefusedRequest } from './refusal.ts'
import { report } from './report.ts'
import { createRootsInquiry, type RootsInquiry } from './roots.ts'

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
  /** @throws MadroxError where the client could not be connected */
  handle(request: Request, exchange: Exchange, body?: unknown): Promise<Response>
  /** Other things may be allowed now: a client that was shown other tools than it would be now is told. */
  allowedAnew(): void
  close(): Promise<void>
}

export async function createSession(shared: SessionShared, opening: SessionOpening): Promise<Session> {
  const server = createServer(shared, opening.caller.kind === 'agent')
  const presence = presenceOf(shared, opening, () => createPerson({ server, ...shared }))
  const events = createEventLog()
  const tickets = createTickets(opening.principal)
  let refused: MadroxError | undefined
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: () => crypto.randomUUID(),
    onsessioninitialized: id => {
      try {
        presence.caller() // a client exists from its initialize on: its inbox may be waiting
      } catch (error) {
        if (error instanceof MadroxError) refused = error
        throw error // the SDK answers that the request could not be parsed
      }
      opening.onOpened(session, id)
    },
    eventStore: events,
    retryInterval: shared.timings.retryMs,
    maxRequestBodySize: shared.maxBodyBytes,
  })
  const roots = createRootsInquiry(server, uri => presence.locate(uri), shared.log)
  const attendance = createAttendance({ clock: shared.clock, ...shared.timings, onGone: presence.leave, onIdle: () => void session.close() })
  const allowedAnew = answerTools({ server, transport, events, tickets, presence, roots }, shared, opening)
  const offered = opening.caller.kind === 'agent' ? undefined : offer(server, shared, () => present(presence))
  server.onclose = () => {
    offered?.stop()
    attendance.stop()
    presence.leave()
    if (transport.sessionId !== undefined) opening.onClosed(transport.sessionId)
  }
  const session: Session = {
    principal: opening.principal,
    async handle(request, exchange, body) {
      const streaming = request.method === 'GET'
      const lastEventId = streaming ? request.headers.get('last-event-id') : null
      const resumed = lastEventId ? events.resume(lastEventId) : undefined
      void exchange.written.then(attendance.enter(streaming && !resumed ? 'stream' : 'request'))
      if (streaming) presence.caller() // it came back
      if (resumed) return resumed
      const response = await transport.handleRequest(request, { authInfo: tickets.issue(exchange), parsedBody: body })
      if (refused) throw refused
      // Only now is there a stream by which a question can reach the client.
      if (streaming && response.ok) roots.ask()
      return opensByItself(request) ? response : openAtOnce(response)
    },
    allowedAnew,
    close: () => server.close(),
  }
  await server.connect(transport)
  return session
}

function presenceOf({ system, log }: SessionShared, { caller, clientName, cwd }: SessionOpening, person: () => Person): Presence {
  return caller.kind === 'owner' ? createClientPresence(system, caller, clientName, cwd, log, person) : fixedPresence(caller)
}

/** `authInfo` is the only thing the SDK carries from an HTTP request to its handler: by it a handler finds its exchange. */
function createTickets(principal: string): { issue(exchange: Exchange): AuthInfo; exchangeOf(extra: CallExtra): Exchange } {
  const exchanges = new WeakMap<AuthInfo, Exchange>()
  return {
    issue(exchange) {
      const ticket: AuthInfo = { token: '', clientId: principal, scopes: [] }
      exchanges.set(ticket, exchange)
      return ticket
    },
    exchangeOf: ({ authInfo }) => (authInfo && exchanges.get(authInfo)) ?? unwatched,
  }
}

/** For requests that came by no watched exchange: nothing is known to have left. */
const unwatched: Exchange = { written: Promise.resolve(false), broken: new AbortController().signal }

interface SessionParts {
  readonly server: ReturnType<typeof createServer>
  readonly transport: WebStandardStreamableHTTPServerTransport
  readonly events: EventLog
  readonly tickets: ReturnType<typeof createTickets>
  readonly presence: Presence
  readonly roots: RootsInquiry
}

function answerTools({ server, transport, events, tickets, presence, roots }: SessionParts, shared: SessionShared, opening: SessionOpening): () => void {
  const desk = createCallDesk({
    system: shared.system,
    tools: shared.tools,
    extension: shared.extension,
    clock: shared.clock,
    log: shared.log,
    progressEveryMs: shared.timings.progressEveryMs,
    events,
    keyScope: `${opening.principal} ${opening.caller.kind === 'owner' ? opening.clientName : ''}`,
    exchangeOf: tickets.exchangeOf,
    personOf: extra => createPerson({ server, ...shared }, extra.requestId),
    async callerOf(extra) {
      const caller = presence.caller()
      if (caller.kind === 'client') await roots.known(extra.requestId)
      return caller
    },
    send: announceAnswers(transport, message => desk.leaving(message.id)),
  })
  server.setRequestHandler(CallToolRequestSchema, (request, extra) => desk.answer(request, extra))
  const shown = createShownTools(shared, () => server.sendToolListChanged())
  server.setRequestHandler(ListToolsRequestSchema, (_, extra) => {
    const caller = present(presence)
    noteListed(shared, caller, tickets.exchangeOf(extra))
    return { tools: [...shown.list(caller, toolsetOverride(extra.requestInfo?.url)), ...(shared.extension?.tools ?? []).map(tool => tool.definition)] }
  })
  server.setNotificationHandler(RootsListChangedNotificationSchema, () => roots.ask())
  return shown.allowedAnew
}

function present(presence: Presence): Caller {
  try {
    return presence.caller()
  } catch (error) {
    if (error instanceof MadroxError) throw toRefusedRequest(error)
    throw error
  }
}

/** Beside tools, what clients are offered: see `offering.ts`. */
const besideTools = { resources: { subscribe: true, listChanged: true }, prompts: {}, completions: {} }

/**
 * An agent is offered tools alone, by which it reaches the rest as well. Claude Code (2.1.328) has a server's tools only when all
 * that the server offers has been listed, and that the tools were is all that tells us of an agent's readiness.
 */
function createServer({ version, instructions, extension, log }: SessionShared, isAgents: boolean): Server {
  const server = new Server(
    { name: 'madrox', version },
    { capabilities: { ...extension?.capabilities, tools: { listChanged: true }, ...(isAgents ? {} : besideTools) }, instructions },
  )
  // Clients on the SDK pass over the cancellation of a request 0, which to them has no id (1.32.2): a question could not be taken back.
  Object.assign(server, { _requestMessageId: 1 })
  server.onerror = error => log.debug('mcp session', { reason: error.message })
  extension?.configure?.(server)
  return server
}

function noteListed({ system, log }: SessionShared, caller: Caller, exchange: Exchange): void {
  if (caller.kind !== 'agent') return
  const listed = (): void => system.toolsListed(caller.agentId)
  void exchange.written.then(written => written && report(log, 'an agent has its tools, which could not be recorded', listed))
}

/** `?toolset=` changes what is listed, never what may be called. */
export function toolsetOverride(url: URL | undefined): Toolset | undefined {
  const wanted = url?.searchParams.get('toolset')
  return toolsets.find(toolset => toolset === wanted)
}

/** Tells of each answer the server gives before it goes to the wire. Returns the way past: what is sent by it is told to nobody. */
function announceAnswers(
  transport: WebStandardStreamableHTTPServerTransport,
  onAnswer: (message: JSONRPCMessage & { id: RequestId }) => void,
): (message: JSONRPCMessage) => Promise<void> {
  const send = transport.send.bind(transport)
  transport.send = (message, options) => {
    if (!('method' in message) && 'id' in message && message.id !== undefined) onAnswer({ ...message, id: message.id })
    return send(message, options)
  }
  return send
}
