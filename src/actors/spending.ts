/**
 * What agents have used: their own, and with all below them, ended ones included. The store has the truth; the sums here are
 * made from it when first asked for and kept up call by call, so that a restarted server counts on from the record.
 */

import type { AgentId } from '../ids.ts'
import type { Prices } from '../prices.ts'
import type { AgentRow, Store, UsageRow } from '../store/store.ts'

/** `cli`: what the CLI itself says, which goes before tokens times the price table. */
export type CostSource = 'cli' | 'price_table'

export interface Spent {
  /** Input, output and cache creation: what limits count. Cache reads are left out. */
  readonly tokens: number
  /** USD, of the calls whose price is known. */
  readonly knownCost: number
  /** Models that were called and have no known price. */
  readonly unknownModels: readonly string[]
  /** Where what is known comes from. */
  readonly costSources: readonly CostSource[]
}

export interface Spending {
  own(id: AgentId): Spent
  /** The agent's own and that of all below it. */
  subtree(id: AgentId): Spent
  /** One more call is on record. */
  count(call: UsageRow): void
  /** What is on record of this agent's calls has changed. */
  recount(id: AgentId): void
}

const nothing: Spent = { tokens: 0, knownCost: 0, unknownModels: [], costSources: [] }

const distinct = <T>(a: readonly T[], b: readonly T[]): readonly T[] => [...new Set([...a, ...b])]
const sum = (a: Spent, b: Spent): Spent => ({ tokens: a.tokens + b.tokens, knownCost: a.knownCost + b.knownCost, unknownModels: distinct(a.unknownModels, b.unknownModels), costSources: distinct(a.costSources, b.costSources).toSorted() })
export const sumOf = (all: readonly Spent[]): Spent => all.reduce(sum, nothing)

/** USD; undefined where a part of it is not known. */
export const costOf = ({ knownCost, unknownModels }: Spent): number | undefined => (unknownModels.length > 0 ? undefined : knownCost)

interface SpendingOptions {
  readonly store: Pick<Store, 'usageByModel'>
  readonly prices: Prices
  readonly rows: ReadonlyMap<AgentId, AgentRow>
}

export function createSpending({ store, prices, rows }: SpendingOptions): Spending {
  const owns = new Map<AgentId, Spent>()
  const subtrees = new Map<AgentId, Spent>()
  const toSpent = (usage: Omit<UsageRow, 'agentId' | 'unitId' | 'at'>, promptOver: number): Spent => {
    const cost = usage.costUsd ?? prices.costOf(usage, usage.model, promptOver)
    return {
      tokens: usage.inputTokens + usage.outputTokens + usage.cacheCreationTokens, knownCost: cost ?? 0,
      unknownModels: cost === undefined ? [usage.model] : [], costSources: usage.costUsd !== undefined ? ['cli'] : cost === undefined ? [] : ['price_table'],
    }
  }
  const own = (id: AgentId): Spent => remember(owns, id, () => sumOf(store.usageByModel(id, prices.promptSizes).map(usage => toSpent(usage, usage.promptOver))))
  const childrenOf = (id: AgentId): AgentId[] => [...rows.values()].flatMap(row => (row.parent.kind === 'agent' && row.parent.id === id ? [row.id] : []))
  const subtree = (id: AgentId): Spent => remember(subtrees, id, () => sumOf([own(id), ...childrenOf(id).map(subtree)]))
  const lineOf = (id: AgentId): AgentId[] => {
    const row = rows.get(id)
    return row ? [row.id, ...(row.parent.kind === 'agent' ? lineOf(row.parent.id) : [])] : []
  }
  return {
    own,
    subtree,
    recount: id => {
      owns.delete(id)
      for (const each of lineOf(id)) subtrees.delete(each)
    },
    count: call => {
      const more = toSpent(call, prices.promptOver(call))
      // What nobody has asked for yet is summed from the record when somebody does.
      const add = (sums: Map<AgentId, Spent>, id: AgentId): void => {
        const before = sums.get(id)
        if (before) sums.set(id, sum(before, more))
      }
      add(owns, call.agentId)
      for (const id of lineOf(call.agentId)) add(subtrees, id)
    },
  }
}

function remember(sums: Map<AgentId, Spent>, id: AgentId, make: () => Spent): Spent {
  const known = sums.get(id) ?? make()
  sums.set(id, known)
  return known
}
