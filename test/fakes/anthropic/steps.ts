/**
 * The vocabulary of a scripted turn. Owns what a step means; refuses to know HTTP.
 *
 * A turn is a list of steps. Steps up to and including a tool call make one API response, because the CLI must run the
 * tool before the model can go on; the steps after it answer the request that carries the tool's result.
 */
import type { ConversationView } from './conversation.ts'

type FromView<T> = T | ((view: ConversationView) => T)

export interface ToolCall {
  readonly name: string
  readonly input: FromView<object>
}

export type Step =
  | { readonly kind: 'text'; readonly text: FromView<string>; readonly chunkSize?: number; readonly chunkDelayMs?: number }
  | { readonly kind: 'tools'; readonly calls: readonly ToolCall[] }
  | { readonly kind: 'gate'; readonly name: string }
  | { readonly kind: 'fail'; readonly status: number; readonly body?: object; readonly times: number; readonly headers?: Record<string, string> }
  | { readonly kind: 'drop' }
  | { readonly kind: 'hang' }

/** One text block, sent whole. */
export const say = (text: FromView<string>): Step => ({ kind: 'text', text })

/** One text block in many deltas; without a delay the chunks go out back to back. */
export const stream = (text: FromView<string>, options: { chunkSize?: number; chunkDelayMs?: number } = {}): Step => ({
  kind: 'text',
  text,
  chunkSize: options.chunkSize ?? 8,
  ...(options.chunkDelayMs === undefined ? {} : { chunkDelayMs: options.chunkDelayMs }),
})

/** One tool call; the next step answers the request that carries its result. */
export const callTool = (name: string, input: FromView<object> = {}): Step => ({ kind: 'tools', calls: [{ name, input }] })

/** Several tool calls in one response. */
export const callTools = (...calls: readonly ToolCall[]): Step => ({ kind: 'tools', calls })

/** Hold the response here until the test opens the gate. First in a response: not even headers have gone out. */
export const atGate = (name: string): Step => ({ kind: 'gate', name })

/** An API error. The CLI retries most of them: `times` limits how many attempts fail (default: all). */
export const fail = (
  status: number,
  options: { body?: object; times?: number; headers?: Record<string, string> } = {},
): Step => ({ kind: 'fail', status, times: Number.POSITIVE_INFINITY, ...options })

/** Cut the connection without an answer. */
export const drop = (): Step => ({ kind: 'drop' })

/** Never go on. As a first step: nothing is sent at all. */
export const hang = (): Step => ({ kind: 'hang' })

/** Splits a turn at its tool calls: one list of steps an API response. */
export function toResponses(steps: readonly Step[]): Step[][] {
  const responses: Step[][] = [[]]
  for (const step of steps) {
    responses.at(-1)?.push(step)
    if (step.kind === 'tools') responses.push([])
  }
  if (responses.at(-1)?.length === 0) responses.pop()
  return responses
}

export const resolve = <T>(value: FromView<T>, view: ConversationView): T =>
  // A step's value is data or a function of the view; T itself is never a function here (string or object).
  typeof value === 'function' ? (value as (view: ConversationView) => T)(view) : value
