/** Time as an argument. The shape is XState's clock plus `now`, so that one object drives actors, deadlines and records. */

export interface Clock {
  /** Milliseconds since the epoch, UTC. Deadlines are stored in this form. */
  now(): number
  setTimeout(callback: () => void, delayMs: number): unknown
  clearTimeout(timer: unknown): void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: timer => clearTimeout(timer as NodeJS.Timeout), // XState hands back what setTimeout gave it
}

export interface SimulatedClock extends Clock {
  /** Runs, in order of their time, the timers due within `byMs`, and ends at that time. */
  advance(byMs: number): void
}

/** A clock that stands still until it is advanced. */
export function createSimulatedClock(startAt = 0): SimulatedClock {
  let now = startAt
  let order = 0
  const timers = new Map<number, { at: number; callback: () => void }>()
  const nextDue = (until: number): [number, { at: number; callback: () => void }] | undefined => {
    let due: [number, { at: number; callback: () => void }] | undefined
    for (const entry of timers) if (entry[1].at <= until && (!due || entry[1].at < due[1].at)) due = entry
    return due
  }
  return {
    now: () => now,
    setTimeout: (callback, delayMs) => {
      timers.set(++order, { at: now + Math.max(0, delayMs), callback })
      return order
    },
    clearTimeout: timer => void timers.delete(timer as number), // our own handle, see above
    advance: byMs => {
      const until = now + byMs
      for (let due = nextDue(until); due; due = nextDue(until)) {
        timers.delete(due[0])
        now = due[1].at
        due[1].callback()
      }
      now = until
    },
  }
}
