/**
 * The HTTP server: h3 on listhen. It owns the socket, who may speak to it, and its end; what is said on `/mcp` is the
 * endpoint's, what is shown on `/` and under `/inspector` the inspector's, and all other paths are REST's. Nothing is written to stdout.
 */

import { bodyLimit, H3, HTTPError, type H3Event } from 'h3'
import { toNodeHandler } from 'h3/node'
import { listen, type Listener } from 'listhen'
import type { MadroxSystem } from '../actors/system.ts'
import type { Clock } from '../clock.ts'
import { MadroxError, toWireError } from '../errors.ts'
import { createInspector, type Inspector } from '../inspector/inspector.ts'
import type { Log } from '../log.ts'
import type { Caller } from '../messages.ts'
import type { ToolTable } from '../tools/tool.ts'
import { version } from '../version.ts'
import { createAttachEndpoint, type AttachEndpoint } from './attach.ts'
import { authenticate, challenge } from './credentials.ts'
import { type Exchange, watchExchange } from './exchange.ts'
import { createGuard, foreign, isLoopbackHost, type Arrival, type From, type Guard } from './guard.ts'
import { createMcpEndpoint, type McpEndpoint } from './mcp/endpoint.ts'
import type { McpExtension } from './mcp/extension.ts'
import type { McpTimings } from './mcp/session.ts'
import { answerMetrics } from './metrics.ts'
import { createRest, type Rest } from './rest/rest.ts'
import { refuse } from './rest/status.ts'

export interface HttpOptions {
  readonly system: MadroxSystem
  readonly tools: ToolTable
  /** Default `127.0.0.1`. Elsewhere every caller needs a token. */
  readonly host?: string
  /** 0: any free one. A port that is taken is an error, never another port. */
  readonly port: number
  readonly log: Log
  /** What a connecting model is told of this server; at most 2 000 characters. */
  readonly instructions?: string
  readonly extension?: McpExtension
  /** Further host names this server is reached by, e.g. behind a proxy. */
  readonly allowedHosts?: readonly string[]
  readonly clock?: Clock
  readonly timings?: Partial<McpTimings>
}

export interface HttpServer {
  /** Without a path: `http://127.0.0.1:8001`. MCP is at `/mcp`. */
  readonly url: string
  readonly port: number
  /** Open MCP sessions. */
  readonly sessionCount: number
  /** Ends streams, sockets and sessions; resolves when none is left. */
  close(): Promise<void>
}

/** A message may be some hundred kilobytes; nothing a tool takes comes near this. */
const maxBodyBytes = 16 * 1024 * 1024

/**
 * Node closes a connection after 5 s without a request. A client that sends at that moment sees a broken call, and agents
 * think for longer than that between two calls.
 */
const keepAliveMs = 10 * 60_000

/** How long answers on their way at `close` may take to leave. */
const drainMs = 250

/** @throws MadroxError `unavailable` when the port is taken, or may not be used, or the host is not this machine's */
export async function serveHttp(options: HttpOptions): Promise<HttpServer> {
  const host = options.host ?? '127.0.0.1'
  const endpoint = createMcpEndpoint({ ...options, version, maxBodyBytes })
  const inspector = createInspector(options)
  const rest = createRest(options)
  const guard = createGuard(host, options.allowedHosts)
  const terminals = createAttachEndpoint({ ...options, guard })
  const listener = await bind(createApp({ endpoint, inspector, rest }, guard, options), host, options.port)
  terminals.listenOn(listener.server)
  const port = portOf(listener)
  listener.server.keepAliveTimeout = keepAliveMs
  options.log.debug('listening', { host, port })
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    get sessionCount() {
      return endpoint.sessionCount
    },
    close: () => shut({ endpoint, inspector, rest, terminals }, listener),
  }
}

/** What the paths lead to. */
interface Served {
  readonly endpoint: McpEndpoint
  readonly inspector: Inspector
  readonly rest: Rest
}

