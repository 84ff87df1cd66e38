/**
 * The store in memory: for embedding without a disk, for tests and for simulation. Same answers as SQLite's, same refusals, same
 * transactions; it ends with the process. What goes in is copied as the plain data it would be on disk.
 */

import { MadroxError } from '../errors.ts'
import type { AgentId } from '../ids.ts'
import { sameAddress, type Address } from '../messages.ts'
import { createMemoryJobs } from './memory-jobs.ts'
import { createMemoryLetters, type StoredReply } from './memory-letters.ts'
import { createMemoryPolicies } from './memory-policies.ts'
import type { ApprovalRow } from './policy-store.ts'
import { createMemoryLogs } from './memory-logs.ts'
import { createJournal, createTable, type Journal, type Table } from './tables.ts'
import type { AgentRow, AuditRow, ClientRow, MessageRow, ModelUsage, OutputRow, Store, UsageRow, UsageTotals } from './store.ts'

/** A store that forgets everything when it is closed. */
export function createMemoryStore(): Store {
  const journal = createJournal()
  const agents = createTable<AgentRow>(journal, 'agent')
  const messageTable = createTable<MessageRow>(journal, 'message')
  const replyTable = createTable<StoredReply>(journal, 'reply')
  const callTable = createTable<StoredCall>(journal, 'call')
  const output = createTable<OutputRow>(journal, 'output')
  const audit = createTable<AuditRow>(journal, 'audit')
  const approvals = createTable<ApprovalRow>(journal, 'approval')
  const knowAgent = (id: AgentId, what: string): void => {
    if (!agents.get(id)) throw new MadroxError('internal', `The store has no agent ${id} for this ${what}.`, { data: { id } })
  }
  return {
    transaction: journal.transaction,
    close: journal.close,
    insertAgent: row => agents.insert(row.id, { ...row, spec: row.spec ?? null }),
    updateAgent: (id, patch) => agents.update(id, row => ({ ...row, ...patch })),
    getAgent: id => agents.get(id),
    listAgents: () => agents.list(),
    ...clients(journal),
    ...messages(messageTable, knowAgent),
    ...replies(journal, replyTable),
    ...createMemoryJobs(journal, knowAgent),
    ...createMemoryLetters(journal, messageTable, replyTable),
    ...createMemoryPolicies(journal, approvals),
    ...turns(journal, knowAgent),
    ...calls(callTable),
    ...createMemoryLogs({ audit, messages: messageTable, replies: replyTable, ownerOf: id => agents.get(id)?.ownerId }),
    ...records(journal, output, knowAgent),
    prune: before => journal.transaction(() => {
      const isGone = (id: AgentId): boolean => (agents.get(id)?.endedAt ?? before) < before
      return [
        output.remove(row => isGone(row.agentId)),
        replyTable.remove(({ reply, consumedAt, deadReason }) => consumedAt !== undefined && consumedAt < before && deadReason === undefined && isGone(reply.from)),
        callTable.remove(({ at, agentId }) => at < before && (agentId === undefined || isGone(agentId))),
        audit.remove(({ at }) => at < before),
        approvals.remove(({ settled }) => settled !== undefined && settled.at < before),
      ].reduce((total, count) => total + count)
    }),
  }
}

interface StoredCall {
  readonly result: unknown
  readonly at: number
  readonly agentId?: AgentId
}

type Part<Names extends keyof Store> = Pick<Store, Names>
type KnowAgent = (id: AgentId, what: string) => void

function clients(journal: Journal): Part<'saveClient' | 'getClient' | 'listClients'> {
  const table = createTable<ClientRow>(journal, 'client')
  return {
    saveClient: row => table.put(row.id, row),
    getClient: id => table.get(id),
    listClients: () => table.list(),
  }
}

function messages(
  table: Table<MessageRow>,
  knowAgent: KnowAgent,
): Part<'insertMessage' | 'getMessage' | 'markHanded' | 'markDelivered' | 'markSeen' | 'markRested' | 'settleMessage' | 'listOpenMessages' | 'countMessages' | 'listCausedBy'> {
  return {
    insertMessage: message => {
      knowAgent(message.to, 'message')
      table.insert(message.id, { ...message, deliveries: 0 })
    },
    getMessage: id => table.get(id),
    markHanded: (id, at) => table.update(id, row => ({ ...row, handedAt: at })),
    markDelivered: (id, at) => table.update(id, row => ({ ...row, deliveredAt: at, deliveries: row.deliveries + 1 })),
    markSeen: (id, at) => table.update(id, row => ({ ...row, seenAt: row.seenAt ?? at, rested: undefined })),
    markRested: (id, rested) => table.update(id, row => ({ ...row, rested })),
    settleMessage: (id, outcome) => {
      const fresh = table.get(id)?.outcome === undefined
      table.update(id, row => ({ ...row, outcome: row.outcome ?? outcome }))
      return fresh
    },
    listOpenMessages: to => table.list(row => row.outcome === undefined && (to === undefined || row.to === to)),
    countMessages: to => {
      const all = table.list(row => row.to === to)
      return { accepted: all.length, worked: all.filter(row => row.seenAt !== undefined && (row.outcome ?? row.rested) !== undefined).length }
    },
    listCausedBy: subject => table.list(row => row.causedBy === subject),
  }
}

