import type { Clock } from '../clock.ts'

/** A clock whose timers end with the session: `stop` clears those still running. */
export function createSessionClock(clock: Clock): Clock & { stop(): void } {
  const timers = new Set<unknown>()
  return {
    now: () => clock.now(),
    setTimeout(callback, delayMs) {
      const timer: unknown = clock.setTimeout(() => {
        timers.delete(timer)
        callback()
      }, delayMs)
      timers.add(timer)
      return timer
    },
    clearTimeout(timer) {
      timers.delete(timer)
      clock.clearTimeout(timer)
    },
    stop() {
      for (const timer of timers) clock.clearTimeout(timer)
      timers.clear()
    },
  }
}
