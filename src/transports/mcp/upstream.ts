/** One session with a Madrox server, for who passes messages on without reading them. It tells how a message failed; what to do about it is the proxy's. */

import { StreamableHTTPClientTransport, StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { codeOf, wordsOf } from '../../errors.ts'
import type { JSONRPCMessage } from './wire.ts'

/**
 * `lost`: the server does not know this session, begin another. `unreachable`: nobody answered, trying again may help.
 * `refused`: it answered, and will answer the same again.
 */
export type UpstreamFailureKind = 'lost' | 'unreachable' | 'refused'

export class UpstreamFailure extends Error {
  readonly kind: UpstreamFailureKind
  constructor(kind: UpstreamFailureKind, message: string, cause: unknown) {
    super(message, { cause })
    this.kind = kind
  }
}

export interface Upstream {
  /** Resolves when the message is accepted; answers come by `onMessage`. @throws UpstreamFailure */
  send(message: JSONRPCMessage): Promise<void>
  setProtocolVersion(version: string): void
  /** Leaves the session to the server's forgetting. */
  abandon(): Promise<void>
  /** Ends the session. */
  end(): Promise<void>
}

export interface UpstreamOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly onMessage: (message: JSONRPCMessage) => void
  /** Some stream of the session met a server that does not know it. */
  readonly onLost: () => void
  /** Each time the server answered, whatever it said. */
  readonly onReached: () => void
  /** Each time it did not. */
  readonly onUnreached: (failure: UpstreamFailure) => void
  readonly onError: (error: Error) => void
}

export async function openUpstream(options: UpstreamOptions): Promise<Upstream> {
  let abandoned = false
  const watchedFetch = async (url: string | URL, init?: RequestInit): Promise<Response> => {
    // The SDK goes on reconnecting streams after close(); 405 is what it takes for "there is no stream here".
    if (abandoned) return new Response(null, { status: 405 })
    try {
      const response = await fetch(url, init)
      if (!abandoned) options.onReached()
      if (response.status === 404 && !abandoned && transport.sessionId !== undefined) options.onLost()
      return response
    } catch (error) {
      if (!abandoned) options.onUnreached(toFailure(error, false))
      throw error
    }
  }
  const transport = new StreamableHTTPClientTransport(new URL(options.url), {
    fetch: watchedFetch,
    requestInit: { headers: { ...options.headers } },
    // A server may be away for as long as it likes; its streams are looked for until the proxy ends.
    reconnectionOptions: { initialReconnectionDelay: 250, maxReconnectionDelay: 2_000, reconnectionDelayGrowFactor: 1.5, maxRetries: Number.POSITIVE_INFINITY },
  })
  transport.onmessage = options.onMessage
  transport.onerror = options.onError
  await transport.start()
  const abandon = async (): Promise<void> => {
    abandoned = true
    await transport.close()
  }
  return {
    async send(message) {
      try {
        await transport.send(message)
      } catch (error) {
        throw toFailure(error, transport.sessionId !== undefined)
      }
    },
    setProtocolVersion: version => transport.setProtocolVersion(version),
    abandon,
    async end() {
      try {
        await transport.terminateSession()
      } catch (error) {
        // A server that is gone, or that forgot the session, leaves nothing to end.
        options.onError(error instanceof Error ? error : new Error(String(error)))
      }
      await abandon()
    },
  }
}

function toFailure(error: unknown, inSession: boolean): UpstreamFailure {
  if (!(error instanceof StreamableHTTPError)) return new UpstreamFailure('unreachable', reasonOf(error), error)
  return new UpstreamFailure(error.code === 404 && inSession ? 'lost' : error.code === 503 ? 'unreachable' : 'refused', error.message, error)
}

/** fetch says "fetch failed"; why is in its cause. */
function reasonOf(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return codeOf(inner) ?? wordsOf(inner)
}
