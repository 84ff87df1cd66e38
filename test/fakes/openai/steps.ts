/**
 * The vocabulary of a scripted turn, the same words the Anthropic fake speaks. Owns what a step means; refuses to know HTTP.
 *
 * A turn is a list of steps. Steps up to and including a tool call make one API response, because the CLI must run the
 * tool before the model can go on; the steps after it answer the request that carries the tool's output.
 */
import type { ConversationView } from './conversation.ts'

export interface Usage {
  readonly inputTokens: number
  /** Part of `inputTokens`, as the Responses API counts. */
  readonly cachedInputTokens: number
  readonly outputTokens: number
  /** Part of `outputTokens`. */
  readonly reasoningOutputTokens: number
}

type FromView<T> = T | ((view: ConversationView) => T)

export interface ToolCall {
  readonly name: string
  readonly input: FromView<object>
}

export type Step =
  | { readonly kind: 'text'; readonly text: FromView<string>; readonly chunkSize?: number; readonly gate?: string }
  | { readonly kind: 'tools'; readonly calls: readonly ToolCall[] }
  | { readonly kind: 'gate'; readonly name: string }
  | { readonly kind: 'fail'; readonly status: number; readonly body?: object; readonly times: number }
  | { readonly kind: 'drop' }
  | { readonly kind: 'hang' }

/** One message, sent whole. */
export const say = (text: FromView<string>): Step => ({ kind: 'text', text })

/** One message in many deltas. With a gate, the first chunk goes out at once and the rest waits for the test. */
export const stream = (text: FromView<string>, options: { chunkSize?: number; gate?: string } = {}): Step => ({
  kind: 'text',
  text,
  chunkSize: 8,
  ...options,
})

/** One tool call; the next step answers the request that carries its output. */
export const callTool = (name: string, input: FromView<object> = {}): Step => ({ kind: 'tools', calls: [{ name, input }] })

/** Several tool calls in one response. */
export const callTools = (...calls: readonly ToolCall[]): Step => ({ kind: 'tools', calls })

/** Hold the response here until the test opens the gate. First in a response: not even headers have gone out. */
export const atGate = (name: string): Step => ({ kind: 'gate', name })

/** An API error. The CLI may retry: `times` limits how many attempts fail (default: all). */
export const fail = (status: number, options: { body?: object; times?: number } = {}): Step => ({
  kind: 'fail',
  status,
  times: Number.POSITIVE_INFINITY,
  ...options,
})

/** Cut the connection without an answer. */
export const drop = (): Step => ({ kind: 'drop' })

/** Never go on. As a first step: nothing is sent at all. */
export const hang = (): Step => ({ kind: 'hang' })

/** The steps that follow the calls already made, up to and including the next call. */
export function toResponse(steps: readonly Step[], callsMade: number): readonly Step[] {
  const calls = steps.map(step => (step.kind === 'tools' ? step.calls.length : 0))
  let remaining = callsMade
  const start = calls.findIndex(count => {
    if (remaining <= 0) return true
    remaining -= count
    return false
  })
  if (start === -1) return []
  const end = calls.findIndex((count, index) => index >= start && count > 0)
  return steps.slice(start, end === -1 ? undefined : end + 1)
}

export const resolve = <T>(value: FromView<T>, view: ConversationView): T =>
  // A step's value is data or a function of the view; T itself is never a function here (string or object).
  typeof value === 'function' ? (value as (view: ConversationView) => T)(view) : value
