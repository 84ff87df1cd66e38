import { request } from 'node:http'
import { connect as connectSocket, createServer, type AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { MadroxError } from '../../src/errors.ts'
import { createGuard, isLoopbackHost } from '../../src/transports/guard.ts'
import { connect, initialize, mcpHeaders, openSession, post, serve } from './served.ts'

/** fetch sets Host by itself; an attacker's browser does not ask us. */
function ask(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { headers, agent: false }, response => {
      response.resume()
      response.once('end', () => resolve(response.statusCode ?? 0))
    })
    outgoing.once('error', reject).end()
  })
}

describe('health', () => {
  test('answers 200 with status ok and the version, and writes nothing to stdout', async () => {
    const written = vi.spyOn(process.stdout, 'write')
    const { server } = await serve()
    const response = await fetch(`${server.url}/health`)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ status: 'ok', name: 'madrox', version: expect.stringMatching(/^\d+\.\d+\.\d+/) })
    expect(written).not.toHaveBeenCalled()
    written.mockRestore()
  })

  test('answers a probe that asks for no body', async () => {
    const { server } = await serve()
    const response = await fetch(`${server.url}/health`, { method: 'HEAD' })
    expect([response.status, await response.text()]).toEqual([200, ''])
  })
})

describe('who may speak', () => {
  test.each([
    ['a rebound name', { host: 'evil.example' }, 403],
    ['a name that only begins like ours', { host: 'localhost.evil.example' }, 403],
    ['our name and a foreign origin', { origin: 'http://evil.example' }, 403],
    ['another local port as origin', { origin: 'http://localhost:1' }, 403],
    ['an opaque origin', { origin: 'null' }, 403],
    ['localhost through a forwarded port', { host: 'localhost:9999' }, 200],
    ['the IPv6 loopback', { host: '[::1]:80' }, 200],
    ['the server\'s own page', { host: 'localhost:8001', origin: 'http://localhost:8001' }, 200],
  ])('%s', async (_, headers, status) => {
    const { server } = await serve()
    expect(await ask(`${server.url}/health`, headers)).toBe(status)
  })

  test('a rebound name is refused on /mcp too, before its credential is read', async () => {
    const { server } = await serve()
    expect(await ask(`${server.url}/mcp`, { host: 'evil.example', authorization: 'Bearer owner:me' })).toBe(403)
  })

  test('a configured name passes', async () => {
    const { server } = await serve({ allowedHosts: ['Build.Example'] })
    expect(await ask(`${server.url}/health`, { host: 'build.example:8001' })).toBe(200)
  })

  test('off loopback, the address itself is a name and others are not', () => {
    const guard = createGuard('0.0.0.0')
    const refusal = (host: string): string | undefined => guard.refusal({ headers: new Headers({ host }), remoteAddress: '10.0.0.2' })?.message
    expect(refusal('192.168.1.5:8001')).toBeUndefined()
    expect(refusal('[fe80::1]:8001')).toBeUndefined()
    expect(refusal('evil.example')).toContain('evil.example')
  })

  test('a forwarded request does not come from this machine', () => {
    const guard = createGuard('127.0.0.1')
    const connection = (headers: Record<string, string>, remoteAddress = '127.0.0.1') => guard.fromOf({ headers: new Headers(headers), remoteAddress }).connection
    expect(connection({})).toBe('loopback')
    expect(connection({}, '::ffff:127.0.0.1')).toBe('loopback')
    expect(connection({ 'x-forwarded-for': '1.2.3.4' })).toBe('remote')
    expect(connection({}, '10.0.0.2')).toBe('remote')
  })

  test.each(['localhost', '127.0.0.1', '127.9.9.9', '::1', '[::1]', '::ffff:127.0.0.1'])('%s is loopback', host => expect(isLoopbackHost(host)).toBe(true))
  test.each(['127.evil.example', '10.0.0.1', '0.0.0.0', 'localhost.evil.example', ''])('%s is not loopback', host => expect(isLoopbackHost(host)).toBe(false))

  test('a forwarded caller without a token, and a token nobody issued, are told 401', async () => {
    const { mcpUrl } = await serve()
    expect((await post(mcpUrl, initialize(), { 'x-forwarded-for': '1.2.3.4' })).status).toBe(401)
    const refused = await post(mcpUrl, initialize(), { authorization: 'Bearer nonsense' })
    expect(refused.status).toBe(401)
    expect(await refused.json()).toMatchObject({ error: { message: expect.stringContaining('unauthenticated: ') } })
  })
})

describe('the socket', () => {
  test('a taken port is an error that says so, not another port', async () => {
    const blocker = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => blocker.once('listening', resolve))
    onTestFinished(() => void blocker.close())
    const port = (blocker.address() as AddressInfo).port // listening on TCP
    await expect(serve({ port })).rejects.toSatisfy((error: unknown) => error instanceof MadroxError && error.code === 'unavailable' && error.message.includes(String(port)))
  })

  test('a port that listhen would swap for another is refused', async () => {
    await expect(serve({ port: 6000 })).rejects.toMatchObject({ code: 'unavailable' })
  })

  test('close ends streams, idle sockets and waiting calls', async () => {
    const { server, mcpUrl, journal } = await serve()
    const { client } = await connect(mcpUrl)
    const idle = connectSocket(server.port, '127.0.0.1')
    const idleClosed = new Promise(resolve => idle.once('close', resolve))
    const call = client.callTool({ name: 'wait', arguments: {} })
    call.catch(() => {}) // it ends with the server; how is the client's matter
    await journal.first('called')
    await server.close()
    await idleClosed
    expect(journal.named('aborted')).toHaveLength(1)
    expect(journal.named('disconnected')).toHaveLength(1)
    expect(server.sessionCount).toBe(0)
    await expect(fetch(`${server.url}/health`)).rejects.toThrow()
  })

  test('a body beyond the limit is refused', async () => {
    const { mcpUrl } = await serve()
    const response = await post(mcpUrl, JSON.stringify({ ...initialize(), filler: 'x'.repeat(17 * 1024 * 1024) })).catch(() => undefined)
    expect(response?.status ?? 413).toBe(413)
  })

  test('what is not JSON, not MCP or not a known path gets a clear refusal', async () => {
    const { server, mcpUrl } = await serve()
    expect((await post(mcpUrl, '{')).status).toBe(400)
    expect((await post(mcpUrl, { jsonrpc: '2.0', id: 1, method: 'server/discover' })).status).toBe(400)
    expect((await fetch(mcpUrl, { headers: { accept: 'text/event-stream' } })).status).toBe(400)
    expect((await post(mcpUrl, initialize(), { accept: 'application/json' })).status).toBe(406)
    expect((await fetch(`${server.url}/nothing`)).status).toBe(404)
    expect((await post(`${mcpUrl}?toolset=everything`, initialize())).status).toBe(400)
    expect(server.sessionCount).toBe(0)
  })

  test('a session ends by DELETE and is then unknown', async () => {
    const { server, mcpUrl, journal } = await serve()
    const session = await openSession(mcpUrl)
    const headers = { ...mcpHeaders, 'mcp-session-id': session }
    expect((await fetch(mcpUrl, { method: 'DELETE', headers })).status).toBe(200)
    expect(server.sessionCount).toBe(0)
    expect(journal.named('disconnected')).toHaveLength(1)
    expect((await post(mcpUrl, { jsonrpc: '2.0', id: 1, method: 'ping' }, headers)).status).toBe(404)
  })
})
