/**
 * A scripted stand-in for the OpenAI Responses API: a real HTTP server, started in the test's process, that the real Codex
 * talks to. Owns the protocol and a log of what it served; knows nothing of Madrox beyond the form of its prompts.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGates, type Gate } from '../gates.ts'
import { createAttempts, createRequestLog, readBody } from '../requests.ts'
import { parseConversation, type ConversationView } from './conversation.ts'
import { perform, type Served } from './response.ts'
import { chooseSteps, type Rule, type Script } from './script.ts'
import { say, toResponse, type Step, type Usage } from './steps.ts'

export * from './steps.ts'
export type { ConversationView, Gate, Rule, Script, Served }

export interface ServedRequest {
  readonly view: ConversationView
  readonly responseId: string
  readonly headers: IncomingMessage['headers']
  readonly body: unknown
  /** Settles when the response is over, however it ended. */
  readonly done: Promise<Served>
  /** Undefined while the response is under way. */
  served: Served | undefined
}

export interface FakeOpenAI {
  /** The `base_url` of a Codex model provider. */
  readonly url: string
  readonly requests: readonly ServedRequest[]
  /** Requests outside the protocol this fake knows, and mistakes of the script: a test may assert there were none. */
  readonly unexpected: readonly string[]
  gate: (name: string) => Gate
  addRule: (rule: Rule) => void
  /** Resolves with the first request, past or future, that satisfies the predicate. */
  waitForRequest: (predicate: (request: ServedRequest) => boolean) => Promise<ServedRequest>
  /** The sums of what clients were told, in all or for one thread. */
  usage: (threadId?: string) => Usage
  /** As if it were killed: answers are cut, and nobody listens until it rises again on the same port. Its log and its script stay. */
  fall: () => Promise<void>
  rise: () => Promise<void>
  close: () => Promise<void>
}

export async function startFakeOpenAI({ script = [] }: { readonly script?: Script } = {}): Promise<FakeOpenAI> {
  const rules: Rule[] = [...script]
  const log = createRequestLog<ServedRequest>()
  const { requests } = log
  const unexpected: string[] = []
  const countFailure = createAttempts()
  const { gate, openAll } = createGates()
  const closing = new AbortController()

  const answer = (body: unknown, incoming: IncomingMessage, response: ServerResponse): Promise<unknown> => {
    const view = parseConversation(body, headerText(incoming.headers['thread-id']))
    const steps = toSteps(rules, view)
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const responseId = `resp_${(requests.length + 1).toString().padStart(6, '0')}`
    const done = perform(steps, {
      responseId, view, response, gate,
      clientGone: AbortSignal.any([gone.signal, closing.signal]),
      countFailure: () => countFailure(`${view.threadId} ${view.userTexts.length} ${view.callsMade}`),
    })
    const request: ServedRequest = { view, responseId, headers: incoming.headers, body, done, served: undefined }
    log.add(request)
    return done.then(served => (request.served = served))
  }

  const server = createServer((incoming, response) => {
    void readBody(incoming)
      .then(body => {
        if (incoming.method === 'POST' && incoming.url === '/v1/responses') return answer(JSON.parse(body), incoming, response)
        unexpected.push(`${incoming.method} ${incoming.url}`)
        return response.writeHead(404, { 'content-type': 'application/json' }).end('{}')
      })
      .catch((error: unknown) => {
        // A script's own mistake must reach the test, and must not leave the CLI waiting.
        unexpected.push(`${incoming.method} ${incoming.url}: ${String(error)}`)
        if (!response.headersSent) response.writeHead(400, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ error: { message: String(error) } }))
      })
  })
  const listen = (at: number): Promise<void> => new Promise(listening => server.listen(at, '127.0.0.1', () => listening()))
  const cutOff = (): Promise<void> => {
    server.closeAllConnections()
    return new Promise(closed => server.close(() => closed()))
  }
  await listen(0)
  // A server listening on TCP always has an AddressInfo; the string form is for pipes.
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    unexpected,
    gate,
    addRule: rule => void rules.push(rule),
    waitForRequest: log.waitFor,
    usage: threadId => sumUsage(requests.filter(({ view }) => threadId === undefined || view.threadId === threadId)),
    fall: cutOff,
    rise: () => listen(port),
    close: () => {
      closing.abort()
      openAll()
      return cutOff()
    },
  }
}

/** The part of the turn this request asks for; past the script's end the turn closes with a plain word. */
function toSteps(rules: Script, view: ConversationView): readonly Step[] {
  const steps = toResponse(chooseSteps(rules, view), view.callsMade)
  return steps.length > 0 ? steps : [say('Done.')]
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

function sumUsage(requests: readonly ServedRequest[]): Usage {
  const sum = { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningOutputTokens: 0 }
  for (const { served } of requests) {
    if (!served?.usage) continue
    sum.inputTokens += served.usage.inputTokens
    sum.cachedInputTokens += served.usage.cachedInputTokens
    sum.outputTokens += served.usage.outputTokens
    sum.reasoningOutputTokens += served.usage.reasoningOutputTokens
  }
  return sum
}
