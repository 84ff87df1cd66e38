import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool } from '../../src/tools/tool.ts'
import { toMcpTool } from '../../src/transports/mcp/listing.ts'
import { connect, serve } from './served.ts'

describe('what is listed', () => {
  const names = async (options: { token?: string; query?: string }): Promise<string[]> => {
    const { mcpUrl } = await serve()
    const { client } = await connect(`${mcpUrl}${options.query ?? ''}`, { token: options.token })
    return (await client.listTools()).tools.map(tool => tool.name)
  }

  test('a leaf sees its own few', async () => expect(await names({ token: 'agent:ada:leaf' })).toEqual(['echo', 'reply_to_caller']))
  test('a supervisor sees more', async () => expect(await names({ token: 'agent:ada:supervisor' })).toEqual(['echo', 'reply_to_caller', 'tree']))
  test('a client sees everything, and no alias', async () =>
    expect(await names({})).toEqual(['echo', 'reply_to_caller', 'tree', 'fail', 'wait', 'take_replies']))
  test('the URL overrides', async () => expect(await names({ query: '?toolset=leaf' })).toEqual(['echo', 'reply_to_caller']))

  test('clients load the supervisor set at once, less what they cannot use, and search the rest', async () => {
    const { mcpUrl } = await serve()
    const { client } = await connect(mcpUrl)
    const meta = Object.fromEntries((await client.listTools()).tools.map(tool => [tool.name, tool._meta]))
    expect(meta).toMatchObject({
      echo: { 'anthropic/alwaysLoad': true },
      tree: { 'anthropic/alwaysLoad': true },
      reply_to_caller: { 'anthropic/alwaysLoad': false, 'anthropic/searchHint': 'test' },
      wait: { 'anthropic/alwaysLoad': false, 'anthropic/searchHint': 'test' },
    })
  })

  test('agents load everything they see', async () => {
    const { mcpUrl } = await serve()
    const { client } = await connect(mcpUrl, { token: 'agent:ada:leaf' })
    for (const tool of (await client.listTools()).tools) expect(tool._meta).toEqual({ 'anthropic/alwaysLoad': true })
  })

  test('an agent counts as having its tools when the list has left', async () => {
    const { mcpUrl, journal } = await serve()
    const { client } = await connect(mcpUrl, { token: 'agent:ada:leaf' })
    expect(journal.named('toolsListed')).toEqual([])
    await client.listTools()
    expect(await journal.first('toolsListed')).toEqual({ name: 'toolsListed', id: 'ada' })
  })

  test('schemas carry no noise, and keep properties that are named like it', () => {
    const tool = defineTool({
      name: 'x',
      title: 'X',
      description: 'x',
      input: z.object({ count: z.int().default(3), $schema: z.string(), maximum: z.number().max(5), extra: z.record(z.string(), z.unknown()) }),
      output: z.object({ inner: z.object({ ok: z.boolean() }) }),
      annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
      listedFor: ['leaf'],
      topic: 'see',
      searchHint: 'x',
      handler: () => ({}),
    })
    const listed = toMcpTool(tool, 'agent')
    expect(listed.inputSchema).toEqual({
      type: 'object',
      properties: {
        count: { type: 'integer', default: 3 },
        $schema: { type: 'string' },
        maximum: { type: 'number', maximum: 5 },
        extra: { type: 'object', propertyNames: { type: 'string' } },
      },
      required: ['$schema', 'maximum', 'extra'],
    })
    expect(JSON.stringify(listed.outputSchema)).not.toContain('additionalProperties')
  })
})

describe('what a call gives back', () => {
  test('data stands in both forms where there is an output schema', async () => {
    const { mcpUrl } = await serve()
    const { client } = await connect(mcpUrl)
    await client.listTools() // the client checks results against output schemas it has seen
    expect(await client.callTool({ name: 'echo', arguments: { text: 'hi' } })).toEqual({
      content: [{ type: 'text', text: '{"text":"hi"}' }],
      structuredContent: { text: 'hi' },
    })
  })

  test('data without an output schema, and text, are text only', async () => {
    const { mcpUrl } = await serve()
    const { client } = await connect(mcpUrl)
    expect(await client.callTool({ name: 'reply_to_caller' })).toEqual({ content: [{ type: 'text', text: '{"done":true}' }] })
    expect(await client.callTool({ name: 'tree' })).toEqual({ content: [{ type: 'text', text: '└── ada' }] })
  })

  test.each([
    ['a refusal', 'fail', {}, 'agent_busy: Agent "ada" is busy. Interrupt it.'],
    ['bad input', 'echo', { text: '' }, 'invalid_input: '],
    ['an unknown tool', 'nothing', {}, 'unknown_tool: '],
  ])('%s is an error with code and remedy, as text alone', async (_, name, args, text) => {
    const { mcpUrl } = await serve()
    const { client } = await connect(mcpUrl)
    const result = await client.callTool({ name, arguments: args })
    expect(result).toEqual({ isError: true, content: [{ type: 'text', text: expect.stringContaining(text) }] })
  })

  test('an alias is callable, listed or not', async () => {
    const { mcpUrl } = await serve()
    const { client } = await connect(mcpUrl, { token: 'agent:ada:leaf' })
    expect(await client.callTool({ name: 'parrot', arguments: { text: 'hi' } })).toMatchObject({ structuredContent: { text: 'hi' } })
    expect(await client.callTool({ name: 'tree' })).toMatchObject({ content: [{ text: '└── ada' }] })
  })

  test('instructions reach the client', async () => {
    const { mcpUrl } = await serve({ instructions: 'Batch your calls.' })
    const { client } = await connect(mcpUrl)
    expect(client.getInstructions()).toBe('Batch your calls.')
  })
})

describe('the identity of a call', () => {
  test.each([
    ['a key of the caller', { 'madrox/key': 'k', 'claudecode/toolUseId': 't' }, 'k'],
    ['Claude Code\'s tool use', { 'claudecode/toolUseId': 't' }, 't'],
    ['Codex\' call', { threadId: 'th', callId: 'c' }, 'th/c'],
  ])('%s', async (_, meta, key) => {
    const { mcpUrl, journal } = await serve()
    const { client } = await connect(mcpUrl, { token: 'owner:ada', name: 'claude-code' })
    await client.callTool({ name: 'echo', arguments: { text: 'a' }, _meta: meta })
    expect(journal.named('called')[0]?.context.callKey).toBe(`owner ada claude-code echo ${key}`)
  })

  test('a call without one has none', async () => {
    const { mcpUrl, journal } = await serve()
    const { client } = await connect(mcpUrl)
    await client.callTool({ name: 'echo', arguments: { text: 'a' }, _meta: { callId: '' } })
    expect(journal.named('called')[0]?.context.callKey).toBeUndefined()
  })
})
