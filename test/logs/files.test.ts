/** Exported logs on a real disk: where they stand, who may read them, how they are rotated, what a disk that takes nothing does, and what is forgotten. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createSimulatedClock } from '../../src/clock.ts'
import { asAgentId } from '../../src/ids.ts'
import { type Log, silentLog } from '../../src/log.ts'
import { createLogFiles, type LogFilesOptions } from '../../src/logs/files.ts'

const ada = asAgentId('ada')
const bob = asAgentId('bob')

function createDisk(options: Partial<LogFilesOptions> = {}) {
  const home = mkdtempSync(join(tmpdir(), 'madrox-logs-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  const dir = join(home, 'logs')
  const clock = createSimulatedClock(Date.UTC(2026, 0, 1))
  const open = (more: Partial<LogFilesOptions> = {}) => createLogFiles({ dir, clock, log: silentLog, ...options, ...more })
  const of = (...path: readonly string[]): string => join(dir, ...path)
  return { dir, clock, open, of, text: (...path: readonly string[]) => readFileSync(of(...path), 'utf8') }
}

/** A log whose lines can be awaited, by the beginning of their message. */
function createHeard() {
  const lines: { message: string; data: unknown }[] = []
  const waiting = new Map<string, () => void>()
  const tell = (message: string, data?: object): void => {
    lines.push({ message, data })
    for (const [start, found] of waiting) if (message.startsWith(start)) found()
  }
  const log: Log = { debug: tell, info: tell, warn: tell, error: tell }
  const hears = (start: string): Promise<void> => new Promise(resolve => waiting.set(start, resolve))
  return { log, lines, hears }
}

test('an agent has a directory, the audit a file for each day, and all of it is its owner’s alone', async () => {
  const { of, open, text } = createDisk()
  const logs = open()
  logs.add({ to: 'instance.log', agentId: ada, text: 'one\n' })
  logs.add({ to: 'communication.jsonl', agentId: ada, text: '{}\n' })
  logs.add({ to: 'metadata.json', agentId: ada, text: 'first' })
  logs.add({ to: 'instance.log', agentId: bob, text: 'other\n' })
  logs.add({ to: 'metadata.json', agentId: ada, text: 'second' })
  logs.add({ to: 'instance.log', agentId: ada, text: 'two\n' })
  logs.add({ to: 'audit', at: Date.UTC(2026, 0, 1, 23, 59, 59, 999), text: 'a\n' })
  logs.add({ to: 'audit', at: Date.UTC(2026, 0, 2), text: 'b\n' })
  await logs.close()
  expect(readdirSync(of('instances', 'ada'))).toEqual(['communication.jsonl', 'instance.log', 'metadata.json'])
  expect([text('instances', 'ada', 'instance.log'), text('instances', 'ada', 'metadata.json'), text('instances', 'bob', 'instance.log')]).toEqual(['one\ntwo\n', 'second', 'other\n'])
  expect([text('audit', 'audit_20260101.jsonl'), text('audit', 'audit_20260102.jsonl')]).toEqual(['a\n', 'b\n'])
  expect([of(), of('instances'), of('instances', 'ada'), of('audit')].map(path => statSync(path).mode & 0o777)).toEqual([0o700, 0o700, 0o700, 0o700])
  expect([of('instances', 'ada', 'instance.log'), of('instances', 'ada', 'metadata.json'), of('audit', 'audit_20260101.jsonl')].map(path => statSync(path).mode & 0o777)).toEqual([0o600, 0o600, 0o600])
})

test('a log that is read holds what was added before, and waits for nothing that comes behind', async () => {
  const { open } = createDisk({ maxWaiting: 1_000_000 })
  const logs = open()
  let isRead = false
  const write = (): void => {
    if (isRead) return
    for (const agentId of [ada, bob]) logs.add({ to: 'instance.log', agentId, text: 'more\n' })
    setImmediate(write)
  }
  write()
  logs.add({ to: 'instance.log', agentId: ada, text: 'before\n' })
  const underWay = await logs.read(ada, 'instance.log')
  logs.add({ to: 'instance.log', agentId: ada, text: 'again\n' })
  const waiting = await logs.read(ada, 'instance.log')
  isRead = true
  expect([underWay?.includes('before\n'), waiting?.includes('again\n')]).toEqual([true, true])
  await logs.close()
})

