/**
 * Carries a client's messages to a server and back, and survives the server: when it comes back without memory of the session,
 * the relay begins anew as the client once began, with what the client asked for once and for good, and sends again what the
 * client still waits for. It owns the order of messages, the session, and how long silence is borne; it reads no message it need not read.
 */

import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import { createProxyLedger } from './proxy-ledger.ts'
import { createStandingWishes } from './standing-wishes.ts'
import { openUpstream, UpstreamFailure, type Upstream } from './upstream.ts'
import { isAnswer, isRequest, type JSONRPCAnswer, type JSONRPCMessage, type JSONRPCRequest, type RequestId } from './wire.ts'

export interface RelayOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly toClient: (message: JSONRPCMessage) => void
  readonly clock: Clock
  readonly log: Log
  /** How long a server may be silent before that is told. */
  readonly patienceMs: number
}

const retryMs = 50
const endWithinMs = 1_000

/** No client numbers its requests so. */
const reopeningId = 'madrox-initialize'

export class Relay {
  readonly #options: RelayOptions
  readonly #ledger = createProxyLedger()
  readonly #wishes = createStandingWishes()
  #upstream: Upstream | undefined
  /** What the client began with; to begin again. */
  #initialize: JSONRPCRequest | undefined
  #onReopened: (answer: JSONRPCAnswer) => void = () => {}
  /** The request on its way; it has a patience of its own. */
  #sending: RequestId | undefined
  #awaySince: number | undefined
  #ending = false
  /** One message after the other: a cancellation must not overtake its request. */
  #queue: Promise<void> = Promise.resolve()

  constructor(options: RelayOptions) {
    this.#options = options
  }

