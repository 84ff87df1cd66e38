/**
 * One call of a tool by REST, from its arguments to the answer on the socket: as JSON, or as server-sent events that tell of the
 * wait while it lasts. A caller that goes away ends the wait, never the work; replies count as handed out when the answer left.
 */

import type { MadroxSystem } from '../../actors/system.ts'
import type { Clock } from '../../clock.ts'
import { toWireError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Caller } from '../../messages.ts'
import { callTool, type ToolOutcome, type ToolTable } from '../../tools/tool.ts'
import type { Exchange } from '../exchange.ts'
import { report } from '../mcp/report.ts'
import { startSigns } from '../signs.ts'
import { errorBody, noStore, refuse, statusOf } from './status.ts'

export interface CallsOptions {
  readonly system: MadroxSystem
  readonly tools: ToolTable
  readonly clock: Clock
  readonly log: Log
  /** Between two signs of life of a waiting call. */
  readonly progressEveryMs: number
  /** The server ends. */
  readonly closing: AbortSignal
}

export interface RestCall {
  readonly tool: string
  readonly args: unknown
  readonly caller: Caller
  readonly exchange: Exchange
  /** Of the request: what answer it takes, and its idempotency key. */
  readonly headers: Headers
  readonly toBody: (data: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>
}

/** What tells two callers' keys apart; the system also keeps them by caller. */
const keyOf = ({ tool, headers }: RestCall): string | undefined => {
  const key = headers.get('idempotency-key')
  return key === null || key === '' ? undefined : `rest ${tool} ${key}`
}

const wantsEvents = (headers: Headers): boolean => /\btext\/event-stream\b/.test(headers.get('accept') ?? '')

export function answerCall(options: CallsOptions, call: RestCall): Promise<Response> | Response {
  return wantsEvents(call.headers) ? answerAsEvents(options, call) : answerAsJson(options, call)
}

async function answerAsJson(options: CallsOptions, call: RestCall): Promise<Response> {
  const outcome = await run(options, call, () => {})
  return outcome.ok ? Response.json(bodyOf(outcome, call), { headers: noStore }) : refuse(outcome.error)
}

const bodyOf = (outcome: ToolOutcome & { ok: true }, { toBody }: RestCall): Readonly<Record<string, unknown>> => (outcome.data ? toBody(outcome.data) : { text: outcome.text ?? '', ...(outcome.pendingReplies === undefined ? {} : { pending_replies: outcome.pendingReplies }) })

/** Runs it and sees to its replies. */
async function run({ system, tools, clock, log, closing }: CallsOptions, call: RestCall, progress: (message: string) => void): Promise<ToolOutcome> {
  const { tool, args, caller, exchange } = call
  const signal = AbortSignal.any([exchange.broken, closing])
  const callKey = keyOf(call)
  const outcome = await callTool(tools, tool, args, { system, caller, signal, progress, now: () => clock.now(), ...(callKey ? { callKey } : {}) })
  const replies = outcome.replies ?? []
  if (replies.length > 0) {
    const settle = (left: boolean): void => report(log, 'replies could not be settled', () => (left ? system.consumeReplies : system.releaseReplies)(replies))
    void exchange.written.then(settle)
  }
  return outcome
}

const encoder = new TextEncoder()

function answerAsEvents(options: CallsOptions, call: RestCall): Response {
  const { clock, progressEveryMs } = options
  let stop = (): void => {}
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      // What comes when nobody reads any more is told to nobody.
      const say = (event: string, data: unknown): void => {
        if (!call.exchange.broken.aborted) controller.enqueue(encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`))
      }
      const signs = startSigns(clock, progressEveryMs, message => say('progress', { message }))
      stop = signs.stop
      const finish = (event: string, data: unknown): void => {
        stop()
        say(event, data)
        if (!call.exchange.broken.aborted) controller.close()
      }
      say('accepted', { tool: call.tool })
      run(options, call, signs.report).then(
        outcome => (outcome.ok ? finish('result', bodyOf(outcome, call)) : finish('error', { ...errorBody(outcome.error), status: statusOf(outcome.error.code) })),
        (error: unknown) => finish('error', { ...errorBody(toWireError(error)), status: 500 }),
      )
    },
    cancel: () => stop(),
  })
  return new Response(body, { headers: { ...noStore, 'content-type': 'text/event-stream' } })
}
