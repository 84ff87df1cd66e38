/** What an API's stand-in keeps of the requests it served, for tests to look at and to wait for. */
import type { IncomingMessage } from 'node:http'

export interface RequestLog<Request> {
  readonly requests: readonly Request[]
  add(request: Request): void
  /** Resolves with the first request, past or future, that satisfies the predicate. */
  waitFor(predicate: (request: Request) => boolean): Promise<Request>
}

export function createRequestLog<Request>(): RequestLog<Request> {
  const requests: Request[] = []
  const waiters = new Set<(request: Request) => void>()
  return {
    requests,
    add(request) {
      requests.push(request)
      waiters.forEach(notify => notify(request))
    },
    waitFor(predicate) {
      const known = requests.find(predicate)
      if (known) return Promise.resolve(known)
      return new Promise(found => {
        const check = (request: Request): void => {
          if (!predicate(request)) return
          waiters.delete(check)
          found(request)
        }
        waiters.add(check)
      })
    },
  }
}

/** Counts attempts by their place in a conversation, which a retry repeats. The first is 1. */
export function createAttempts(): (place: string) => number {
  const counts = new Map<string, number>()
  return place => {
    const count = (counts.get(place) ?? 0) + 1
    counts.set(place, count)
    return count
  }
}

export async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  // Without an encoding set, a request yields Buffers only.
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
