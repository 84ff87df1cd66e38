import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { readHolder } from '../../src/store/lock.ts'
import { runCli, runToEnd } from './server.ts'

const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } } }

/** A directory that does not exist yet, and whatever server comes to live there ended with the test. */
function unusedHome(): string {
  const parent = mkdtempSync(join(tmpdir(), 'madrox-stdio-'))
  const home = join(parent, 'share', 'madrox')
  onTestFinished(async () => {
    const pid = readHolder(home)?.pid
    if (pid !== undefined) {
      process.kill(pid, 'SIGTERM')
      // Not our child: its lock is gone when it is.
      await expect.poll(() => readHolder(home), { timeout: 20_000 }).toBeUndefined()
    }
    rmSync(parent, { recursive: true, force: true })
  })
  return home
}

/** Starts a proxy, initialises, and closes its input; resolves with its answer and exit code. */
async function converse(home: string): Promise<{ answer: unknown; code: number | null; stderr: string }> {
  const child = runCli(['stdio', '--home', home])
  let stderr = ''
  child.stderr?.on('data', chunk => (stderr += String(chunk)))
  const closed = once(child, 'close') as Promise<[number | null]> // the event's first argument
  child.stdin?.write(`${JSON.stringify(initialize)}\n`)
  if (!child.stdout) throw new Error('stdout is piped')
  const lines = createInterface({ input: child.stdout })
  const first = await Promise.race([once(lines, 'line') as Promise<[string]>, closed.then(() => undefined)]) // the event's first argument
  child.stdin?.end()
  const [code] = await closed
  return { answer: first && JSON.parse(first[0]), code, stderr }
}

const served = { answer: { id: 1, result: { serverInfo: { name: 'madrox' } } }, code: 0 }

test('a first start, in a home that does not exist, starts a server and speaks to it', async () => {
  const home = unusedHome()
  expect(await converse(home)).toMatchObject(served)
  expect(readFileSync(join(home, 'server.log'), 'utf8')).toContain('listens at')
})

test('several that start at once share one server', async () => {
  const home = unusedHome()
  for (const result of await Promise.all([1, 2, 3, 4].map(() => converse(home)))) expect(result).toMatchObject(served)
})

test('a server that cannot start is told of in its own words', async () => {
  const result = await runToEnd(['stdio', '--home', '/dev/null/madrox'])
  expect(result).toMatchObject({ code: 1, stdout: '' })
  expect(result.stderr).toContain('Madrox cannot keep its files in /dev/null/madrox')
  const refused = await runToEnd(['stdio', '--home', unusedHome()], { ORCHESTRATOR_HOST: '0.0.0.0' })
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toContain('MADROX_SERVER_TOKEN')
})

test('what is not understood is refused before anything starts', async () => {
  for (const [args, word] of [[['serve', '--prot', '1'], '--prot'], [['serve', 'extra'], 'extra'], [['serve', '--port'], '--port'], [['stdio', '--port', '1'], '--port'], [['demo', '--foo'], '--foo']] as const) {
    const result = await runToEnd(args)
    expect(result, args.join(' ')).toMatchObject({ code: 2, stdout: '' })
    expect(result.stderr).toContain(word)
  }
  expect(await runToEnd(['stdio', '--url', 'nonsense'])).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('nonsense') })
})
