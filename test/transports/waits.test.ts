import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { describe, expect, test } from 'vitest'
import { createSimulatedClock } from '../../src/clock.ts'
import { localOwner } from '../../src/ids.ts'
import { silentLog } from '../../src/log.ts'
import { createCallDesk } from '../../src/transports/mcp/calls.ts'
import { createEventLog } from '../../src/transports/mcp/event-log.ts'
import type { CallExtra } from '../../src/transports/mcp/extension.ts'
import { createGate, createJournal, createStandInSystem, createStandInTools } from './stand-in.ts'
import { connect, mcpHeaders, openSession, post, serve, type Served } from './served.ts'

const call = (name: string, args: object = {}, id: number = 1) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } })

/** A call over a socket of its own, which can be cut. `response` gives the head; the body is read only on demand. */
function callByHand({ mcpUrl }: Served, session: string, body: object): { response: Promise<IncomingMessage>; cut(): void } {
  const outgoing = request(mcpUrl, { method: 'POST', agent: false, headers: { ...mcpHeaders, 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' } })
  outgoing.on('error', () => {}) // cutting is what the test is about
  outgoing.end(JSON.stringify(body))
  return { response: new Promise(resolve => outgoing.once('response', resolve)), cut: () => void outgoing.destroy() }
}

async function firstEventId(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response) {
    text += String(chunk)
    const id = /^id: (.+)$/m.exec(text)?.[1]
    if (id !== undefined && text.includes('\n\n')) return id
  }
  throw new Error(`no event in ${text}`)
}

describe('progress', () => {
  test('comes every ten seconds while a call waits, and whenever the tool says', async () => {
    const clock = createSimulatedClock()
    const { mcpUrl, journal, gate } = await serve({ clock })
    const { client } = await connect(mcpUrl)
    const seen: unknown[] = []
    const arrived = new Map<number, () => void>()
    const nth = (count: number): Promise<void> => new Promise(resolve => (seen.length >= count ? resolve() : arrived.set(count, resolve)))
    const result = client.callTool({ name: 'wait' }, undefined, {
      onprogress: progress => {
        seen.push(progress)
        arrived.get(seen.length)?.()
      },
    })
    const { context } = await journal.first('called')
    clock.advance(9_999)
    context.progress('delivered')
    await nth(1)
    clock.advance(1)
    await nth(2)
    clock.advance(10_000)
    await nth(3)
    gate.open()
    await result
    clock.advance(60_000)
    expect(seen).toEqual([
      { progress: 1, message: 'delivered' },
      { progress: 2, message: 'still waiting after 10 s: delivered' },
      { progress: 3, message: 'still waiting after 20 s: delivered' },
    ])
  })
})

describe('cancelling', () => {
  test('aborts the wait, and leaves neither an open stream nor an open session behind', async () => {
    const { mcpUrl, journal, server } = await serve()
    const { client, transport } = await connect(mcpUrl)
    const cancel = new AbortController()
    const result = client.callTool({ name: 'wait' }, undefined, { signal: cancel.signal })
    await journal.first('called')
    cancel.abort('never mind')
    await expect(result).rejects.toThrow('never mind')
    await journal.first('aborted')
    await client.callTool({ name: 'echo', arguments: { text: 'still here' } })
    await transport.terminateSession()
    expect(server.sessionCount).toBe(0)
  })

  test('ends the stream of the cancelled request', async () => {
    const served = await serve()
    const session = await openSession(served.mcpUrl)
    const waiting = callByHand(served, session, call('wait', {}, 5))
    const response = await waiting.response
    const ended = new Promise(resolve => response.once('end', resolve))
    response.resume()
    await served.journal.first('called')
    await post(served.mcpUrl, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 5 } }, { 'mcp-session-id': session })
    await ended
    expect((await served.journal.first('aborted')).tool).toBe('wait')
  })

  test('a connection that closes ends the wait', async () => {
    const served = await serve()
    const session = await openSession(served.mcpUrl)
    const waiting = callByHand(served, session, call('wait'))
    await served.journal.first('called')
    waiting.cut()
    await served.journal.first('aborted')
    expect(served.server.sessionCount).toBe(1)
  })

  test('deleting the session ends its waits', async () => {
    const { mcpUrl, journal } = await serve()
    const { client, transport } = await connect(mcpUrl)
    client.callTool({ name: 'wait' }).catch(() => {}) // never answered: its session is gone
    await journal.first('called')
    await transport.terminateSession()
    expect((await journal.first('aborted')).tool).toBe('wait')
  })
})

