/** What is counted in memory. */

import type { AgentId } from '../ids.ts'
import type { BusySpan, Measuring } from './measuring.ts'
import type { AgentRow, AuditRow, MessageRow } from './store.ts'
import type { Table } from './tables.ts'

interface MeasuredTables {
  readonly agents: Table<AgentRow>
  readonly messages: Table<MessageRow>
  readonly audit: Table<AuditRow>
}

export function createMemoryMeasuring({ agents, messages, audit }: MeasuredTables): Measuring {
  return {
    countEnds: ids => [...tally(agents.list(row => row.endedAt !== undefined && ids.includes(row.id)).map(row => row.endReason ?? ''))].map(([reason, count]) => ({ reason, count })),
    countOutcomes: ids => Object.fromEntries(tally(messages.list(row => ids.includes(row.to)).map(row => row.outcome?.status ?? 'open'))),
    listAnswerTimes: ids => messages.list(row => ids.includes(row.to)).flatMap(({ outcome, acceptedAt }) => (outcome?.status === 'answered' ? [outcome.at - acceptedAt] : [])).toSorted((a, b) => a - b),
    listBusySpans: ids => ids.flatMap(id => busySpans(audit, id)).toSorted((a, b) => a.since - b.since),
    countRevivals: ids => ids.flatMap(id => lifeOf(audit, id)).filter(({ state, source }) => state === 'spawning' && source !== 'command').length,
  }
}

/** Its entries into states, and its end. What became known of a process has no source. */
const lifeOf = (audit: Table<AuditRow>, id: AgentId) =>
  audit.list(row => row.agentId === id && (row.event === 'agent_ended' || (row.event === 'agent_changed' && row.data['source'] !== undefined)))
    .map(({ at, event, data }) => (event === 'agent_ended' ? { at, state: 'ended', source: '' } : { at, state: data['state'], source: data['source'] }))

function busySpans(audit: Table<AuditRow>, id: AgentId): readonly BusySpan[] {
  const life = lifeOf(audit, id)
  return life.flatMap(({ at, state }, index) => {
    const next = life[index + 1]
    if (state !== 'busy' || next?.state === 'ended' || (next?.state === 'spawning' && next.source === 'command')) return []
    return [next ? { since: at, until: next.at } : { since: at }]
  })
}

function tally<Key>(keys: readonly Key[]): ReadonlyMap<Key, number> {
  const counts = new Map<Key, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}
