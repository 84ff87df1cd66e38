/** How long is kept what only grows: at start-up and once a day the store forgets what is older. What it forgets is the store's to say (`prune`). */

import { type AnyActorRef, fromCallback } from 'xstate'
import type { Clock } from '../clock.ts'
import { MadroxError } from '../errors.ts'
import type { Log } from '../log.ts'
import { hands } from '../machines/effects.ts'
import type { Store } from '../store/store.ts'

const dayMs = 86_400_000

export interface RetentionOptions {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  /** 0: everything is kept for ever. */
  readonly days: number
}

export const createRetention = ({ store, clock, log, days }: RetentionOptions) =>
  fromCallback<{ readonly type: 'sweepDue' }>(({ receive, system }) => {
    if (days === 0) return
    const sweep = (): void => {
      try {
        const count = store.prune(clock.now() - days * dayMs)
        if (count > 0) log.info(`forgot ${count} records of agents that ended, and of what was done, more than ${days} days ago`)
      } catch (error) {
        if (!(error instanceof MadroxError && error.code === 'unavailable')) throw error
        log.warn('what is older than it is to be kept could not be forgotten; it is tried again tomorrow', { reason: error.message })
      }
      const deadlines = system.get(hands.deadlines) as AnyActorRef // lives as long as the system
      deadlines.send({ type: 'setDeadline', key: 'retention', at: { afterMs: dayMs }, notify: hands.retention, event: { type: 'sweepDue' } })
    }
    receive(sweep)
    sweep()
  })
