/**
 * How long agents were busy, and how long at least one of them was. The record has the spans; what they come to is kept for those who asked
 * before, so that only what ended since is read: a long record is read once. Whatever is kept here can be made from the record again.
 */

import type { AgentId } from '../ids.ts'
import type { Store } from '../store/store.ts'
import { type Cover, createCover } from './measures.ts'

export interface TurnTimes {
  /** `scope`: whose agents these are; the same name for the same question. Milliseconds. */
  read(scope: string, agents: readonly AgentId[], now: number): { readonly sumMs: number; readonly unionMs: number }
}

interface Kept {
  readonly agents: ReadonlySet<AgentId>
  readonly cover: Cover
  readonly cursor: number
  readonly from: string
}

/** The scopes asked for last; teams that nobody asks for any more are let go. */
const mostKept = 32

export function createTurnTimes(store: Pick<Store, 'listBusySpans'>): TurnTimes {
  const kept = new Map<string, Kept>()
  /** The same agents, and others that were in no turn then. */
  const goesOn = ({ agents, cursor }: Kept, now: readonly AgentId[]): boolean => {
    const added = now.filter(id => !agents.has(id))
    return now.length - added.length === agents.size && (added.length === 0 || store.listBusySpans(added).ended.length === store.listBusySpans(added, cursor).ended.length)
  }
  return {
    read: (scope, agents, now) => {
      const before = kept.get(scope)
      const more = before && goesOn(before, agents) ? store.listBusySpans(agents, before.cursor) : undefined
      const isMore = before !== undefined && more?.from === before.from
      const spans = isMore ? more : store.listBusySpans(agents)
      const cover = isMore ? before.cover : createCover()
      for (const span of spans.ended) cover.add(span)
      kept.delete(scope)
      kept.set(scope, { agents: new Set(agents), cover, cursor: spans.cursor, from: spans.from })
      const [oldest] = kept.keys()
      if (kept.size > mostKept && oldest !== undefined) kept.delete(oldest)
      return cover.read(spans.running, now)
    },
  }
}
