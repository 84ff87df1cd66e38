/** What is read of the past in memory: the audit, and what was said to and by an agent. */

import type { AgentId, OwnerId } from '../ids.ts'
import type { StoredReply } from './memory-letters.ts'
import { type AuditRow, type MessageRow, type Store, toSaid } from './store.ts'
import type { Table } from './tables.ts'

type Logs = Pick<Store, 'appendAudit' | 'listAudit' | 'listSaid'>

interface LogTables {
  readonly audit: Table<AuditRow>
  readonly messages: Table<MessageRow>
  readonly replies: Table<StoredReply>
  readonly ownerOf: (id: AgentId) => OwnerId | undefined
}

export function createMemoryLogs({ audit, messages, replies, ownerOf }: LogTables): Logs {
  let count = 0
  return {
    appendAudit: row => {
      const ownerId = row.ownerId ?? (row.agentId && ownerOf(row.agentId))
      audit.insert(String(++count), { ...row, ...(ownerId === undefined ? {} : { ownerId }) })
    },
    listAudit: ({ limit, event, agents, ownerId, since = 0, until = Number.MAX_SAFE_INTEGER }) =>
      newest(audit.list(row => row.at >= since && row.at <= until && (event === undefined || row.event === event)
        && (agents === undefined || (row.agentId !== undefined && agents.includes(row.agentId)))
        && (ownerId === undefined || row.ownerId === ownerId || (row.ownerId === undefined && row.agentId === undefined))), row => row.at, limit),
    listSaid: (id, { limit, since = 0, until = Number.MAX_SAFE_INTEGER }) => {
      const isWithin = (at: number): boolean => at >= since && at <= until
      const isParty = (row: MessageRow): boolean => row.to === id || (row.from.kind === 'agent' && row.from.id === id)
      const isSaid = ({ reply }: StoredReply): boolean => reply.kind !== 'outcome' && (reply.from === id || (reply.to.kind === 'agent' && reply.to.id === id)) && isWithin(reply.at)
      return toSaid({
        sent: newest(messages.list(row => isParty(row) && isWithin(row.acceptedAt)), row => row.acceptedAt, limit),
        settled: newest(messages.list(row => isParty(row) && row.outcome !== undefined && isWithin(row.outcome.at)), row => row.outcome?.at ?? 0, limit),
        replied: newest(replies.list(isSaid).map(({ reply }) => reply), reply => reply.at, limit),
      }, limit)
    },
  }
}

function newest<Row>(rows: readonly Row[], timeOf: (row: Row) => number, limit: number): readonly Row[] {
  const inOrder = rows.toSorted((a, b) => timeOf(a) - timeOf(b))
  return limit > 0 ? inOrder.slice(-limit) : []
}
