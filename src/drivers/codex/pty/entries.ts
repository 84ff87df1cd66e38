/**
 * What the lines of a rollout tell of turns (measured on codex-cli 0.169.0). A line is written within 40 ms of what it tells of;
 * types this driver does not know are passed over. What was spent is read by `rollout.ts`.
 */

import { z } from 'zod'
import type { TurnFailure } from '../../driver.ts'
import { toErrorText, toTurnFailure } from '../failures.ts'

export type Entry =
  | { readonly type: 'begun'; readonly turnId: string }
  | { readonly type: 'prompt'; readonly turnId: string; readonly text: string }
  | { readonly type: 'said'; readonly text: string }
  | { readonly type: 'call'; readonly callId: string; readonly tool: string; readonly content: string }
  | { readonly type: 'result'; readonly callId: string; readonly text: string }
  | { readonly type: 'ended'; readonly turnId: string; readonly ending: Ending }

export interface Ending {
  readonly status: 'completed' | 'failed' | 'interrupted'
  readonly finalText?: string
  readonly error?: string
  readonly cause?: TurnFailure
}

const parts = z.array(z.looseObject({ type: z.string(), text: z.string().optional() }))
const turnError = z.object({ message: z.string(), additional_details: z.string().nullish(), codex_error_info: z.unknown() })

const event = z.discriminatedUnion('type', [
  z.object({ type: z.literal('task_started'), turn_id: z.string() }),
  z.object({ type: z.literal('task_complete'), turn_id: z.string(), last_agent_message: z.string().nullish(), error: turnError.nullish() }),
  z.object({ type: z.literal('turn_aborted'), turn_id: z.string() }),
  z.object({ type: z.literal('item_completed'), turn_id: z.string(), item: z.looseObject({ type: z.string(), content: z.unknown() }) }),
])
const item = z.discriminatedUnion('type', [
  z.object({ type: z.literal('function_call'), call_id: z.string(), name: z.string(), namespace: z.string().nullish(), arguments: z.string() }),
  z.object({ type: z.literal('custom_tool_call'), call_id: z.string(), name: z.string(), input: z.string() }),
  z.object({ type: z.literal('function_call_output'), call_id: z.string(), output: z.union([z.string(), parts]) }),
  z.object({ type: z.literal('custom_tool_call_output'), call_id: z.string(), output: z.union([z.string(), parts]) }),
])
const lineSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('event_msg'), payload: event }),
  z.object({ type: z.literal('response_item'), payload: item }),
])

/** Undefined: of no turn, of a kind nobody needs, or torn by a kill. */
export function toEntry(line: string): Entry | undefined {
  const known = lineSchema.safeParse(parseJson(line)).data
  if (!known) return undefined
  return known.type === 'event_msg' ? toTurnEntry(known.payload) : toToolEntry(known.payload)
}

function toTurnEntry(payload: z.infer<typeof event>): Entry | undefined {
  const { turn_id: turnId } = payload
  switch (payload.type) {
    case 'task_started': return { type: 'begun', turnId }
    case 'turn_aborted': return { type: 'ended', turnId, ending: { status: 'interrupted' } }
    case 'task_complete': return { type: 'ended', turnId, ending: toEnding(payload) }
    case 'item_completed': {
      const text = (parts.safeParse(payload.item.content).data ?? []).map(part => part.text ?? `[${part.type}]`).join('\n')
      if (payload.item.type === 'UserMessage') return { type: 'prompt', turnId, text }
      return payload.item.type === 'AgentMessage' ? { type: 'said', text } : undefined
    }
  }
}

function toEnding({ last_agent_message: last, error }: Extract<z.infer<typeof event>, { type: 'task_complete' }>): Ending {
  const finalText = last ? { finalText: last } : {}
  if (!error) return { status: 'completed', ...finalText }
  // The record writes in snake case what the protocol says in camel case.
  const told = { message: error.message, additionalDetails: error.additional_details, codexErrorInfo: error.codex_error_info === 'model_not_found' ? 'modelNotFound' : error.codex_error_info }
  const cause = toTurnFailure(told)
  return { status: 'failed', ...finalText, error: toErrorText(told), ...(cause && { cause }) }
}

function toToolEntry(payload: z.infer<typeof item>): Entry {
  const { call_id: callId } = payload
  switch (payload.type) {
    case 'function_call': return { type: 'call', callId, tool: payload.namespace ? `${payload.namespace}__${payload.name}` : payload.name, content: toCommand(payload.name, payload.arguments) }
    case 'custom_tool_call': return { type: 'call', callId, tool: payload.name, content: payload.input }
    case 'function_call_output':
    case 'custom_tool_call_output': return { type: 'result', callId, text: typeof payload.output === 'string' ? payload.output : payload.output.map(part => part.text ?? `[${part.type}]`).join('\n') }
  }
}

const commandSchema = z.object({ cmd: z.string() })
const toCommand = (name: string, given: string): string => (name === 'exec_command' ? (commandSchema.safeParse(parseJson(given)).data?.cmd ?? given) : given)

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
