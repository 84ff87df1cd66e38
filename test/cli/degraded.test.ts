/**
 * A server whose disk, file or home fails it, at its start and while it runs. The disk refuses by the kernel's limit on the size
 * of files, which any user may set on a process of theirs, and lift again.
 */

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import { describe, expect, onTestFinished, test } from 'vitest'
import { connectMcp, type McpConnection } from '../../src/transports/mcp/client.ts'
import { isAlive } from '../contracts/processes.ts'
import { initialize, post } from '../transports/served.ts'
import { cli, type RunningServer, runToEnd, startServe, temporaryHome } from './server.ts'

interface Stage {
  readonly home: string
  readonly server: RunningServer
  readonly client: McpConnection
  /** Of ada's CLI. */
  readonly pid: number
}

async function newHome(): Promise<string> {
  const { path, remove } = await temporaryHome()
  onTestFinished(remove)
  return path
}

/** A server with one agent in a PTY. */
async function stage(): Promise<Stage> {
  const home = await newHome()
  const server = await startServe(home)
  onTestFinished(async () => void (server.child.exitCode === null && server.child.signalCode === null && (await server.end('SIGKILL'))))
  const client = await connectMcp({ url: `${server.url}/mcp`, name: 'test', roots: [home] })
  onTestFinished(() => client.close().catch(() => {})) // its server may be gone
  await client.callTool('spawn_agent', { harness: 'scripted-pty', name: 'ada' })
  const status = await client.callTool('get_instance_status', { instance_id: 'ada' })
  return { home, server, client, pid: Number(status.data?.['pid']) }
}

/** No file grows beyond this any more: every write fails as on a disk that takes nothing. */
const limitFiles = ({ server }: Stage, size: number | 'unlimited'): void =>
  void execFileSync('prlimit', ['--pid', String(server.child.pid), `--fsize=${size}:`])

async function healthOf({ server }: Stage): Promise<{ code: number; body: Record<string, unknown> }> {
  const response = await fetch(`${server.url}/health`)
  return { code: response.status, body: await response.json() as Record<string, unknown> } // JSON of our own
}

async function untilHealthy(on: Stage): Promise<void> {
  await expect.poll(() => healthOf(on), { timeout: 20_000 }).toMatchObject({ code: 200, body: { status: 'ok' } })
}
const lines = ({ server }: Stage, words: string): number => server.stderr().split(words).length - 1
const send = (client: McpConnection, message: string, more: Readonly<Record<string, unknown>> = {}) => client.callTool('send_to_instance', { instance_id: 'ada', message, wait_for_response: false, ...more })

describe('a disk that takes no more, under a running server', () => {
  test('refuses what needs a write, kills nobody, tells nothing that is not on record, and catches up in order', async () => {
    const on = await stage()
    const { data: first } = await send(on.client, 'wait 700; echo first')
    const { data: second } = await send(on.client, 'echo second')
    const told: unknown[] = []
    const waits = [first, second].map(sent => on.client.callTool('wait_for_any', { message_ids: [sent?.['message_id']] }).then(({ data }) => void told.push(data?.['response'])))
    await expect.poll(async () => (await on.client.callTool('get_instance_status', { instance_id: 'ada' })).data?.['detail']).toBe('busy.working')
    limitFiles(on, 0)

    const refused = await send(on.client, 'lost?')
    expect(refused).toMatchObject({ ok: false })
    expect(refused.text).toMatch(/^unavailable: .*madrox\.db.*failed.*Check the disk/)
    expect(await healthOf(on)).toMatchObject({ code: 503, body: { status: 'degraded', reason: expect.stringContaining('the disk failed'), remedy: expect.stringContaining('disk') } })
    const spawned = await on.client.callTool('spawn_agent', { harness: 'scripted-pty', name: 'bob' })
    expect([spawned.ok, spawned.text]).toEqual([false, expect.stringMatching(/^unavailable: Nothing can be recorded now/)])
    const answer = await post(`${on.server.url}/mcp`, initialize('newcomer'))
    expect([answer.status, await answer.json()]).toEqual([503, expect.objectContaining({ error: { code: -32000, message: expect.stringMatching(/^unavailable: .*Check the disk/) } })])

    // The agent works on and its turn ends, of which nobody hears; what is new for it is not typed before that can be recorded.
    await expect.poll(async () => (await on.client.callTool('get_instance_status', { instance_id: 'ada' })).data?.['detail'], { timeout: 20_000 }).toBe('busy.delivering')
    expect([told, isAlive(on.pid)]).toEqual([[], true])
    limitFiles(on, 'unlimited')
    await Promise.all(waits)
    expect(told).toEqual(['first', 'second'])
    await untilHealthy(on)
    expect((await on.client.callTool('get_instance_tree')).text).not.toContain('bob')
    expect(await send(on.client, 'echo third', { wait_for_response: true })).toMatchObject({ data: { status: 'answered', response: 'third' } })
    expect(lines(on, 'lost?')).toBe(0)
    expect([lines(on, 'The store cannot be used'), lines(on, 'The store can write again'), lines(on, 'could not record')]).toEqual([1, 1, 0])
  })

  test('SIGTERM ends everything all the same, and what could not be written is said', async () => {
    const on = await stage()
    limitFiles(on, 0)
    expect(await on.server.end('SIGTERM')).toEqual({ code: 0, signal: null })
    expect([isAlive(on.pid), lines(on, 'records to the end; they are lost')]).toEqual([false, 1])
    const next = await startServe(on.home)
    expect(await next.end('SIGTERM')).toEqual({ code: 0, signal: null })
  })

  test('a client of an earlier session that left meanwhile finds its inbox when it returns', async () => {
    const on = await stage()
    await send(on.client, 'echo for later')
    await expect.poll(async () => (await on.client.callTool('get_instance_status', { instance_id: 'ada' })).data?.['request_count']).toBe(1)
    limitFiles(on, 0)
    await on.client.close()
    limitFiles(on, 'unlimited')
    const back = await connectMcp({ url: `${on.server.url}/mcp`, name: 'test', roots: [on.home] })
    onTestFinished(() => back.close())
    expect((await back.callTool('get_pending_replies', { wait_timeout: 20 })).data).toMatchObject({ replies: [{ response: 'for later' }] })
  })
})

