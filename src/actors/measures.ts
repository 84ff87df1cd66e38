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

/** The lengths of spans added up, and the length of time that at least one of them covers; what still runs, runs until `now`. */
export function coverOf(spans: readonly BusySpan[], now: number): { readonly sumMs: number; readonly unionMs: number } {
  let sumMs = 0
  let unionMs = 0
  let covered = Number.NEGATIVE_INFINITY
  for (const { since, until = now } of spans.toSorted((a, b) => a.since - b.since)) {
    // Clocks step back.
    sumMs += Math.max(0, until - since)
    unionMs += Math.max(0, until - Math.max(since, covered))
    covered = Math.max(covered, until)
  }
  return { sumMs, unionMs }
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
