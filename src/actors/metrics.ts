/**
 * Metrics, out of the record and, for what agents are at now, out of their actors' snapshots. Nothing is counted beside the work: a number
 * that dies with the process would be a number of the process.
 */

import type { AgentId } from '../ids.ts'
import { type Caller, outcomeStatuses } from '../messages.ts'
import { healthOf } from './agent-health.ts'
import { agentActor, callerKey, canonicalClient, type Core, isBelow, isEnded, stateOf } from './core.ts'
import { isWithin, resolveAgent } from './directory.ts'
import { endingOf } from './measures.ts'
import { type Counts, endings, type Metrics, type MetricsReading, type MetricsScope } from './metrics-reading.ts'
import { statusOf } from './seeing.ts'
import { sumOf } from './spending.ts'
import { createTurnTimes } from './turn-times.ts'

export function createMetrics(core: Core): MetricsReading {
  const turnTimes = createTurnTimes(core.store)
  return {
    metrics: (caller, scope) => {
      const ids = idsOf(core, caller, scope)
      return { ...countsOf(core, ids), refused: refusedOf(core, caller, scope, ids), health: countHealth(core, ids), turns: turnTimes.read(scopeKey(core, caller, scope), ids, core.clock.now()) }
    },
    countsByHarness: caller => {
      const byHarness = new Map<string, AgentId[]>()
      for (const id of idsOf(core, caller, { of: 'all' })) {
        const harness = core.rows.get(id)?.harness ?? ''
        byHarness.set(harness, [...(byHarness.get(harness) ?? []), id])
      }
      return new Map([...byHarness].map(([harness, ids]) => [harness, countsOf(core, ids)]))
    },
  }
}

function idsOf(core: Core, caller: Caller, scope: MetricsScope): readonly AgentId[] {
  const visible = [...core.rows.values()].filter(row => isWithin(core, caller, row, 'see'))
  if (scope.of === 'instance') {
    const top = resolveAgent(core, caller, scope.reference, 'see')
    return visible.filter(row => row.id === top || isBelow(core, row.id, top)).map(row => row.id)
  }
  // What an agent may see is its own; an owner has no agents but its clients'.
  const own = scope.of === 'own' && caller.kind === 'client' ? canonicalClient(core, caller.clientId) : undefined
  return visible.filter(row => own === undefined || canonicalClient(core, row.clientId) === own).map(row => row.id)
}

/** Two calls with the same key ask about the same agents, and others that came since. */
const scopeKey = (core: Core, caller: Caller, scope: MetricsScope): string => `${callerKey(core, caller)} ${scope.of} ${scope.of === 'instance' ? scope.reference : ''}`

function countsOf(core: Core, ids: readonly AgentId[]): Counts {
  const { open = 0, ...settled } = core.store.countOutcomes(ids)
  const usages = ids.map(id => core.store.usageTotals(id))
  const total = (of: keyof (typeof usages)[number]): number => usages.reduce((sum, usage) => sum + usage[of], 0)
  return {
    agents: { created: ids.length, byState: tally(ids.flatMap(id => stateNow(core, id) ?? [])), endedBy: endedBy(core, ids) },
    messages: { open, byOutcome: zeroes(outcomeStatuses, settled) },
    answerTimes: core.store.listAnswerTimes(ids),
    usage: { inputTokens: total('inputTokens'), outputTokens: total('outputTokens'), cacheReadTokens: total('cacheReadTokens'), cacheCreationTokens: total('cacheCreationTokens') },
    spent: sumOf(ids.map(core.spending.own)),
    revivals: core.store.countRevivals(ids),
  }
}

function stateNow(core: Core, id: AgentId): string | undefined {
  const actor = agentActor(core, id)
  return actor && stateOf(actor.getSnapshot())
}

function endedBy(core: Core, ids: readonly AgentId[]): Counts['agents']['endedBy'] {
  const counts: Record<string, number> = {}
  for (const { reason, count } of core.store.countEnds(ids)) counts[endingOf(reason)] = (counts[endingOf(reason)] ?? 0) + count
  return zeroes(endings, counts)
}

/** Refused calls by their code. Those of clients belong to their owner, and to no scope but all of it. */
function refusedOf(core: Core, caller: Caller, scope: MetricsScope, agents: readonly AgentId[]): Metrics['refused'] {
  const whose = scope.of === 'all' && caller.kind !== 'agent' ? { ownerId: caller.ownerId } : { agents }
  return core.store.countRefusals(whose)
}

/** As `get_instance_status` has it. */
function countHealth(core: Core, ids: readonly AgentId[]): Metrics['health'] {
  const counts = { ok: 0, 'waiting for approval': 0, 'held at a limit': 0, 'held by a person': 0, stuck: 0, recovered: 0, ended: 0 }
  for (const id of ids) if (!isEnded(core, id)) counts[healthOf(statusOf(core, id))] += 1
  return counts
}

function tally(keys: readonly string[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  return Object.fromEntries(counts)
}

/** Each of the keys, also those of which there were none. */
const zeroes = <Key extends string>(keys: readonly Key[], counts: Readonly<Partial<Record<Key, number>>>): Readonly<Record<Key, number>> =>
  Object.fromEntries(keys.map(key => [key, counts[key] ?? 0])) as Record<Key, number> // one entry a key
