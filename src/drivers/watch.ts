/** Tells when something in a directory may have changed: the file system's notice, and a slow look for when there is none. */

import { mkdirSync, watch } from 'node:fs'
import type { Clock } from '../clock.ts'

export interface Watch {
  /** Also look at this directory's files of that name. Creates the directory: there is nothing to watch otherwise. */
  add(dir: string, name: string): void
  /** Look at once, behind what is happening now. */
  soon(): void
  close(): void
}

/** Calls `look` after a change, never twice for one burst, and at least every `everyMs()`. */
export function createWatch(clock: Clock, everyMs: () => number, look: () => void): Watch {
  const watchers: { close(): void }[] = []
  let isScheduled = false
  let isClosed = false
  let timer: unknown
  const run = (): void => {
    isScheduled = false
    if (isClosed) return
    clock.clearTimeout(timer)
    timer = clock.setTimeout(soon, everyMs())
    look()
  }
  const soon = (): void => {
    if (isScheduled || isClosed) return
    isScheduled = true
    setImmediate(run)
  }
  timer = clock.setTimeout(soon, everyMs())
  return {
    soon,
    add(dir, name) {
      try {
        mkdirSync(dir, { recursive: true, mode: 0o700 })
        const watcher = watch(dir, (_event, changed) => {
          if (changed === null || changed === name) soon()
        })
        watcher.on('error', () => watcher.close()) // the directory went away: the slow look remains
        watchers.push(watcher)
      } catch {
        // No right to watch there, or the system's watches are used up: the slow look remains.
      }
    },
    close() {
      isClosed = true
      clock.clearTimeout(timer)
      for (const watcher of watchers) watcher.close()
    },
  }
}
