/** An OpenAI-compatible endpoint for one purpose, that does what its script says: a request an entry, and the last one for ever. */

import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** An answer's text; a status; a body as it is; or nothing at all. */
export type Scripted = { readonly says: string } | { readonly status: number } | { readonly body: string } | 'hang'

export interface Asked {
  readonly path: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: { readonly model: string; readonly messages: readonly { readonly role: string; readonly content: string }[]; readonly response_format: unknown }
}

export interface Completions {
  readonly url: string
  readonly asked: readonly Asked[]
  /** The next request, from now on. */
  next(): Promise<Asked>
  script(...entries: readonly Scripted[]): void
}

export async function startCompletions(...entries: readonly Scripted[]): Promise<Completions> {
  let script = [...entries]
  const asked: Asked[] = []
  const waiting: ((request: Asked) => void)[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const one: Asked = { path: request.url, headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) as Asked['body'] } // what the library sends
      asked.push(one)
      const entry = script.length > 1 ? script.shift() : script[0]
      for (const told of waiting.splice(0)) told(one)
      if (entry === undefined || entry === 'hang') return
      const status = 'status' in entry ? entry.status : 200
      const completion = 'says' in entry ? JSON.stringify({ id: 'c', object: 'chat.completion', created: 1, model: one.body.model, choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: entry.says } }] }) : 'body' in entry ? entry.body : '{"error":{"message":"scripted"}}'
      response.writeHead(status, { 'content-type': 'application/json' }).end(completion)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo // a TCP server's
  return { url: `http://127.0.0.1:${port}/v1`, asked, next: () => new Promise(resolve => waiting.push(resolve)), script: (...more) => void (script = [...more]) }
}
