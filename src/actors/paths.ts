/** Where paths lead, by their words and by their links. What lies there is opened by `beneath.ts`. */

import { realpathSync } from 'node:fs'
import { isAbsolute, relative } from 'node:path'

/** Whether a path leads out of a directory, by its words: both are absolute and real. */
export function escapes(base: string, path: string): boolean {
  const way = relative(base, path)
  return way === '..' || way.startsWith('../') || isAbsolute(way)
}

/** Of a workspace, which is on record by its real path: a link is in its place, or in that of a directory above it. */
export function leadsElsewhere(path: string): boolean {
  try {
    return realpathSync(path) !== path
  } catch {
    return false // one that is gone, or cannot be reached, leads nowhere
  }
}
