import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { connectMcp } from '../../src/transports/mcp/client.ts'
import { isAlive } from '../contracts/processes.ts'
import { cli, type RunningServer, runToEnd, startServe, temporaryHome } from './server.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function home(): Promise<string> {
  const { path, remove } = await temporaryHome()
  cleanups.push(remove)
  return path
}

async function serve(dir: string, args?: readonly string[], env?: Readonly<Record<string, string>>): Promise<RunningServer> {
  const server = await startServe(dir, args, env)
  cleanups.push(() => server.child.exitCode === null && server.child.signalCode === null && server.end('SIGKILL'))
  return server
}

test('health answers ok, stdout stays silent, and SIGTERM ends with exit code 0', async () => {
  const server = await serve(await home())
  const health = await fetch(`${server.url}/health`)
  expect(health.status).toBe(200)
  expect(await health.json()).toMatchObject({ status: 'ok' })
  expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null })
  expect(server.stdout()).toBe('')
})

test('SIGTERM ends every agent, with an open session and a waiting call', async () => {
  const server = await serve(await home())
  const client = await connectMcp({ url: `${server.url}/mcp`, name: 'test' })
  await client.callTool('spawn_agent', { harness: 'scripted-pty', name: 'ada' })
  const status = await client.callTool('get_instance_status', { instance_id: 'ada' })
  const pid = Number(status.data?.['pid'])
  expect(isAlive(pid)).toBe(true)
  const waiting = client.callTool('send_to_instance', { instance_id: 'ada', message: 'hang' })
  await expect.poll(async () => (await client.callTool('get_instance_status', { instance_id: 'ada' })).data?.['detail']).toBe('busy.working')
  expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null })
  expect(isAlive(pid)).toBe(false)
  expect((await waiting).data).toMatchObject({ status: 'agent_gone' })
  await client.close().catch(() => {}) // its server is gone, and that is the point
})

test('a second server on the same home is refused, naming the first; one that was killed is not in the way', async () => {
  const dir = await home()
  const first = await serve(dir)
  const second = await runToEnd(['serve', '--port', '0', '--home', dir])
  expect(second.code).toBe(1)
  expect(second.stderr).toContain(`process ${first.child.pid}`)
  expect(second.stderr).toContain(first.url)
  await first.end('SIGKILL')
  await serve(dir)
})

test('the start after a SIGKILL ends what the killed server left, and its agents go on where they were', async () => {
  const dir = await home()
  const first = await serve(dir)
  const before = await connectMcp({ url: `${first.url}/mcp`, name: 'test', roots: [dir] })
  await before.callTool('spawn_agent', { harness: 'scripted-pty', name: 'ada' })
  const pid = Number((await before.callTool('get_instance_status', { instance_id: 'ada' })).data?.['pid'])
  const { data: sent } = await before.callTool('send_to_instance', { instance_id: 'ada', message: 'wait 1000; echo after all', wait_for_response: false })
  await expect.poll(async () => (await before.callTool('get_instance_status', { instance_id: 'ada' })).data?.['detail']).toBe('busy.working')
  await first.end('SIGKILL')
  await before.close().catch(() => {}) // its server is gone, and that is the point
  const second = await serve(dir)
  expect(isAlive(pid)).toBe(false)
  const after = await connectMcp({ url: `${second.url}/mcp`, name: 'test', roots: [dir] })
  cleanups.push(() => after.close())
  expect((await after.callTool('wait_for_any', { message_ids: [sent?.['message_id']] })).data).toMatchObject({ status: 'answered', response: 'after all' })
  const status = (await after.callTool('get_instance_status', { instance_id: 'ada' })).data
  expect(status).toMatchObject({ parent: 'test' })
  expect(status?.['pid']).not.toBe(pid)
})

test('SIGTERM with --on-shutdown suspend ends processes and keeps the team: the next server has it', async () => {
  const dir = await home()
  const first = await serve(dir, ['--on-shutdown', 'suspend'])
  const before = await connectMcp({ url: `${first.url}/mcp`, name: 'test', roots: [dir] })
  await before.callTool('spawn_agent', { harness: 'scripted-pty', name: 'ada' })
  const pid = Number((await before.callTool('get_instance_status', { instance_id: 'ada' })).data?.['pid'])
  const { data: sent } = await before.callTool('send_to_instance', { instance_id: 'ada', message: 'wait 1000; echo after all', wait_for_response: false })
  const waits = before.callTool('wait_for_any', { message_ids: [sent?.['message_id']] })
  expect(await first.end('SIGTERM')).toEqual({ code: 0, signal: null })
  expect((await waits).data).toMatchObject({ status: 'pending' })
  await before.close().catch(() => {}) // its server is gone, and that is the point
  expect(isAlive(pid)).toBe(false)
  const second = await serve(dir)
  const after = await connectMcp({ url: `${second.url}/mcp`, name: 'test', roots: [dir] })
  cleanups.push(() => after.close())
  expect((await after.callTool('wait_for_any', { message_ids: [sent?.['message_id']] })).data).toMatchObject({ status: 'answered', response: 'after all' })
})

