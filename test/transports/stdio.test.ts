import { PassThrough } from 'node:stream'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { CallToolResultSchema, ElicitRequestSchema, ListRootsRequestSchema, type ClientCapabilities } from '@modelcontextprotocol/sdk/types.js'
import { describe, expect, onTestFinished, test } from 'vitest'
import { silentLog } from '../../src/log.ts'
import { proxyStdio, type StdioOptions } from '../../src/transports/stdio.ts'
import { conformanceFixtures } from '../conformance/fixtures.ts'
import { serve } from './served.ts'

interface Proxied {
  readonly client: Client
  readonly input: PassThrough
  /** Settles when the proxy is done. */
  readonly done: Promise<void>
  /** Everything the proxy wrote. */
  written(): string
}

interface ProxyOptions extends Partial<StdioOptions> {
  readonly capabilities?: ClientCapabilities
  readonly prepare?: (client: Client) => void
  /** Do not wait for the session to open. */
  readonly unconnected?: boolean
}

/** A proxy between two pipes, and the official client at their other ends. */
async function proxy(url: string, { capabilities = {}, prepare, unconnected, ...options }: ProxyOptions = {}): Promise<Proxied> {
  const input = new PassThrough()
  const output = new PassThrough()
  const seen: string[] = []
  output.on('data', chunk => seen.push(String(chunk)))
  const done = proxyStdio({ url, cwd: '/work/café', input, output, log: silentLog, ...options })
  onTestFinished(async () => {
    input.end()
    await done
  })
  const client = new Client({ name: 'piped', version: '1' }, { capabilities })
  prepare?.(client)
  // The SDK's stdio transport for servers is a pair of streams with lines on them: it serves a client as well.
  if (!unconnected) await client.connect(new StdioServerTransport(output, input))
  return { client, input, done, written: () => seen.join('') }
}

const echo = async (client: Client, text: string): Promise<unknown> => (await client.callTool({ name: 'echo', arguments: { text } }))['structuredContent']

describe('passing on', () => {
  test('calls, lists and their answers, and nothing else on the output', async () => {
    const { mcpUrl } = await serve()
    const { client, input, written } = await proxy(mcpUrl)
    input.write('this is no message\n')
    expect((await client.listTools()).tools).toHaveLength(6)
    expect(await echo(client, 'a\u2028b')).toEqual({ text: 'a\u2028b' })
    for (const line of written().trimEnd().split('\n')) expect(JSON.parse(line)).toMatchObject({ jsonrpc: '2.0' })
  })

  test('where the client stands, for a client without roots', async () => {
    const { mcpUrl, journal } = await serve()
    await proxy(mcpUrl)
    expect(journal.named('connected')[0]?.request).toEqual({ ownerId: 'local', name: 'piped', root: '/work/café' })
  })

  test('the token', async () => {
    const { mcpUrl, journal } = await serve()
    const { client } = await proxy(mcpUrl, { token: 'owner:ada' })
    await echo(client, 'a')
    expect(journal.named('called')[0]?.context.caller).toMatchObject({ ownerId: 'ada' })
  })

  test('what the server asks of the client', async () => {
    const { mcpUrl, journal } = await serve({ extension: conformanceFixtures })
    const { client } = await proxy(mcpUrl, {
      capabilities: { roots: {}, elicitation: {} },
      prepare: raw => {
        raw.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///elsewhere' }] }))
        raw.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept' as const, content: { username: 'ada', email: 'ada@example.org' } }))
      },
    })
    expect(await journal.first('located')).toMatchObject({ root: '/elsewhere' })
    const answer = CallToolResultSchema.parse(await client.callTool({ name: 'test_elicitation', arguments: { message: 'Who?' } }))
    expect(answer.content).toMatchObject([{ text: expect.stringContaining('action=accept') }])
  })

  test('progress', async () => {
    const { mcpUrl, journal, gate } = await serve()
    const { client } = await proxy(mcpUrl)
    const progressed = new Promise(resolve => {
      void client.callTool({ name: 'wait' }, undefined, { onprogress: resolve })
    })
    ;(await journal.first('called')).context.progress('seen')
    expect(await progressed).toEqual({ progress: 1, message: 'seen' })
    gate.open()
  })

  test('a cancellation, after which the client hears no more of the call', async () => {
    const { mcpUrl, journal } = await serve()
    const { client, written } = await proxy(mcpUrl)
    const errors: Error[] = []
    client.onerror = error => errors.push(error)
    const cancel = new AbortController()
    const call = client.callTool({ name: 'wait' }, undefined, { signal: cancel.signal })
    await journal.first('called')
    cancel.abort('enough')
    await expect(call).rejects.toThrow('enough')
    await journal.first('aborted')
    await echo(client, 'next')
    expect(written()).not.toContain('cancelled')
    expect(errors).toEqual([])
  })
})