test('a log that is read while the disk takes nothing is what the disk has', async () => {
  const { open, of, clock } = createDisk()
  const logs = open()
  logs.add({ to: 'instance.log', agentId: ada, text: 'one\n' })
  expect(await logs.read(ada, 'instance.log')).toBe('one\n')
  mkdirSync(of('instances', 'bob', 'instance.log'), { recursive: true }) // in the place of a file
  logs.add({ to: 'instance.log', agentId: ada, text: 'two\n' })
  logs.add({ to: 'instance.log', agentId: bob, text: 'late\n' })
  expect(await logs.read(ada, 'instance.log')).toBe('one\ntwo\n')
  await expect(logs.read(bob, 'instance.log')).rejects.toThrow()
  logs.add({ to: 'instance.log', agentId: ada, text: 'three\n' })
  expect(await logs.read(ada, 'instance.log')).toBe('one\ntwo\n') // it is tried again later
  rmSync(of('instances', 'bob'), { recursive: true })
  clock.advance(5_000)
  expect(await logs.read(ada, 'instance.log')).toBe('one\ntwo\nthree\n')
  expect(await logs.read(bob, 'instance.log')).toBe('late\n')
  await logs.close()
})

test('a log that would grow too large is moved aside, three files in all, no line torn; the audit is not', async () => {
  const { of, open, text } = createDisk({ rotation: { maxBytes: 10, files: 3 } })
  for (const batch of [['1aaa\n', '2aaa\n', '3aaa\n'], ['4aaa\n'], ['5aaa\n', '6aaa\n', 'seven-is-long\n', '8aaa\n']]) {
    const logs = open()
    for (const line of batch) {
      logs.add({ to: 'instance.log', agentId: ada, text: line })
      logs.add({ to: 'audit', at: 0, text: line })
    }
    await logs.close()
  }
  expect(readdirSync(of('instances', 'ada'))).toEqual(['instance.log', 'instance.log.1', 'instance.log.2'])
  expect(['instance.log.2', 'instance.log.1', 'instance.log'].map(name => text('instances', 'ada', name))).toEqual(['5aaa\n6aaa\n', 'seven-is-long\n', '8aaa\n'])
  expect(await open().read(ada, 'instance.log')).toBe('5aaa\n6aaa\nseven-is-long\n8aaa\n')
  expect(text('audit', 'audit_19700101.jsonl').split('\n')).toHaveLength(9)
  expect(await open().read(bob, 'instance.log')).toBeUndefined()
})

test('by default an agent’s log is moved aside at five megabytes', async () => {
  const { open, of } = createDisk()
  const logs = open()
  for (let line = 0; line < 6; line++) logs.add({ to: 'instance.log', agentId: ada, text: `${String(line).repeat(1_000_000)}\n` })
  await logs.close()
  expect(readdirSync(of('instances', 'ada')).map(name => [name, statSync(of('instances', 'ada', name)).size])).toEqual([['instance.log', 1_000_001], ['instance.log.1', 5_000_005]])
})

test('a disk that takes nothing is said once and shown; what happens meanwhile is written, in order, when it can be', async () => {
  const { dir, clock, open, text } = createDisk()
  const { log, lines, hears } = createHeard()
  writeFileSync(dir, 'in its place')
  const logs = open({ log })
  const failed = hears('Logs cannot be written')
  logs.add({ to: 'instance.log', agentId: ada, text: 'one\n' })
  await failed
  clock.advance(1_000)
  logs.add({ to: 'instance.log', agentId: ada, text: 'two\n' })
  expect(logs.trouble()).toMatchObject({ reason: expect.stringContaining(dir), since: Date.UTC(2026, 0, 1), lost: 0 })
  rmSync(dir)
  const written = hears('Logs can be written again')
  clock.advance(60_000)
  await written
  expect([logs.trouble(), text('instances', 'ada', 'instance.log')]).toEqual([undefined, 'one\ntwo\n'])
  logs.add({ to: 'instance.log', agentId: ada, text: 'three\n' })
  await logs.close()
  expect(text('instances', 'ada', 'instance.log')).toBe('one\ntwo\nthree\n')
  expect(lines).toHaveLength(2)
})