test('a taken port, a bad port and a network address without a token are refused with a remedy', async () => {
  const dir = await home()
  const server = await serve(dir)
  const taken = await runToEnd(['serve', '--port', new URL(server.url).port, '--home', await home()])
  expect(taken).toMatchObject({ code: 1, stdout: '' })
  expect(taken.stderr).toMatch(/port/i)
  const bad = await runToEnd(['serve', '--port', 'eighty', '--home', await home()])
  expect(bad.code).toBe(1)
  expect(bad.stderr).toContain('--port')
  const open = await runToEnd(['serve', '--port', '0', '--host', '0.0.0.0', '--home', await home()])
  expect(open.code).toBe(1)
  expect(open.stderr).toContain('MADROX_SERVER_TOKEN')
})

test('with a token set, a call without it is refused on loopback too', async () => {
  const server = await serve(await home(), [], { MADROX_SERVER_TOKEN: 'a-token-of-thirty-two-characters' })
  await expect(connectMcp({ url: `${server.url}/mcp`, name: 'test' })).rejects.toThrow()
  const client = await connectMcp({ url: `${server.url}/mcp`, name: 'test', token: 'a-token-of-thirty-two-characters' })
  cleanups.push(() => client.close())
  expect((await client.callTool('get_instance_tree')).text).toBe('There are no agents.')
})

test.each([
  ['command', ['sreve'], "Unknown command sreve. Did you mean \"serve\"? See madrox --help."],
  ['option', ['serve', '--prot', '1'], "Unknown option '--prot'. Did you mean \"--port\"? See madrox serve --help."],
  ['command that is to be told of', ['help', 'sreve'], 'Unknown command sreve. Did you mean "serve"? See madrox --help.'],
  ['option of all', ['--versoin'], 'Unknown option --versoin. Did you mean "--version"? See madrox --help.'],
  ['option of another command', ['stdio', '--port', '1'], "Unknown option '--port'. See madrox stdio --help."],
])('an unknown %s exits 2, says so and where to look', async (_, args, said) => {
  expect(await runToEnd(args)).toEqual({ code: 2, stdout: '', stderr: `madrox: ${said}\n` })
})

test.each([
  [['--port', 'eighty'], {}, '--port "eighty": '],
  [['--port', ''], {}, '--port "": '],
  [['--retention-days', ' '], {}, '--retention-days " ": '],
  [['--max-restarts='], {}, '--max-restarts "": '],
  [[], { MAX_INSTANCES: 'ten' }, 'MAX_INSTANCES "ten": '],
  [[], { MADROX_SERVER_TOKEN: 'short' }, 'MADROX_SERVER_TOKEN: '],
])('options %j with environment %j are refused, saying what was given, unless it is secret', async (args, env, named) => {
  const { code, stderr } = await runToEnd(['serve', '--home', await home(), ...args], env)
  expect([code, stderr]).toEqual([1, expect.stringContaining(`does not fit: ${named}`)])
})

test('an address that is not of this machine is refused, naming that as a reason', async () => {
  const { code, stderr } = await runToEnd(['serve', '--port', '0', '--host', '192.0.2.1', '--home', await home()], { MADROX_SERVER_TOKEN: 'a-token-of-thirty-two-characters' })
  expect([code, stderr]).toEqual([1, expect.stringContaining('192.0.2.1 is no address of this machine')])
})

test('a home that cannot be made is refused at once', () => {
  const { status, stderr } = spawnSync(process.execPath, [cli, 'serve', '--port', '0', '--home', '/proc/madrox/home'], { encoding: 'utf8', timeout: 4_000, killSignal: 'SIGKILL' })
  expect([status, stderr]).toEqual([1, expect.stringContaining('cannot keep its files in /proc/madrox/home')])
})

test.each<[string, string[], Record<string, string>, string]>([
  ['by option', ['--max-total-cost', '0'], {}, '--max-total-cost'],
  ['by environment', [], { MADROX_MAX_TOTAL_COST: 'a lot' }, 'MADROX_MAX_TOTAL_COST'],
])('a total cost that is none, %s, is refused, naming where it was said', async (_, args, env, named) => {
  const { code, stderr } = await runToEnd(['serve', '--port', '0', '--home', await home(), ...args], env)
  expect([code, stderr]).toEqual([1, expect.stringContaining(named)])
})

test('prices that do not fit are refused at the start, and the home is free again', async () => {
  const dir = await home()
  const file = join(dir, 'prices.json')
  await writeFile(file, '{"mine": {"input": "cheap", "output": 1}}')
  expect(await runToEnd(['serve', '--port', '0', '--home', dir])).toMatchObject({ code: 1, stderr: expect.stringContaining(`${file} do not fit: mine.input`) })
  await writeFile(file, '{"mine": {"input": 0.1, "output": 1}}')
  await serve(dir)
})
