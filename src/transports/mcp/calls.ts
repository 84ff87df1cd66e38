/**
 * `tools/call`: from an MCP request to the tool table and back. It owns the call while it lasts: its identity, its progress,
 * its end by cancellation, and the promise that replies count as handed out only when the answer with them left.
 */

import type { CallToolRequest, CallToolResult, JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js'
import type { MadroxSystem, Person } from '../../actors/system.ts'
import type { Clock } from '../../clock.ts'
import { MadroxError, toWireError, toWireText } from '../../errors.ts'
import type { ReplyId } from '../../ids.ts'
import type { Log } from '../../log.ts'
import type { Caller } from '../../messages.ts'
import { callTool, type ToolOutcome, type ToolTable } from '../../tools/tool.ts'
import type { Exchange } from '../exchange.ts'
import type { EventLog } from './event-log.ts'
import type { CallExtra, McpExtension } from './extension.ts'
import { startProgress } from './progress.ts'
import { report } from './report.ts'

export interface CallDeskOptions {
  readonly system: MadroxSystem
  readonly tools: ToolTable
  readonly extension: McpExtension | undefined
  readonly clock: Clock
  readonly log: Log
  readonly progressEveryMs: number
  readonly events: EventLog
  /** Keys of calls are unique among the calls of one scope. */
  readonly keyScope: string
  /** The HTTP exchange a request came in by. */
  readonly exchangeOf: (extra: CallExtra) => Exchange
  /** Whoever sits where that call came from. */
  readonly personOf: (extra: CallExtra) => Person
  /** Who calls, known by where it stands if that can be had. */
  readonly callerOf: (extra: CallExtra) => Promise<Caller>
  /** Puts a message on the wire, untold to `leaving`. */
  readonly send: (message: JSONRPCMessage) => Promise<void>
}

export interface CallDesk {
  answer(request: CallToolRequest, extra: CallExtra): Promise<CallToolResult>
  /** To be told of each answer just before it goes to the wire. */
  leaving(request: RequestId): void
}

export function createCallDesk(options: CallDeskOptions): CallDesk {
  const { system, tools, extension, clock, log } = options
  const outgoing = new Map<RequestId, () => void>()
  const fixtures = new Map((extension?.tools ?? []).map(tool => [tool.definition.name, tool]))

  const answerByTable = async (request: CallToolRequest, extra: CallExtra): Promise<CallToolResult> => {
    const { name, arguments: args } = request.params
    const exchange = options.exchangeOf(extra)
    const signal = AbortSignal.any([extra.signal, exchange.broken])
    const progress = startProgress(extra, clock, options.progressEveryMs)
    try {
      const caller = await options.callerOf(extra)
      const callKey = callKeyOf(request.params._meta, `${options.keyScope} ${name}`)
      const outcome = await callTool(tools, name, args, { system, caller, signal, progress: progress.report, person: options.personOf(extra), callKey, now: () => clock.now() })
      const replies = outcome.replies ?? []
      if (replies.length > 0 && signal.aborted) return releaseUnsent(replies)
      if (replies.length > 0) handOut(replies, exchange, extra)
      return toCallResult(outcome, tools.get(name)?.output !== undefined)
    } finally {
      progress.stop()
    }
  }

  const releaseUnsent = (replies: readonly ReplyId[]): CallToolResult => {
    system.releaseReplies(replies)
    return lostAnswer
  }

  /** Settles the replies of an answer once: consumed if it left whole, released if the call or the connection ended first. */
  const handOut = (replies: readonly ReplyId[], exchange: Exchange, extra: CallExtra): void => {
    let leaving = false
    let settled = false
    const settle = (left: boolean): void => {
      if (settled) return
      settled = true
      outgoing.delete(extra.requestId)
      if (left) return report(log, 'replies that left could not be recorded as handed out', () => system.consumeReplies(replies))
      options.events.retract(extra.requestId, { jsonrpc: '2.0', id: extra.requestId, result: lostAnswer })
      report(log, 'replies that did not leave could not be kept', () => system.releaseReplies(replies))
    }
    outgoing.set(extra.requestId, () => (leaving = true))
    // The SDK drops the answer of a call cancelled between here and the wire.
    extra.signal.addEventListener('abort', () => leaving || settle(false), { once: true })
    void exchange.written.then(written => settle(written && leaving))
  }

  return {
    async answer(request, extra) {
      // Behind what the same cancellation takes back: a question to the person travels on the stream that this ends.
      const dismiss = (): void => queueMicrotask(() => void options.send(dismissal(extra.requestId)).catch(() => {})) // rejected when the stream is gone: nothing is left to close
      extra.signal.addEventListener('abort', dismiss, { once: true })
      try {
        const fixture = tools.has(request.params.name) ? undefined : fixtures.get(request.params.name)
        return await (fixture ? fixture.handle(request.params.arguments ?? {}, extra) : answerByTable(request, extra))
      } catch (error) {
        if (error instanceof MadroxError) return toCallResult({ ok: false, error: toWireError(error) }, false) // the client could not be connected
        throw error
      } finally {
        void options.exchangeOf(extra).written.then(written => written && options.events.forget(extra.requestId))
      }
    },
    leaving: request => outgoing.get(request)?.(),
  }
}

const lostAnswer = {
  content: [{ type: 'text' as const, text: 'unavailable: The connection broke before the answer left; what it held is kept. Call again.' }],
  isError: true,
}

/**
 * MCP would leave a cancelled request unanswered. On this transport only an answer ends the request's SSE stream, and an
 * unanswered one keeps a socket at both ends until the session closes; clients ignore what comes after they cancelled.
 */
const dismissal = (id: RequestId): JSONRPCMessage => ({
  jsonrpc: '2.0',
  id,
  result: { content: [{ type: 'text', text: 'The call was cancelled.' }], isError: true },
})

/**
 * Each form stands alone, because a client shows its model only one: Claude Code takes `structuredContent` where there is
 * some, and Codex does so on errors too, where it would hide the text.
 */
export function toCallResult(outcome: ToolOutcome, structured: boolean): CallToolResult {
  if (!outcome.ok) return { content: [{ type: 'text', text: toWireText(outcome.error) }], isError: true }
  const text = outcome.text ?? JSON.stringify(outcome.data ?? {})
  // In a block of its own: a screen or a tree stays what it is.
  const pending = outcome.pendingReplies === undefined ? [] : [{ type: 'text' as const, text: `pending_replies: ${outcome.pendingReplies}` }]
  return { content: [{ type: 'text', text }, ...pending], ...(structured && outcome.data ? { structuredContent: { ...outcome.data } } : {}) }
}

/** The call's own identity: a key its caller chose, else what Claude Code or Codex calls it. */
function callKeyOf(meta: Readonly<Record<string, unknown>> | undefined, scope: string): string | undefined {
  const field = (name: string): string | undefined => {
    const value = meta?.[name]
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const codexCall = field('callId')
  const key = field('madrox/key') ?? field('claudecode/toolUseId') ?? (codexCall && `${field('threadId') ?? ''}/${codexCall}`)
  return key && `${scope} ${key}`
}
