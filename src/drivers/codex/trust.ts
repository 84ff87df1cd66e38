/**
 * Which folders the user lets codex trust: what stands in their configuration, and nothing that is added. An app-server writes
 * `trust_level = "trusted"` there, for good, whenever a thread may write in a folder of which nothing is said (codex-cli 0.169,
 * `thread/start`). So every thread says it of its own folder: what the user said of it, of its repository, or else that nobody trusts it.
 */

import { readFile, realpath, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { codeOf } from '../../errors.ts'

export type Projects = Readonly<Record<string, { readonly trust_level?: string | null | undefined }>>

export type TrustLevel = 'trusted' | 'untrusted'

/** As codex finds it: of the folder, of the checkout it is in, of the repository of a worktree. An untrusted one runs, without its own configuration, hooks and rules. */
export async function readTrust(cwd: string, projects: Projects): Promise<TrustLevel> {
  const real = await realpath(cwd).catch(orUndefined)
  const checkout = await findCheckout(real ?? cwd)
  const places = [real, cwd, checkout?.root, checkout?.repository]
  const level = places.map(place => (place === undefined ? undefined : projects[place]?.trust_level)).find(Boolean)
  return level === 'trusted' ? 'trusted' : 'untrusted'
}

interface Checkout {
  readonly root: string
  /** That of the main checkout. */
  readonly repository: string
}

async function findCheckout(dir: string): Promise<Checkout | undefined> {
  const found = await stat(join(dir, '.git')).catch(orUndefined)
  if (found) return { root: dir, repository: found.isDirectory() ? dir : await readRepository(dir) }
  return dirname(dir) === dir ? undefined : findCheckout(dirname(dir))
}

/** A worktree's `.git` is a file that names its directory within the repository's own, `…/.git/worktrees/NAME`. */
async function readRepository(root: string): Promise<string> {
  const gitDir = /^gitdir: (.+)$/m.exec(await readFile(join(root, '.git'), 'utf8'))?.[1]
  const worktrees = gitDir === undefined ? root : dirname(resolve(root, gitDir))
  return worktrees.endsWith('/.git/worktrees') ? dirname(dirname(worktrees)) : root
}

/** What is not there, or not for us to look at, says nothing. */
function orUndefined(error: unknown): undefined {
  const code = codeOf(error)
  if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'EACCES') throw error
}