describe('replies handed out', () => {
  test('are consumed when the answer left', async () => {
    const { mcpUrl, journal, gate } = await serve()
    gate.open()
    const { client } = await connect(mcpUrl)
    await client.callTool({ name: 'take_replies' })
    expect(await journal.first('consumed')).toEqual({ name: 'consumed', ids: ['reply-1', 'reply-2'] })
    expect(journal.named('released')).toEqual([])
  })

  test('are released when the call was cancelled before', async () => {
    const { mcpUrl, journal } = await serve()
    const { client } = await connect(mcpUrl)
    const cancel = new AbortController()
    client.callTool({ name: 'take_replies' }, undefined, { signal: cancel.signal }).catch(() => {}) // rejected by its own cancellation
    await journal.first('called')
    cancel.abort()
    expect(await journal.first('released')).toEqual({ name: 'released', ids: ['reply-1', 'reply-2'] })
    expect(journal.named('consumed')).toEqual([])
  })

  test('are released when the connection broke while the call waited', async () => {
    const served = await serve()
    const session = await openSession(served.mcpUrl)
    const waiting = callByHand(served, session, call('take_replies'))
    await served.journal.first('called')
    waiting.cut()
    await served.journal.first('released')
    expect(served.journal.named('consumed')).toEqual([])
  })

  test('are released when the connection broke with half of the answer in it, and whoever resumes is told to call again', async () => {
    const served = await serve()
    served.gate.open()
    const session = await openSession(served.mcpUrl)
    // More than sockets buffer: without a reader the answer cannot leave whole.
    const waiting = callByHand(served, session, call('take_replies', { bytes: 24 * 1024 * 1024 }, 9))
    const response = await waiting.response
    const opening = await firstEventId(response)
    expect(served.journal.named('consumed')).toEqual([])
    waiting.cut()
    await served.journal.first('released')
    expect(served.journal.named('consumed')).toEqual([])
    const resumed = await fetch(served.mcpUrl, { headers: { ...mcpHeaders, 'mcp-session-id': session, 'last-event-id': opening } })
    const text = await resumed.text()
    expect(text).toContain('"id":9')
    expect(text).toContain('unavailable: The connection broke')
  })

  test('are released when the call was cancelled between the tool and the wire', async () => {
    const journal = createJournal()
    const gate = createGate()
    gate.open()
    let write = (_: boolean): void => {}
    const written = new Promise<boolean>(resolve => {
      write = resolve
    })
    const system = createStandInSystem(journal)
    const desk = createCallDesk({
      system,
      tools: createStandInTools(journal, gate),
      extension: undefined,
      clock: createSimulatedClock(),
      log: silentLog,
      progressEveryMs: 10_000,
      events: createEventLog(),
      keyScope: 'test',
      exchangeOf: () => ({ written, broken: new AbortController().signal }),
      personOf: () => ({ able: () => false, ask: () => Promise.resolve(undefined) }), callerOf: async () => ({ kind: 'owner', ownerId: localOwner }),
      send: async () => {},
    })
    const cancel = new AbortController()
    const extra: CallExtra = {
      signal: cancel.signal,
      requestId: 1,
      sendNotification: async () => {},
      sendRequest: () => Promise.reject(new Error('nobody to ask')),
    }
    await desk.answer({ method: 'tools/call', params: { name: 'take_replies' } }, extra)
    cancel.abort() // the SDK now drops the answer, and what ends the stream is another
    write(true)
    await written
    expect(journal.named('released')).toHaveLength(1)
    expect(journal.named('consumed')).toEqual([])
  })

  test('that the store cannot record are logged, and the server goes on', async () => {
    const journal = createJournal()
    const gate = createGate()
    gate.open()
    const failures: string[] = []
    const system = {
      ...createStandInSystem(journal),
      consumeReplies: () => {
        throw new Error('disk full')
      },
      disconnectClient: () => {
        throw new Error('disk full')
      },
    }
    const log = { ...silentLog, error: (message: string) => void failures.push(message) }
    const { mcpUrl, server } = await serve({ system, tools: createStandInTools(journal, gate), log })
    const { client, transport } = await connect(mcpUrl)
    await client.callTool({ name: 'take_replies' })
    await client.callTool({ name: 'echo', arguments: { text: 'a' } })
    await transport.terminateSession()
    expect(failures).toEqual(['replies that left could not be recorded as handed out', 'a client that left could not be recorded as gone'])
    expect(server.sessionCount).toBe(0)
  })

  test('are released when the server closes under the call', async () => {
    const { server, mcpUrl, journal } = await serve()
    const { client } = await connect(mcpUrl)
    client.callTool({ name: 'take_replies' }).catch(() => {}) // never answered: the server is gone
    await journal.first('called')
    await server.close()
    await journal.first('released')
    expect(journal.named('consumed')).toEqual([])
  })
})

describe('streams', () => {
  test('open at once, with nothing to say yet', async () => {
    const { mcpUrl } = await serve()
    const session = await openSession(mcpUrl)
    const response = await fetch(mcpUrl, { headers: { ...mcpHeaders, 'mcp-session-id': session } })
    const first = await response.body?.getReader().read()
    expect(new TextDecoder().decode(first?.value)).toBe(': open\n\n')
  })

  test('that nobody reads do not hold up the end of the server', async () => {
    const served = await serve()
    served.gate.open()
    const session = await openSession(served.mcpUrl)
    const unread = callByHand(served, session, call('take_replies', { bytes: 24 * 1024 * 1024 }))
    await unread.response
    await served.server.close()
    expect(await served.journal.first('released')).toMatchObject({ ids: ['reply-1', 'reply-2'] })
  })
})

describe('resuming', () => {
  test('a stream whose answer was read has nothing more to say', async () => {
    const served = await serve()
    const session = await openSession(served.mcpUrl)
    const response = await callByHand(served, session, call('echo', { text: 'a' })).response
    let text = ''
    for await (const chunk of response) text += String(chunk)
    const last = [...text.matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? ''
    const headers = { ...mcpHeaders, 'mcp-session-id': session }
    expect((await fetch(served.mcpUrl, { headers: { ...headers, 'last-event-id': last } })).status).toBe(405)
    expect((await fetch(served.mcpUrl, { headers: { ...headers, 'last-event-id': 'made-up_1' } })).status).toBe(400)
  })

  test('a wait cut off tells the one who resumes what came of it', async () => {
    const served = await serve()
    const session = await openSession(served.mcpUrl)
    const waiting = callByHand(served, session, call('wait', {}, 3))
    const opening = await firstEventId(await waiting.response)
    await served.journal.first('called')
    waiting.cut()
    await served.journal.first('aborted')
    const resumed = await fetch(served.mcpUrl, { headers: { ...mcpHeaders, 'mcp-session-id': session, 'last-event-id': opening } })
    expect(await resumed.text()).toContain('"id":3')
  })
})
