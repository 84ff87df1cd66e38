/**
 * Paths that a permission prompt names, as they can be judged: absolute, and with every link on the way followed, those that lead to
 * nothing yet included. A path that the CLI might read in another way than it stands there is not told at all.
 */

import { lstatSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { codeOf } from '../errors.ts'

/** As many as an operating system follows. */
const mostLinks = 40

/** Undefined: one of them cannot be told. */
export function toRealPaths(cwd: string, paths: readonly unknown[]): string[] | undefined {
  const real = paths.map(path => (typeof path === 'string' ? toRealPath(cwd, path) : undefined))
  return real.every(path => path !== undefined) ? real : undefined
}

function toRealPath(cwd: string, path: string): string | undefined {
  // Trimmed by the CLI, or put in by it: a home directory, a variable.
  if (path === '' || path !== path.trim() || /^[~$]|\p{Cc}/u.test(path) || isTwofold(cwd, path)) return undefined
  return follow(resolve(cwd, path), mostLinks)
}

/** `link/../x` is beside the link to who goes by its words, and beside what that leads to for who asks the system step by step. */
function isTwofold(cwd: string, path: string): boolean {
  const parts = path.split('/')
  const last = parts.lastIndexOf('..')
  if (last === -1) return false
  const upTo = parts.slice(0, last + 1).join('/')
  try {
    return realpathSync.native(isAbsolute(upTo) ? upTo : `${cwd}/${upTo}`) !== realpathSync.native(resolve(cwd, upTo))
  } catch {
    return true // a step that is not there, or may not be seen
  }
}

function follow(path: string, links: number): string | undefined {
  try {
    return realpathSync(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') return undefined // what we may not see is not judged
  }
  if (dirname(path) === path) return path
  const parent = follow(dirname(path), links)
  if (parent === undefined) return undefined
  const here = join(parent, basename(path))
  const target = targetOf(here)
  if (target === undefined) return here
  return links > 0 ? follow(resolve(parent, target), links - 1) : undefined
}

/** Of a link that leads to nothing; undefined: there is no link. */
function targetOf(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}
