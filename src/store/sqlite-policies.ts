/** Policies and approvals in SQLite. */

import { z } from 'zod'
import type { Connection } from './database.ts'
import type { PolicyStore } from './policy-store.ts'
import { approvalRow, approvalValues, policyRow, policyValues, settlementValues } from './policy-rows.ts'
import { expectKnown, insertInto } from './statements.ts'

export function createSqlitePolicies(db: Connection): PolicyStore {
  const put = db.write(`${insertInto('policies', 'scope, key, value, set_by, reason, at')}
    ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value, set_by = excluded.set_by, reason = excluded.reason, at = excluded.at`)
  const remove = db.write('DELETE FROM policies WHERE scope = @scope AND key = @key')
  const policies = db.read('SELECT * FROM policies ORDER BY seq', policyRow)
  const add = db.write(insertInto('approvals', 'id, kind, owner_id, client_id, agent_id, request, asked_at, expires_at'))
  const settle = db.write(`UPDATE approvals SET decision = @decision, decided_by = @decided_by, decided_why = @decided_why, decided_at = @decided_at
    WHERE id = @id AND decision IS NULL`)
  const isKnown = db.read('SELECT count(*) AS count FROM approvals WHERE id = @id', z.object({ count: z.number() }))
  const open = db.read('SELECT * FROM approvals WHERE decision IS NULL ORDER BY seq', approvalRow)
  const settled = db.read('SELECT * FROM approvals WHERE decision IS NOT NULL ORDER BY seq DESC LIMIT @limit', approvalRow)
  return {
    putPolicy: row => void put(policyValues(row)),
    removePolicy: (scope, key) => void remove({ scope, key }),
    listPolicies: () => policies(),
    addApproval: row => void add(approvalValues(row)),
    settleApproval: (id, settlement) => {
      if (settle({ ...settlementValues(settlement), id }) > 0) return true
      expectKnown(isKnown({ id })[0]?.count ?? 0, 'approval', id)
      return false
    },
    listApprovals: options => (options?.settled === undefined ? open() : settled({ limit: Math.max(0, options.settled) }).toReversed()),
  }
}
