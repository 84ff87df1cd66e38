/** Signs of life of a waiting call: what the tool says, and when it is silent, that the wait goes on and what for. */

import type { Clock } from '../clock.ts'

export interface Signs {
  /** The tool says what is waited for now. */
  report(message: string): void
  stop(): void
}

/** @param everyMs between two signs of the wait's own, whatever the tool says meanwhile */
export function startSigns(clock: Clock, everyMs: number, say: (message: string) => void): Signs {
  const startedAt = clock.now()
  let stopped = false
  let waitingFor = ''
  const tick = (): void => {
    say(`still waiting after ${Math.round((clock.now() - startedAt) / 1000)} s${waitingFor === '' ? '' : `: ${waitingFor}`}`)
    timer = clock.setTimeout(tick, everyMs)
  }
  let timer = clock.setTimeout(tick, everyMs)
  return {
    report(message) {
      if (stopped) return
      waitingFor = message
      say(message)
    },
    stop() {
      stopped = true
      clock.clearTimeout(timer)
    },
  }
}
