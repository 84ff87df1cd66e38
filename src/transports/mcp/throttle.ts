/** Saying something no oftener than every so often, and never leaving the last time unsaid. */

import type { Clock } from '../../clock.ts'

export interface Throttle {
  /** There is something to say: at once where it was quiet, else when the time has passed; several become one. */
  ask(): void
  stop(): void
}

export function createThrottle(clock: Clock, everyMs: number, say: () => void): Throttle {
  let timer: unknown
  let saidAt = Number.NEGATIVE_INFINITY
  let stopped = false
  const speak = (): void => {
    timer = undefined
    saidAt = clock.now()
    say()
  }
  return {
    ask() {
      if (stopped) return
      timer ??= clock.setTimeout(speak, Math.max(0, saidAt + everyMs - clock.now()))
    },
    stop() {
      stopped = true
      clock.clearTimeout(timer)
    },
  }
}