  /** Takes a message of the client. Every request gets one answer, if only an error that says why. */
  pass(message: JSONRPCMessage): void {
    this.#enqueue(async () => {
      // Entered only when its turn has come: a new session sends again what is entered.
      const passed = this.#ledger.toServer(message)
      if (passed) this.#wishes.asked(passed)
      if (passed) await this.#deliver(passed).finally(() => (this.#sending = undefined))
    })
  }

  /** Ends the session. A server that is gone as well is not waited for beyond a moment. */
  async end(): Promise<void> {
    this.#ending = true
    await this.#within(endWithinMs, this.#queue)
    const upstream = this.#upstream
    if (!upstream) return
    await this.#within(endWithinMs, upstream.end())
    await upstream.abandon()
  }

  #enqueue(work: () => Promise<void>): void {
    this.#queue = this.#queue.then(work).catch((error: unknown) => this.#options.log.error('the proxy failed', { reason: String(error) }))
  }

  async #deliver(message: JSONRPCMessage): Promise<void> {
    const opening = isRequest(message) && message.method === 'initialize'
    if (isRequest(message)) this.#sending = message.id
    if (opening) await this.#begin(message)
    await this.#persist(
      async () => {
        if (this.#upstream) return this.#upstream.send(message)
        // A new session sends what is open by itself; anything else belonged to the old one.
        if (this.#initialize) await this.#reopen(this.#initialize)
      },
      async failure => {
        if (isRequest(message)) this.#fail(message, failure)
        if (opening && this.#upstream) await this.#forget(this.#upstream)
      },
    )
  }

  async #begin(initialize: JSONRPCRequest): Promise<void> {
    await this.#upstream?.end()
    this.#upstream = await this.#open()
    this.#initialize = initialize
  }

  /** Tries until it works, is refused, or has taken too long. */
  async #persist(attempt: () => Promise<void>, giveUp: (failure: UpstreamFailure) => Promise<void> | void): Promise<void> {
    const { clock, patienceMs } = this.#options
    const deadline = clock.now() + patienceMs
    while (!this.#ending) {
      try {
        return await attempt()
      } catch (error) {
        if (!(error instanceof UpstreamFailure)) throw error
        if (error.kind === 'refused' || clock.now() >= deadline) return giveUp(error)
        if (error.kind === 'lost' && this.#upstream) await this.#forget(this.#upstream)
        else await this.#within(retryMs)
      }
    }
  }

  async #open(): Promise<Upstream> {
    const { url, headers, log } = this.#options
    const opened: Upstream = await openUpstream({
      url,
      headers,
      onMessage: message => this.#receive(opened, message),
      onLost: () => this.#enqueue(() => this.#recover(opened)),
      onReached: () => (this.#awaySince = undefined),
      onUnreached: failure => this.#noteAway(failure),
      onError: error => log.debug('upstream', { reason: error.message }),
    })
    return opened
  }

  async #reopen(initialize: JSONRPCRequest): Promise<void> {
    const fresh = await this.#open()
    try {
      const answered = new Promise<JSONRPCAnswer>(resolve => {
        this.#onReopened = resolve
      })
      await fresh.send({ ...initialize, id: reopeningId })
      const answer = await this.#within(this.#options.patienceMs, answered)
      if (!answer || !('result' in answer)) throw new UpstreamFailure('unreachable', 'it accepts no new session', undefined)
      this.#ledger.renew()
      await fresh.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
      for (const wish of this.#wishes.again()) await fresh.send(wish)
      for (const request of this.#ledger.open()) await fresh.send(request)
      for (const message of this.#wishes.news(answer.result['capabilities'])) this.#options.toClient(message)
    } catch (error) {
      await fresh.abandon()
      throw error
    }
    this.#upstream = fresh
    this.#options.log.info('the server had forgotten this session: a new one took its place')
  }

  /** A standing stream met a server without memory: what was open there will never be answered. */
  async #recover(lost: Upstream): Promise<void> {
    const initialize = this.#initialize
    if (this.#upstream !== lost || !initialize) return
    await this.#forget(lost)
    await this.#persist(
      () => this.#reopen(initialize),
      failure => this.#ledger.open().forEach(request => this.#fail(request, failure)),
    )
  }

  async #forget(lost: Upstream): Promise<void> {
    if (this.#upstream === lost) this.#upstream = undefined
    await lost.abandon()
  }

  #receive(from: Upstream, message: JSONRPCMessage): void {
    if (isAnswer(message) && (message.id === reopeningId || message.id === this.#initialize?.id) && 'result' in message) {
      const version = message.result['protocolVersion']
      if (typeof version === 'string') from.setProtocolVersion(version)
    }
    if (isAnswer(message) && message.id === reopeningId) return this.#onReopened(message)
    if (isAnswer(message)) this.#wishes.answered(message)
    // An answer to a wish of ours is one to nobody.
    const passed = this.#ledger.toClient(message)
    if (passed) this.#options.toClient(passed)
  }

  /** What waits for an answer over a broken stream is told when the server has been away too long. */
  #noteAway(failure: UpstreamFailure): void {
    const now = this.#options.clock.now()
    this.#awaySince ??= now
    if (now - this.#awaySince < this.#options.patienceMs) return
    for (const request of this.#ledger.open()) if (request.id !== this.#sending) this.#fail(request, failure)
  }

  #fail(request: JSONRPCRequest, failure: UpstreamFailure): void {
    if (!this.#ledger.close(request.id)) return
    const message =
      failure.kind === 'refused'
        ? failure.message
        : `unavailable: The Madrox server at ${this.#options.url} does not answer (${failure.message}). Start it with "madrox serve", then call again.`
    this.#options.toClient({ jsonrpc: '2.0', id: request.id, error: { code: -32000, message } })
  }

  /** What comes of the work in this time, or nothing; leaves no timer. */
  async #within<Result>(ms: number, work?: Promise<Result>): Promise<Result | undefined> {
    const { clock } = this.#options
    let timer: unknown
    const late = new Promise<undefined>(resolve => {
      timer = clock.setTimeout(() => resolve(undefined), ms)
    })
    try {
      return await (work ? Promise.race([work, late]) : late)
    } finally {
      clock.clearTimeout(timer)
    }
  }
}