function replies(journal: Journal, table: Table<StoredReply>): Part<'addReply' | 'listReplies' | 'countReplies' | 'consumeReplies' | 'redirectReplies'> {
  const pending = (to: Address): readonly StoredReply[] =>
    table.list(each => each.consumedAt === undefined && each.deadReason === undefined && sameAddress(each.reply.to, to))
  return {
    addReply: reply => table.insert(reply.id, { reply }),
    listReplies: to => pending(to).map(each => each.reply),
    countReplies: to => pending(to).length,
    consumeReplies: (ids, at) => journal.transaction(() => {
      for (const id of ids) if (table.get(id)) table.update(id, each => ({ ...each, consumedAt: each.consumedAt ?? at }))
    }),
    redirectReplies: (from, to) => journal.transaction(() => {
      const moved = pending(from)
      for (const { reply } of moved) table.update(reply.id, each => ({ ...each, reply: { ...reply, to, subject: undefined } }))
      return moved.length
    }),
  }
}

function turns(journal: Journal, knowAgent: KnowAgent): Part<'beginTurn' | 'completeTurn' | 'countUnfinishedTurns'> {
  const table = createTable<{ readonly agentId: AgentId; readonly turnId: string; readonly completed: boolean }>(journal, 'turn')
  const unfinished = (agentId: AgentId) => table.list(turn => turn.agentId === agentId && !turn.completed)
  const idOf = (agentId: AgentId, turnId: string): string => JSON.stringify([agentId, turnId])
  return {
    beginTurn: (agentId, turnId) => {
      knowAgent(agentId, 'turn')
      if (!table.get(idOf(agentId, turnId))) table.insert(idOf(agentId, turnId), { agentId, turnId, completed: false })
    },
    completeTurn: (agentId, given) => {
      const id = idOf(agentId, given ?? unfinished(agentId).at(-1)?.turnId ?? '')
      if (table.get(id)) table.update(id, turn => ({ ...turn, completed: true }))
    },
    countUnfinishedTurns: agentId => unfinished(agentId).length,
  }
}

function calls(table: Table<StoredCall>): Part<'findCall' | 'recordCall'> {
  const keyOf = (caller: string, key: string): string => JSON.stringify([caller, key])
  return {
    findCall: (caller, key) => table.get(keyOf(caller, key))?.result,
    recordCall: (caller, key, result, at, agentId) => {
      const id = keyOf(caller, key)
      if (!table.get(id)) table.insert(id, { result: result ?? null, at, ...(agentId ? { agentId } : {}) })
    },
  }
}

const sumOf = (rows: readonly UsageTotals[]): UsageTotals => {
  const sum = (of: keyof UsageTotals): number => rows.reduce((total, row) => total + row[of], 0)
  return { inputTokens: sum('inputTokens'), outputTokens: sum('outputTokens'), cacheReadTokens: sum('cacheReadTokens'), cacheCreationTokens: sum('cacheCreationTokens') }
}

function groupByModel(rows: readonly UsageRow[], promptSizes: readonly number[]): readonly ModelUsage[] {
  const promptOver = (row: UsageRow): number => Math.max(0, ...promptSizes.filter(size => size < row.inputTokens + row.cacheReadTokens + row.cacheCreationTokens))
  const groups = new Map<string, UsageRow[]>()
  for (const row of rows) {
    const key = JSON.stringify([row.model, promptOver(row), row.costUsd !== undefined])
    groups.set(key, [...(groups.get(key) ?? []), row])
  }
  const toCost = (group: readonly UsageRow[]): { costUsd?: number } => (group[0]?.costUsd === undefined ? {} : { costUsd: group.reduce((total, row) => total + (row.costUsd ?? 0), 0) })
  return [...groups.values()]
    .flatMap((group): ModelUsage[] => (group[0] ? [{ model: group[0].model, promptOver: promptOver(group[0]), ...sumOf(group), ...toCost(group) }] : []))
    .toSorted((a, b) => (a.model !== b.model ? (a.model < b.model ? -1 : 1) : a.promptOver - b.promptOver || Number(a.costUsd !== undefined) - Number(b.costUsd !== undefined)))
}

function records(journal: Journal, output: Table<OutputRow>, knowAgent: KnowAgent): Part<'addUsage' | 'tellCost' | 'usageTotals' | 'usageByModel' | 'appendOutput' | 'listOutput'> {
  const usage = createTable<UsageRow>(journal, 'usage')
  let count = 0
  return {
    addUsage: row => {
      knowAgent(row.agentId, 'usage')
      const id = JSON.stringify([row.agentId, row.unitId])
      if (usage.get(id)) return false
      usage.insert(id, row)
      return true
    },
    tellCost(agentId, unitId, costUsd) {
      const id = JSON.stringify([agentId, unitId])
      const row = usage.get(id)
      if (!row || row.costUsd !== undefined) return false
      usage.update(id, each => ({ ...each, costUsd }))
      return true
    },
    usageTotals: (agentId, { since, until } = { since: 0, until: Number.MAX_SAFE_INTEGER }) => sumOf(usage.list(row => row.agentId === agentId && row.at >= since && row.at <= until)),
    usageByModel: (agentId, promptSizes) => groupByModel(usage.list(row => row.agentId === agentId), promptSizes),
    appendOutput: row => {
      knowAgent(row.agentId, 'output')
      output.insert(String(++count), row)
    },
    listOutput: (agentId, { limit, since = 0 }) => {
      const rows = output.list(row => row.agentId === agentId && row.at >= since).toSorted((a, b) => a.at - b.at)
      return limit > 0 ? rows.slice(-limit) : []
    },
  }
}
