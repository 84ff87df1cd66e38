/**
 * A scripted stand-in for the OpenAI Responses API: a real HTTP server, started in the test's process, that the real Codex
 * talks to. Owns the protocol and a log of what it served; knows nothing of Madrox beyond the form of its prompts.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseConversation, type ConversationView } from './conversation.ts'
import { createGates, type Gate } from './gates.ts'
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
  close: () => Promise<void>
}

export async function startFakeOpenAI({ script = [] }: { readonly script?: Script } = {}): Promise<FakeOpenAI> {
  const rules: Rule[] = [...script]
  const requests: ServedRequest[] = []
  const unexpected: string[] = []
  const waiters = new Set<(request: ServedRequest) => void>()
  const failures = new Map<string, number>()
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
      countFailure: () => increment(failures, `${view.threadId} ${view.userTexts.length} ${view.callsMade}`),
    })
    const request: ServedRequest = { view, responseId, headers: incoming.headers, body, done, served: undefined }
    requests.push(request)
    waiters.forEach((notify) => notify(request))
    return done.then((served) => (request.served = served))
  }

  const server = createServer((incoming, response) => {
    void readBody(incoming)
      .then((body) => {
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
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  // A server listening on TCP always has an AddressInfo; the string form is for pipes.
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    unexpected,
    gate,
    addRule: (rule) => void rules.push(rule),
    waitForRequest: (predicate) => waitFor(requests, waiters, predicate),
    usage: (threadId) => sumUsage(requests.filter(({ view }) => threadId === undefined || view.threadId === threadId)),
    close: () => {
      closing.abort()
      openAll()
      server.closeAllConnections()
      return new Promise((closed) => server.close(() => closed()))
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

/** Attempts are told apart by their place in the conversation, which a retry repeats. */
function increment(counts: Map<string, number>, key: string): number {
  const count = (counts.get(key) ?? 0) + 1
  counts.set(key, count)
  return count
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  // Without an encoding set, a request yields Buffers only.
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

function waitFor(
  requests: readonly ServedRequest[],
  waiters: Set<(request: ServedRequest) => void>,
  predicate: (request: ServedRequest) => boolean,
): Promise<ServedRequest> {
  const known = requests.find(predicate)
  if (known) return Promise.resolve(known)
  return new Promise((found) => {
    const check = (request: ServedRequest) => {
      if (!predicate(request)) return
      waiters.delete(check)
      found(request)
    }
    waiters.add(check)
  })
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
