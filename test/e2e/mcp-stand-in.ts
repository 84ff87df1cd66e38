/** A small MCP server over HTTP, made with the official library: it notes who calls, and one of its tools never answers by itself. */
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { z } from 'zod'

export interface McpCall {
  readonly tool: string
  readonly authorization: string | undefined
  readonly threadId: unknown
}

export interface McpStandIn {
  readonly url: string
  readonly calls: readonly McpCall[]
  /** Resolves with the first call, past or future, of that tool. */
  waitForCall: (tool: string) => Promise<McpCall>
  /** Resolves when a caller has taken a call of `hold` back. */
  readonly holdCancelled: Promise<void>
  close: () => Promise<void>
}

export async function startMcpStandIn(): Promise<McpStandIn> {
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  const calls: McpCall[] = []
  const watchers = new Set<(call: McpCall) => void>()
  let cancelled = () => {}
  const holdCancelled = new Promise<void>(resolve => (cancelled = resolve))
  const note = (tool: string, { requestInfo, _meta }: Extra): void => {
    const call = { tool, authorization: String(requestInfo?.headers['authorization']), threadId: _meta?.['threadId'] }
    calls.push(call)
    watchers.forEach(notify => notify(call))
  }
  const server = createServer((request, response) => {
    void (async () => {
      const known = sessions.get(String(request.headers['mcp-session-id']))
      const transport = known ?? (await openSession(sessions, note, cancelled))
      await transport.handleRequest(request, response, await readJson(request))
    })()
  })
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  // A server listening on TCP always has an AddressInfo; the string form is for pipes.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    calls,
    holdCancelled,
    waitForCall: tool => {
      const past = calls.find(call => call.tool === tool)
      return past ? Promise.resolve(past) : new Promise(found => watchers.add(call => call.tool === tool && found(call)))
    },
    close: () => {
      server.closeAllConnections()
      return new Promise(closed => server.close(() => closed()))
    },
  }
}

interface Extra {
  readonly requestInfo?: { readonly headers: Readonly<Record<string, unknown>> } | undefined
  readonly _meta?: Readonly<Record<string, unknown>> | undefined
  readonly signal: AbortSignal
}

async function openSession(sessions: Map<string, StreamableHTTPServerTransport>, note: (tool: string, extra: Extra) => void, cancelled: () => void) {
  const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => crypto.randomUUID(),
    onsessioninitialized: id => void sessions.set(id, transport),
  })
  const mcp = new McpServer({ name: 'stand-in', version: '1' })
  mcp.registerTool('reply_to_caller', { description: 'Replies.', inputSchema: { reply_message: z.string() } }, ({ reply_message }, extra) => {
    note('reply_to_caller', extra)
    return { content: [{ type: 'text', text: `sent: ${reply_message}` }] }
  })
  mcp.registerTool('hold', { description: 'Never answers.' }, extra => {
    note('hold', extra)
    return new Promise(resolve => {
      extra.signal.addEventListener('abort', () => {
        cancelled()
        resolve({ content: [] })
      })
    })
  })
  // The library's own types disagree under exactOptionalPropertyTypes only; at run time it is its own transport.
  await mcp.connect(transport as Parameters<typeof mcp.connect>[0])
  return transport
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  // Without an encoding set, a request yields Buffers only.
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString('utf8')
  return text === '' ? undefined : (JSON.parse(text) as unknown)
}

/** Takes connections and says nothing. */
export async function startSilentServer(): Promise<{ readonly url: string; close: () => void }> {
  const sockets = new Set<Socket>()
  const server = createTcpServer(socket => void sockets.add(socket))
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  // As above.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    close: () => {
      sockets.forEach(socket => socket.destroy())
      server.close()
    },
  }
}
