/** Calls to a running server by REST, as the owner (or, with its credential in MADROX_TOKEN, as an agent), and their end by Ctrl-C. */

import { pathToFileURL } from 'node:url'
import { codeOf, type ErrorCode, errorCodes, MadroxError, wordsOf } from '../errors.ts'
import { CommandError, exitCodes } from './exit.ts'

export type Data = Readonly<Record<string, unknown>>

export interface Server {
  /** `http://127.0.0.1:8001` */
  readonly url: string
  readonly token?: string
  /** Where the caller stands. */
  readonly cwd: string
}

export interface CallOptions {
  /** Ends the wait, never the work. */
  readonly signal?: AbortSignal
  readonly onProgress?: (message: string) => void
  /** Not as a session of the command line but as the person at it: who has asked for something by a session answers for itself in no other way. */
  readonly inPerson?: boolean
  /** The call's own identity: repeated with it, it is the first call. */
  readonly key?: string
}

/** What a session of the command line is called among an owner's clients. */
const clientName = 'madrox-cli'

const headersOf = ({ token, cwd }: Server, inPerson = false): Record<string, string> => ({
  ...(inPerson ? {} : { 'x-madrox-client': clientName, 'x-madrox-cwd': pathToFileURL(cwd).href }), ...(token ? { authorization: `Bearer ${token}` } : {}),
})

/**
 * The tool's data; of a text, `{text}`.
 * @throws MadroxError as the tool refused; CommandError where no server answers
 */
export async function callTool(server: Server, tool: string, args: Data, { signal, onProgress = () => {}, inPerson, key }: CallOptions = {}): Promise<Data> {
  const headers = { accept: 'text/event-stream', 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) }
  const response = await reach(server, '/tools/execute', { method: 'POST', headers, body: JSON.stringify({ tool, arguments: args }), ...(signal ? { signal } : {}) }, inPerson)
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return dataOf(response)
  for await (const { event, data } of eventsOf(server, response)) {
    if (event === 'progress') onProgress(String(data['message']))
    if (event === 'error') throw refusalOf(data)
    if (event === 'result') return data
  }
  throw noAnswer(server, 'it ended before it had answered')
}

/** @throws as `callTool` */
export const readPath = async (server: Server, path: string, signal?: AbortSignal): Promise<Data> => dataOf(await reach(server, path, signal ? { signal } : {}))

/** Server-sent events with data in JSON, as long as they come. */
export async function* followPath(server: Server, path: string, signal: AbortSignal): AsyncGenerator<{ readonly event: string; readonly data: Data }> {
  yield* eventsOf(server, await reach(server, path, { signal, headers: { accept: 'text/event-stream' } }))
}

async function reach(server: Server, path: string, init: RequestInit, inPerson?: boolean): Promise<Response> {
  try {
    return await fetch(new URL(path, server.url), { ...init, headers: { ...headersOf(server, inPerson), ...(init.headers as Record<string, string> | undefined) } }) // given as records above
  } catch (error) {
    if (init.signal?.aborted) throw error
    throw noAnswer(server, reasonOf(error), error)
  }
}

/** fetch says "fetch failed"; why is in its cause. */
const reasonOf = (error: unknown): string => (error instanceof Error && error.cause ? (codeOf(error.cause) ?? wordsOf(error.cause)) : wordsOf(error))

const noAnswer = ({ url }: Server, why: string, cause?: unknown): CommandError =>
  new CommandError(exitCodes.noServer, 'unavailable', `The Madrox server at ${url} does not answer: ${why}.`, { remedy: 'See whether it runs; madrox serve starts one.', cause })

async function dataOf(response: Response): Promise<Data> {
  const body: unknown = await response.json().catch((cause: unknown) => {
    throw new MadroxError('unavailable', `${response.url} answered ${response.status} and no JSON.`, { remedy: 'Is it a Madrox server?', cause })
  })
  const data = (typeof body === 'object' && body !== null ? body : {}) as Data // JSON objects have string keys
  if (response.ok) return data
  throw refusalOf(data)
}

/** As the server said it; a code of another version is told in the message. */
function refusalOf({ error }: Data): MadroxError {
  const { code, message, remedy, data } = (error ?? {}) as Partial<Record<'code' | 'message' | 'remedy', string>> & { data?: Data } // the server's own form, checked below
  const known = errorCodes.find((each): each is ErrorCode => each === code)
  return new MadroxError(known ?? 'internal', known ? String(message) : `${String(code)}: ${String(message)}`, { ...(remedy === undefined ? {} : { remedy }), ...(data ? { data } : {}) })
}

async function* eventsOf(server: Server, response: Response): AsyncGenerator<{ readonly event: string; readonly data: Data }> {
  if (!response.ok) throw refusalOf(await dataOf(response))
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const part of response.body ?? []) {
      const texts = (rest + decoder.decode(part, { stream: true })).split('\n\n')
      rest = texts.pop() ?? ''
      for (const text of texts) {
        const fields = new Map(text.split('\n').map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]))
        const [event, data] = [fields.get('event'), fields.get('data')]
        if (event !== undefined && data !== undefined) yield { event, data: JSON.parse(data) as Data } // the server's own events
      }
    }
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') throw error
    if (error instanceof MadroxError) throw error
    throw noAnswer(server, reasonOf(error), error)
  }
}

/**
 * Runs what Ctrl-C ends: the wait, and with it the command.
 * @param told what to say then, of the work that goes on
 */
export async function untilInterrupted<Result>(work: (signal: AbortSignal) => Promise<Result>, told: () => { readonly message: string; readonly remedy?: string }): Promise<Result> {
  const interrupted = new AbortController()
  const onInterrupt = (): void => interrupted.abort()
  process.once('SIGINT', onInterrupt)
  try {
    return await work(interrupted.signal)
  } catch (error) {
    if (!interrupted.signal.aborted) throw error
    const { message, remedy } = told()
    throw new CommandError(exitCodes.interrupted, 'unavailable', message, { cause: error, ...(remedy === undefined ? {} : { remedy }) })
  } finally {
    process.off('SIGINT', onInterrupt)
  }
}
