/**
 * Where messages stand in the store file, looked at from outside: to choose the moment of a kill, and to count afterwards what it
 * met. Evidence only; the verdict is the journal's.
 */

import { copyFileSync, existsSync, rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import Database from 'libsql'
import { z } from 'zod'

export const windows = ['accepted', 'delivered', 'seen', 'outcome'] as const
export type Window = (typeof windows)[number]
/** How many messages stand in each. `outcome`: on record, and not handed to the client. */
export type Spread = Readonly<Record<Window, number>>

const spreadSchema = z.object({ accepted: z.number(), delivered: z.number(), seen: z.number(), outcome: z.number() })

/** Which messages are looked at: those of agents of these harnesses, and of what was done since then, in milliseconds. */
export interface Scope {
  readonly harnesses: readonly string[]
  /** A message delivered by an earlier generation is in no window before it is delivered again. */
  readonly since: number
}

const spreadOf = `
WITH team AS (SELECT id FROM agents WHERE harness IN (SELECT value FROM json_each(:harnesses))),
  open AS (SELECT * FROM messages WHERE from_kind = 'client' AND outcome_status IS NULL AND to_agent IN team)
SELECT
  (SELECT count(*) FROM open WHERE delivered_at IS NULL AND seen_at IS NULL) AS accepted,
  (SELECT count(*) FROM open WHERE delivered_at >= :since AND seen_at IS NULL) AS delivered,
  (SELECT count(*) FROM open WHERE seen_at >= :since) AS seen,
  (SELECT count(*) FROM replies WHERE to_kind = 'client' AND kind = 'outcome' AND consumed_at IS NULL AND dead_reason IS NULL AND from_agent IN team) AS outcome`

const toValues = ({ harnesses, since }: Scope) => ({ harnesses: JSON.stringify(harnesses), since })

export interface Watch {
  spread(): Spread
  /** Resolves true when a message stands in the window, false when `isOver` says so first. */
  until(window: Window, isOver: () => boolean): Promise<boolean>
  close(): void
}

/** Over a second connection that can only read; WAL lets it look while the server writes. */
export function watchStore(path: string, scope: Scope): Watch {
  const db = new Database(path, { readonly: true, timeout: 2_000 })
  const statement = db.prepare(spreadOf)
  const spread = (): Spread => spreadSchema.parse(statement.get(toValues(scope)))
  return {
    spread,
    until: async (window, isOver) => {
      while (spread()[window] === 0) {
        if (isOver()) return false
        await delay(2)
      }
      return true
    },
    close: () => void db.close(),
  }
}

/** Of a store whose server is dead: from a copy, because whoever opens the file itself would tidy up what the next server is to find. */
export function readDeadStore(path: string, copy: string, scope: Scope): Spread {
  for (const suffix of ['', '-wal', '-shm']) rmSync(copy + suffix, { force: true }) // an earlier copy's log would be taken for this one's
  for (const suffix of ['', '-wal']) if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix)
  const db = new Database(copy)
  try {
    return spreadSchema.parse(db.prepare(spreadOf).get(toValues(scope)))
  } finally {
    db.close()
  }
}
