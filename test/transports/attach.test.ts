/** Terminals over WebSocket, over a system that shows what the test says: who is let in, and what becomes of a viewer that is slow. */

import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { TerminalEvent } from '../../src/actors/system.ts'
import { MadroxError } from '../../src/errors.ts'
import { asAgentId } from '../../src/ids.ts'
import { connectViewer } from '../../src/transports/attach-client.ts'
import type { TerminalWord } from '../../src/transports/attach-wire.ts'
import { initialize, mcpHeaders, serve } from './served.ts'
import { createJournal, createStandInSystem } from './stand-in.ts'

/** A server whose agents' terminals show what is put on them. */
async function open() {
  const done: unknown[] = []
  const showing = new Set<(event: TerminalEvent) => void>()
  const changed = new Set<() => void>()
  const note = (what: unknown): void => {
    done.push(what)
    for (const look of changed) look()
  }
  const { server } = await serve({
    system: {
      ...createStandInSystem(createJournal()),
      attach: async (caller, reference, { columns, rows, hear }) => {
        if (reference === 'nobody') throw new MadroxError('not_found', 'There is no agent "nobody" that you may see.', { remedy: 'Look again.' })
        note({ attach: reference, caller: caller.kind, columns, rows })
        showing.add(hear)
        hear({ type: 'output', data: 'the first picture' })
        return {
          agentId: asAgentId('a1'), name: 'ada',
          repaint: () => note('repaint'), resize: (...size) => note({ resize: size }), type: data => note({ type: data }), releaseControl: clear => note({ releaseControl: clear }),
          takeControl: () => {
            throw new MadroxError('not_allowed', 'You may look.', { remedy: 'Ask.' })
          },
          detach: () => note('detach'),
        }
      },
    },
  })
  const until = (isSo: () => boolean): Promise<void> =>
    new Promise(resolve => {
      const look = (): void => {
        if (!isSo()) return
        changed.delete(look)
        resolve()
      }
      changed.add(look)
      look()
    })
  return { server, done, until, show: (event: TerminalEvent): void => showing.forEach(hear => hear(event)) }
}

async function view(url: string, more: { reference?: string; token?: string } = {}) {
  const words: TerminalWord[] = []
  const watchers = new Set<() => void>()
  const viewer = await connectViewer({
    url, reference: 'ada', columns: 80, rows: 24, ...more,
    hear: word => {
      words.push(word)
      watchers.forEach(look => look())
    },
  })
  onTestFinished(() => viewer.close())
  const hears = (count: number): Promise<void> =>
    new Promise(resolve => {
      const look = (): void => {
        if (words.length >= count) resolve()
      }
      watchers.add(look)
      look()
    })
  return { ...viewer, words, hears }
}

/** An upgrade asked for by hand: the status it is answered with. */
async function upgrade(url: string, path: string, headers: Record<string, string>): Promise<number | undefined> {
  const asked = request(url, { path, headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', ...headers } })
  asked.end()
  return new Promise((resolve, reject) => {
    asked.on('response', response => {
      response.resume()
      resolve(response.statusCode)
    })
    asked.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve(response.statusCode)
    })
    asked.on('error', reject)
  })
}

const path = '/instances/ada/attach?columns=80&rows=24'

test('a viewer hears what it is attached to, then its pictures; what it says reaches the terminal', async () => {
  const { server, done, until, show } = await open()
  const { words, hears, say } = await view(server.url)
  await hears(2)
  show({ type: 'control', by: 'you', holds: 'control' })
  await hears(3)
  expect(words).toEqual([{ type: 'attached', agentId: 'a1', name: 'ada' }, { type: 'output', data: 'the first picture' }, { type: 'control', by: 'you', holds: 'control' }])
  say({ type: 'type', data: 'é\x1b[A' })
  say({ type: 'resize', columns: 90, rows: 30 })
  say({ type: 'releaseControl', clear: true })
  await until(() => done.length === 4)
  expect(done).toEqual([{ attach: 'ada', caller: 'owner', columns: 80, rows: 24 }, { type: 'é\x1b[A' }, { resize: [90, 30] }, { releaseControl: true }])
})

