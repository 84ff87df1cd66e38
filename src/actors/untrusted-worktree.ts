/**
 * A worktree of a repository that a confined agent may have written in. An ordinary `git worktree add` runs what the repository's
 * configuration names (filters, monitors, hooks), as the server and outside of the agent's sandbox. So git only notes the worktree
 * and its branch there, and its files are written with a git directory of our own: see `git.ts`.
 */

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MadroxError } from '../errors.ts'
import { noteWorktree, repositoryOf, withLook } from './git.ts'

interface Wanted {
  /** Where the caller stands in the repository. */
  readonly dir: string
  readonly branch: string
  readonly path: string
}

/** @throws MadroxError `workspace_failed` where git refuses, `unavailable` where it does not answer */
export async function addWorktree(home: string, { dir, branch, path }: Wanted): Promise<void> {
  await noteWorktree(dir, branch, path)
  const made = await repositoryOf(path)
  if (made?.head === undefined) throw new MadroxError('workspace_failed', `${path} is no worktree.`)
  const { gitDir, head } = made
  await withLook(home, made, 'head', async look => {
    await look.say(['read-tree', '--reset', '-u', head], { timeoutMs: writingMs })
    await writeFile(join(gitDir, 'index'), await readFile(look.index), { flag: 'wx' })
  })
}

/** A large repository has hundreds of thousands of files. */
const writingMs = 300_000
