/**
 * How long a turn may wait for the model without a word. Codex 0.169 limits a stream that falls silent
 * (`stream_idle_timeout_ms`), but not an API that takes a request and never begins to answer it.
 */

import type { Clock } from '../../clock.ts'

/** Codex's own limit for a stream. */
export const defaultSilenceMs = 300_000

export interface Silence {
  /** A word was heard. `waiting`: from now on the model owes the next one. */
  heard(waiting: boolean): void
}

export function watchSilence(clock: Clock, limitMs: number, onSilence: () => void): Silence {
  let timer: unknown
  return {
    heard(waiting) {
      if (timer !== undefined) clock.clearTimeout(timer)
      timer = waiting ? clock.setTimeout(onSilence, limitMs) : undefined
    },
  }
}
