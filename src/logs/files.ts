/** Exported logs in a directory: who writes when, what waits, and what is said of a disk that takes nothing. `appending.ts` owns the single file. */

import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { codeOf, wordsOf } from '../errors.ts'
import type { Log } from '../log.ts'
import { append, type Rotation, replace } from './appending.ts'
import type { LogEntry, LogFile, Logs, LogTrouble } from './logs.ts'

export interface LogFilesOptions {
  /** Absolute path; made (0700) when something is to be written. */
  readonly dir: string
  readonly clock: Clock
  readonly log: Log
  /** Of an agent's log; default three files of 5 MB. The audit has a file a day instead. */
  readonly rotation?: Rotation
  /** What may wait to be written. Characters; default 8 million. */
  readonly maxWaiting?: number
}

/** What waits for one file. */
interface Pending {
  readonly way: 'append' | 'append to the day' | 'replace'
  readonly texts: string[]
  /** Called when it has been tried to write them. */
  readonly onTried: (() => void)[]
}

const defaultRotation: Rotation = { maxBytes: 5 * 1024 * 1024, files: 3 }
/** After a failure, and twice as long after each further one. Milliseconds. */
const firstRetryMs = 5_000
const longestRetryMs = 60_000

const lengthOf = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + text.length, 0)

