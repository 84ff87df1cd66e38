/** Looking at a home's database without opening it as a store: nothing is migrated, and a server may be at work in it. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import { z } from 'zod'
import { schemaVersion } from './schema.ts'

export interface StoreSeen {
  readonly path: string
  /** Undefined: there is no database yet. */
  readonly version?: number
  /** The version this Madrox brings it to. */
  readonly known: number
}

const row = z.looseObject({ user_version: z.number() })

/** @throws Error as SQLite says, where the file is no database or cannot be read */
export function peekStore(home: string): StoreSeen {
  const path = join(home, 'madrox.db')
  if (!existsSync(path)) return { path, known: schemaVersion }
  const database = new Database(path, { timeout: 2_000 })
  try {
    return { path, version: row.parse(database.prepare('PRAGMA user_version').all({})[0]).user_version, known: schemaVersion }
  } finally {
    database.close()
  }
}
