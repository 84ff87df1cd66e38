/**
 * What Claude Code 2.1.328 writes in structured mode, a JSON object a line, as far as the driver uses it. Unknown fields are let
 * through, and lines of other types mean nothing to it.
 */

import { z } from 'zod'

const block = z.looseObject({ type: z.string(), text: z.string().optional() })
const content = z.union([z.string(), z.array(block)])

/** One model's part of what was spent. `costBasis` is `list` where the CLI knows the model's price; else it guesses. */
const spentSchema = z.looseObject({
  inputTokens: z.number(),
  outputTokens: z.number(),
  cacheReadInputTokens: z.number(),
  cacheCreationInputTokens: z.number(),
  costUSD: z.number(),
  costBasis: z.string().optional(),
})
export type SpentByModel = Readonly<Record<string, z.infer<typeof spentSchema>>>

const origin = z.looseObject({ kind: z.string(), runId: z.string().optional() })

const systemSchema = z.discriminatedUnion('subtype', [
  /** A model call is about to be made, for a turn of its own. */
  z.looseObject({ type: z.literal('system'), subtype: z.literal('init') }),
  z.looseObject({ type: z.literal('system'), subtype: z.literal('background_tasks_changed'), tasks: z.array(z.looseObject({ task_id: z.string(), description: z.string().optional() })) }),
  z.looseObject({ type: z.literal('system'), subtype: z.literal('task_started'), task_id: z.string(), run_id: z.string().optional() }),
  z.looseObject({ type: z.literal('system'), subtype: z.literal('task_notification'), task_id: z.string(), status: z.string() }),
])

const eventSchema = z.discriminatedUnion('type', [
  /** Where a prompt of ours is in the CLI's queue: queued, started, completed or cancelled. */
  z.looseObject({ type: z.literal('command_lifecycle'), command_uuid: z.string(), state: z.string() }),
  z.looseObject({
    type: z.literal('assistant'),
    parent_tool_use_id: z.string().nullish(),
    error: z.string().optional(),
    message: z.looseObject({ id: z.string(), model: z.string(), content }),
  }),
  z.looseObject({
    type: z.literal('user'),
    parent_tool_use_id: z.string().nullish(),
    uuid: z.string().optional(),
    isReplay: z.boolean().optional(),
    origin: origin.optional(),
    message: z.looseObject({ content }),
  }),
  /** The end of a turn. */
  z.looseObject({
    type: z.literal('result'),
    uuid: z.string(),
    subtype: z.string(),
    is_error: z.boolean(),
    result: z.string().optional(),
    errors: z.array(z.string()).optional(),
    terminal_reason: z.string().optional(),
    origin: origin.optional(),
    model_usage_since_last_result: z.record(z.string(), spentSchema).optional(),
  }),
  z.looseObject({ type: z.literal('control_request'), request_id: z.string(), request: z.looseObject({ subtype: z.string(), tool_name: z.string().optional(), input: z.unknown().optional() }) }),
  z.looseObject({ type: z.literal('control_cancel_request'), request_id: z.string() }),
  z.looseObject({ type: z.literal('control_response'), response: z.looseObject({ subtype: z.string(), request_id: z.string(), response: z.unknown().optional(), error: z.string().optional() }) }),
  systemSchema,
])
export type StreamEvent = z.infer<typeof eventSchema>
export type EventOf<Type extends StreamEvent['type']> = Extract<StreamEvent, { type: Type }>
export type SystemEventOf<Subtype extends EventOf<'system'>['subtype']> = Extract<EventOf<'system'>, { subtype: Subtype }>

/** Undefined: no JSON object, so somebody's words. `event` is absent where the line means nothing to the driver. */
export function readLine(line: string): { readonly event?: StreamEvent } | undefined {
  const given = parseJson(line)
  if (typeof given !== 'object' || given === null) return undefined
  const { data } = eventSchema.safeParse(given)
  return data ? { event: data } : {}
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined // a program that is no Claude Code, or its last words
  }
}

/** A prompt, under an id by which the CLI tells what becomes of it. */
export const toPrompt = (uuid: string, text: string): object =>
  ({ type: 'user', uuid, session_id: '', parent_tool_use_id: null, message: { role: 'user', content: [{ type: 'text', text }] } })

/** A slash at the very beginning makes a command of a known word (`/exit`, `/clear`); nothing else does. */
export const toPlain = (text: string): string => (text.startsWith('/') ? `Message: ${text}` : text)

export const toText = (value: z.infer<typeof content>): string => (typeof value === 'string' ? value : value.map(part => part.text ?? '').join(''))
