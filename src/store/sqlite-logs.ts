/** What is read of the past in SQLite: the audit, and what was said to and by an agent. */

import { z } from 'zod'
import type { Connection } from './database.ts'
import { auditRow, auditValues, messageRow, replyRow } from './rows.ts'
import { insertInto } from './statements.ts'
import { type Store, toSaid } from './store.ts'

type Logs = Pick<Store, 'appendAudit' | 'listAudit' | 'listSaid'>

const everything = { since: 0, until: Number.MAX_SAFE_INTEGER }
/** SQLite takes a negative limit for none. */
const bounded = (limit: number): number => Math.min(Math.max(0, limit), Number.MAX_SAFE_INTEGER)

export function createSqliteLogs(db: Connection): Logs {
  const audit = db.write(insertInto('audit', 'at, event, agent_id, owner_id, data'))
  const ownerOf = db.read('SELECT owner_id FROM agents WHERE id = @id', z.object({ owner_id: z.string() }))
  const listAudit = db.read(`SELECT * FROM audit WHERE at BETWEEN @since AND @until AND (@event IS NULL OR event = @event)
    AND (@agents IS NULL OR agent_id IN (SELECT value FROM json_each(@agents)))
    AND (@owner IS NULL OR owner_id = @owner OR (owner_id IS NULL AND agent_id IS NULL))
    ORDER BY at DESC, seq DESC LIMIT @limit`, auditRow)
  const newest = (column: string): string => `AND ${column} BETWEEN @since AND @until ORDER BY ${column} DESC, seq DESC LIMIT @limit`
  const parties = "(to_agent = @id OR (from_kind = 'agent' AND from_id = @id))"
  const sent = db.read(`SELECT * FROM messages WHERE ${parties} ${newest('accepted_at')}`, messageRow)
  const settled = db.read(`SELECT * FROM messages WHERE outcome_status IS NOT NULL AND ${parties} ${newest('outcome_at')}`, messageRow)
  const replied = db.read(`SELECT * FROM replies WHERE kind <> 'outcome' AND (from_agent = @id OR (to_kind = 'agent' AND to_id = @id)) ${newest('at')}`, replyRow)
  return {
    appendAudit: row => {
      const ownerId = row.ownerId ?? (row.agentId && ownerOf({ id: row.agentId })[0]?.owner_id)
      audit(auditValues(row, ownerId))
    },
    listAudit: ({ limit, event, agents, ownerId, since = everything.since, until = everything.until }) =>
      listAudit({ since, until, event: event ?? null, agents: agents ? JSON.stringify(agents) : null, owner: ownerId ?? null, limit: bounded(limit) }).toReversed(),
    listSaid: (id, { limit, since = everything.since, until = everything.until }) => {
      const values = { id, since, until, limit: bounded(limit) }
      return toSaid({ sent: sent(values).toReversed(), settled: settled(values).toReversed(), replied: replied(values).toReversed() }, limit)
    },
  }
}
