/**
 * The database file: opening, migrating and refusing it, transactions, and what SQLite's errors mean. Knows no table but through
 * the migrations.
 */

import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'libsql'
import { z } from 'zod'
import { codeOf, MadroxError, wordsOf } from '../errors.ts'
import type { Values } from './rows.ts'
import { applicationId, migrations, schemaVersion } from './schema.ts'

/** `normal` survives the death of the process; `full` survives the loss of power too, at a quarter of the speed. */
export type Durability = 'normal' | 'full'

export interface DatabaseOptions {
  /** Absolute path of the file. Its directory is made (0700) when missing. */
  readonly path: string
  readonly durability?: Durability
  /** How long opening waits for another process that holds the file; a write waits 250 ms at most. Milliseconds. */
  readonly busyTimeoutMs?: number
}

export interface Connection {
  /** A statement that writes; gives the number of rows it changed. */
  write(sql: string): (values: Values) => number
  /** A statement that reads; every row is parsed. */
  read<Row>(sql: string, row: z.ZodType<Row>): (values?: Values) => Row[]
  transaction<T>(work: () => T): T
  close(): void
}

/** All of Madrox stands still while a write waits. The home has one server: whoever holds the file is a person's tool, and may for long. */
const writeWaitMs = 250

/** Opens the file, makes or migrates its schema, and throws `unavailable` where it cannot be trusted or used. */
export function openDatabase({ path, durability = 'normal', busyTimeoutMs = 5000 }: DatabaseOptions): Connection {
  let db: Database.Database | undefined
  try {
    prepareFile(path)
    db = new Database(path, { timeout: busyTimeoutMs })
    refuseForeign(db, path)
    db.pragma('journal_mode = WAL')
    db.pragma(`synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`)
    db.pragma('foreign_keys = ON')
    db.pragma('journal_size_limit = 67108864') // a burst must not leave its log's size on disk for good
    migrate(db)
    refuseDamaged(db, path)
    db.pragma(`busy_timeout = ${Math.min(busyTimeoutMs, writeWaitMs)}`)
    return connect(db, path)
  } catch (error) {
    db?.close()
    throw toOpenError(error, path)
  }
}

/** Messages are private: the file is made for its owner alone before SQLite would make it for everyone. WAL and index copy its mode. */
function prepareFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
}

function readNumber(db: Database.Database, sql: string): number {
  const row = z.record(z.string(), z.unknown()).parse(db.prepare(sql).all({})[0] ?? {}) // libsql's `pluck().get()` still gives the row
  return z.number().parse(Object.values(row)[0])
}

const versionOf = (db: Database.Database): number => readNumber(db, 'PRAGMA user_version')

function refuseForeign(db: Database.Database, path: string): void {
  const id = readNumber(db, 'PRAGMA application_id')
  const fresh = id === 0 && readNumber(db, 'SELECT count(*) FROM sqlite_schema') === 0
  if (id !== applicationId && !fresh) {
    throw new MadroxError('unavailable', `${path} is a database of another program.`, { remedy: 'Point --home at a directory of its own.', data: { path } })
  }
  const version = versionOf(db)
  if (version > schemaVersion) {
    throw new MadroxError('unavailable', `The database ${path} has schema version ${version}; this Madrox knows versions up to ${schemaVersion}. A later Madrox wrote it.`, {
      remedy: 'Update Madrox, or point --home at another directory.',
      data: { path, version, known: schemaVersion },
    })
  }
}

/** One transaction for all steps: a crash in between leaves the old version. The version is read again under the lock. */
function migrate(db: Database.Database): void {
  if (versionOf(db) === schemaVersion) return
  db.exec('BEGIN IMMEDIATE')
  try {
    for (const sql of migrations.slice(versionOf(db))) db.exec(sql)
    db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion}; COMMIT;`)
  } catch (error) {
    // A full disk has ended it already; libsql's own `transaction` would tell of that instead of the disk.
    if (db.inTransaction) db.exec('ROLLBACK')
    throw error
  }
}

function refuseDamaged(db: Database.Database, path: string): void {
  const findings = z.array(z.object({ quick_check: z.string() })).parse(db.prepare('PRAGMA quick_check(3)').all({})).map(row => row.quick_check)
  if (findings.length === 1 && findings[0] === 'ok') return
  throw damaged(path, findings.join('; '))
}

function damaged(path: string, why: string, cause?: unknown): MadroxError {
  return new MadroxError('unavailable', `The database ${path} is damaged: ${why}.`, {
    remedy: `Restore it from a backup, try \`sqlite3 ${path} .recover\`, or move it away to start anew.`,
    data: { path, why: 'it is damaged', lasting: true },
    cause,
  })
}

