/** A server over the stand-in, and official SDK clients connected to it. Everything opened is closed when the test ends. */

import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { ClientCapabilities } from '@modelcontextprotocol/sdk/types.js'
import { onTestFinished } from 'vitest'
import { silentLog } from '../../src/log.ts'
import { serveHttp, type HttpOptions, type HttpServer } from '../../src/transports/http.ts'
import { createGate, createJournal, createStandInSystem, createStandInTools, type Gate, type Journal } from './stand-in.ts'

export interface Served {
  readonly server: HttpServer
  readonly mcpUrl: string
  readonly journal: Journal
  readonly gate: Gate
}

export async function serve(options: Partial<HttpOptions> = {}): Promise<Served> {
  const journal = createJournal()
  const gate = createGate()
  const server = await serveHttp({
    system: createStandInSystem(journal),
    tools: createStandInTools(journal, gate),
    port: 0,
    log: silentLog,
    ...options,
  })
  onTestFinished(() => server.close())
  return { server, mcpUrl: `${server.url}/mcp`, journal, gate }
}

export interface ConnectOptions {
  readonly token?: string
  readonly name?: string
  readonly headers?: Record<string, string>
  readonly capabilities?: ClientCapabilities
  /** Before the connection: request handlers. */
  readonly prepare?: (client: Client) => void
}

export interface Connected {
  readonly client: Client
  readonly transport: StreamableHTTPClientTransport
}

export async function connect(url: string, { token, name = 'test', headers, capabilities = {}, prepare }: ConnectOptions = {}): Promise<Connected> {
  const client = new Client({ name, version: '1' }, { capabilities })
  prepare?.(client)
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { ...headers, ...(token ? { authorization: `Bearer ${token}` } : {}) } },
    reconnectionOptions: { initialReconnectionDelay: 5, maxReconnectionDelay: 5, reconnectionDelayGrowFactor: 1, maxRetries: 1 },
  })
  await client.connect(transport)
  onTestFinished(() => client.close())
  return { client, transport }
}

/** What an initialize looks like on the wire, for tests that speak HTTP themselves. */
export const initialize = (name = 'raw', capabilities: ClientCapabilities = {}) => ({
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities, clientInfo: { name, version: '1' } },
})

export const mcpHeaders = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

export const post = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { ...mcpHeaders, ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) })

/** Opens a session by hand, for a client that holds no GET stream. */
export async function openSession(url: string, headers: Record<string, string> = {}): Promise<string> {
  const response = await post(url, initialize(), headers)
  await response.text()
  return response.headers.get('mcp-session-id') ?? ''
}