function createApp({ endpoint, inspector, rest }: Served, guard: Guard, { log, system }: HttpOptions): H3 {
  const app = new H3({
    silent: true, // it would write to the console
    onError: error => {
      if (error.unhandled) log.error('request failed', { reason: error.message })
      return refuse({ code: error.status < 500 ? 'invalid_input' : 'internal', message: error.unhandled ? 'The request failed unexpectedly.' : error.message, remedy: error.status < 500 ? 'Correct the request.' : 'Please report it with the server log.' }, { status: error.status })
    },
  })
  app.use(event => {
    const refused = guard.refusal(arrivalOf(event))
    if (!refused) return
    system.recordRefusedLogin({ reason: refused.reason, peer: guard.fromOf(arrivalOf(event)).peer })
    return refuse(foreign(refused.message))
  })
  app.use(bodyLimit(maxBodyBytes))
  for (const method of ['GET', 'HEAD'] as const) {
    app.on(method, '/health', () => {
      const health = system.health()
      return Response.json({ name: 'madrox', version, ...health }, { status: health.status === 'ok' ? 200 : 503 })
    })
  }
  const known = (answer: (caller: Caller, request: Request) => Response | Promise<Response>) => (event: H3Event): Response | Promise<Response> => {
    const caller = authenticate(system, event.req, guard.fromOf(arrivalOf(event)))
    return caller instanceof MadroxError ? refuse(toWireError(caller), { headers: challenge }) : answer(caller, event.req)
  }
  const arrivalAt = (event: H3Event): { exchange: Exchange; from: From } => {
    const response = event.runtime?.node?.res
    if (!response) throw new HTTPError({ status: 500, message: 'Madrox serves Node sockets only.' })
    // Node's types know http and http2 responses as one; listhen serves plain http here.
    return { exchange: watchExchange(response as Parameters<typeof watchExchange>[0]), from: guard.fromOf(arrivalOf(event)) }
  }
  app.get('/metrics', known(caller => answerMetrics(system, caller)))
  app.get('/', () => inspector.page())
  app.get('/inspector/tree', known(inspector.tree))
  app.get('/inspector/events', known(inspector.events))
  app.all('/mcp', event => endpoint.handle(event.req, arrivalAt(event)))
  app.all('/**', event => rest.handle(event.req, arrivalAt(event)))
  return app
}

const arrivalOf = (event: H3Event): Arrival => ({ headers: event.req.headers, remoteAddress: event.runtime?.node?.req.socket?.remoteAddress })

/** listhen 1.10.1 by default binds all interfaces, prints to stdout, takes another port when one is taken, and exits on signals by itself. */
async function bind(app: H3, host: string, port: number): Promise<Listener> {
  const strict = { port, random: port === 0, verbose: false } // `isProd` keeps listhen from adding a range of alternatives
  let listener: Listener
  try {
    listener = await listen(toNodeHandler(app), { port: strict, hostname: host, public: !isLoopbackHost(host), showURL: false, autoClose: false, isTest: false, isProd: true })
  } catch (error) {
    throw taken(host, port, error)
  }
  // A port browsers call unsafe (6000, 6667, …) is silently replaced by 3000.
  if (port !== 0 && portOf(listener) !== port) {
    await listener.close()
    throw taken(host, port)
  }
  return listener
}

function taken(host: string, port: number, cause?: unknown): MadroxError {
  // listhen looks for a free port first and says only that it found none, also where the address is the reason.
  const [also, or] = isLoopbackHost(host) ? ['', ''] : [`, or ${host} is no address of this machine`, ', or another address with --host']
  return new MadroxError('unavailable', `Cannot listen on ${host}:${port}: the port is taken, or may not be used${also}.`, {
    remedy: `End what uses it, or choose another with --port${or}.`,
    data: { host, port },
    cause,
  })
}

function portOf({ address }: Listener): number {
  if (typeof address === 'object' && address !== null) return address.port
  throw new MadroxError('internal', 'The server listens on no TCP port.')
}

/** listhen waits for open requests; those are ended first, and what does not end is cut. */
async function shut({ endpoint, inspector, rest, terminals }: Served & { readonly terminals: AttachEndpoint }, listener: Listener): Promise<void> {
  inspector.close()
  rest.close()
  terminals.close()
  await endpoint.close()
  const cut = setTimeout(() => listener.server.closeAllConnections(), drainMs)
  await listener.close()
  clearTimeout(cut)
}
