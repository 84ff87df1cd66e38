/**
 * Whether the store can be relied on. Every call the system makes of it is watched: the first that fails begins an outage, said
 * once in the log and shown to whoever asks, and a write of its own that succeeds ends it, said once again. It repeats nothing
 * else: what waits to be written is the ledger's.
 */

import type { Clock } from '../clock.ts'
import { MadroxError, toWireError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Store } from '../store/store.ts'
import { audit } from './auditing.ts'

/** `notes`: what does not work and hinders nobody. */
export type Health = { readonly notes?: readonly string[] } & (
  | { readonly status: 'ok' }
  /** Agents run on; what needs a write is refused, and what they do meanwhile is recorded when the store can write again. */
  | { readonly status: 'degraded'; readonly reason: string; readonly remedy?: string; readonly since: number }
)

interface Outage {
  readonly error: MadroxError
  readonly why: string
  readonly since: number
  /** The file is damaged: nothing more is written to it, and only a start with another one ends this. */
  readonly lasting: boolean
}

export interface StoreHealth {
  /** The same store, watched. */
  readonly store: Store
  read(): Health
  /**
   * For work that begins outside the store.
   * @throws MadroxError `unavailable` during an outage
   */
  requireWritable(): void
  /** Writes, to see whether it can be done: true when there is no outage, or no longer. */
  tryAgain(): boolean
  /** Called when an outage begins. */
  onOutage(listener: () => void): void
}

export function createStoreHealth(options: { readonly store: Store; readonly clock: Clock; readonly log: Log }): StoreHealth {
  const { clock, log } = options
  let outage: Outage | undefined
  let closed = false
  const listeners: (() => void)[] = []

  const failed = (error: MadroxError): void => {
    const lasting = error.data['lasting'] === true
    // The first cause stands, but for one that will not pass.
    if (closed || (outage && (outage.lasting || !lasting))) return
    const why = typeof error.data['why'] === 'string' ? error.data['why'] : error.message
    outage = { error, why, lasting, since: outage?.since ?? clock.now() }
    log.error(`The store cannot be used: ${why}. Agents run on; what needs a write is refused until ${lasting ? 'Madrox is started with a sound one' : 'it can write again'}.`, toWireError(error))
    for (const listener of listeners) listener()
  }
  const store = watch(options.store, {
    before: name => {
      if (name === 'close') closed = true
      if (outage?.lasting && !closed && !reads.test(name)) throw outage.error
    },
    failed,
  })
  const over = (ended: Outage): void => {
    outage = undefined
    log.info('The store can write again.', { afterMs: clock.now() - ended.since, reason: ended.why })
  }

  return {
    store,
    read: () => (outage ? { status: 'degraded', reason: `The store cannot be used: ${outage.why}.`, ...(outage.error.remedy ? { remedy: outage.error.remedy } : {}), since: outage.since } : { status: 'ok' }),
    requireWritable: () => {
      if (outage) throw new MadroxError('unavailable', `Nothing can be recorded now: ${outage.why}.`, { remedy: outage.error.remedy ?? 'Try again later.', data: outage.error.data })
    },
    tryAgain: () => {
      if (!outage || outage.lasting) return !outage
      const { since, why } = outage
      try {
        audit(store, { at: clock.now(), event: 'store_recovered', data: { since, reason: why } })
      } catch (error) {
        if (error instanceof MadroxError && error.code === 'unavailable') return false
        throw error
      }
      over(outage)
      return true
    },
    onOutage: listener => void listeners.push(listener),
  }
}

const reads = /^(get|list|find|count|usage)/

interface Watch {
  readonly before: (name: string) => void
  readonly failed: (error: MadroxError) => void
}

function watch(store: Store, { before, failed }: Watch): Store {
  const watched = Object.entries(store).map(([name, call]: [string, (...args: readonly unknown[]) => unknown]) => {
    const guarded = (...args: readonly unknown[]): unknown => {
      before(name)
      try {
        return call(...args)
      } catch (error) {
        if (error instanceof MadroxError && error.code === 'unavailable') failed(error)
        throw error
      }
    }
    return [name, guarded] as const
  })
  return Object.fromEntries(watched) as unknown as Store // the same calls by the same names
}
