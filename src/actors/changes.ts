/** What agents changed where they work: counted for their status, and shown in full. Reads only, and waits for git only so long. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { MadroxError } from '../errors.ts'
import type { AgentRow } from '../store/store.ts'
import type { ChangedFile, ChangeReading, Changes, Unknown } from './change-reading.ts'
import { type Core, rowOf } from './core.ts'
import { resolveAgent } from './directory.ts'
import { type Look, type Repository, repositoryOf, withLook } from './git.ts'
import { escapes } from './paths.ts'

export interface ChangesOptions {
  readonly core: Core
  /** Madrox' own directory. */
  readonly home: string
  /** Where agents' own directories are made. */
  readonly workspaceDir: string
}

/** Whoever looks at a team looks at it again and again. */
const freshMs = 2_000
/** A status does not wait longer; what is read late is told the next time. */
const statusMs = 3_000
/** Repositories read at once for a status. */
const lanes = 2

type Told = Changes | Unknown | undefined
/** Files listed of a diff, and untracked ones shown in it. */
const mostFiles = 2_000

export function createChanges({ core, home, workspaceDir }: ChangesOptions): Pick<ChangeReading, 'changes' | 'diff'> {
  const recent = new Map<string, { readonly told: Promise<Told>; readonly readAt?: number }>()
  const inLane = createLanes(lanes)
  const count = async (row: AgentRow): Promise<Told> => {
    try {
      const place = await placeOf(row, workspaceDir)
      return place && (await withLook(home, place.repository, 'own', async look => counted(place.repository, look, await begunAt(place, look))))
    } catch (error) {
      if (error instanceof MadroxError) return { unknown: error.message }
      throw error
    }
  }
  /** Agents that share a workspace share its changes. */
  const recently = (row: AgentRow): Promise<Told> => {
    for (const [key, { readAt }] of recent) if (readAt !== undefined && core.clock.now() - readAt >= freshMs) recent.delete(key)
    const { path } = row.workspace
    const known = recent.get(path)
    if (known) return known.told
    const told = inLane(() => count(row))
    recent.set(path, { told })
    const settled = (): unknown => recent.set(path, { told, readAt: core.clock.now() })
    told.then(settled, settled)
    return told
  }
  return {
    changes: async (caller, reference) => {
      const row = rowOf(core, resolveAgent(core, caller, reference, 'see'))
      return mayBeInRepository(row) ? withinTime(core, recently(row)) : undefined
    },
    diff: async (caller, reference, { maxBytes }) => {
      const row = rowOf(core, resolveAgent(core, caller, reference, 'see'))
      const place = await placeOf(row, workspaceDir)
      if (!place) throw new MadroxError('workspace_failed', `"${row.name}" does not work in a git repository: ${row.workspace.path}.`, { remedy: 'list_instance_files and retrieve_instance_file show what it wrote.' })
      return withLook(home, place.repository, 'own', async look => {
        const begun = await begunAt(place, look)
        const changes = await counted(place.repository, look, begun)
        return { agentId: row.id, name: row.name, workspace: row.workspace.path, ...changes, ...(await shown(look, begun.base ?? look.emptyTree, maxBytes)) }
      })
    },
  }
}

/** Work in so many lanes, each piece after the one before it. */
function createLanes(count: number): <T>(work: () => Promise<T>) => Promise<T> {
  const ends: Promise<unknown>[] = Array.from({ length: count }, () => Promise.resolve())
  let turn = 0
  return work => {
    const lane = turn++ % count
    const done = (ends[lane] ?? Promise.resolve()).then(work)
    ends[lane] = done.catch(() => {}) // told to whoever asked
    return done
  }
}

function withinTime({ clock }: Core, told: Promise<Told>): Promise<Told> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => resolve({ unknown: `git has not answered within ${statusMs} ms.` }), statusMs)
    told.then(resolve, reject).finally(() => clock.clearTimeout(timer))
  })
}

/** An empty directory of its own is in none unless it has one itself: no process is started to see that. */
const mayBeInRepository = ({ workspace: { kind, path } }: AgentRow): boolean => kind !== 'isolated' || existsSync(join(path, '.git'))

/** Where an agent works. `target`: the commit that the repository of its worktree stands on, by which it is brought back. */
export interface Place {
  readonly repository: Repository
  readonly target?: string
}

/**
 * The repository an agent works in; one around Madrox' own directories is not meant.
 * @throws MadroxError `workspace_failed` where the workspace is gone, or is no longer its repository's
 */
