/**
 * One server a home. The lock is an open transaction on a database of its own, so that it ends with the process however that
 * ends; the name of its holder stands beside it for people and for clients that look for a running server.
 */

import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import { codeOf, MadroxError } from '../errors.ts'
import { type Holder, holderFile, makeHome, orRefuse, readHolder, refuseHome } from './home.ts'

export { type Holder, makeHome, readHolder } from './home.ts'

export interface HomeLock {
  /** Tells others where this server is reached. */
  announce(url: string): void
  release(): void
}

/** @throws MadroxError `unavailable`, naming the server that has this home */
export function lockHome(home: string): HomeLock {
  const database = openLock(home)
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    if (!/^SQLITE_(BUSY|LOCKED)/.test(codeOf(cause) ?? '')) return refuseHome(home, cause)
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

function openLock(home: string): Database.Database {
  makeHome(home)
  return orRefuse(home, () => {
    const file = join(home, 'server.lock')
    closeSync(openSync(file, 'a', 0o600)) // SQLite would make it for everyone to read
    return new Database(file)
  })
}
