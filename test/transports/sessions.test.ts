import { ListRootsRequestSchema, type CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { describe, expect, test } from 'vitest'
import { createSimulatedClock } from '../../src/clock.ts'
import { type AgentId, asAgentId } from '../../src/ids.ts'
import { cwdHeader } from '../../src/transports/mcp/endpoint.ts'
import { connect, mcpHeaders, openSession, post, serve } from './served.ts'
import { createJournal, createStandInSystem } from './stand-in.ts'

const ping = { jsonrpc: '2.0', id: 7, method: 'ping' }
const minute = 60_000

describe('who a session belongs to', () => {
  test('its id is worth nothing to another principal', async () => {
    const { mcpUrl } = await serve()
    const session = await openSession(mcpUrl, { authorization: 'Bearer owner:ada' })
    const as = async (authorization?: string): Promise<number> =>
      (await post(mcpUrl, ping, { 'mcp-session-id': session, ...(authorization ? { authorization } : {}) })).status
    expect(await as('Bearer owner:bob')).toBe(404)
    expect(await as('Bearer agent:mole:leaf')).toBe(404)
    expect(await as()).toBe(404)
    expect(await as('Bearer owner:ada')).toBe(200)
  })

  test('two owners call as two clients', async () => {
    const { mcpUrl, journal } = await serve()
    const ada = await connect(mcpUrl, { token: 'owner:ada' })
    const bob = await connect(mcpUrl, { token: 'owner:bob' })
    await ada.client.callTool({ name: 'echo', arguments: { text: 'a' } })
    await bob.client.callTool({ name: 'echo', arguments: { text: 'b' } })
    expect(journal.named('called').map(call => call.context.caller)).toEqual([
      { kind: 'client', clientId: 'client-1', ownerId: 'ada' },
      { kind: 'client', clientId: 'client-2', ownerId: 'bob' },
    ])
  })

  test('an agent calls as itself and is no client', async () => {
    const { mcpUrl, journal } = await serve()
    const { client } = await connect(mcpUrl, { token: 'agent:ada:leaf' })
    await client.callTool({ name: 'echo', arguments: { text: 'a' } })
    expect(journal.named('called').map(call => call.context.caller)).toEqual([{ kind: 'agent', agentId: 'ada' }])
    expect(journal.named('connected')).toEqual([])
  })
})

describe('where a client stands', () => {
  test('it is asked for its roots, before its first call is answered', async () => {
    const { mcpUrl, journal } = await serve()
    const { client } = await connect(mcpUrl, {
      name: 'claude-code',
      capabilities: { roots: {} },
      prepare: raw => raw.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file://elsewhere/share' }, { uri: 'file:///work/a%20b' }] })),
    })
    await client.callTool({ name: 'echo', arguments: { text: 'a' } })
    expect(journal.entries.map(entry => entry.name)).toEqual(['connected', 'located', 'called'])
    expect(journal.named('located')).toEqual([{ name: 'located', id: 'client-1', root: '/work/a b' }])
  })

  test('it says so again when its roots change', async () => {
    const { mcpUrl, journal } = await serve()
    let uri = 'file:///one'
    const { client } = await connect(mcpUrl, {
      capabilities: { roots: { listChanged: true } },
      prepare: raw => raw.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri }] })),
    })
    await journal.first('located', ({ root }) => root === '/one')
    uri = 'file:///two'
    await client.sendRootsListChanged()
    expect(await journal.first('located', ({ root }) => root === '/two')).toMatchObject({ id: 'client-1' })
  })

  test('a client that fails to answer is served all the same', async () => {
    const { mcpUrl, journal } = await serve()
    const { client } = await connect(mcpUrl, {
      capabilities: { roots: {} },
      prepare: raw =>
        raw.setRequestHandler(ListRootsRequestSchema, () => {
          throw new Error('no roots today')
        }),
    })
    await client.callTool({ name: 'echo', arguments: { text: 'a' } })
    expect(journal.entries.map(entry => entry.name)).toEqual(['connected', 'called'])
  })

  test.each([
    ['file:///work/caf%C3%A9', '/work/café'],
    ['https://elsewhere.example/work', undefined],
    ['file:///broken%2Fslash', undefined],
    ['nonsense', undefined],
  ])('the header %s means %s', async (header, root) => {
    const { mcpUrl, journal } = await serve()
    await openSession(mcpUrl, { [cwdHeader]: header })
    expect(journal.named('connected')[0]?.request).toEqual({ ownerId: 'local', name: 'raw', ...(root ? { root } : {}) })
  })
})