export async function placeOf({ id, name, workspace: { kind, path, repository: from } }: AgentRow, workspaceDir: string): Promise<Place | undefined> {
  if (!existsSync(path)) throw new MadroxError('workspace_failed', `The workspace of "${name}" is not there any more.`, { remedy: 'Its branch, if it had one, is in its repository.' })
  const own = join(workspaceDir, id)
  const found = await repositoryOf(path, escapes(own, path) ? undefined : own)
  if (kind !== 'worktree') return found && { repository: found }
  const origin = from !== undefined && existsSync(from) ? await repositoryOf(from) : undefined
  const remedy = 'Its files are still there; list_instance_files shows them.'
  if (!origin) throw new MadroxError('workspace_failed', `The repository of the worktree of "${name}" is gone: ${from ?? 'unknown'}.`, { remedy })
  if (found?.commonDir !== origin.commonDir) throw new MadroxError('workspace_failed', `The workspace of "${name}" is no worktree of ${origin.top} any more.`, { remedy })
  return { repository: found, ...(origin.head === undefined ? {} : { target: origin.head }) }
}

interface Begun {
  readonly base?: string
  readonly commitsAhead?: number
}

/** Of a worktree the last commit that what its repository has checked out has too. */
async function begunAt({ repository: { head }, target }: Place, look: Look): Promise<Begun> {
  if (head === undefined) return {}
  if (target === undefined) return { base: head }
  const base = (await look.say(['merge-base', head, target], { codes: [0, 1] })).stdout.toString().trim()
  if (base === '') return { base: head } // they have nothing in common
  return { base, commitsAhead: Number((await look.say(['rev-list', '--count', `${base}..${head}`])).stdout.toString()) }
}

/** A submodule is asked for the commit it stands on and no more: to look inside, git would obey its configuration, whatever ours says. */
export const contents = ['--no-ext-diff', '--no-textconv', '--no-color', '--ignore-submodules=dirty'] as const

async function counted({ branch }: Repository, look: Look, begun: Begun): Promise<Changes> {
  const short = (await look.say(['diff', ...contents, '--shortstat', begun.base ?? look.emptyTree])).stdout.toString()
  const number = (what: RegExp): number => Number(what.exec(short)?.[1] ?? 0)
  return {
    ...(branch === undefined ? {} : { branch: branch.replace('refs/heads/', '') }), ...begun,
    filesChanged: number(/(\d+) files? changed/), insertions: number(/(\d+) insertion/), deletions: number(/(\d+) deletion/), untracked: (await untrackedIn(look)).length,
  }
}

/** Paths; a directory that is a repository of its own ends with a slash. @throws MadroxError where there are more than can be told */
export async function untrackedIn(look: Look): Promise<readonly string[]> {
  const said = await look.say(['ls-files', '--others', ...look.ignoring, '-z'])
  if (said.isCut) throw new MadroxError('workspace_failed', 'There are more untracked files than can be counted.', { remedy: 'Have what is generated ignored, by .gitignore.' })
  return said.stdout.toString().split('\0').filter(path => path !== '')
}

/** With untracked files as new ones: the index this is read with is ours, and takes them in empty. */
async function shown(look: Look, base: string, maxBytes: number): Promise<{ readonly files: readonly ChangedFile[]; readonly moreFiles: boolean; readonly text?: string; readonly isCut: boolean }> {
  const untracked = (await untrackedIn(look)).filter(path => !path.endsWith('/'))
  if (untracked.length > 0) await look.say(['update-index', '-z', '--index-info'], { input: untracked.slice(0, mostFiles).map(path => `100644 ${look.emptyBlob} 0\t${path}\0`).join('') })
  const numbers = (await look.say(['diff', ...contents, '--numstat', '-z', base])).stdout.toString().split('\0').filter(line => line !== '')
  const told = { files: numbers.slice(0, mostFiles).map(toFile), moreFiles: numbers.length > mostFiles || untracked.length > mostFiles }
  if (maxBytes === 0) return { ...told, isCut: false }
  const { stdout, isCut } = await look.say(['diff', ...contents, base], { maxBytes })
  return { ...told, text: stdout.subarray(0, maxBytes).toString(), isCut }
}

function toFile(line: string): ChangedFile {
  const [insertions = '', deletions = '', ...path] = line.split('\t')
  return { path: path.join('\t'), ...(insertions === '-' ? {} : { insertions: Number(insertions), deletions: Number(deletions) }) }
}
