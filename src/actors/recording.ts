/**
 * A store that tells what went on record: after the outermost transaction, and nothing of what was undone. It changes no call. Whoever
 * listens is told once for each record, in order, and must return at once.
 */

import type { AgentId } from '../ids.ts'
import type { AgentPatch, AgentRow, AuditRow, Said, Store } from '../store/store.ts'
import { toMessage } from '../store/store.ts'

export type Recorded =
  | { readonly type: 'audited'; readonly row: AuditRow }
  | { readonly type: 'said'; readonly said: Said }
  | { readonly type: 'agentInserted'; readonly row: AgentRow }
  | { readonly type: 'agentUpdated'; readonly agentId: AgentId; readonly patch: AgentPatch }

export function tellRecords(store: Store, tell: (recorded: Recorded) => void): Store {
  const untold: Recorded[] = []
  let depth = 0
  const told = (recorded: Recorded): void => void (depth > 0 ? untold.push(recorded) : tell(recorded))
  return {
    ...store,
    transaction: work => {
      const from = untold.length
      depth += 1
      try {
        const result = store.transaction(work)
        if (depth === 1) for (const recorded of untold.splice(0)) tell(recorded)
        return result
      } catch (error) {
        untold.length = from
        throw error
      } finally {
        depth -= 1
      }
    },
    insertAgent: row => {
      store.insertAgent(row)
      told({ type: 'agentInserted', row })
    },
    updateAgent: (agentId, patch) => {
      store.updateAgent(agentId, patch)
      told({ type: 'agentUpdated', agentId, patch })
    },
    insertMessage: message => {
      store.insertMessage(message)
      told({ type: 'said', said: { kind: 'message', at: message.acceptedAt, message } })
    },
    settleMessage: (id, outcome) => {
      const fresh = store.settleMessage(id, outcome)
      const row = fresh ? store.getMessage(id) : undefined
      if (row) told({ type: 'said', said: { kind: 'outcome', at: outcome.at, message: toMessage(row), outcome } })
      return fresh
    },
    addReply: reply => {
      store.addReply(reply)
      if (reply.kind !== 'outcome') told({ type: 'said', said: { kind: 'reply', at: reply.at, reply } })
    },
    addDeadReply: (reply, reason, at) => {
      store.addDeadReply(reply, reason, at)
      if (reply.kind !== 'outcome') told({ type: 'said', said: { kind: 'reply', at: reply.at, reply } })
    },
    appendAudit: row => {
      store.appendAudit(row)
      told({ type: 'audited', row })
    },
  }
}
