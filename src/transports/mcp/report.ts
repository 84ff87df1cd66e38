/** For what the system is told when no caller is left to hear that it failed. */

import { wordsOf } from '../../errors.ts'
import type { Log } from '../../log.ts'

/** Tells; a failure (the store is full, or locked) is logged, because thrown from a socket's event it would end the server. */
export function report(log: Log, failure: string, tell: () => void): void {
  try {
    tell()
  } catch (error) {
    log.error(failure, { reason: wordsOf(error) })
  }
}