export function createLogFiles(options: LogFilesOptions): Logs {
  const { dir, clock, log, rotation = defaultRotation, maxWaiting = 8_000_000 } = options
  const pending = new Map<string, Pending>()
  let waiting = 0
  let trouble: LogTrouble | undefined
  let retryMs = firstRetryMs
  let timer: unknown
  let writing: Promise<void> | undefined
  /** What is being written at this moment. */
  let underway: { readonly path: string; readonly part: Pending } | undefined
  let closed = false

  const directoryOf = (agentId: string): string => join(dir, 'instances', agentId)
  const pathOf = (entry: LogEntry): string =>
    entry.to === 'audit' ? join(dir, 'audit', `audit_${new Date(entry.at).toISOString().slice(0, 10).replaceAll('-', '')}.jsonl`) : join(directoryOf(entry.agentId), entry.to)

  const write = (path: string, { way, texts }: Pending): Promise<void> => {
    if (way === 'replace') return replace(path, texts.at(-1) ?? '')
    return append(path, texts, way === 'append' ? rotation : undefined)
  }
  const failed = (path: string, error: unknown): void => {
    trouble ??= { reason: `${path} cannot be written: ${wordsOf(error)}`, since: clock.now(), lost: 0 }
  }
  const recovered = ({ since, lost }: LogTrouble): void => {
    trouble = undefined
    isSaid = false
    retryMs = firstRetryMs
    log.info('Logs can be written again.', { afterMs: clock.now() - since, linesLost: lost })
  }
  const keep = (path: string, way: Pending['way'], texts: readonly string[]): void => {
    const part = pending.get(path) ?? { way, texts: [], onTried: [] }
    pending.set(path, part)
    part.texts.push(...texts)
    // Of what is replaced only the last is ever written.
    if (way === 'replace') waiting -= lengthOf(part.texts.splice(0, part.texts.length - 1))
  }
  const tried = (part: Pending): void => part.onTried.splice(0).forEach(tell => tell())
  /** Resolves when what waits for that file now has been tried; nobody waits for what comes behind it. */
  const caughtUp = async (path: string): Promise<void> => {
    const parts = writing ? [underway?.path === path ? underway.part : undefined, pending.get(path)] : []
    await Promise.all(parts.flatMap(part => (part ? [new Promise<void>(resolve => part.onTried.push(resolve))] : [])))
  }
  /** Each file once; what failed stands before what came meanwhile. */
  const writeAll = async (): Promise<boolean> => {
    let isWhole = true
    for (const [path, part] of Array.from(pending)) { // what fails comes back into it
      pending.delete(path)
      underway = { path, part }
      try {
        await write(path, part)
        waiting -= lengthOf(part.texts)
      } catch (error) {
        isWhole = false
        keep(path, part.way, [...part.texts, ...(pending.get(path)?.texts.splice(0) ?? [])])
        failed(path, error)
      } finally {
        underway = undefined
        tried(part)
      }
    }
    return isWhole
  }
  const drain = async (): Promise<void> => {
    while (pending.size > 0) {
      if (await writeAll()) {
        if (trouble) recovered(trouble)
      } else {
        writing = undefined
        for (const part of pending.values()) tried(part)
        return rest()
      }
    }
    writing = undefined
  }
  let isSaid = false
  const rest = (): void => {
    if (closed) return
    timer = clock.setTimeout(start, retryMs)
    retryMs = Math.min(retryMs * 2, longestRetryMs)
    if (!isSaid) log.warn('Logs cannot be written; agents go on, and what happens is written when that can be done again.', { reason: trouble?.reason })
    isSaid = true
  }
  /** One writer at a time; it waits for the disk before it is done, so it is known to be there. */
  function start(): void {
    if (pending.size > 0) writing ??= drain()
  }

  return {
    directoryOf,
    trouble: () => trouble,
    add: entry => {
      const path = pathOf(entry)
      const way = entry.to === 'metadata.json' ? 'replace' : entry.to === 'audit' ? 'append to the day' : 'append'
      if (closed) return
      if (waiting + entry.text.length > maxWaiting) {
        trouble = { reason: 'more was to be written than the disk took', since: clock.now(), ...trouble, lost: (trouble?.lost ?? 0) + 1 }
        return
      }
      waiting += entry.text.length
      keep(path, way, [entry.text])
      if (!trouble) start()
    },
    read: async (agentId, name) => {
      const path = join(directoryOf(agentId), name)
      await caughtUp(path)
      const parts = await Promise.all(Array.from({ length: rotation.files }, (_, age) => readIfThere(partOf(path, age))))
      const found = parts.toReversed().filter(part => part !== undefined)
      return found.length === 0 ? undefined : found.join('')
    },
    list: agentId => filesIn(directoryOf(agentId)),
    forget: async (before, endedAt) => {
      const day = new Date(before).toISOString().slice(0, 10).replaceAll('-', '')
      const days = (await filesIn(join(dir, 'audit'))).filter(({ name }) => (/^audit_(\d{8})\.jsonl$/.exec(name)?.[1] ?? day) < day)
      for (const { name } of days) await rm(join(dir, 'audit', name), { force: true })
      for (const id of await namesIn(join(dir, 'instances'))) {
        const ended = endedAt(id)
        const at = ended === 'nobody' ? Math.max(0, ...(await filesIn(directoryOf(id))).map(file => file.changedAt)) : ended
        if (at !== undefined && at < before) await rm(directoryOf(id), { recursive: true, force: true })
      }
    },
    close: async () => {
      closed = true
      clock.clearTimeout(timer)
      await writing
      start()
      await writing
      if (pending.size > 0) log.warn('Logs could not be written to the end; the store has what they would have told.', { files: pending.size })
    },
  }
}

/** The file itself, then those it was moved to. */
const partOf = (path: string, age: number): string => (age === 0 ? path : `${path}.${age}`)

/** Nothing there is an answer; anything else that goes wrong is not. */
async function orNothing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

const readIfThere = (path: string): Promise<string | undefined> => orNothing(() => readFile(path, 'utf8'))
const namesIn = async (dir: string): Promise<readonly string[]> => (await orNothing(() => readdir(dir)))?.toSorted() ?? []

async function filesIn(dir: string): Promise<readonly LogFile[]> {
  const files = await Promise.all((await namesIn(dir)).map(async name => {
    const found = await orNothing(() => stat(join(dir, name)))
    return found?.isFile() ? [{ name, bytes: found.size, changedAt: found.mtimeMs }] : []
  }))
  return files.flat()
}
