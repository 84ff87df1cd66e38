/**
 * What the official suite calls and a product has no use for: tools, resources and prompts with the names and contents its
 * scenarios name, injected into the production server.
 */

import {
  CreateMessageResultSchema,
  ElicitResultSchema,
  type CallToolResult,
  type ContentBlock,
  type ElicitRequestFormParams,
  type PromptMessage,
  type ReadResourceResult,
  type Tool,
} from '@modelcontextprotocol/sdk/types.js'
import type { CallExtra, ExtensionTool, McpExtension } from '../../src/transports/mcp/extension.ts'

const redPixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=='
const silence = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA='

const text = (content: string): ContentBlock => ({ type: 'text', text: content })
const image: ContentBlock = { type: 'image', data: redPixel, mimeType: 'image/png' }
const resource = (uri: string, mimeType: string, content: string): ContentBlock => ({ type: 'resource', resource: { uri, mimeType, text: content } })
const say = (...content: ContentBlock[]): CallToolResult => ({ content })

/** The suite prescribes pauses: its clients are to see several notifications arrive during a call. */
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const noArguments: Tool['inputSchema'] = { type: 'object', properties: {} }
const oneString = (name: string): Tool['inputSchema'] => ({ type: 'object', properties: { [name]: { type: 'string' } }, required: [name] })

function tool(name: string, handle: ExtensionTool['handle'], inputSchema: Tool['inputSchema'] = noArguments): ExtensionTool {
  return { definition: { name, description: `Conformance fixture ${name}.`, inputSchema }, handle }
}

const tools: readonly ExtensionTool[] = [
  tool('test_simple_text', () => say(text('This is a simple text response for testing.'))),
  tool('test_image_content', () => say(image)),
  tool('test_audio_content', () => say({ type: 'audio', data: silence, mimeType: 'audio/wav' })),
  tool('test_embedded_resource', () => say(resource('test://embedded-resource', 'text/plain', 'This is an embedded resource content.'))),
  tool('test_multiple_content_types', () =>
    say(text('Multiple content types test:'), image, resource('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}')),
  ),
  tool('test_tool_with_logging', async (_, extra) => {
    const log = (data: string): Promise<void> => extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data } })
    await log('Tool execution started')
    await pause(50)
    await log('Tool processing data')
    await pause(50)
    await log('Tool execution completed')
    return say(text('Logged three times.'))
  }),
  tool('test_tool_with_progress', async (_, extra) => {
    const progressToken = extra._meta?.progressToken
    for (const progress of [0, 50, 100]) {
      if (progressToken !== undefined) await extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } })
      if (progress < 100) await pause(50)
    }
    return say(text('Progressed to 100.'))
  }),
  tool('test_error_handling', () => ({ ...say(text('This tool intentionally returns an error for testing')), isError: true })),
  tool('test_sampling', sample, oneString('prompt')),
  tool(
    'test_elicitation',
    async ({ message }, extra) => {
      const answer = await elicit(extra, String(message), {
        username: { type: 'string', description: "User's response" },
        email: { type: 'string', description: "User's email address" },
      })
      return say(text(`User response: ${answer}`))
    },
    oneString('message'),
  ),
  tool('test_elicitation_sep1034_defaults', async (_, extra) => {
    const answer = await elicit(extra, 'Defaults of each primitive type', {
      name: { type: 'string', default: 'John Doe' },
      age: { type: 'integer', default: 30 },
      score: { type: 'number', default: 95.5 },
      status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
      verified: { type: 'boolean', default: true },
    })
    return say(text(`Elicitation completed: ${answer}`))
  }),
  tool('test_elicitation_sep1330_enums', async (_, extra) => {
    const titled = (key: string, title: string) => [1, 2, 3].map(n => ({ const: `${key}${n}`, title: `${['First', 'Second', 'Third'][n - 1]} ${title}` }))
    const answer = await elicit(extra, 'Each kind of enum', {
      untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
      titledSingle: { type: 'string', oneOf: titled('value', 'Option') },
      legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
      untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
      titledMulti: { type: 'array', items: { anyOf: titled('value', 'Choice') } },
    })
    return say(text(`Elicitation completed: ${answer}`))
  }),
  tool('test_reconnection', async (_, extra) => {
    extra.closeSSEStream?.()
    await pause(100)
    return say(text('Answered on the resumed stream.'))
  }),
  tool('json_schema_2020_12_tool', args => say(text(JSON.stringify(args))), {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    $defs: { address: { type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } } },
    properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' } },
    additionalProperties: false,
  }),
]

async function sample({ prompt }: Readonly<Record<string, unknown>>, extra: CallExtra): Promise<CallToolResult> {
  const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: String(prompt) } }]
  const { content } = await extra.sendRequest({ method: 'sampling/createMessage', params: { messages, maxTokens: 100 } }, CreateMessageResultSchema)
  return say(text(`LLM response: ${content.type === 'text' ? content.text : content.type}`))
}

async function elicit(extra: CallExtra, message: string, properties: ElicitRequestFormParams['requestedSchema']['properties']): Promise<string> {
  const params = { message, requestedSchema: { type: 'object' as const, properties, required: Object.keys(properties) } }
  const { action, content } = await extra.sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema)
  return `action=${action}, content=${JSON.stringify(content ?? {})}`
}

const resources = [
  { uri: 'test://static-text', name: 'Static text', description: 'A text that stays.', mimeType: 'text/plain' },
  { uri: 'test://static-binary', name: 'Static binary', description: 'A picture that stays.', mimeType: 'image/png' },
  { uri: 'test://watched-resource', name: 'Watched resource', description: 'To be subscribed to.', mimeType: 'text/plain' },
]

function readFixture(uri: string): ReadResourceResult | undefined {
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1]
  if (id !== undefined) return { contents: [{ uri, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }] }
  if (!resources.some(known => known.uri === uri)) return undefined
  if (uri === 'test://static-binary') return { contents: [{ uri, mimeType: 'image/png', blob: redPixel }] }
  return { contents: [{ uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }] }
}

const prompts: Readonly<Record<string, { readonly arguments: readonly string[]; readonly messages: (args: Readonly<Record<string, string>>) => PromptMessage[] }>> = {
  test_simple_prompt: { arguments: [], messages: () => [user(text('This is a simple prompt for testing.'))] },
  test_prompt_with_arguments: {
    arguments: ['arg1', 'arg2'],
    messages: ({ arg1, arg2 }) => [user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))],
  },
  test_prompt_with_embedded_resource: {
    arguments: ['resourceUri'],
    messages: ({ resourceUri = '' }) => [
      user(resource(resourceUri, 'text/plain', 'Embedded resource content for testing.')),
      user(text('Please process the embedded resource above.')),
    ],
  },
  test_prompt_with_image: { arguments: [], messages: () => [user(image), user(text('Please analyze the image above.'))] },
}

function user(content: ContentBlock): PromptMessage {
  return { role: 'user', content }
}

export const conformanceFixtures: McpExtension = {
  capabilities: { logging: {} },
  tools,
  resources: {
    list: resources,
    templates: [{ uriTemplate: 'test://template/{id}/data', name: 'Template', description: 'Data by id.', mimeType: 'application/json' }],
    read: readFixture,
  },
  prompts: {
    list: Object.entries(prompts).map(([name, prompt]) => ({
      name,
      description: `Conformance fixture ${name}.`,
      arguments: prompt.arguments.map(argument => ({ name: argument, required: true })),
    })),
    get: (name, args) => {
      const prompt = prompts[name]
      return prompt && { messages: prompt.messages(args) }
    },
    complete: value => [`${value}-completed`],
  },
}