const causes: readonly (readonly [pattern: RegExp, why: string, remedy: string])[] = [
  [/^SQLITE_(BUSY|LOCKED)/, 'another process holds it', 'End the other process that uses this home, or choose another --home.'],
  [/^SQLITE_FULL|^ENOSPC/, 'the disk is full', 'Free some space; nothing of this write was kept.'],
  [/^SQLITE_(READONLY|PERM|CANTOPEN)|^E(ACCES|PERM|ROFS)/, 'it cannot be written', 'Check the owner and mode of the file and its directory.'],
  [/^SQLITE_IOERR|^EIO/, 'the disk failed', 'Check the disk, its quota and the system log.'],
  [/^E(NOTDIR|ISDIR|NOENT|LOOP|NAMETOOLONG)/, 'its path cannot hold a file', 'Point --home at a directory that exists or can be made.'],
]

/** What an error of SQLite or of the file system means here; undefined where it is nothing of the kind. */
function explain(error: unknown, path: string): MadroxError | undefined {
  if (error instanceof MadroxError) return error
  const code = codeOf(error) ?? ''
  const text = wordsOf(error)
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return damaged(path, text, error)
  const known = causes.find(([pattern]) => pattern.test(code))
  if (known) return new MadroxError('unavailable', `The database ${path} failed: ${known[1]} (${text}).`, { remedy: known[2], data: { path, cause: code, why: known[1] }, cause: error })
  if (code.startsWith('SQLITE_CONSTRAINT')) return new MadroxError('internal', `The store was given what contradicts its record: ${text}.`, { data: { cause: code }, cause: error })
  return undefined
}

function toOpenError(error: unknown, path: string): MadroxError {
  const text = wordsOf(error)
  return explain(error, path) ?? new MadroxError('unavailable', `The database ${path} cannot be opened: ${text}.`, {
    remedy: 'Check the path, its owner and its mode, or choose another --home.',
    data: { path },
    cause: error,
  })
}

/**
 * libsql keeps the file open until its statements are collected, so SQLite's own checkpoint at close does not come: without this
 * one the file alone would lack what is still in its log.
 */
function closeWhole(db: Database.Database, path: string): void {
  try {
    db.pragma('wal_checkpoint(TRUNCATE)')
  } catch (error) {
    if (!explain(error, path)) throw error // a full or failing disk: nothing is lost, the log is read at the next start
  } finally {
    db.close()
  }
}

function connect(db: Database.Database, path: string): Connection {
  let depth = 0
  let open = true
  const guarded = <T>(work: () => T): T => {
    if (!open) throw new MadroxError('unavailable', `The database ${path} is closed.`, { data: { path } })
    // SQLite ends a transaction by itself when the disk is full: what is left of the work must not be committed bit by bit
    if (depth > 0 && !db.inTransaction) throw new MadroxError('unavailable', `The database ${path} gave up the transaction.`, { data: { path } })
    try {
      return work()
    } catch (error) {
      throw explain(error, path) ?? error
    }
  }
  const attempt = <T>(work: () => T, end: string, undo: string): T => {
    depth += 1
    try {
      const result = work()
      guarded(() => db.exec(end))
      return result
    } catch (error) {
      if (open && db.inTransaction) db.exec(undo)
      throw error
    } finally {
      depth -= 1
    }
  }
  return {
    write: sql => {
      const statement = db.prepare<Values>(sql)
      return values => guarded(() => statement.run(values).changes)
    },
    read: (sql, row) => {
      const statement = db.prepare<Values>(sql)
      const rows = z.array(row)
      return (values = {}) => {
        const found = rows.safeParse(guarded(() => statement.all(values)))
        if (found.success) return found.data
        throw damaged(path, `a row does not fit (${z.prettifyError(found.error)})`, found.error)
      }
    },
    transaction: work => {
      const level = `level_${depth}`
      guarded(() => db.exec(depth === 0 ? 'BEGIN IMMEDIATE' : `SAVEPOINT ${level}`))
      return depth === 0 ? attempt(work, 'COMMIT', 'ROLLBACK') : attempt(work, `RELEASE ${level}`, `ROLLBACK TO ${level}; RELEASE ${level}`)
    },
    close: () => {
      if (!open) return
      open = false
      closeWhole(db, path)
    },
  }
}
