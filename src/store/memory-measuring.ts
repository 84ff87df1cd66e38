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
    listBusySpans: (ids, after = 0) => {
      const spans = busySpans(audit, ids)
      const ended = spans.flatMap(({ since, until, endedAfter }) => (until === undefined || endedAfter === undefined ? [] : [{ since, until, endedAfter }])).toSorted((a, b) => a.endedAfter - b.endedAfter)
      return {
        ended: ended.filter(({ endedAfter }) => endedAfter > after).map(({ since, until }) => ({ since, until })), running: spans.flatMap(({ since, until }) => (until === undefined ? [since] : [])).toSorted((a, b) => a - b),
        cursor: audit.list().length, from: String(audit.list()[0]?.at),
      }
    },
    countRevivals: ids => ids.flatMap(id => lifeOf(audit, id)).filter(({ state, source }) => state === 'spawning' && source !== 'command').length,
    countRefusals: whose => Object.fromEntries(tally(audit.list(row => row.event === 'call_refused' && isOf(row, whose)).map(({ data }) => String(data['code'])))),
  }
}

const isOf = ({ agentId, ownerId }: AuditRow, whose: Parameters<Measuring['countRefusals']>[0]): boolean =>
  'agents' in whose ? agentId !== undefined && whose.agents.includes(agentId) : ownerId === whose.ownerId || (ownerId === undefined && agentId === undefined)

/** Its entries into states, and its end, each with its place in the audit. What became known of a process has no source. */
const lifeOf = (audit: Table<AuditRow>, id: AgentId) =>
  audit.list().flatMap(({ at, event, agentId, data }, index) => {
    if (agentId !== id) return []
    if (event === 'agent_ended') return [{ at, place: index + 1, state: 'ended', source: '' }]
    return event === 'agent_changed' && data['source'] !== undefined ? [{ at, place: index + 1, state: data['state'], source: data['source'] }] : []
  })

function busySpans(audit: Table<AuditRow>, ids: readonly AgentId[]): readonly (Partial<BusySpan> & { readonly since: number; readonly endedAfter?: number })[] {
  return ids.flatMap(id => {
    const life = lifeOf(audit, id)
    return life.flatMap(({ at, state }, index) => {
      const next = life[index + 1]
      if (state !== 'busy' || next?.state === 'ended' || (next?.state === 'spawning' && next.source === 'command')) return []
      return [next ? { since: at, until: next.at, endedAfter: next.place } : { since: at }]
    })
  })
}

function tally<Key>(keys: readonly Key[]): ReadonlyMap<Key, number> {
  const counts = new Map<Key, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}
