/**
 * Simulated time. Whatever is to happen stands here under its time; one step does the earliest of it, and nothing moves between
 * steps. A server's timers die with it; the world's stay.
 */

import type { Clock } from '../../src/clock.ts'

interface Entry {
  readonly at: number
  readonly order: number
  readonly act: () => void
}

export interface Agenda {
  now(): number
  after(delayMs: number, act: () => void): void
  /** The clock of one server: its timers no longer fire once `isAlive` says no. */
  clockFor(isAlive: () => boolean): Clock
  /** Does what is next; false when nothing is left. */
  step(): boolean
  /** How much is left to happen. */
  size(): number
}

export function createAgenda(startAt: number): Agenda {
  let now = startAt
  let order = 0
  const entries = new Map<number, Entry>()
  const add = (delayMs: number, act: () => void): number => {
    order += 1
    entries.set(order, { at: now + Math.max(0, delayMs), order, act })
    return order
  }
  const next = (): Entry | undefined => {
    let first: Entry | undefined
    for (const entry of entries.values()) if (!first || entry.at < first.at) first = entry
    return first
  }
  return {
    now: () => now,
    after: (delayMs, act) => void add(delayMs, act),
    clockFor: isAlive => ({
      now: () => now,
      setTimeout: (callback, delayMs) => add(delayMs, () => isAlive() && callback()),
      clearTimeout: timer => void entries.delete(timer as number), // our own handle, from setTimeout above
    }),
    step: () => {
      const entry = next()
      if (!entry) return false
      entries.delete(entry.order)
      now = entry.at
      entry.act()
      return true
    },
    size: () => entries.size,
  }
}
