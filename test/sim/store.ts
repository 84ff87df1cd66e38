/**
 * A store that fails as the world does: at any write the server may die, before it or after it, and for a while the disk may
 * take nothing. The record itself outlives the server; a server that has died can write no more.
 */

import { MadroxError } from '../../src/errors.ts'
import type { Store } from '../../src/store/store.ts'

/** What is to become of one write. */
export type Fate = 'done' | 'crash before' | 'crash after' | 'unavailable'

export interface StoreSurroundings {
  /** The record that outlives servers. */
  readonly durable: Store
  readonly fateOf: (write: string) => Fate
  readonly isAlive: () => boolean
  readonly crash: (where: string) => void
}

/** By the names the port gives them; everything else writes. */
const isRead = (name: string): boolean => /^(?:get|list|find|count|usage)[A-Z]/.test(name)

/** Unwinds what a dead server was doing. No code of the system knows it. */
class ServerDied extends Error {
  override readonly name = 'ServerDied'
}

export function createCrashingStore({ durable, fateOf, isAlive, crash }: StoreSurroundings): Store {
  const dieIfDead = (): void => {
    if (!isAlive()) throw new ServerDied('The server has died.')
  }
  const guarded = <T>(name: string, work: () => T): T => {
    dieIfDead()
    const fate = fateOf(name)
    if (fate === 'unavailable') throw new MadroxError('unavailable', 'The disk is full.')
    if (fate === 'crash before') crash(`before ${name}`)
    dieIfDead()
    const result = work()
    if (fate === 'crash after') crash(`after ${name}`)
    dieIfDead()
    return result
  }
  const writes = Object.entries(durable).filter(([name]) => !isRead(name))
  return {
    ...durable,
    ...Object.fromEntries(writes.map(([name, write]) => [name, (...args: unknown[]) => guarded(name, () => (write as (...args: unknown[]) => unknown)(...args))])), // each is called with its own arguments
    // A death inside leaves nothing of it: `work` throws, whoever caught that within, and the whole is undone.
    transaction: work => guarded('transaction', () => durable.transaction(() => {
      const result = work()
      dieIfDead()
      return result
    })),
    close: () => {},
  }
}
