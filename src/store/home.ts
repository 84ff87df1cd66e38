/** A home as a directory, and who is said to have it: apart from the lock itself, because who only looks for a server needs no database. */

import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { codeOf, MadroxError, wordsOf } from '../errors.ts'

const holderSchema = z.object({ pid: z.number(), url: z.string().optional() })
export type Holder = z.output<typeof holderSchema>

export const holderFile = (home: string): string => join(home, 'server.json')

/** Makes the directory, for its owner alone. One that exists is left as it is. */
export const makeHome = (home: string): void => orRefuse(home, () => makeDirectory(home))

/** Node's own `recursive` never returns where nothing can be made (`/proc/x`): told ENOENT, it makes the parent, which is there, and tries again (20.20). */
function makeDirectory(path: string): void {
  if (isDirectory(path)) return
  if (!isDirectory(dirname(path))) makeDirectory(dirname(path))
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (!isDirectory(path)) throw error // else another server was quicker
  }
}

const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

export function refuseHome(home: string, cause: unknown): never {
  throw new MadroxError('unavailable', `Madrox cannot keep its files in ${home}: ${wordsOf(cause)}.`, { remedy: 'Make room there, or give a directory you may write in as --home.', cause })
}

export function orRefuse<T>(home: string, act: () => T): T {
  try {
    return act()
  } catch (cause) {
    return refuseHome(home, cause)
  }
}

/** Who is said to have this home; it may have ended since. */
export function readHolder(home: string): Holder | undefined {
  let text: string
  try {
    text = readFileSync(holderFile(home), 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
  const parsed = holderSchema.safeParse(toJson(text))
  return parsed.success ? parsed.data : undefined
}

/** Undefined for half a file: its writer was cut off. */
function toJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
