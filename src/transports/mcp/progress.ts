/**
 * Keeps a waiting call alive. Claude Code gives up a call after 300 s without a sign of life; each progress notification
 * starts that anew. Without a progress token nobody listens, and nothing is sent.
 */

import type { Clock } from '../../clock.ts'
import { type Signs, startSigns } from '../signs.ts'
import type { CallExtra } from './extension.ts'

export function startProgress(extra: CallExtra, clock: Clock, everyMs: number): Signs {
  const progressToken = extra._meta?.progressToken
  if (progressToken === undefined) return { report() {}, stop() {} }
  let progress = 0
  return startSigns(clock, everyMs, message => {
    const notification = { method: 'notifications/progress' as const, params: { progressToken, progress: ++progress, message } }
    extra.sendNotification(notification).catch(() => {}) // rejected when the connection is gone, which ends the call by its own way
  })
}
