/**
 * One server a home. The lock is an open transaction on a database of its own, so that it ends with the process however that
 * ends; the name of its holder stands beside it for people and for clients that look for a running server.
 */

import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Database from 'libsql'
import { z } from 'zod'
import { codeOf, MadroxError, wordsOf } from '../errors.ts'

const holderSchema = z.object({ pid: z.number(), url: z.string().optional() })
export type Holder = z.output<typeof holderSchema>

export interface HomeLock {
  /** Tells others where this server is reached. */
  announce(url: string): void
  release(): void
}

const holderFile = (home: string): string => join(home, 'server.json')

/** @throws MadroxError `unavailable`, naming the server that has this home */
export function lockHome(home: string): HomeLock {
  const database = openLock(home)
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    if (!/^SQLITE_(BUSY|LOCKED)/.test(codeOf(cause) ?? '')) return refuse(home, cause)
    const holder = readHolder(home)
    throw new MadroxError('unavailable', `Another Madrox server has ${home}${holder ? `: process ${holder.pid}${holder.url ? `, at ${holder.url}` : ''}` : ''}.`, {
      remedy: 'Use that one, end it, or start this one with another --home.', cause,
    })
  }
  const write = (holder: Holder): void => orRefuse(home, () => writeFileSync(holderFile(home), `${JSON.stringify(holder)}\n`, { mode: 0o600 }))
  try {
    write({ pid: process.pid })
  } catch (error) {
    database.close()
    throw error
  }
  return {
    announce: url => write({ pid: process.pid, url }),
    release: () => {
      rmSync(holderFile(home), { force: true })
      database.close()
    },
  }
}

/** Makes the directory, for its owner alone. One that exists is left as it is. */
export const makeHome = (home: string): void => orRefuse(home, () => makeDirectory(home))

/** Node's own `recursive` never returns where nothing can be made (`/proc/x`): told ENOENT, it makes the parent, which is there, and tries again (20.20). */
function makeDirectory(path: string): void {
  if (isDirectory(path)) return
  if (!isDirectory(dirname(path))) makeDirectory(dirname(path))
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (!isDirectory(path)) throw error // else another server was quicker
  }
}

const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

function openLock(home: string): Database.Database {
  makeHome(home)
  return orRefuse(home, () => {
    const file = join(home, 'server.lock')
    closeSync(openSync(file, 'a', 0o600)) // SQLite would make it for everyone to read
    return new Database(file)
  })
}

function refuse(home: string, cause: unknown): never {
  throw new MadroxError('unavailable', `Madrox cannot keep its files in ${home}: ${wordsOf(cause)}.`, { remedy: 'Make room there, or give a directory you may write in as --home.', cause })
}

function orRefuse<T>(home: string, act: () => T): T {
  try {
    return act()
  } catch (cause) {
    return refuse(home, cause)
  }
}

/** Who is said to have this home; it may have ended since. */
export function readHolder(home: string): Holder | undefined {
  let text: string
  try {
    text = readFileSync(holderFile(home), 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
  const parsed = holderSchema.safeParse(toJson(text))
  return parsed.success ? parsed.data : undefined
}

/** Undefined for half a file: its writer was cut off. */
function toJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