describe('a restart of the server', () => {
  test('is not noticed by the next call', async () => {
    const before = await serve()
    const { client } = await proxy(before.mcpUrl)
    await echo(client, 'a')
    await before.server.close()
    const after = await serve({ port: before.server.port })
    expect(await Promise.all([echo(client, 'b'), echo(client, 'c')])).toEqual([{ text: 'b' }, { text: 'c' }])
    expect(after.journal.named('connected').map(({ request }) => request)).toEqual([{ ownerId: 'local', name: 'piped', root: '/work/café' }])
  })

  test('leaves a waiting call waiting: it is sent again, known as the same call', async () => {
    const before = await serve({ timings: { retryMs: 10 } })
    const { client } = await proxy(before.mcpUrl)
    const call = client.callTool({ name: 'wait' })
    const first = await before.journal.first('called')
    await before.server.close()
    const after = await serve({ port: before.server.port })
    const second = await after.journal.first('called')
    expect(second.context.callKey).toBe(first.context.callKey)
    expect(second.context.callKey).toMatch(/^owner local piped wait ./)
    after.gate.open()
    expect(CallToolResultSchema.parse(await call).content).toEqual([{ type: 'text', text: '{"waited":true}' }])
  })

  test('a call identified by its client keeps its identity', async () => {
    const { mcpUrl, journal } = await serve()
    const { client } = await proxy(mcpUrl)
    await client.callTool({ name: 'echo', arguments: { text: 'a' }, _meta: { 'claudecode/toolUseId': 'toolu_1' } })
    expect(journal.named('called')[0]?.context.callKey).toBe('owner local piped echo toolu_1')
  })

  test('that lasts too long is told, and the session comes back when the server does', async () => {
    const before = await serve({ timings: { retryMs: 10 } })
    const { client } = await proxy(before.mcpUrl, { patienceMs: 600 })
    const waiting = client.callTool({ name: 'wait' })
    await before.journal.first('called')
    await before.server.close()
    await expect(waiting).rejects.toThrow(/unavailable: .*does not answer.*madrox serve/)
    await expect(echo(client, 'a')).rejects.toThrow('madrox serve')
    await serve({ port: before.server.port })
    expect(await echo(client, 'b')).toEqual({ text: 'b' })
  })
})

describe('no server', () => {
  test('is told with its remedy', async () => {
    const gone = await serve()
    await gone.server.close()
    await expect(proxy(gone.mcpUrl, { patienceMs: 0 })).rejects.toThrow(/unavailable: The Madrox server at .* does not answer \(ECONNREFUSED\)\. Start it with "madrox serve"/)
  })

  test('and a refusing one is told in its own words', async () => {
    const { mcpUrl } = await serve()
    await expect(proxy(mcpUrl, { token: 'nonsense' })).rejects.toThrow('unauthenticated')
  })
})

describe('the end', () => {
  test('of the input ends the session', async () => {
    const { mcpUrl, journal, server } = await serve()
    const { input, done } = await proxy(mcpUrl)
    input.end()
    await done
    expect(journal.named('disconnected')).toHaveLength(1)
    expect(server.sessionCount).toBe(0)
  })

  test('of the input ends a waiting call', async () => {
    const { mcpUrl, journal, server } = await serve()
    const { client, input, done } = await proxy(mcpUrl)
    client.callTool({ name: 'wait' }).catch(() => {}) // never answered: its own client left
    await journal.first('called')
    input.end()
    await done
    await journal.first('aborted')
    expect(server.sessionCount).toBe(0)
  })

  test('comes also when the server is gone, and before anything was said', async () => {
    const gone = await serve()
    const silent = await proxy(gone.mcpUrl, { unconnected: true })
    const spoken = await proxy(gone.mcpUrl)
    await gone.server.close()
    silent.input.end()
    spoken.input.end()
    await expect(Promise.all([silent.done, spoken.done])).resolves.toEqual([undefined, undefined])
  })
})
