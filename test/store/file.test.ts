/** The database file: what survives it, what is refused, who may read it. */

import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MadroxError } from '../../src/errors.ts'
import { asAgentId, asClientId, asOwnerId } from '../../src/ids.ts'
import { applicationId, migrations, schemaVersion } from '../../src/store/schema.ts'
import { createSqliteStore } from '../../src/store/sqlite.ts'
import { aMessage, anAgent } from '../contracts/store.ts'

let dir: string
let path: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'madrox-file-'))
  path = join(dir, 'home', 'madrox.db')
})
afterEach(() => rmSync(dir, { recursive: true }))

const modeOf = (file: string): number => statSync(file).mode & 0o777

function raw<T>(work: (db: Database.Database) => T): T {
  const db = new Database(path)
  try {
    return work(db)
  } finally {
    db.close()
  }
}

function refusal(work: () => unknown): MadroxError {
  try {
    work()
  } catch (error) {
    if (error instanceof MadroxError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

const openingRefused = (): MadroxError => refusal(() => createSqliteStore({ path }).close())

function makeStore(messages = 1): void {
  const store = createSqliteStore({ path })
  store.insertAgent(anAgent())
  store.transaction(() => {
    for (let n = 0; n < messages; n += 1) store.insertMessage(aMessage(`m${n}`, { text: `text of ${n} `.repeat(40) }))
  })
  store.close()
}

describe('opening', () => {
  test('what was written is there when it is opened again', () => {
    makeStore(3)
    const store = createSqliteStore({ path })
    expect(store.listAgents()).toStrictEqual([anAgent()])
    expect(store.listOpenMessages(asAgentId('ada'))).toHaveLength(3)
    store.close()
  })

  test('makes the directory for its owner alone, and the file, its log and its index too', () => {
    const store = createSqliteStore({ path })
    store.insertAgent(anAgent())
    expect(modeOf(join(dir, 'home'))).toBe(0o700)
    expect(['', '-wal', '-shm'].map(suffix => modeOf(path + suffix))).toEqual([0o600, 0o600, 0o600])
    store.close()
  })

  test('takes a file that others could read away from them, and leaves a directory that is not its own alone', () => {
    makeStore()
    chmodSync(path, 0o644)
    chmodSync(join(dir, 'home'), 0o755)
    createSqliteStore({ path }).close()
    expect(modeOf(path)).toBe(0o600)
    expect(modeOf(join(dir, 'home'))).toBe(0o755)
  })

  test.each([['normal', 1], ['full', 2]] as const)('writes ahead, with durability %s', (durability, synchronous) => {
    const pragmas: unknown[] = []
    const open = Database.prototype.prepare
    Database.prototype.prepare = function (this: Database.Database, sql: string) {
      if (sql.startsWith('PRAGMA synchronous')) pragmas.push(sql)
      return open.call(this, sql)
    } as typeof open // the same method, watched
    try {
      createSqliteStore({ path, durability }).close()
    } finally {
      Database.prototype.prepare = open
    }
    expect(pragmas).toEqual([`PRAGMA synchronous = ${['OFF', 'NORMAL', 'FULL'][synchronous]}`])
    expect(raw(db => db.pragma('journal_mode'))).toEqual([{ journal_mode: 'wal' }])
  })

  test('after a close the file alone holds everything: it can be copied', () => {
    makeStore(3)
    const copy = join(dir, 'copy.db')
    copyFileSync(path, copy)
    const store = createSqliteStore({ path: copy })
    expect(store.listOpenMessages()).toHaveLength(3)
    store.close()
  })
})

describe('migrations', () => {
  test('an empty file becomes the present version, marked as Madrox\'s', () => {
    mkdirSync(join(dir, 'home'))
    writeFileSync(path, '')
    makeStore()
    expect(raw(db => [db.pragma('user_version'), db.pragma('application_id')])).toEqual([[{ user_version: schemaVersion }], [{ application_id: applicationId }]])
  })

  test('a step that fails leaves the old version, and the next start does it anew', () => {
    makeStore()
    raw(db => db.exec('DROP TABLE audit; CREATE TABLE marker (a); PRAGMA user_version = 0;'))
    expect(openingRefused().message).toContain('already exists')
    expect(raw(db => db.pragma('user_version'))).toEqual([{ user_version: 0 }])
    expect(raw(db => db.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'audit'").all({}))).toEqual([{ n: 0 }])
  })

  test('dead replies of version 2 are dead letters of the present one, and its clients and calls are as they were', () => {
    mkdirSync(join(dir, 'home'))
    raw(db => {
      for (const sql of migrations.slice(0, 2)) db.exec(sql)
      db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = 2;
        INSERT INTO replies (id, kind, to_kind, to_id, from_agent, from_name, text, at, dead_reason) VALUES ('r1', 'notice', 'client', 'c1', 'ada', '"ada"', '"words"', 7, '"nobody left"');
        INSERT INTO clients (id, owner_id, name, connected_at) VALUES ('c1', 'local', '"tester"', 1);
        INSERT INTO calls (caller, key, result, at) VALUES ('c1', 'k', '1', 1);`)
    })
    const store = createSqliteStore({ path })
    expect(store.listDeadLetters()).toMatchObject([{ kind: 'reply', at: 7, reason: 'nobody left', reply: { id: 'r1', text: 'words' } }])
    expect([store.getClient(asClientId('c1')), store.findCall('c1', 'k')]).toEqual([{ id: 'c1', ownerId: 'local', name: 'tester', connectedAt: 1 }, 1])
    store.close()
  })

  test('the audit of version 4 says in the present one whom it concerns', () => {
    mkdirSync(join(dir, 'home'))
    raw(db => {
      for (const sql of migrations.slice(0, 4)) db.exec(sql)
      db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = 4;
        INSERT INTO agents (id, name, harness, role, parent_kind, parent_id, client_id, owner_id, spec, workspace, parent_source, created_at, state) VALUES ('ada', '"ada"', 'scripted', '"general"', 'client', 'c1', 'c1', 'grace', '{}', '{"kind":"isolated","path":"/w"}', '"caller"', 1, 'idle');
        INSERT INTO audit (at, event, agent_id, data) VALUES (1, 'agent_ended', 'ada', '{}'), (2, 'store_recovered', NULL, '{}');`)
    })
    const store = createSqliteStore({ path })
    const eventsOf = (owner: string) => store.listAudit({ limit: 9, ownerId: asOwnerId(owner) }).map(row => row.event)
    expect([eventsOf('grace'), eventsOf('local')]).toEqual([['agent_ended', 'store_recovered'], ['store_recovered']])
    store.close()
  })

  test('what the audit of version 8 tells of turns, revivals and refusals is counted in the present one', () => {
    mkdirSync(join(dir, 'home'))
    raw(db => {
      for (const sql of migrations.slice(0, 8)) db.exec(sql)
      db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = 8;
        INSERT INTO audit (at, event, agent_id, owner_id, data) VALUES (1, 'agent_changed', 'ada', 'local', '{"state":"busy","source":"command"}'), (2, 'agent_changed', 'ada', 'local', '{"pid":7,"state":"busy"}'),
          (3, 'agent_changed', 'ada', 'local', '{"state":"spawning","source":"process"}'), (4, 'agent_changed', 'ada', 'local', '{"state":"busy","source":"command"}'), (5, 'agent_ended', 'ada', 'local', '{}'),
          (6, 'agent_changed', 'bob', 'local', '{"state":"busy","source":"command"}'), (7, 'call_refused', 'bob', 'local', '{"code":"not_found"}'), (8, 'call_refused', NULL, 'local', '{"code":"not_found"}');`)
    })
    const store = createSqliteStore({ path })
    const agents = ['ada', 'bob'].map(asAgentId)
    expect(store.listBusySpans(agents)).toMatchObject({ ended: [{ since: 1, until: 3 }], running: [6] })
    expect([store.countRevivals(agents), store.countRefusals({ agents }), store.countRefusals({ ownerId: asOwnerId('local') })]).toEqual([1, { not_found: 1 }, { not_found: 2 }])
    store.close()
  })

  test('a database of a later Madrox is refused, unchanged', () => {
    makeStore()
    raw(db => db.exec(`PRAGMA user_version = ${schemaVersion + 1}`))
    const before = readFileSync(path)
    const error = openingRefused()
    expect(error.code).toBe('unavailable')
    expect(error.toText()).toContain(`schema version ${schemaVersion + 1}; this Madrox knows versions up to ${schemaVersion}`)
    expect(error.remedy).toContain('Update Madrox')
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('a database of another program is refused, unchanged', () => {
    mkdirSync(join(dir, 'home'))
    raw(db => db.exec('CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1);'))
    expect(openingRefused().message).toContain('another program')
    expect(raw(db => db.prepare('SELECT name FROM sqlite_schema').all({}))).toEqual([{ name: 'theirs' }])
  })
})

describe('refusals', () => {
  const expectDamaged = (): void => {
    const error = openingRefused()
    expect(error.code).toBe('unavailable')
    expect(error.message).toContain(`${path} is damaged`)
    expect(error.remedy).toContain('backup')
  }

  test('a file that is no database', () => {
    mkdirSync(join(dir, 'home'))
    writeFileSync(path, 'what is this? '.repeat(1000))
    expectDamaged()
  })

  test('a database cut short', () => {
    makeStore(500)
    truncateSync(path, Math.floor(statSync(path).size / 2 / 4096) * 4096)
    expectDamaged()
  })

  test('a database with a page overwritten in its middle', () => {
    makeStore(500)
    const bytes = readFileSync(path)
    bytes.fill(0xa5, 4096 * 12, 4096 * 20)
    writeFileSync(path, bytes)
    expectDamaged()
  })

  test('a row that a person edited into something else, when it is read', () => {
    makeStore()
    raw(db => db.exec("UPDATE agents SET parent_kind = 'banana'"))
    const store = createSqliteStore({ path })
    const error = refusal(() => store.listAgents())
    expect(error.code).toBe('unavailable')
    expect(error.message).toContain('parent_kind')
    store.close()
  })

  test('a path below a file, and a path that is a directory', () => {
    writeFileSync(join(dir, 'file'), '')
    path = join(dir, 'file', 'madrox.db')
    expect(openingRefused()).toMatchObject({ code: 'unavailable', remedy: expect.stringContaining('--home') })
    path = dir
    expect(openingRefused()).toMatchObject({ code: 'unavailable', remedy: expect.stringContaining('--home') })
  })

  test('a full disk', () => {
    mkdirSync(join(dir, 'home'))
    symlinkSync('/dev/full', path)
    expect(openingRefused()).toMatchObject({ code: 'unavailable' })
  })

  test('a file another process writes to for longer than the wait', () => {
    makeStore()
    const store = createSqliteStore({ path, busyTimeoutMs: 20 })
    raw(db => {
      db.exec('BEGIN IMMEDIATE')
      const error = refusal(() => store.insertMessage(aMessage('m9')))
      expect(error).toMatchObject({ code: 'unavailable', remedy: expect.stringContaining('other process') })
      expect(refusal(() => store.transaction(() => 1)).code).toBe('unavailable')
      db.exec('ROLLBACK')
    })
    store.insertMessage(aMessage('m9'))
    store.close()
  })
})

test('no query the port names scans a table of messages, replies, output or usage', () => {
  makeStore()
  const plan = (sql: string): string => raw(db => JSON.stringify(db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all({})))
  const pending = 'consumed_at IS NULL AND dead_reason IS NULL'
  const queries = [
    'SELECT * FROM messages WHERE outcome_status IS NULL ORDER BY seq',
    "SELECT * FROM messages WHERE to_agent = 'a' AND outcome_status IS NULL ORDER BY seq",
    "SELECT * FROM messages WHERE caused_by = 'm' ORDER BY seq",
    `SELECT * FROM replies WHERE to_kind = 'agent' AND to_id = 'a' AND ${pending} ORDER BY seq`,
    "UPDATE replies SET consumed_at = 1 WHERE consumed_at IS NULL AND id IN (SELECT value FROM json_each('[]'))",
    "SELECT r.* FROM dead_letters d JOIN replies r ON r.id = d.id WHERE d.kind = 'reply' AND d.at >= 0 ORDER BY d.seq",
    "SELECT m.* FROM dead_letters d JOIN messages m ON m.id = d.id WHERE d.kind = 'message' AND d.id = 'm'",
    "DELETE FROM output WHERE agent_id IN (SELECT id FROM agents WHERE ended_at < 1)",
    "SELECT * FROM output WHERE agent_id = 'a' AND at >= 0 ORDER BY at DESC, seq DESC LIMIT 5",
    "SELECT sum(input_tokens) FROM usage WHERE agent_id = 'a'",
  ]
  for (const sql of queries) {
    const found = plan(sql)
    expect(found, sql).toMatch(/USING (COVERING )?INDEX|USING PRIMARY KEY/)
    expect(found, sql).not.toContain('TEMP B-TREE')
  }
})
