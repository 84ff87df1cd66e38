/**
 * Reads a Messages API request as the conversation a script cares about: which turn it belongs to, and how far that
 * turn has come. Everything is derived from the request's own content, so resumed sessions need no state here.
 */
import { z } from 'zod'

const Block = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  id: z.string().optional(),
  name: z.string().optional(),
  input: z.unknown().optional(),
  tool_use_id: z.string().optional(),
  is_error: z.boolean().optional(),
  content: z.unknown().optional(),
})
const Content = z.union([z.string(), z.array(Block)])
const Message = z.looseObject({ role: z.enum(['user', 'assistant', 'system']), content: Content })

export const MessagesRequest = z.looseObject({
  model: z.string(),
  stream: z.boolean().optional(),
  system: Content.optional(),
  messages: z.array(Message),
  tools: z.array(z.looseObject({ name: z.string().optional(), type: z.string().optional() })).optional(),
  output_config: z.unknown().optional(),
})
export type MessagesRequest = z.infer<typeof MessagesRequest>
type Block = z.infer<typeof Block>

export interface ToolResult {
  readonly id: string
  readonly name: string
  readonly text: string
  readonly isError: boolean
}

export interface ConversationView {
  readonly sessionId: string
  readonly model: string
  readonly systemText: string
  readonly tools: readonly string[]
  /** The text that started this turn, without the CLI's reminders. */
  readonly lastUserText: string
  /** Set when the prompt has Madrox's form `[MSG:<id>] body`. */
  readonly message: { readonly id: string; readonly body: string } | undefined
  /** Texts a CLI put in beside tool results while the turn ran. */
  readonly injectedTexts: readonly string[]
  /** Assistant responses already given in this turn. */
  readonly responseIndex: number
  readonly lastToolResults: readonly ToolResult[]
  readonly reminders: readonly string[]
  readonly messages: MessagesRequest['messages']
  readonly request: MessagesRequest
}

const REMINDER = /^\s*<(system-reminder|local-command-|command-name)/
/** A finished background task reaches the model inside a reminder, and is the prompt of the turn it starts. */
const NOTIFICATION = /<task-notification>[\s\S]*<\/task-notification>/
/** Claude Code 2.1.328 marks pastes of four lines or more than 800 characters; scripts match what was pasted. */
const unwrapPaste = (text: string): string =>
  text.replace(/\n\n<pasted_content id="[^"]*">\n([\s\S]*?)\n<\/pasted_content id="[^"]*">\n/g, '$1')
const INTERRUPTED = /^\s*\[Request interrupted by user/

const toBlocks = (content: string | readonly Block[] | undefined): readonly Block[] =>
  content === undefined ? [] : typeof content === 'string' ? [{ type: 'text', text: content }] : content

const toText = (content: unknown): string => {
  const parsed = Content.safeParse(content)
  if (!parsed.success) return ''
  return toBlocks(parsed.data).map(block => block.text ?? '').join('')
}

export function toView(request: MessagesRequest, sessionId: string): ConversationView {
  const turn = findTurn(request.messages)
  const names = new Map<string, string>()
  for (const message of request.messages)
    for (const block of toBlocks(message.content))
      if (block.type === 'tool_use' && block.id && block.name) names.set(block.id, block.name)
  const body = /^\[MSG:([^\]\s]+)\] ?([\s\S]*)$/.exec(turn.prompt)
  return {
    sessionId,
    model: request.model,
    systemText: toText(request.system),
    tools: (request.tools ?? []).map(tool => tool.name ?? tool.type ?? ''),
    lastUserText: turn.prompt,
    message: body ? { id: body[1] ?? '', body: body[2] ?? '' } : undefined,
    injectedTexts: turn.injected,
    responseIndex: turn.responses,
    lastToolResults: turn.results.map(block => ({
      id: block.tool_use_id ?? '',
      name: names.get(block.tool_use_id ?? '') ?? '',
      text: toText(block.content),
      isError: block.is_error ?? false,
    })),
    reminders: turn.reminders,
    messages: request.messages,
    request,
  }
}

/**
 * A new turn begins at a user text outside a turn's tool loop. Text beside tool results belongs to the running turn,
 * unless the user interrupted just before it: then it is the next prompt.
 */
function findTurn(messages: MessagesRequest['messages']) {
  let turn = { prompt: '', injected: new Array<string>(), responses: 0, results: new Array<Block>() }
  const reminders: string[] = []
  let inToolLoop = false
  let previousRole = ''
  for (const message of messages) {
    if (message.role === 'assistant') {
      if (previousRole !== 'assistant') turn.responses += 1
      turn.results = []
      inToolLoop = toBlocks(message.content).some(block => block.type === 'tool_use')
    } else {
      const blocks = toBlocks(message.content)
      turn.results.push(...blocks.filter(block => block.type === 'tool_result'))
      for (const { text } of blocks.filter(block => block.type === 'text')) {
        if (text === undefined || text.trim() === '') continue
        const notification = NOTIFICATION.exec(text)?.[0]
        if (notification && message.role === 'user' && !inToolLoop) turn = { prompt: notification, injected: [], responses: 0, results: [] }
        else if (notification) turn.injected.push(notification)
        else if (REMINDER.test(text) || message.role === 'system') reminders.push(text)
        else if (INTERRUPTED.test(text)) inToolLoop = false
        else if (inToolLoop) turn.injected.push(text)
        else turn = { prompt: unwrapPaste(text), injected: [], responses: 0, results: [] }
      }
    }
    previousRole = message.role
  }
  return { ...turn, reminders }
}
