/** What a client of the stdio proxy asked for once and for good outlives the server it asked. */

import { PassThrough } from 'node:stream'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { PromptListChangedNotificationSchema, ResourceListChangedNotificationSchema, ResourceUpdatedNotificationSchema, SetLevelRequestSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { describe, expect, onTestFinished, test } from 'vitest'
import { silentLog } from '../../src/log.ts'
import { createStandingWishes } from '../../src/transports/mcp/standing-wishes.ts'
import type { JSONRPCMessage } from '../../src/transports/mcp/wire.ts'
import { proxyStdio } from '../../src/transports/stdio.ts'
import { startServe, temporaryHome } from '../cli/server.ts'
import { post, serve } from './served.ts'

/** The official client behind a proxy, and what it was told: `tools`, `resources`, and URIs of updates. */
async function proxied(url: string): Promise<{ readonly client: Client; readonly heard: string[] }> {
  const [input, output] = [new PassThrough(), new PassThrough()]
  const done = proxyStdio({ url, cwd: '/work', input, output, log: silentLog, patienceMs: 30_000 })
  onTestFinished(async () => {
    input.end()
    await done
  })
  const heard: string[] = []
  const client = new Client({ name: 'piped', version: '1' })
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void heard.push('tools'))
  client.setNotificationHandler(ResourceListChangedNotificationSchema, () => void heard.push('resources'))
  client.setNotificationHandler(PromptListChangedNotificationSchema, () => void heard.push('prompts'))
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void heard.push(params.uri))
  // The SDK's stdio transport for servers is a pair of streams with lines on them: it serves a client as well.
  await client.connect(new StdioServerTransport(output, input))
  return { client, heard }
}

const eventually = { timeout: 30_000, interval: 50 }

test('a client that subscribed is told to look again when the server was restarted, and of every change after that', async () => {
  const home = await temporaryHome()
  onTestFinished(home.remove)
  const before = await startServe(home.path)
  const { client, heard } = await proxied(`${before.url}/mcp`)
  for (const uri of ['madrox://tree', 'madrox://instances/nobody']) await client.subscribeResource({ uri }).catch(() => {}) // the second is refused, and no wish of anybody's
  expect(heard).toEqual([])

  await before.end('SIGTERM')
  const after = await startServe(home.path, ['--port', new URL(before.url).port])
  onTestFinished(async () => void (await after.end('SIGTERM')))
  // Nothing was called meanwhile.
  await expect.poll(() => heard, eventually).toEqual(['tools', 'resources', 'madrox://tree'])

  const spawned = await post(`${after.url}/tools/execute`, { tool: 'spawn_agent', arguments: { harness: 'scripted', name: 'ada', workspace: 'isolated' } }, { 'x-madrox-client': 'other' })
  expect(spawned.status).toBe(200)
  await expect.poll(() => heard.slice(3), eventually).toContain('madrox://tree')
})

test('the log level that was set is set again', async () => {
  const levels: string[] = []
  const extension = { capabilities: { logging: {} }, configure: (server: { setRequestHandler: (schema: typeof SetLevelRequestSchema, answer: (request: { params: { level: string } }) => object) => void }) => server.setRequestHandler(SetLevelRequestSchema, ({ params }) => (levels.push(params.level), {})) }
  const before = await serve({ extension })
  const { client } = await proxied(before.mcpUrl)
  await client.setLoggingLevel('info')
  await client.setLoggingLevel('error')
  await before.server.close()
  await serve({ port: before.server.port, extension })
  await expect.poll(() => levels, eventually).toEqual(['info', 'error', 'error'])
})

describe('what stands', () => {
  const request = (id: number, method: string, params = {}): JSONRPCMessage => ({ jsonrpc: '2.0', id, method, params })
  const granted = (id: number) => ({ jsonrpc: '2.0', id, result: {} }) as const
  const refused = (id: number) => ({ jsonrpc: '2.0', id, error: { code: -32602, message: 'no' } }) as const
  const subscribing = (id: number, uri: string): JSONRPCMessage => request(id, 'resources/subscribe', { uri })

  test('is what was granted and not taken back, in numbers of its own', () => {
    const wishes = createStandingWishes()
    for (const [id, uri] of [[1, 'a'], [2, 'b'], [3, 'c'], [4, 'd']] as const) wishes.asked(subscribing(id, uri))
    for (const id of [1, 2]) wishes.answered(granted(id))
    wishes.answered(refused(3)) // and d is not answered yet: it is sent again as every request is
    wishes.asked(request(5, 'resources/unsubscribe', { uri: 'a' }))
    wishes.answered(granted(5))
    expect(wishes.again()).toEqual([{ jsonrpc: '2.0', id: 'madrox-wish-0', method: 'resources/subscribe', params: { uri: 'b' } }])
  })

  test('ends where the client begins anew', () => {
    const wishes = createStandingWishes()
    wishes.asked(subscribing(1, 'a'))
    wishes.answered(granted(1))
    wishes.asked(request(2, 'initialize'))
    expect([wishes.again(), wishes.news({})]).toEqual([[], []])
  })

  test('is told of as far as the server announces changes', () => {
    expect(createStandingWishes().news({ tools: { listChanged: true }, resources: {}, prompts: { listChanged: true } })).toEqual([
      { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }, { jsonrpc: '2.0', method: 'notifications/prompts/list_changed' },
    ])
  })
})
