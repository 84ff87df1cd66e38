/** Policies and approvals in memory. */

import type { ApprovalRow, PolicyRow, PolicyStore } from './policy-store.ts'
import { createTable, type Journal, type Table } from './tables.ts'

export function createMemoryPolicies(journal: Journal, approvals: Table<ApprovalRow>): PolicyStore {
  const policies = createTable<PolicyRow>(journal, 'policy')
  const idOf = (scope: string, key: string): string => JSON.stringify([scope, key])
  return {
    putPolicy: row => policies.put(idOf(row.scope, row.key), { ...row, value: row.value ?? null }),
    removePolicy: (scope, key) => void policies.remove(row => row.scope === scope && row.key === key),
    listPolicies: () => policies.list(),
    addApproval: row => approvals.insert(row.id, { ...row, request: row.request ?? null }),
    settleApproval: (id, settlement) => {
      const open = approvals.get(id)?.settled === undefined
      approvals.update(id, row => ({ ...row, settled: row.settled ?? settlement }))
      return open
    },
    listApprovals: ({ settled } = {}) => {
      if (settled === undefined) return approvals.list(row => row.settled === undefined)
      return settled > 0 ? approvals.list(row => row.settled !== undefined).slice(-settled) : []
    },
  }
}
