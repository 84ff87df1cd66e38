/** Messages API wire forms: the SSE stream, the plain JSON answer, and errors. The only file that knows their shapes. */
export interface Usage {
  readonly input_tokens: number
  readonly output_tokens: number
  readonly cache_read_input_tokens: number
  readonly cache_creation_input_tokens: number
}

export type ContentBlock =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input: object }

export interface Envelope {
  readonly id: string
  readonly model: string
  readonly usage: Usage
}

export const toEvent = (data: { type: string } & Record<string, unknown>): string =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`

export const toMessageStart = ({ id, model, usage }: Envelope): string =>
  toEvent({
    type: 'message_start',
    message: {
      id, model, type: 'message', role: 'assistant', content: [], stop_reason: null, stop_sequence: null,
      usage: { ...usage, output_tokens: 1 },
    },
  })

export const toBlockStart = (index: number, block: ContentBlock): string =>
  toEvent({
    type: 'content_block_start',
    index,
    content_block: block.type === 'text' ? { type: 'text', text: '' } : { ...block, input: {} },
  })

export const toTextDelta = (index: number, text: string): string =>
  toEvent({ type: 'content_block_delta', index, delta: { type: 'text_delta', text } })

export const toInputDelta = (index: number, input: object): string =>
  toEvent({ type: 'content_block_delta', index, delta: { type: 'input_json_delta', partial_json: JSON.stringify(input) } })

export const toBlockStop = (index: number): string => toEvent({ type: 'content_block_stop', index })

export const toMessageEnd = (stopReason: string, usage: Usage): string =>
  toEvent({ type: 'message_delta', delta: { stop_reason: stopReason, stop_sequence: null }, usage }) +
  toEvent({ type: 'message_stop' })

export const toMessage = (envelope: Envelope, content: readonly ContentBlock[], stopReason: string): string =>
  JSON.stringify({ ...envelope, type: 'message', role: 'assistant', content, stop_reason: stopReason, stop_sequence: null })

const ERROR_TYPES: Record<number, string> = {
  400: 'invalid_request_error', 401: 'authentication_error', 403: 'permission_error', 404: 'not_found_error',
  413: 'request_too_large', 429: 'rate_limit_error', 500: 'api_error', 529: 'overloaded_error',
}

export const toErrorBody = (status: number): string =>
  JSON.stringify({ type: 'error', error: { type: ERROR_TYPES[status] ?? 'api_error', message: `scripted ${status}` } })