test('a database that another process holds is said so, without the server standing still, and forgotten when it lets go', async () => {
  const on = await stage()
  const other = new Database(join(on.home, 'madrox.db'))
  onTestFinished(() => void other.close())
  other.exec('BEGIN IMMEDIATE')
  const began = performance.now()
  const refused = await send(on.client, 'echo x')
  expect(refused.text).toMatch(/^unavailable: .*another process holds it.*End the other process/)
  for (let call = 0; call < 5; call++) expect(await healthOf(on)).toMatchObject({ code: 503, body: { reason: expect.stringContaining('another process holds it') } })
  expect(performance.now() - began).toBeLessThan(4_000) // not five seconds a write
  other.exec('ROLLBACK')
  await untilHealthy(on)
  expect(await send(on.client, 'echo x', { wait_for_response: true })).toMatchObject({ data: { response: 'x' } })
  expect([lines(on, 'The store cannot be used'), isAlive(on.pid)]).toEqual([1, true])
})

test('a file damaged while the server runs takes no more writes; agents live on, and the next start is refused', async () => {
  const on = await stage()
  const path = join(on.home, 'madrox.db')
  for (let sent = 0; sent < 16; sent++) await send(on.client, `wait 1; ${'filler '.repeat(100_000)}`)
  const size = statSync(path).size
  expect(size).toBeGreaterThan(4_000_000)
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(size - 4096, 0xa5), 0, size - 4096, 4096)
  closeSync(file)
  await expect.poll(async () => (await send(on.client, 'echo x')).text, { timeout: 20_000 }).toMatch(/^unavailable: .*is damaged.*Restore it from a backup/)
  expect(await healthOf(on)).toMatchObject({ code: 503, body: { reason: expect.stringContaining('it is damaged'), remedy: expect.stringContaining('backup') } })
  expect(isAlive(on.pid)).toBe(true)
  expect(await on.server.end('SIGTERM')).toEqual({ code: 0, signal: null })
  expect(isAlive(on.pid)).toBe(false)
  const next = await runToEnd(['serve', '--port', '0', '--home', on.home])
  expect([next.code, next.stderr]).toEqual([1, expect.stringMatching(/is damaged.*Restore it from a backup/s)])
})

describe('a start', () => {
  /** As where the disk has so much room left for each file. */
  async function serveWithin(size: number, home: string): Promise<{ code: number | null; stderr: string }> {
    const child = spawn('prlimit', [`--fsize=${size}`, process.execPath, cli, 'serve', '--port', '0', '--home', home], { env: { PATH: process.env['PATH'], HOME: process.env['HOME'] }, stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', chunk => (stderr += String(chunk)))
    const [code] = (await once(child, 'close')) as [number | null] // the event's first argument
    return { code, stderr }
  }

  test.each([0, 4096, 30_000, 65_536])('on a disk with room for %i bytes a file is refused, and leaves the home free', async size => {
    const home = await newHome()
    const { code, stderr } = await serveWithin(size, home)
    expect([code, stderr]).toEqual([1, expect.stringMatching(/madrox: .*(Make room there|Check the disk)/s)])
    const next = await startServe(home)
    expect(await next.end('SIGTERM')).toEqual({ code: 0, signal: null })
  })

  // Directories in which nobody makes files, root included.
  test.each(['/sys/kernel', '/sys/madrox', '/dev/null/madrox'])('in %s, where nothing can be written, is refused', async home => {
    const { code, stderr } = await runToEnd(['serve', '--port', '0', '--home', home])
    expect([code, stderr]).toEqual([1, expect.stringContaining(`Madrox cannot keep its files in ${home}`)])
    expect(stderr).toContain('--home')
  })

  test('on a database that another process holds is refused when it has waited', async () => {
    const home = await newHome()
    expect(await (await startServe(home)).end('SIGTERM')).toMatchObject({ code: 0 })
    const other = new Database(join(home, 'madrox.db'))
    onTestFinished(() => void other.close())
    other.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    const { code, stderr } = await runToEnd(['serve', '--port', '0', '--home', home])
    expect([code, stderr]).toEqual([1, expect.stringMatching(/another process holds it.*End the other process/s)])
  })
})
