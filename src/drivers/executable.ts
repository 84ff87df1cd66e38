/** Where an executable is, found before anything is started: a PTY starts a child before it knows whether there is anything to run. */

import { accessSync, constants } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

/** The full path of an executable: a path as it is, a name looked up on `path`, in the form of PATH. */
export function findExecutable(name: string, path = ''): string | undefined {
  const candidates = isAbsolute(name) || name.includes('/') ? [name] : path.split(delimiter).map(dir => join(dir, name))
  return candidates.find(candidate => {
    try {
      accessSync(candidate, constants.X_OK)
      return true
    } catch {
      return false // absent or not executable: the next directory may have it
    }
  })
}
