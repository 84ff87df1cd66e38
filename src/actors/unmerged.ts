/**
 * Whether the worktree of an ended agent holds work that exists nowhere else: in its files, in its commits, in what was put aside. In
 * doubt it does. Nothing is taken from the index, or from what git remembers of files: an agent can have told git to look away.
 */

import { existsSync } from 'node:fs'
import { opendir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { contents, untrackedIn } from './changes.ts'
import { gitFile, type Look, type Ref, refsOf, type Repository, withLook } from './git.ts'

export interface Held {
  /** Why it is kept; none: nothing is lost with it. */
  readonly reasons: readonly string[]
  /** Ignored files and directories, which are no work. */
  readonly ignored: number
  /** The agent's own branch, whose commits others have too. */
  readonly branch?: Ref
}

export interface Worktree {
  readonly home: string
  readonly repository: Repository
  /** The branch that was made for the agent, without `refs/heads/`. */
  readonly branch: string | undefined
  /** Branches that are about to go, or would be. */
  readonly going: ReadonlySet<string>
}

export async function heldBy(worktree: Worktree): Promise<Held> {
  const { home, repository } = worktree
  if (repository.head === undefined) return { reasons: ['it stands on no commit'], ignored: 0 }
  if (!(await isLinked(repository))) return { reasons: ['it is not a worktree that its repository knows'], ignored: 0 }
  const refs = await refsOf(repository)
  const branch = refs.find(({ name }) => name === `refs/heads/${worktree.branch}`)
  const files = await filesHeld(home, repository)
  const [staged, unmerged] = await withLook(home, repository, 'own', async look => [await stagedIn(look, repository.head), await unmergedIn(look, worktree, refs, branch)] as const)
  const reasons = [...underWay(repository), ...files.reasons, ...staged, ...unmerged, ...(await stashedIn(worktree))]
  return { reasons, ignored: files.ignored, ...(branch ? { branch } : {}) }
}

/** Its git directory is among those of its repository's worktrees, and knows it. */
async function isLinked({ top, gitDir, commonDir }: Repository): Promise<boolean> {
  return join(gitDir, '..') === join(commonDir, 'worktrees') && (await gitFile(gitDir, 'gitdir'))?.trim() === join(top, '.git')
}

const operations = { MERGE_HEAD: 'a merge', CHERRY_PICK_HEAD: 'a cherry-pick', REVERT_HEAD: 'a revert', 'rebase-merge': 'a rebase', 'rebase-apply': 'a rebase', BISECT_LOG: 'a bisection', sequencer: 'a sequence of commits', locked: 'a lock (git worktree lock)' }

const underWay = ({ gitDir }: Repository): readonly string[] =>
  [...new Set(Object.entries(operations).filter(([file]) => existsSync(join(gitDir, file))).map(([, what]) => `${what} is in place`))]

/** Each file compared with the commit by its content. */
export async function filesHeld(home: string, repository: Repository): Promise<Pick<Held, 'reasons' | 'ignored'>> {
  return withLook(home, repository, 'head', async look => {
    const changed = (await look.say(['diff', ...contents, '--name-only', '-z', repository.head ?? look.emptyTree])).stdout.toString().split('\0').filter(Boolean)
    const untracked = await untrackedIn(look)
    const ignored = (await look.say(['ls-files', '--others', '--ignored', '--directory', ...look.ignoring, '-z'])).stdout.toString().split('\0').filter(Boolean)
    const inner = await repositoriesAmong(repository.top, ignored)
    const modules = await submodulesIn(look, repository.top)
    return {
      reasons: [
        ...(changed.length > 0 ? [`uncommitted changes in ${some(changed)}`] : []), ...(untracked.length > 0 ? [`untracked files: ${some(untracked)}`] : []),
        ...(inner.length > 0 ? [`repositories of their own among ignored files: ${some(inner)}`] : []), ...(modules.length > 0 ? [`submodules with files: ${some(modules)}`] : []),
      ],
      ignored: ignored.length,
    }
  })
}

const some = (paths: readonly string[]): string => [...paths.slice(0, 5), ...(paths.length > 5 ? [`${paths.length - 5} more`] : [])].join(', ')

/** What was staged and then changed again stands in the index alone. */
async function stagedIn(look: Look, head: string | undefined): Promise<readonly string[]> {
  const staged = (await look.say(['diff', ...contents, '--cached', '--name-only', '-z', head ?? look.emptyTree])).stdout.toString().split('\0').filter(Boolean)
  return staged.length > 0 ? [`staged changes in ${some(staged)}`] : []
}

/** Its commits, those it left behind without a branch included, that are in no other branch, tag or copy of another repository. */
async function unmergedIn(look: Look, { repository, going }: Worktree, refs: readonly Ref[], branch: Ref | undefined): Promise<readonly string[]> {
  const own = [branch?.name, repository.branch]
  const others = refs.filter(({ name }) => !own.includes(name) && !going.has(name)).map(({ id }) => `^${id}`)
  const logs = [await gitFile(repository.gitDir, 'logs/HEAD'), branch && (await gitFile(repository.commonDir, `logs/${branch.name}`))]
  const commits = [repository.head, branch?.id, refs.find(({ name }) => name === repository.branch)?.id, ...logs.flatMap(log => leftIn(entriesOf(log ?? '')))].filter(id => id !== undefined)
  const { stdout } = await look.say(['rev-list', '--ignore-missing', '--stdin'], { input: [...new Set(commits), ...others].map(line => `${line}\n`).join('') })
  const unmerged = stdout.toString().split('\n').filter(Boolean)
  return unmerged.length > 0 ? [`${unmerged.length === 1 ? 'a commit' : `${unmerged.length} commits`} in no other branch: ${some(unmerged.map(id => id.slice(0, 10)))}`] : []
}

interface LogEntry {
  readonly from: string
  readonly to: string
  readonly message: string
}

const entriesOf = (log: string): readonly LogEntry[] =>
  log.split('\n').flatMap(line => {
    const [, from, to, message] = /^([0-9a-f]{40,64}) ([0-9a-f]{40,64}) .*?\t(.*)$/.exec(line) ?? []
    return from !== undefined && to !== undefined && message !== undefined ? [{ from, to, message }] : []
  })

/** The commits a log tells of, without those that were amended or rebased: another says what they said. */
const leftIn = (entries: readonly LogEntry[]): readonly string[] => entries.filter(({ to }, index) => {
  const next = entries[index + 1]
  return !(next?.from === to && /^(?:commit \(amend\)|rebase)/.test(next.message))
}).map(({ to }) => to)

/** Stashes are the repository's and stay, but whose they are is told by the branch they name, and that goes. */
async function stashedIn({ repository, branch }: Worktree): Promise<readonly string[]> {
  const names = [branch, repository.branch?.replace('refs/heads/', '')]
  const visited = new Set(entriesOf((await gitFile(repository.gitDir, 'logs/HEAD')) ?? '').map(({ to }) => to.slice(0, 7)))
  const stashes = entriesOf((await gitFile(repository.commonDir, 'logs/refs/stash')) ?? '').filter(({ message }) => {
    const [, on, commit] = /^(?:WIP on|On) (.+?): ([0-9a-f]{7,})?/.exec(message) ?? []
    return on === '(no branch)' ? commit === undefined || visited.has(commit.slice(0, 7)) : on === undefined || names.includes(on)
  })
  return stashes.length > 0 ? [`${stashes.length === 1 ? 'a stash' : `${stashes.length} stashes`} made here`] : []
}

async function submodulesIn(look: Look, top: string): Promise<readonly string[]> {
  const said = await look.say(['ls-files', '--stage', '-z'])
  const paths = said.stdout.toString().split('\0').filter(line => line.startsWith('160000 ')).map(line => line.slice(line.indexOf('\t') + 1))
  const filled = await Promise.all(paths.map(async path => existsSync(join(top, path)) && (await readdir(join(top, path))).length > 0))
  return paths.filter((_, index) => filled[index])
}

/** Those of the paths with a repository at or below them: a clone, which may hold commits of its own. */
async function repositoriesAmong(top: string, paths: readonly string[]): Promise<readonly string[]> {
  const found: string[] = []
  for (const path of paths) if (path.endsWith('/') && (await holdsRepository(join(top, path)))) found.push(path)
  return found
}

async function holdsRepository(dir: string): Promise<boolean> {
  const below: string[] = []
  for await (const entry of await opendir(dir)) {
    // A clone, or a bare one, which goes by any name.
    if (entry.name === '.git' || (entry.name === 'HEAD' && existsSync(join(dir, 'objects')))) return true
    if (entry.isDirectory()) below.push(entry.name)
  }
  for (const name of below) if (await holdsRepository(join(dir, name))) return true
  return false
}
