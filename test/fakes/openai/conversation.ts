/**
 * Reads a Responses API request as the conversation a script cares about: which turn it belongs to, and how far that
 * turn has come. Everything is derived from the request's own content, so resumed threads need no state here.
 */
import { z } from 'zod'

const contentPart = z.looseObject({ type: z.string(), text: z.string().optional() })

const inputItem = z.looseObject({
  type: z.string().default('message'),
  role: z.string().optional(),
  content: z.union([z.string(), z.array(contentPart)]).nullish(),
  call_id: z.string().optional(),
  name: z.string().optional(),
  namespace: z.string().nullish(),
  output: z.unknown().optional(),
  tools: z.array(z.unknown()).optional(),
})

const toolSpec = z.looseObject({
  type: z.string(),
  name: z.string().optional(),
  tools: z.array(z.looseObject({ name: z.string() })).optional(),
})

const requestBody = z.looseObject({
  model: z.string(),
  instructions: z.string().nullish(),
  input: z.array(inputItem),
  tools: z.array(toolSpec).default([]),
  prompt_cache_key: z.string().nullish(),
})

type InputItem = z.infer<typeof inputItem>

export interface ToolOutput {
  readonly callId: string
  readonly name: string
  readonly output: string
}

export interface ConversationView {
  readonly model: string
  /** Everything with system authority: the `instructions` field and all developer messages, in order. */
  readonly instructions: string
  /** Names as the model may call them; a namespaced tool is `namespace__name`. */
  readonly tools: readonly string[]
  readonly userTexts: readonly string[]
  /** The text that started this turn, without what the CLI says about its surroundings. */
  readonly lastUserText: string
  /** Set when the prompt has Madrox's form `[MSG:<id>] body`. */
  readonly message: { readonly id: string; readonly body: string } | undefined
  readonly assistantTexts: readonly string[]
  /** Outputs of the calls made since the last user prompt, oldest first. */
  readonly lastToolOutputs: readonly ToolOutput[]
  /** Calls made since the last user prompt. */
  readonly callsMade: number
  readonly threadId: string | undefined
  /** `namespace` and `name` of a tool as its request listed it. */
  locateTool(fullName: string): { readonly name: string; readonly namespace?: string }
}

export function parseConversation(body: unknown, threadHeader: string | undefined): ConversationView {
  const request = requestBody.parse(body)
  const locations = toolLocations(request)
  const lastPrompt = request.input.findLastIndex(item => isPrompt(item))
  const sincePrompt = request.input.slice(lastPrompt + 1)
  const userTexts = request.input.filter(isPrompt).map(textOf)
  const lastUserText = userTexts.at(-1) ?? ''
  const message = /^\[MSG:([^\]\s]+)\] ?([\s\S]*)$/.exec(lastUserText)
  return {
    model: request.model,
    instructions: [request.instructions ?? '', ...request.input.filter(isSystem).map(textOf)].join('\n').trim(),
    tools: [...locations.keys()],
    userTexts,
    lastUserText,
    message: message ? { id: message[1] ?? '', body: message[2] ?? '' } : undefined,
    assistantTexts: request.input.filter(item => item.role === 'assistant').map(textOf),
    lastToolOutputs: toolOutputs(sincePrompt),
    callsMade: sincePrompt.filter(({ type }) => type === 'function_call').length,
    threadId: threadHeader ?? request.prompt_cache_key ?? undefined,
    locateTool: fullName => locations.get(fullName) ?? { name: fullName },
  }
}

function isSystem({ type, role }: InputItem): boolean {
  return type === 'message' && (role === 'developer' || role === 'system')
}

// Codex 0.169 also sends these as user messages; none of them is a prompt.
const surroundings = /^\s*(<environment_context>|<user_instructions>|<turn_aborted>|<skill>|# AGENTS\.md instructions)/

function isPrompt(item: InputItem): boolean {
  return item.type === 'message' && item.role === 'user' && !surroundings.test(textOf(item))
}

function textOf({ content }: InputItem): string {
  if (typeof content === 'string') return content
  return (content ?? []).map(part => part.text ?? '').join('\n')
}

function toolOutputs(items: readonly InputItem[]): ToolOutput[] {
  const names = new Map(items.filter(({ type }) => type === 'function_call').map(call => [call.call_id, fullName(call)]))
  return items
    .filter(({ type }) => type === 'function_call_output')
    .map(({ call_id, output }) => ({
      callId: call_id ?? '',
      name: names.get(call_id) ?? '',
      output: outputText(output),
    }))
}

function outputText(output: unknown): string {
  if (typeof output === 'string') return output
  const parts = z.array(contentPart).safeParse(output)
  return parts.success ? parts.data.map(part => part.text ?? '').join('\n') : JSON.stringify(output)
}

function fullName({ namespace, name }: { readonly namespace?: string | null | undefined; readonly name?: string | undefined }): string {
  return namespace ? `${namespace}__${name ?? ''}` : (name ?? '')
}

function toolLocations({ tools, input }: z.infer<typeof requestBody>): Map<string, { name: string; namespace?: string }> {
  const added = input
    .filter(({ type }) => type === 'additional_tools')
    .flatMap(item => item.tools ?? [])
    .flatMap(tool => toolSpec.safeParse(tool).data ?? [])
  const locations = new Map<string, { name: string; namespace?: string }>()
  for (const tool of [...tools, ...added]) {
    const { type, name } = tool
    if (type === 'namespace' && name) {
      for (const member of tool.tools ?? []) locations.set(`${name}__${member.name}`, { name: member.name, namespace: name })
    } else if (name) locations.set(name, { name })
  }
  return locations
}
