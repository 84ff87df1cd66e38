/**
 * A scripted stand-in for the Anthropic Messages API: a real HTTP server, started in the test's process, that real CLIs
 * talk to. Owns the protocol and a log of what it served; knows nothing of Madrox beyond the form of its prompts.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGates, type Gate } from '../gates.ts'
import { createAttempts, createRequestLog, readBody } from '../requests.ts'
import { MessagesRequest, toView, type ConversationView } from './conversation.ts'
import { perform, toContent } from './respond.ts'
import { chooseSteps, type Rule, type Script } from './script.ts'
import { say, toResponses, type Step } from './steps.ts'
import { toErrorBody, type ContentBlock, type Usage } from './wire.ts'

export * from './steps.ts'
export type { ConversationView, Gate, Rule, Script, Usage }

export interface ServedRequest {
  readonly view: ConversationView
  readonly kind: 'turn' | 'side'
  readonly messageId: string
  /** Who the client says it is: both headers, as they came. */
  readonly credential: { readonly apiKey: string | undefined; readonly authorization: string | undefined }
  readonly usage: Usage
  readonly content: readonly ContentBlock[]
  /** Pending until the answer went out whole, failed by script, or was cut by the client. */
  outcome: 'pending' | 'complete' | 'failed' | 'cut'
  status: number
}

export interface FakeAnthropic {
  readonly url: string
  readonly requests: readonly ServedRequest[]
  /** Requests outside the protocol this fake knows: a test may assert there were none. */
  readonly unexpected: readonly string[]
  gate: (name: string) => Gate
  addRule: (rule: Rule) => void
  /** Resolves with the first request, past or future, that satisfies the predicate. */
  waitForRequest: (predicate: (request: ServedRequest) => boolean) => Promise<ServedRequest>
  /** As if it were killed: answers are cut, and nobody listens until it rises again on the same port. Its log and its script stay. */
  fall: () => Promise<void>
  rise: () => Promise<void>
  close: () => Promise<void>
}

export interface FakeAnthropicOptions {
  readonly script?: Script
  readonly usage?: (view: ConversationView, content: readonly ContentBlock[]) => Usage
}

/** Deterministic and small, so that no CLI ever compacts; every field differs, so that a mix-up shows. */
const countUsage = (view: ConversationView, content: readonly ContentBlock[]): Usage => ({
  input_tokens: 10 + view.responseIndex,
  output_tokens: 5 + JSON.stringify(content).length,
  cache_read_input_tokens: 1000,
  cache_creation_input_tokens: 100,
})

export async function startFakeAnthropic(options: FakeAnthropicOptions = {}): Promise<FakeAnthropic> {
  const rules: Rule[] = [...(options.script ?? [])]
  const log = createRequestLog<ServedRequest>()
  const unexpected: string[] = []
  const countFailure = createAttempts()
  const { gate, openAll } = createGates()
  const closing = new AbortController()
  let sequence = 0
  // A session outlives a fake when it is resumed against another one, and its ids must not come twice.
  const run = randomBytes(4).toString('hex')
  const newId = () => `fake_${run}_${++sequence}`

  const answer = async (body: string, incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const parsed = MessagesRequest.parse(JSON.parse(body))
    const view = toView(parsed, String(incoming.headers['x-claude-code-session-id'] ?? ''))
    const side = parsed.output_config !== undefined && view.tools.length === 0
    const steps = side ? [say('{"title":"Scripted"}')] : toSteps(rules, view)
    const content = toContent(steps, view, newId)
    const usage = (options.usage ?? countUsage)(view, content)
    const served: ServedRequest = {
      view, content, usage, kind: side ? 'side' : 'turn', messageId: `msg_${newId()}`, outcome: 'pending', status: 200,
      credential: { apiKey: incoming.headers['x-api-key']?.toString(), authorization: incoming.headers.authorization },
    }
    log.add(served)
    const failure = steps.find(step => step.kind === 'fail')
    if (failure && countFailure(`${view.sessionId}:${view.messages.length}:${view.lastUserText}`) <= failure.times) {
      served.outcome = 'failed'
      served.status = failure.status
      response.writeHead(failure.status, { 'content-type': 'application/json', ...failure.headers })
      response.end(failure.body ? JSON.stringify(failure.body) : toErrorBody(failure.status))
      return
    }
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const signal = AbortSignal.any([gone.signal, closing.signal])
    const envelope = { id: served.messageId, model: parsed.model, usage }
    served.outcome = (await perform(steps, { response, view, envelope, blocks: content, gate, signal })) ? 'complete' : 'cut'
  }

  const server = createServer((incoming, response) => {
    void readBody(incoming)
      .then(body => {
        const path = (incoming.url ?? '').split('?')[0]
        if (incoming.method === 'HEAD' && (path === '/' || path === '/api/hello')) return void response.writeHead(200).end()
        if (incoming.method === 'POST' && path === '/v1/messages') return answer(body, incoming, response)
        if (incoming.method === 'POST' && path === '/v1/messages/count_tokens')
          return void response.writeHead(200, { 'content-type': 'application/json' }).end('{"input_tokens":1000}')
        unexpected.push(`${incoming.method} ${incoming.url}`)
        return void response.writeHead(404, { 'content-type': 'application/json' }).end(toErrorBody(404))
      })
      .catch((error: unknown) => {
        // A script's own mistake must reach the test, and must not leave the CLI waiting.
        unexpected.push(`${incoming.method} ${incoming.url}: ${String(error)}`)
        if (!response.headersSent) response.writeHead(400, { 'content-type': 'application/json' })
        response.end(toErrorBody(400))
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
    url: `http://127.0.0.1:${port}`,
    requests: log.requests,
    unexpected,
    gate,
    addRule: rule => void rules.push(rule),
    waitForRequest: log.waitFor,
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
const toSteps = (rules: Script, view: ConversationView): readonly Step[] =>
  toResponses(chooseSteps(rules, view))[view.responseIndex] ?? [say('Done.')]
