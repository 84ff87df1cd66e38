/**
 * Removing what ended agents leave behind: the directories that Madrox made for them, one by one, and only those that hold no uncommitted
 * or unmerged work. A directory without git is work as soon as anything lies in it. Whatever cannot be read is kept, and says so.
 */

import { existsSync, renameSync, rmdirSync } from 'node:fs'
import { readdir, realpath, rename, rm, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, MadroxError, wordsOf } from '../errors.ts'
import type { AgentId } from '../ids.ts'
import type { Caller } from '../messages.ts'
import type { AgentRow } from '../store/store.ts'
import { refuseCancelled } from './beneath.ts'
import type { ChangeReading, Leftover } from './change-reading.ts'
import { type ChangesOptions, placeOf } from './changes.ts'
import { callerKey, ledgerActor } from './core.ts'
import { isWithin } from './directory.ts'
import { deleteBranch, type Repository } from './git.ts'
import { filesHeld, type Held, heldBy } from './unmerged.ts'
import { escapes } from './paths.ts'

type Query = Parameters<ChangeReading['cleanWorkspaces']>[1]

export interface Cleaning extends Pick<ChangeReading, 'cleanWorkspaces'> {
  /** What was made for an agent that never came to work in it; where something lies in it all the same, it stays. Never rejects. */
  readonly removeUnused: (agentId: AgentId) => Promise<void>
}

export function createCleaning(options: ChangesOptions): Cleaning {
  let last: Promise<unknown> = Promise.resolve()
  // One at a time: what the first removes, the second must find gone.
  const afterOthers = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work)
    last = done.catch(() => {}) // told to whoever asked
    return done
  }
  return {
    cleanWorkspaces: (caller, query) => afterOthers(() => clean(options, caller, query)),
    removeUnused: agentId => afterOthers(() => cleanUnused(options, agentId)).catch((error: unknown) => options.core.log.error('What was made for an agent that did not start cannot be removed', { agentId, error: wordsOf(error) })),
  }
}

async function cleanUnused(options: ChangesOptions, agentId: AgentId): Promise<void> {
  const row = options.core.rows.get(agentId)
  if (row?.endedAt === undefined || !isOwn(row, options.workspaceDir) || !existsSync(homeOf(row, options.workspaceDir))) return
  await cleanOne(options, 'madrox', { row, dryRun: false, going: new Set() })
}

async function clean(options: ChangesOptions, caller: Caller, { dryRun, signal, progress }: Query): Promise<readonly Leftover[]> {
  const { core, workspaceDir } = options
  const going = new Set<string>()
  const left: Leftover[] = []
  // The youngest first: what was made from another's worktree goes before that one.
  for (const row of [...core.rows.values()].toReversed()) {
    if (row.endedAt === undefined || !isWithin(core, caller, row, 'rule') || !isOwn(row, workspaceDir) || !existsSync(homeOf(row, workspaceDir))) continue
    // A cancelled call is refused only where it has done nothing yet.
    if (signal.aborted && left.some(({ verdict }) => verdict === 'removed')) break
    refuseCancelled(signal)
    progress(`looking at the workspace of ${row.name}`)
    left.push(await cleanOne(options, callerKey(core, caller), { row, dryRun, going }))
  }
  return left
}

const homeOf = ({ id }: AgentRow, workspaceDir: string): string => join(workspaceDir, id)
/** Others' directories are not looked at: a person's own, a supervisor's. */
const isOwn = ({ workspace: { kind } }: AgentRow, workspaceDir: string): boolean => (kind === 'isolated' || kind === 'worktree') && existsSync(workspaceDir)

interface One {
  readonly row: AgentRow
  readonly dryRun: boolean
  readonly going: Set<string>
}

/** @param by on whose word */
async function cleanOne(options: ChangesOptions, by: string, { row, dryRun, going }: One): Promise<Leftover> {
  const { kind, path, branch } = row.workspace
  const told = { agentId: row.id, name: row.name, kind, path, ...(branch === undefined ? {} : { branch }) }
  const kept = (reasons: readonly string[], ignored = 0): Leftover => ({ ...told, verdict: 'kept', reasons, ignored })
  try {
    if (!dryRun) await finishEarlier(homeOf(row, options.workspaceDir))
    if (!existsSync(homeOf(row, options.workspaceDir))) return { ...told, verdict: 'removed', reasons: [], ignored: 0 }
    const needed = [...(await placeHeld(options, row)), ...neededBy(options, row)]
    if (needed.length > 0) return kept(needed)
    const { repository, held } = kind === 'worktree' ? await worktreeOf(options, row, going) : { repository: undefined, held: nothingHeld }
    if (held.reasons.length > 0) return kept(held.reasons, held.ignored)
    if (held.branch) going.add(held.branch.name)
    if (dryRun) return { ...told, verdict: 'removable', reasons: [], ignored: held.ignored }
    const changed = repository ? await removeWorktree(options, row, repository) : await removeEmpty(options, row)
    if (changed.length > 0) return kept(changed, held.ignored)
    const reasons = repository && held.branch && !(await deleteBranch(repository, held.branch)) ? [`its branch ${branch} could not be deleted`] : []
    recordRemoval(options, by, row)
    return { ...told, verdict: 'removed', reasons, ignored: held.ignored }
  } catch (error) {
    if (!(error instanceof MadroxError) && codeOf(error) === undefined) throw error
    return kept([wordsOf(error)])
  }
}

