/** Every door tells the audit whom it refused: over real sockets, with the real system behind them. */

import { once } from 'node:events'
import { request } from 'node:http'
import { expect, test } from 'vitest'
import { asOwnerId } from '../../src/ids.ts'
import { stageAndServe, type Watched } from '../inspector/feed.ts'
import { initialize, mcpHeaders, post } from './served.ts'

const secret = 'mdx_a-token-nobody-may-ever-read-0123456789'
const bearer = { authorization: `Bearer ${secret}` }
const reasons = (stage: Watched): readonly unknown[] => stage.store.listAudit({ event: 'login_refused', limit: 100 }).map(({ data }) => data)

/** By hand: `fetch` sets these headers itself. */
async function ask(url: string, headers: Record<string, string>): Promise<number | undefined> {
  const sent = request(url, { headers })
  sent.end()
  const [response] = (await once(sent, 'response')) as [{ statusCode?: number; resume(): void }] // the event's first argument
  response.resume()
  return response.statusCode
}

const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' }

test.each<readonly [string, string, Record<string, string>, number, string]>([
  ['an unknown token at REST', '/instances', bearer, 401, 'unknown_token'],
  ['no token at REST', '/instances', {}, 401, 'no_token'],
  ['an unknown token at /metrics', '/metrics', bearer, 401, 'unknown_token'],
  ['an unknown token at the feed', '/inspector/events', bearer, 401, 'unknown_token'],
  ['no token at MCP', '/mcp', mcpHeaders, 401, 'no_token'],
  ['an unknown token at a terminal', '/instances/ada/attach', { ...upgrade, ...bearer }, 401, 'unknown_token'],
  ['a foreign name at a terminal', '/instances/ada/attach', { ...upgrade, ...bearer, host: 'evil.example' }, 403, 'foreign_host'],
  ['a foreign name', '/health', { ...bearer, host: 'evil.example' }, 403, 'foreign_host'],
  ['the page of another site', '/mcp', { ...bearer, origin: 'https://evil.example' }, 403, 'foreign_origin'],
])('%s', async (_, path, headers, status, reason) => {
  const stage = await stageAndServe({ ownerTokens: { local: 'the-right-token-of-this-server' } })
  expect(await ask(`${stage.server.url}${path}`, headers)).toBe(status)
  expect(reasons(stage)).toEqual([{ reason, peer: '127.0.0.1', count: 1 }])
  expect(JSON.stringify(stage.store.listAudit({ limit: 100 }))).not.toContain(secret)
})

test('the session of another', async () => {
  const stage = await stageAndServe({ ownerTokens: { local: 'the-right-token-of-this-server', other: 'the-right-token-of-another' } })
  const as = (token: string) => ({ authorization: `Bearer ${token}` })
  const opened = await post(`${stage.server.url}/mcp`, initialize(), as('the-right-token-of-this-server'))
  await opened.text()
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' }
  const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
  expect((await post(`${stage.server.url}/mcp`, list, { ...as('the-right-token-of-another'), ...session })).status).toBe(404)
  expect(reasons(stage)).toEqual([{ reason: 'foreign_session', peer: '127.0.0.1', count: 1 }])
  expect((await post(`${stage.server.url}/mcp`, list, { ...as('the-right-token-of-another'), 'mcp-session-id': 'of-nobody' })).status).toBe(404)
  expect(reasons(stage)).toHaveLength(1)
  expect(stage.system.auditLog({ kind: 'owner', ownerId: asOwnerId('other') }, { event: 'login_refused' })).toHaveLength(1)
})
