/** The sweep at the server's start: what it ends, and whom it leaves alone. Real processes; the judge asks by pid. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { isAlive, killLiving } from '../contracts/processes.ts'
import { startServe, temporaryHome } from './server.ts'

async function home(): Promise<string> {
  const { path, remove } = await temporaryHome()
  onTestFinished(remove)
  return realpathSync(path)
}

async function startAndEnd(dir: string): Promise<string> {
  const server = await startServe(dir)
  await server.end('SIGTERM')
  return server.stderr()
}

/** A process of its own session that sleeps with this environment. */
function sleeper(env: Readonly<Record<string, string>>): number {
  const child = spawn('sleep', ['600'], { env: { PATH: process.env['PATH'], ...env }, stdio: 'ignore', detached: true })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child.pid ?? 0
}

/** Runs a script whose first lines of output are pids. */
async function pidsOf(script: string, count: number, env: Readonly<Record<string, string>>): Promise<number[]> {
  const child = spawn('/bin/bash', ['-c', script], { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  while (said.split('\n').length <= count) said += String((await once(child.stdout, 'data') as [Buffer])[0]) // the event's first argument
  const pids = said.trim().split('\n').map(Number)
  onTestFinished(() => killLiving(pids))
  return pids
}

test('leaves alone what is of another home, of no marker, or names ours in the middle of something else', async () => {
  const dir = await home()
  const other = join(dir, 'within')
  mkdirSync(other)
  const others: readonly Readonly<Record<string, string>>[] = [
    {}, { MADROX_OWNED_BY: other }, { MADROX_OWNED_BY: `${dir}x` }, { MADROX_OWNED_BY: `x${dir}` }, { MADROX_OWNED_BY: `${dir}/` }, { MADROX_OWNED_BY: '' },
    { NOTE: `MADROX_OWNED_BY=${dir}` }, { NOT_MADROX_OWNED_BY: dir }, { HOME: dir, PWD: dir, MADROX_HOME: dir },
  ]
  const left = others.map(sleeper)
  const ours = sleeper({ MADROX_OWNED_BY: dir })
  expect(await startAndEnd(dir)).toContain('ended 1 processes')
  expect([isAlive(ours), left.map(isAlive)]).toEqual([false, left.map(() => true)])
})

test('a home given by a link is the one it leads to', async () => {
  const dir = await home()
  const ours = sleeper({ MADROX_OWNED_BY: dir })
  const link = join(await home(), 'link')
  symlinkSync(dir, link)
  await startAndEnd(link)
  expect(isAlive(ours)).toBe(false)
})

test('takes children with a bare environment, and those that left the session, with their marked parent', async () => {
  const dir = await home()
  const [parent = 0, bare = 0, away = 0] = await pidsOf(
    'trap "" HUP TERM; env -i PATH=$PATH sleep 600 >/dev/null & bare=$!; env -i PATH=$PATH setsid sleep 600 >/dev/null & printf "%s\\n" $$ $bare $!; while :; do read -t 60 <> <(:); done', 3, { MADROX_OWNED_BY: dir },
  )
  expect([parent, bare, away].map(isAlive)).toEqual([true, true, true])
  await startAndEnd(dir)
  expect([parent, bare, away].map(isAlive)).toEqual([false, false, false])
})

test('a dead process that nobody collects is no reason to wait, nor one that dies under a parent that never looks', async () => {
  const dir = await home()
  // What a shell becomes by `exec` keeps the shell's children and never waits for them.
  const die = 'until read -r name < /proc/$PPID/comm && [ "$name" = sleep ]; do :; done'
  const [dead = 0, doomed = 0] = await pidsOf(
    `MADROX_OWNED_BY=${dir} bash -c '${die}' >/dev/null & dead=$!; MADROX_OWNED_BY=${dir} sleep 600 >/dev/null & printf "%s\\n" $dead $!; exec sleep 600 >/dev/null`, 2, {},
  )
  await expect.poll(() => stateOf(dead)).toBe('Z')
  expect(isAlive(doomed)).toBe(true)
  await startAndEnd(dir)
  expect([stateOf(dead), stateOf(doomed)]).toEqual(['Z', 'Z'])
})

function stateOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3)
}