test('one file that cannot be written keeps no other from it', async () => {
  const { open, of, text } = createDisk()
  const { log, hears } = createHeard()
  mkdirSync(of('instances', 'ada', 'instance.log'), { recursive: true })
  const logs = open({ log })
  const failed = hears('Logs cannot be written')
  logs.add({ to: 'instance.log', agentId: ada, text: 'x\n' })
  logs.add({ to: 'instance.log', agentId: bob, text: 'y\n' })
  await failed
  await logs.close()
  expect(text('instances', 'bob', 'instance.log')).toBe('y\n')
})

test('what waits has its bounds; what finds no place is counted', async () => {
  const { dir, clock, open, text } = createDisk({ maxWaiting: 10 })
  const { log, lines, hears } = createHeard()
  writeFileSync(dir, 'in its place')
  const logs = open({ log })
  const failed = hears('Logs cannot be written')
  logs.add({ to: 'instance.log', agentId: ada, text: '1234\n' })
  await failed
  for (const line of ['5678\n', 'too much\n', 'for it\n']) logs.add({ to: 'instance.log', agentId: ada, text: line })
  expect(logs.trouble()).toMatchObject({ lost: 2 })
  rmSync(dir)
  const written = hears('Logs can be written again')
  clock.advance(60_000)
  await written
  expect([text('instances', 'ada', 'instance.log'), lines.at(-1)?.data]).toEqual(['1234\n5678\n', { afterMs: 60_000, linesLost: 2 }])
  logs.add({ to: 'instance.log', agentId: ada, text: '9\n' })
  await logs.close()
  expect(text('instances', 'ada', 'instance.log')).toBe('1234\n5678\n9\n')
})

test('closing on a disk that takes nothing ends all the same, and says so', async () => {
  const { dir, open } = createDisk()
  const { log, lines } = createHeard()
  writeFileSync(dir, 'in its place')
  const logs = open({ log })
  logs.add({ to: 'instance.log', agentId: ada, text: 'one\n' })
  await logs.close()
  logs.add({ to: 'instance.log', agentId: ada, text: 'late\n' })
  expect(lines.map(({ message }) => message.split(';')[0])).toEqual(['Logs could not be written to the end'])
})

test('a link in the place of a log is not followed', async () => {
  const { open, of, dir } = createDisk()
  mkdirSync(of('instances', 'ada'), { recursive: true })
  const target = join(dir, '..', 'target')
  writeFileSync(target, 'mine')
  symlinkSync(target, of('instances', 'ada', 'instance.log'))
  const logs = open()
  logs.add({ to: 'instance.log', agentId: ada, text: 'x\n' })
  await logs.close()
  expect(readFileSync(target, 'utf8')).toBe('mine')
})

test('forgets the audit of earlier days and agents that ended before then; of nobody’s files, the old ones', async () => {
  const { open, of } = createDisk()
  const logs = open()
  const before = Date.UTC(2026, 0, 3)
  for (const day of [1, 2, 3, 4]) logs.add({ to: 'audit', at: Date.UTC(2026, 0, day, 12), text: 'x\n' })
  const agents = { ended: before - 1, kept: before, living: undefined, old: 'nobody', young: 'nobody' } as const
  for (const id of Object.keys(agents)) logs.add({ to: 'instance.log', agentId: asAgentId(id), text: 'x\n' })
  await logs.close()
  utimesSync(of('instances', 'old', 'instance.log'), 1, 1)
  writeFileSync(of('audit', 'notes.txt'), 'somebody’s')
  await open().forget(before, id => agents[id as keyof typeof agents]) // the directories made above
  expect(readdirSync(of('instances'))).toEqual(['kept', 'living', 'young'])
  expect(readdirSync(of('audit'))).toEqual(['audit_20260103.jsonl', 'audit_20260104.jsonl', 'notes.txt'])
})
