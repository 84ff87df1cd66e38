import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, existsSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startPty, type PtyProcess } from '../../../src/drivers/pty/process.ts'
import { endProcessTree, sweepMarked } from '../../../src/drivers/pty/reaper.ts'
import { renderLastWords, renderScreen } from '../../../src/drivers/pty/screen.ts'
import { isAlive } from '../../contracts/processes.ts'

let dir: string
let marker: Record<string, string>
const started: PtyProcess[] = []

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'madrox-pty-'))
  marker = { MADROX_TEST_MARK: randomUUID() }
})
afterEach(async () => {
  for (const pty of started.splice(0)) await endProcessTree({ pid: pty.pid, marker, graceMs: 0, exited: pty.exited })
  await sweepMarked(marker)
  rmSync(dir, { recursive: true, force: true })
})

const shell = (script: string, onOutput?: (chunk: string) => void): PtyProcess => {
  const pty = startPty({ file: '/bin/bash', args: ['-c', script], cwd: dir, env: { PATH: process.env.PATH, ...marker, UNSET: undefined }, ...(onOutput && { onOutput }) })
  started.push(pty)
  return pty
}
const pidIn = (name: string): number => (existsSync(join(dir, name)) ? Number(readFileSync(join(dir, name), 'utf8')) : 0)

/** What a terminal makes of `seq 1 COUNT; echo LAST`. */
const counted = (count: number): string => `${Array.from({ length: count }, (_, index) => index + 1).join('\r\n')}\r\nLAST\r\n`

test('output written just before exit is not lost, however busy the reader: each of 100 runs', async () => {
  const wanted = counted(20_000)
  const whole: boolean[] = []
  for (let round = 0; round < 20; round++) {
    const heard = ['', '', '', '', '']
    const ptys = heard.map((_, index) => shell('seq 1 20000; echo LAST', chunk => (heard[index] += chunk)))
    const until = performance.now() + 50 + 10 * round
    while (performance.now() < until); // the reader is busy while the processes write and exit
    await Promise.all(ptys.map(pty => pty.exited))
    whole.push(...heard.map(each => each === wanted), ...ptys.map(pty => wanted.endsWith(pty.tail())))
  }
  expect(whole.filter(each => !each)).toEqual([])
})

test.each([1, 2, 3])('megabytes written at once before exit are heard whole by a reader that stalls (%i)', async () => {
  const wanted = counted(600_000)
  let heard = ''
  const pty = shell('seq 1 600000; echo LAST', chunk => {
    heard += chunk
    const until = performance.now() + 0.2
    while (performance.now() < until); // each chunk takes its time
  })
  await pty.exited
  expect(heard.length).toBe(wanted.length)
  expect(heard === wanted).toBe(true)
})

test('the kept output is bounded', async () => {
  const pty = shell('yes 0123456789 | head -c 3000000; echo LAST')
  await pty.exited
  expect(pty.tail().length).toBeLessThan(1_000_000)
  expect(pty.tail()).toContain('LAST')
})

test('a listener hears all output in order, also what is no longer kept', async () => {
  let heard = ''
  const pty = shell('seq 1 200000; echo LAST', chunk => (heard += chunk))
  await pty.exited
  expect(heard).toBe(counted(200_000))
  expect(pty.tail().length).toBeLessThan(heard.length)
})

test('an undefined variable is absent, and the exit tells code and signal', async () => {
  const exit = await shell('[ -z "${UNSET+x}" ] && exit 7').exited
  expect(exit).toEqual({ code: 7, signal: 0 })
  const killed = shell('kill -9 $$')
  expect((await killed.exited).signal).toBe(9)
  killed.write('to nobody')
})

test('the screen shows what a terminal would, and the last words leave out blank lines', async () => {
  const size = { columns: 40, rows: 5 }
  const output = 'old\r\n\x1b[2J\x1b[Hfirst\r\n\r\n\x1b[31msecond\x1b[0m\r\nover\rOVER'
  expect(await renderScreen(output, size)).toBe('first\n\nsecond\nOVER')
  expect(await renderScreen(output, size, 2)).toBe('second\nOVER')
  expect(await renderLastWords(output, size)).toBe('first\nsecond\nOVER')
})

test('the end of a tree takes group, session, setsid children and those with a bare environment', async () => {
  const stubborn = (name: string): string => `bash -c 'trap "" HUP TERM INT; echo $$ > ${name}; while :; do read -t 60 <> <(:); done'`
  const pty = shell(`trap "" HUP TERM; setsid ${stubborn('away')} & env -i PATH=$PATH ${stubborn('bare')} & ${stubborn('near')}`)
  const names = ['away', 'bare', 'near']
  await expect.poll(() => names.every(name => pidIn(name) > 0), { timeout: 5_000 }).toBe(true)
  await endProcessTree({ pid: pty.pid, marker, graceMs: 100, exited: pty.exited })
  expect([pty.pid, ...names.map(pidIn)].filter(isAlive)).toEqual([])
})

test('a process that ends on TERM is given its grace', async () => {
  const pty = shell('trap "echo bye; exit 3" TERM; echo up; while :; do read -t 60 <> <(:); done')
  await expect.poll(() => pty.tail()).toContain('up')
  await endProcessTree({ pid: pty.pid, marker, graceMs: 5_000, exited: pty.exited })
  expect(await pty.exited).toEqual({ code: 3, signal: 0 })
  expect(pty.tail()).toContain('bye')
})

test('a sweep ends what carries the whole marker, and nothing else', async () => {
  const env = { PATH: process.env.PATH }
  const ours = spawn('sleep', ['600'], { env: { ...env, ...marker, MORE: '1' }, stdio: 'ignore', detached: true })
  const other = spawn('sleep', ['600'], { env: { ...env, MADROX_TEST_MARK: 'another' }, stdio: 'ignore' })
  try {
    const ended = new Promise(resolve => ours.once('exit', resolve))
    expect(await sweepMarked(marker)).toEqual({ ended: [ours.pid], left: [] })
    await ended
    expect(isAlive(other.pid ?? 0)).toBe(true)
    expect(await sweepMarked(marker)).toEqual({ ended: [], left: [] })
  } finally {
    other.kill('SIGKILL')
  }
})

test('a sweep without a marker is refused', () => expect(sweepMarked({})).rejects.toThrow('every process'))