describe('when a client is gone', () => {
  test('a client whose stream was lost is gone soon, and back with its next request', async () => {
    const clock = createSimulatedClock()
    const { mcpUrl, journal, server } = await serve({ clock })
    const session = await openSession(mcpUrl)
    const headers = { ...mcpHeaders, 'mcp-session-id': session }
    const stream = new AbortController()
    await fetch(mcpUrl, { headers, signal: stream.signal })
    clock.advance(29 * minute)
    expect(journal.named('disconnected')).toEqual([])
    stream.abort()
    await lostStream(clock)
    expect(journal.named('disconnected')).toEqual([{ name: 'disconnected', id: 'client-1' }])
    expect(server.sessionCount).toBe(1)
    await (await post(mcpUrl, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: { text: 'a' } } }, headers)).text()
    expect(journal.named('called')[0]?.context.caller).toMatchObject({ clientId: 'client-2' })

    async function lostStream(simulated: typeof clock): Promise<void> {
      // The server learns of a cut connection from its socket: time passes for it in steps until it has.
      while (journal.named('disconnected').length === 0) {
        simulated.advance(1_000)
        await new Promise(setImmediate)
      }
    }
  })

  test('a client without a stream stays as long as it makes requests, and its session ends when it makes none', async () => {
    const clock = createSimulatedClock()
    const { mcpUrl, journal, server } = await serve({ clock })
    const session = await openSession(mcpUrl)
    for (let round = 0; round < 5; round++) {
      clock.advance(20 * minute)
      expect((await post(mcpUrl, ping, { 'mcp-session-id': session })).status).toBe(200)
      expect(journal.named('disconnected')).toEqual([])
    }
    await untilIdle()
    expect(journal.named('disconnected')).toHaveLength(1)
    expect(server.sessionCount).toBe(0)
    expect((await post(mcpUrl, ping, { 'mcp-session-id': session })).status).toBe(404)

    async function untilIdle(): Promise<void> {
      while (server.sessionCount > 0) {
        clock.advance(minute)
        await new Promise(setImmediate)
      }
    }
  })

  test('a waiting call is presence', async () => {
    const clock = createSimulatedClock()
    const { mcpUrl, journal, server, gate } = await serve({ clock })
    const session = await openSession(mcpUrl)
    const call = post(mcpUrl, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'wait', arguments: {} } }, { 'mcp-session-id': session })
    await journal.first('called')
    clock.advance(120 * minute)
    expect(server.sessionCount).toBe(1)
    gate.open()
    expect(await (await call).text()).toContain('waited')
  })
})

describe('a restarted server', () => {
  test('tells 404, and a client that begins anew is served', async () => {
    const before = await serve()
    const { client } = await connect(before.mcpUrl)
    await before.server.close()
    const after = await serve({ port: before.server.port })
    await expect(client.callTool({ name: 'echo', arguments: { text: 'a' } })).rejects.toMatchObject({ code: 404 })
    const again = await connect(after.mcpUrl)
    const result = (await again.client.callTool({ name: 'echo', arguments: { text: 'a' } })) as CallToolResult // the SDK's type also allows the pre-2024 shape
    expect(result.structuredContent).toEqual({ text: 'a' })
  })
})

test('sessions of an agent end with it, and nobody else\'s', async () => {
  let end: (agentId: AgentId) => void = () => {}
  const { server, mcpUrl } = await serve({ system: { ...createStandInSystem(createJournal()), onAgentEnded: listener => void (end = listener) } })
  for (const token of ['agent:ada:leaf', 'agent:ada:leaf', 'agent:adam:leaf', 'owner:ada']) await openSession(mcpUrl, { authorization: `Bearer ${token}` })
  expect(server.sessionCount).toBe(4)
  end(asAgentId('ada'))
  await expect.poll(() => server.sessionCount).toBe(2)
})
