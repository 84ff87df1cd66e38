/** What a server that was killed left in a directory of a driver's own. */

import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../log.ts'

/**
 * Empties a directory. Meant for the moment a driver is made: one home has one server, and that has not started anything yet.
 * Whatever cannot be removed is logged, and is no reason not to start. `before` sees each path first, for what it refers to.
 */
export function clearLeftovers(dir: string, log: Log, before: (path: string) => void = () => {}): void {
  for (const name of namesIn(dir)) {
    const path = join(dir, name)
    try {
      before(path)
      rmSync(path, { recursive: true, force: true })
    } catch (error) {
      log.warn('What an earlier server left could not be removed.', { path, error: String(error) })
    }
  }
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch {
    return [] // never made, or not to be read: nothing of ours to find
  }
}
