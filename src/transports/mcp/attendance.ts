/**
 * Whether anybody is at the other end of a session. Streamable HTTP has no connection that could close: Claude Code ends
 * without a DELETE. What tells is its GET stream, which a living client reopens at once; a client that never held one is
 * given far longer, and every request counts.
 */

import type { Clock } from '../../clock.ts'

export interface AttendanceOptions {
  readonly clock: Clock
  /** After a lost GET stream, with nothing open since: the client counts as gone. */
  readonly goneAfterMs: number
  /** With nothing open at all: the session ends. */
  readonly idleAfterMs: number
  readonly onGone: () => void
  readonly onIdle: () => void
}

export interface Attendance {
  /** Something is open; call what is returned when it closes. */
  enter(kind: 'request' | 'stream'): () => void
  stop(): void
}

export function createAttendance({ clock, goneAfterMs, idleAfterMs, onGone, onIdle }: AttendanceOptions): Attendance {
  let open = 0
  let lostStream = false
  let timers: unknown[] = []
  const clear = (): void => {
    for (const timer of timers) clock.clearTimeout(timer)
    timers = []
  }
  const wait = (): void => {
    timers = [clock.setTimeout(onIdle, idleAfterMs), ...(lostStream ? [clock.setTimeout(onGone, goneAfterMs)] : [])]
  }
  wait()
  return {
    enter(kind) {
      open++
      clear()
      if (kind === 'stream') lostStream = false
      return () => {
        open--
        if (kind === 'stream') lostStream = true
        if (open === 0) wait()
      }
    },
    stop() {
      open = Number.POSITIVE_INFINITY // what closes later starts no timer
      clear()
    },
  }
}