/** It is gone, whether or not that can be recorded now. */
const recordRemoval = ({ core }: ChangesOptions, by: string, { id, workspace: { path, branch } }: AgentRow): void =>
  ledgerActor(core).send({ type: 'audited', event: { at: core.clock.now(), event: 'workspace_removed', agentId: id, data: { by, path, ...(branch === undefined ? {} : { branch }) } } })

const nothingHeld: Held = { reasons: [], ignored: 0 }

/** Outside of the files of a worktree: where Madrox made it, and what lies beside it. */
async function placeHeld({ workspaceDir }: ChangesOptions, row: AgentRow): Promise<readonly string[]> {
  const home = homeOf(row, workspaceDir)
  const { kind, path } = row.workspace
  const where = join(await realpath(workspaceDir), row.id)
  if ((await realpath(home)) !== where || escapes(join(where, 'workspace'), path)) return ['it does not lie where it was made']
  const lying = await readdir(home)
  const others = lying.filter(name => !['workspace', 'outputs', 'metadata.json'].includes(name))
  const outputs = lying.includes('outputs') ? await readdir(join(home, 'outputs')) : []
  const files = kind === 'isolated' && lying.includes('workspace') ? await readdir(join(home, 'workspace')) : []
  return [
    ...(others.length > 0 ? [`other things beside it: ${others.join(', ')}`] : []), ...(outputs.length > 0 ? [`${outputs.length} files in outputs`] : []),
    ...(files.length > 0 ? [`${files.length === 1 ? 'a file or directory' : `${files.length} files and directories`} of which there is no other copy that Madrox knows of`] : []),
  ]
}

/** Those who work there, the agent itself included where it was brought back meanwhile, or whose work is to be brought back there. */
function neededBy({ core, workspaceDir }: ChangesOptions, own: AgentRow): readonly string[] {
  const home = homeOf(own, workspaceDir)
  const lies = (path: string | undefined): boolean => path !== undefined && !escapes(home, path)
  return [...core.rows.values()].flatMap(({ id, name, endedAt, workspace }) => {
    if (endedAt === undefined && lies(workspace.path)) return [`"${name}" works in it`]
    return id !== own.id && lies(workspace.repository) && existsSync(workspace.path) ? [`the worktree of "${name}" was made from it`] : []
  })
}

async function worktreeOf({ home, workspaceDir }: ChangesOptions, row: AgentRow, going: ReadonlySet<string>): Promise<{ readonly repository: Repository; readonly held: Held }> {
  const { repository } = (await placeOf(row, workspaceDir)) ?? {}
  if (!repository) throw new MadroxError('workspace_failed', `The workspace of "${row.name}" is no git worktree any more.`)
  const top = join(homeOf(row, workspaceDir), 'workspace')
  if (repository.top !== (await realpath(top))) throw new MadroxError('workspace_failed', `The workspace of "${row.name}" is not the worktree that was made for it.`)
  return { repository, held: await heldBy({ home, repository, branch: row.workspace.branch, going }) }
}

/**
 * Out of everybody's way first, and looked at once more there: who writes by its path finds it no longer. The reasons why it was put back.
 * A name of its own says that nothing in it is needed, so that what a killed server left is told from what it had not looked at.
 */
async function removeWorktree(options: ChangesOptions, row: AgentRow, repository: Repository): Promise<readonly string[]> {
  const { home, workspaceDir } = options
  const own = homeOf(row, workspaceDir)
  const needed = neededBy(options, row)
  if (needed.length > 0) return needed
  renameSync(repository.top, join(own, names.checking)) // in the same breath: nobody is brought back to it in between
  const { reasons } = await filesHeld(home, { ...repository, top: join(own, names.checking) }).catch((error: unknown) => ({ reasons: [wordsOf(error)] }))
  if (reasons.length > 0) {
    await rename(join(own, names.checking), repository.top)
    return reasons
  }
  await rename(join(own, names.checking), join(own, names.removing))
  await rm(repository.gitDir, { recursive: true }) // what `git worktree prune` would do
  await rm(join(own, names.removing), { recursive: true })
  await removeHome(own)
  return []
}

const names = { checking: 'workspace.checking', removing: 'workspace.removing' }

/** Where a server was killed while it cleaned. */
async function finishEarlier(own: string): Promise<void> {
  if (existsSync(join(own, names.checking)) && !existsSync(join(own, 'workspace'))) await rename(join(own, names.checking), join(own, 'workspace'))
  if (!existsSync(join(own, names.removing))) return
  await rm(join(own, names.removing), { recursive: true })
  await removeHome(own)
}

async function removeEmpty(options: ChangesOptions, row: AgentRow): Promise<readonly string[]> {
  const home = homeOf(row, options.workspaceDir)
  const needed = neededBy(options, row)
  if (needed.length > 0) return needed
  if (existsSync(join(home, 'workspace'))) rmdirSync(join(home, 'workspace')) // refuses where something has come to lie in it
  await removeHome(home)
  return []
}

async function removeHome(home: string): Promise<void> {
  await rmdirIfThere(join(home, 'outputs'))
  await unlink(join(home, 'metadata.json')).catch(unlessMissing)
  await rmdir(home)
}

const rmdirIfThere = (dir: string): Promise<void> => rmdir(dir).catch(unlessMissing)

function unlessMissing(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error
}

