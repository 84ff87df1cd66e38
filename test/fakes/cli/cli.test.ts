import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { isAlive } from '../../contracts/processes.ts'
import { startBareProgram } from './bare.ts'
import { startFakeMadrox } from './mcp-server.ts'

test('the bare program is ready, is typed to, and its reply comes in by MCP', async () => {
  const madrox = await startFakeMadrox()
  const program = startBareProgram({ madrox })
  try {
    await program.next('ready')
    program.type('[MSG:m1] echo hi')
    expect((await madrox.waitFor('tools/call')).params).toMatchObject({ name: 'reply_to_caller', arguments: { reply_message: 'hi', correlation_id: 'm1' } })
  } finally {
    await program.close()
    await madrox.close()
  }
  expect(isAlive(program.pid)).toBe(false)
})

test('the stubborn family survives a HUP and a TERM, and ends by KILL', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'madrox-stubborn-'))
  const pidFile = join(dir, 'pids')
  const leader = spawn(process.execPath, [fileURLToPath(new URL('stubborn.mjs', import.meta.url)), pidFile, 'setsid', 'child'])
  await new Promise(resolve => leader.stdout.once('data', resolve))
  const pids = readFileSync(pidFile, 'utf8').trim().split('\n').map(Number)
  for (const pid of pids) for (const signal of ['SIGHUP', 'SIGTERM'] as const) process.kill(pid, signal)
  expect(pids.filter(isAlive)).toHaveLength(3)
  const ended = new Promise(resolve => leader.once('close', resolve))
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  await ended
  rmSync(dir, { recursive: true })
  await expect.poll(() => pids.filter(isAlive)).toEqual([])
})
