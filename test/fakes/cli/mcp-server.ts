/** The server's side of MCP over Streamable HTTP, as little of it as a scripted program calls: JSON and SSE answers, held calls, lost sessions. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'

const rpcSchema = z.object({ id: z.number().optional(), method: z.string(), params: z.record(z.string(), z.unknown()).default({}) })
type Rpc = z.output<typeof rpcSchema>

export interface FakeMadrox {
  readonly url: string
  readonly token: string
  /** Every request, as it came. */
  readonly requests: readonly (Rpc & { readonly authorization: string | undefined; readonly session: string | undefined })[]
  /** Resolves with the first request, past or future, of that method. */
  waitFor(method: string): Promise<Rpc>
  /** Sessions opened so far are unknown from now on, as after a restart. */
  forgetSessions(): void
  close(): Promise<void>
}

/** Tools: `plain` answers in JSON, `streamed` by SSE with progress before it, `refuse` with an error, `hold` never. Each answers with its own `text`. */
export async function startFakeMadrox(): Promise<FakeMadrox> {
  const requests: (Rpc & { authorization: string | undefined; session: string | undefined })[] = []
  const waiting = new Set<() => void>()
  const sessions = new Set<string>()
  let count = 0
  const server = createServer((request, response) => {
    readBody(request)
      .then(body => {
        const rpc = rpcSchema.parse(JSON.parse(body))
        const session = request.headers['mcp-session-id']?.toString()
        requests.push({ ...rpc, authorization: request.headers.authorization, session })
        for (const look of waiting) look()
        if (rpc.method === 'initialize') {
          const fresh = `session-${++count}`
          sessions.add(fresh)
          return answerJson(response, rpc, { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'fake', version: '1' } }, fresh)
        }
        if (session === undefined || !sessions.has(session)) return response.writeHead(404).end('no such session')
        if (rpc.id === undefined) return response.writeHead(202).end()
        return rpc.method === 'tools/list' ? answerJson(response, rpc, { tools: [] }) : answerTool(response, rpc)
      })
      .catch((error: unknown) => response.writeHead(500).end(String(error)))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, // a TCP server's address
    token: 'secret-token-of-ada',
    requests,
    waitFor: method =>
      new Promise(resolve => {
        const look = (): void => {
          const found = requests.find(request => request.method === method)
          if (!found) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
    forgetSessions: () => sessions.clear(),
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer) // no encoding was set
  return Buffer.concat(chunks).toString('utf8')
}

function answerJson(response: ServerResponse, { id }: Rpc, result: object, session?: string): void {
  response.writeHead(200, { 'content-type': 'application/json', ...(session !== undefined && { 'mcp-session-id': session }) })
  response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
}

function answerTool(response: ServerResponse, rpc: Rpc): void {
  const call = z.object({ name: z.string(), arguments: z.looseObject({ text: z.string().default('') }), _meta: z.object({ progressToken: z.number() }).optional() }).parse(rpc.params)
  const result = { content: [{ type: 'text', text: call.arguments.text }], ...(call.name === 'refuse' && { isError: true }) }
  if (call.name === 'plain' || call.name === 'refuse') return answerJson(response, rpc, result)
  const event = (message: object): string => `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(event({ method: 'notifications/progress', params: { progressToken: call._meta?.progressToken, progress: 1 } }))
  if (call.name === 'streamed') response.end(event({ id: rpc.id, result }))
}
