/**
 * The log of a server that somebody started in the background: its stderr is a file of the home, which would grow for ever. Rotated as
 * exported logs are, but by copying: what a process has as its stderr cannot be moved from under it, and what Node itself says as it
 * dies goes there as well. Nobody else writes to it, so nothing is lost in between.
 */

import { constants, copyFileSync, existsSync, fstatSync, ftruncateSync, renameSync, rmSync, type Stats, statSync } from 'node:fs'
import type { Log } from '../log.ts'
import type { Rotation } from '../logs/appending.ts'

export const ownLogName = 'server.log'

const stderr = 2

/** The log, which keeps its file small if stderr is that file, opened to be appended to; else the log as it is. */
export function keptSmall(log: Log, path: string, { maxBytes, files }: Rotation = { maxBytes: 5 * 1024 * 1024, files: 3 }): Log {
  if (!isSame(path)) return log
  const rotate = (): void => {
    const oldest = `${path}.${files - 1}`
    rmSync(oldest, { force: true })
    for (let age = files - 2; age > 0; age--) if (existsSync(`${path}.${age}`)) renameSync(`${path}.${age}`, `${path}.${age + 1}`)
    if (files > 1) copyFileSync(path, `${path}.1`, constants.COPYFILE_EXCL)
    ftruncateSync(stderr)
  }
  const tell = (name: keyof Log) => (message: string, data?: object): void => {
    log[name](message, data)
    try {
      if (fstatSync(stderr).size >= maxBytes) rotate()
    } catch (error) {
      broken ??= error // said once: each attempt to say it would be another
      if (broken === error) log.warn('The server\'s own log could not be rotated; it goes on growing.', { reason: String(error) })
    }
  }
  let broken: unknown
  return { debug: tell('debug'), info: tell('info'), warn: tell('warn'), error: tell('error') }
}

function isSame(path: string): boolean {
  const [file, known] = [fstatSync(stderr), find(path)]
  return known !== undefined && file.ino === known.ino && file.dev === known.dev
}

/** Of a home that cannot be one, others say so. */
function find(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined // ENOTDIR, EACCES: it is not the file that is written to
  }
}