test('what may not be done is refused in words, and the terminal is shown on', async () => {
  const { server, show } = await open()
  const { words, hears, say } = await view(server.url)
  await hears(2)
  say({ type: 'takeControl' })
  say({ type: 'resize', columns: 0, rows: -1 })
  await hears(4)
  show({ type: 'output', data: 'more' })
  await hears(5)
  expect(words.slice(2)).toEqual([{ type: 'refused', text: 'You may look. Ask.' }, { type: 'refused', text: expect.stringContaining('no word of the attach protocol') }, { type: 'output', data: 'more' }])
})

test('an agent that cannot be shown is told as the last word, with its code', async () => {
  const { server } = await open()
  const { words, ended } = await view(server.url, { reference: 'nobody' })
  await ended
  expect(words).toEqual([{ type: 'closed', detail: 'There is no agent "nobody" that you may see.', error: { code: 'not_found', remedy: 'Look again.' } }])
})

test('the end of the terminal is the last word; a viewer that goes is detached', async () => {
  const { server, done, until, show } = await open()
  const first = await view(server.url)
  await first.hears(2)
  first.close()
  await until(() => done.includes('detach'))
  const second = await view(server.url)
  await second.hears(2)
  show({ type: 'closed', detail: 'It ended.' })
  await second.ended
  expect(second.words.at(-1)).toEqual({ type: 'closed', detail: 'It ended.' })
})

test('the guard and the credential are those of every path', async () => {
  const { server } = await open()
  expect(await upgrade(server.url, path, {})).toBe(101)
  expect(await upgrade(server.url, path, { origin: 'http://evil.example' })).toBe(403)
  expect(await upgrade(server.url, path, { host: 'evil.example' })).toBe(403)
  expect(await upgrade(server.url, path, { 'x-forwarded-for': '10.0.0.1' })).toBe(401)
  expect(await upgrade(server.url, path, { authorization: 'Bearer nonsense' })).toBe(401)
  expect(await upgrade(server.url, path, { authorization: 'Bearer agent:kid:leaf' })).toBe(101)
  await expect(view(server.url, { token: 'nonsense' })).rejects.toThrow('issued by nobody')
})

test('nothing else is upgraded', async () => {
  const { server } = await open()
  expect(await upgrade(server.url, '/mcp', {})).toBe(400)
  expect(await upgrade(server.url, '/instances/%zz/attach', {})).toBe(400)
  expect(await upgrade(server.url, `http://evil.example${path}`, {})).toBe(400)
})

test('a request that offers another protocol is answered as any other, its body and the next on the same connection too', async () => {
  const { server } = await open()
  const offer = { upgrade: 'h2c', connection: 'Upgrade, HTTP2-Settings', 'http2-settings': 'AAMAAABkAAQAAP__' }
  expect(await upgrade(server.url, '/health', offer)).toBe(200)
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  onTestFinished(() => void socket.destroy())
  let answered = ''
  socket.on('data', data => (answered += String(data)))
  const body = JSON.stringify(initialize())
  const headers = { host: `${hostname}:${port}`, ...mcpHeaders, 'content-length': String(body.length), ...offer }
  socket.write(`POST /mcp HTTP/1.1\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`)
  await expect.poll(() => answered).toContain('"protocolVersion":"2025-11-25"')
  socket.write(`GET /health HTTP/1.1\r\nhost: ${hostname}:${port}\r\n\r\n`)
  await expect.poll(() => answered).toContain('"name":"madrox"')
})

test('a viewer that does not read misses pictures, and is painted anew when it does; others are not held up', async () => {
  const { server, done, until, show } = await open()
  const other = await view(server.url)
  await other.hears(2)
  const { hostname, port } = new URL(server.url)
  const slow: Socket = connect(Number(port), hostname)
  onTestFinished(() => void slow.destroy())
  slow.write(`GET ${path} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`)
  await once(slow, 'data')
  slow.pause()
  await until(() => done.length === 2)
  const picture = 'x'.repeat(100_000)
  for (let count = 1; count <= 300; count++) {
    show({ type: 'output', data: picture })
    await other.hears(2 + count)
  }
  expect(done).not.toContain('repaint')
  let read = 0
  slow.on('data', data => (read += data.length))
  slow.resume()
  await until(() => done.includes('repaint'))
  expect(read).toBeLessThan(20_000_000)
})

test('a server that closes ends its viewers, and detaches them', async () => {
  const { server, done } = await open()
  const { hears, ended } = await view(server.url)
  await hears(2)
  await server.close()
  await ended
  expect(done).toContain('detach')
})
