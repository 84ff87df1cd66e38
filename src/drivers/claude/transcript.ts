/**
 * Reads a session's transcript as it grows: usage, output, and the records that tell how a turn went. Append-only JSON
 * lines; measured on 2.1.328. Writing lags the screen by about 100 ms, so an end is told by its own record, not by time.
 */

import { z } from 'zod'
import type { BareFact } from '../facts.ts'

const block = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  id: z.string().optional(),
  name: z.string().optional(),
  input: z.unknown().optional(),
  tool_use_id: z.string().optional(),
  is_error: z.boolean().nullish(),
  content: z.unknown().optional(),
})
const content = z.union([z.string(), z.array(block)])

const recordSchema = z.looseObject({
  type: z.string(),
  subtype: z.string().optional(),
  promptId: z.string().optional(),
  promptSource: z.string().optional(),
  isApiErrorMessage: z.boolean().optional(),
  isSidechain: z.boolean().optional(),
  message: z.looseObject({
    id: z.string().optional(),
    model: z.string().optional(),
    content: content.optional(),
    stop_reason: z.string().nullish(),
    usage: z.looseObject({
      input_tokens: z.number().default(0),
      output_tokens: z.number().default(0),
      cache_read_input_tokens: z.number().nullish(),
      cache_creation_input_tokens: z.number().nullish(),
    }).optional(),
  }).optional(),
})
type TranscriptRecord = z.infer<typeof recordSchema>

/** `unitId`: the message's, which each of its records repeats. */
export type Usage = Omit<BareFact<'usageReported'>, 'type' | 'costUsd'>

export type TranscriptEntry =
  /** A prompt the CLI took up: typed, or its own. */
  | { readonly type: 'prompt'; readonly promptId: string; readonly text: string }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'toolCall'; readonly callId: string; readonly tool: string; readonly input: string }
  | { readonly type: 'toolResult'; readonly callId: string; readonly text: string; readonly isError?: true }
  | { readonly type: 'usage'; readonly usage: Usage }
  | { readonly type: 'interrupted'; readonly promptId: string | undefined }
  /** A queued prompt went into the running turn instead of starting its own. */
  | { readonly type: 'absorbed'; readonly text: string }
  /** Behind the last text of a message with which the model meant to end its turn. */
  | { readonly type: 'concluded' }
  /** Behind the last record of a turn whose Stop hook was answered. */
  | { readonly type: 'stopped' }
  | { readonly type: 'apiError'; readonly text: string }

/** One line of a transcript as what it says; a line that is not understood says nothing. */
export function toEntries(line: string): TranscriptEntry[] {
  const record = parseRecord(line)
  if (record === undefined) return []
  // What a subagent does is done for the agent, not by it; what it costs is the session's. Its records have files of their own by now.
  const entries = toEntriesOf(record)
  return record.isSidechain === true ? entries.filter(entry => entry.type === 'usage') : entries
}

function toEntriesOf(record: TranscriptRecord): TranscriptEntry[] {
  if (record.type === 'system') return record.subtype === 'stop_hook_summary' ? [{ type: 'stopped' }] : []
  if (record.type === 'queue-operation')
    return record.operation === 'remove' && record.reason === 'absorbed_mid_turn' && typeof record.content === 'string'
      ? [{ type: 'absorbed', text: record.content }]
      : []
  if (record.type === 'user') return toUserEntries(record)
  return record.type === 'assistant' ? toAssistantEntries(record) : []
}

function toUserEntries({ message, promptId, promptSource }: TranscriptRecord): TranscriptEntry[] {
  const parts = toBlocks(message?.content)
  const text = parts.map(part => part.text ?? '').join('')
  const results = parts.flatMap((part): TranscriptEntry[] =>
    part.type === 'tool_result' ? [{ type: 'toolResult', callId: part.tool_use_id ?? '', text: toText(part.content), ...(part.is_error === true && { isError: true }) }] : [])
  if (text.startsWith('[Request interrupted by user')) return [...results, { type: 'interrupted', promptId }]
  if (results.length > 0 || promptId === undefined || promptSource === undefined) return results
  return [{ type: 'prompt', promptId, text }]
}

function toAssistantEntries({ message, isApiErrorMessage }: TranscriptRecord): TranscriptEntry[] {
  const parts = toBlocks(message?.content)
  // The CLI's own words: an API error, or the stand-in for an answer a kill cut off. No model call, so no usage.
  if (message?.model === '<synthetic>')
    return isApiErrorMessage === true ? [{ type: 'apiError', text: parts.map(part => part.text ?? '').join('') }] : []
  const output = parts.flatMap((part): TranscriptEntry[] => {
    if (part.type === 'text' && part.text) return [{ type: 'text', text: part.text }]
    if (part.type === 'tool_use') return [{ type: 'toolCall', callId: part.id ?? '', tool: part.name ?? '', input: JSON.stringify(part.input ?? {}) }]
    return []
  })
  // Each record of a message repeats how it ended: of one that goes on with a tool or was cut at its limit, that is no end.
  if (concluding.has(message?.stop_reason ?? '') && output.at(-1)?.type === 'text') output.push({ type: 'concluded' })
  const usage = message?.usage
  if (message?.id === undefined || usage === undefined) return output
  return [...output, {
    type: 'usage',
    usage: {
      unitId: message.id,
      model: message.model ?? 'unknown',
      inputTokens: usage.input_tokens,
      outputTokens: usage.output_tokens,
      cacheReadTokens: usage.cache_read_input_tokens ?? 0,
      cacheCreationTokens: usage.cache_creation_input_tokens ?? 0,
    },
  }]
}

const concluding: ReadonlySet<string> = new Set(['end_turn', 'stop_sequence'])

const toBlocks = (value: z.infer<typeof content> | undefined): z.infer<typeof block>[] =>
  value === undefined ? [] : typeof value === 'string' ? [{ type: 'text', text: value }] : value

function toText(value: unknown): string {
  const parsed = content.safeParse(value)
  return parsed.success ? toBlocks(parsed.data).map(part => part.text ?? `[${part.type}]`).join('\n') : ''
}

function parseRecord(line: string): TranscriptRecord | undefined {
  try {
    const parsed = recordSchema.safeParse(JSON.parse(line))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined // a torn line of a killed process: nothing a reader can use
  }
}

type Output = Omit<BareFact<'outputProduced'>, 'type' | 'turnId'>

/** What of it people see as output. */
export function toOutput(entry: TranscriptEntry): Output | undefined {
  switch (entry.type) {
    case 'text':
    case 'apiError': return { kind: 'text', content: entry.text }
    case 'toolCall': return { kind: 'tool_call', callId: entry.callId, tool: entry.tool, content: entry.input }
    case 'toolResult': return { kind: 'tool_result', callId: entry.callId, content: entry.text }
    default: return undefined
  }
}
