/**
 * The loopback listener that hooks of CLIs post to. Owns the socket and the tokens; what a hook means is the
 * agent's. The CLI waits for every answer, so all but a held permission request are answered at once.
 */

import { randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { z } from 'zod'
import { tokenPrefix } from '../redaction.ts'

/** What the CLI is told; `{}` lets it go on. */
export type HookAnswer = Readonly<Record<string, unknown>>

/** Called in the order hooks arrive. `gone` fires when the CLI stopped waiting. */
export type HookReceiver<Body> = (body: Body, gone: AbortSignal) => HookAnswer | Promise<HookAnswer>

export interface HookListener<Body> {
  /** Starts listening on first use; resolves with the base URL. */
  url(): Promise<string>
  /** Opens a door for one agent: its hooks come with this token in the Authorization header. */
  register(agentId: string, receive: HookReceiver<Body>): string
  unregister(agentId: string): void
  close(): Promise<void>
}

const bodyLimit = 16 * 1024 * 1024 // prompts travel in hooks, and a prompt may hold megabytes

/** `bodySchema`: what a hook may say; anything else is told to `onBadBody`, and lets the CLI go on. */
export function createHookListener<Body>(bodySchema: z.ZodType<Body>, onBadBody: (agentId: string, reason: string) => void): HookListener<Body> {
  const doors = new Map<string, { readonly token: Buffer; readonly receive: HookReceiver<Body> }>()

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [, room, agentId = ''] = (request.url ?? '').split('/')
    const door = doors.get(agentId)
    if (room !== 'hooks' || !door || !isAuthorised(request, door.token)) return send(response, 401, {})
    const text = await readBody(request)
    if (text === undefined) return send(response, 413, {})
    const body = bodySchema.safeParse(parseJson(text))
    if (!body.success) {
      onBadBody(agentId, body.error.message)
      return send(response, 200, {})
    }
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    send(response, 200, await door.receive(body.data, gone.signal))
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      onBadBody('', String(error))
      send(response, 500, {})
    })
  })
  server.requestTimeout = 0 // a held permission request waits for a person
  server.headersTimeout = 60_000
  const listen = (): Promise<string> => new Promise((resolve, reject) => {
    server.once('error', reject)
    // A server listening on TCP always has an AddressInfo; the string form is for pipes.
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
  })
  let listening: Promise<string> | undefined

  return {
    url: () => (listening ??= listen()),
    register(agentId, receive) {
      const token = tokenPrefix + randomBytes(24).toString('base64url')
      doors.set(agentId, { token: Buffer.from(`Bearer ${token}`), receive })
      return token
    },
    unregister: agentId => void doors.delete(agentId),
    async close() {
      if (listening === undefined) return
      await listening.catch(() => {}) // never listened: nothing to close
      await new Promise<void>(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

function isAuthorised(request: IncomingMessage, expected: Buffer): boolean {
  const given = Buffer.from(request.headers.authorization ?? '')
  return given.length === expected.length && timingSafeEqual(given, expected)
}

function send(response: ServerResponse, status: number, body: HookAnswer): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request) {
    chunks.push(chunk as Buffer) // without an encoding set, a request yields Buffers only
    length += chunks.at(-1)?.length ?? 0
    if (length > bodyLimit) return undefined
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // fails the schema like any other body that is no hook's
  }
}
