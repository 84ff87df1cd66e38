/** Arithmetic of metrics. Pure. */

import type { BusySpan } from '../store/store.ts'
import type { Ending } from './metrics-reading.ts'

/** The middle one of ascending values, or the mean of the two in the middle. */
export function medianOf(ascending: readonly number[]): number | undefined {
  const middle = ascending.length / 2
  const [low, high] = [ascending[Math.ceil(middle) - 1], ascending[Math.floor(middle)]]
  return low === undefined || high === undefined ? undefined : (low + high) / 2
}

/** By the nearest rank: the smallest of ascending values that is not exceeded by that share of them. */
export const quantileOf = (ascending: readonly number[], share: number): number | undefined => ascending[Math.max(0, Math.ceil(share * ascending.length) - 1)]

/** Spans of time, together: what they come to, and what they cover, kept up as more of them are added. */
export interface Cover {
  add(span: BusySpan): void
  /** Their lengths added up, and the length of time at least one of them covers; beside them some that run from then until `now`. */
  read(running: readonly number[], now: number): { readonly sumMs: number; readonly unionMs: number }
}

export function createCover(): Cover {
  /** What is covered, ascending; no two of these touch. */
  const stretches: { since: number; until: number }[] = []
  let sumMs = 0
  let unionMs = 0
  /** The first stretch that ends at or after then. Most of what is asked for lies at the end. */
  const firstFrom = (at: number): number => {
    let [low, high] = [0, stretches.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((stretches[middle]?.until ?? 0) < at) low = middle + 1
      else high = middle
    }
    return low
  }
  return {
    add: ({ since, until }) => {
      if (until <= since) return // clocks step back
      sumMs += until - since
      const from = firstFrom(since)
      let to = from
      let whole = { since, until }
      for (let next = stretches[to]; next !== undefined && next.since <= until; next = stretches[++to]) {
        unionMs -= next.until - next.since
        whole = { since: Math.min(whole.since, next.since), until: Math.max(whole.until, next.until) }
      }
      stretches.splice(from, to - from, whole)
      unionMs += whole.until - whole.since
    },
    read: (running, now) => {
      const begun = running.filter(since => since < now)
      if (begun.length === 0) return { sumMs, unionMs }
      const earliest = Math.min(...begun)
      const covered = stretches.slice(firstFrom(earliest)).reduce((total, { since, until }) => total + Math.max(0, Math.min(until, now) - Math.max(since, earliest)), 0)
      return { sumMs: sumMs + begun.reduce((total, since) => total + now - since, 0), unionMs: unionMs + now - earliest - covered }
    },
  }
}

/** The beginnings of reasons as machines and hands give them. */
const beginnings: readonly (readonly [Ending, RegExp])[] = [
  ['shutdown', /^the server is shutting down/],
  ['with_supervisor', /^its supervisor (?:ended|has ended|was ending)/],
  ['asked', /^terminated (?:by|with) /],
  ['limit', /^limit reached/],
  ['not_started', /^(?:it did not start|its model was rejected|its CLI never listed)/],
  ['died', /^(?:its CLI process died|The CLI process of|The CLI process died|its actor failed|it failed|it is down|its sibling )/],
  ['not_recovered', /^(?:it was being ended when the server|there is no harness|its supervisor takes no more|the server that started it kept too little)/],
]

export const endingOf = (reason: string): Ending => beginnings.find(([, beginning]) => beginning.test(reason))?.[0] ?? 'other'
