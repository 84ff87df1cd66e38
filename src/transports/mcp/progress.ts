/**
 * Keeps a waiting call alive. Claude Code gives up a call after 300 s without a sign of life; each progress notification
 * starts that anew. Without a progress token nobody listens, and nothing is sent.
 */

import type { Clock } from '../../clock.ts'
import type { CallExtra } from './extension.ts'

export interface Progress {
  report(message: string): void
  stop(): void
}

export function startProgress(extra: CallExtra, clock: Clock, everyMs: number): Progress {
  const progressToken = extra._meta?.progressToken
  if (progressToken === undefined) return { report() {}, stop() {} }
  const startedAt = clock.now()
  let progress = 0
  let stopped = false
  const report = (message: string): void => {
    if (stopped) return
    const notification = { method: 'notifications/progress' as const, params: { progressToken, progress: ++progress, message } }
    extra.sendNotification(notification).catch(() => {}) // rejected when the connection is gone, which ends the call by its own way
  }
  const tick = (): void => {
    report(`still waiting after ${Math.round((clock.now() - startedAt) / 1000)} s`)
    timer = clock.setTimeout(tick, everyMs)
  }
  let timer = clock.setTimeout(tick, everyMs)
  return {
    report,
    stop() {
      stopped = true
      clock.clearTimeout(timer)
    },
  }
}
