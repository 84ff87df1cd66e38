/**
 * Where an agent works. Workspaces outlive their agents; nothing here removes one, because it may hold the only copy of work.
 * Git is run by argument vector, never by a shell.
 */

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { lstat, mkdir, realpath, stat, writeFile } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { MadroxError, wordsOf } from '../errors.ts'
import type { AgentId } from '../ids.ts'
import { nearest } from '../nearest.ts'
import { escapes, leadsElsewhere } from './paths.ts'
import { addWorktree } from './untrusted-worktree.ts'

const run = promisify(execFile)

export interface Workspace {
  readonly kind: 'isolated' | 'shared' | 'worktree' | 'path'
  /** Absolute and real. */
  readonly path: string
  readonly branch?: string
  /** The repository the worktree belongs to. */
  readonly repository?: string
}

export interface WorkspaceRequest {
  readonly wanted: string
  readonly agentId: AgentId
  readonly agentName: string
  /** `$MADROX_HOME/workspaces`. */
  readonly base: string
  /** Where the caller stands: a client's root, an agent's workspace. */
  readonly callerDir?: string
  /** A path asked for must lie in here; none: anywhere (a person's own client). */
  readonly within?: string
  /** A confined agent may have written in `callerDir`: a repository there is not obeyed in what commands it names. */
  readonly isUntrusted?: boolean
}

export type PrepareWorkspace = (request: WorkspaceRequest) => Promise<Workspace>

/** @param home a directory of Madrox' own, for what git needs meanwhile */
export async function prepareWorkspace(home: string, request: WorkspaceRequest): Promise<Workspace> {
  const { wanted } = request
  checkStands(request)
  if (wanted === 'isolated') return isolated(request)
  if (wanted === 'shared') return { kind: 'shared', path: await callerDirectory(request) }
  if (wanted === 'worktree') return worktree(home, request, await callerDirectory(request))
  if (wanted === 'auto') return (await standsInRepository(request.callerDir, request.base)) ? worktree(home, request, await callerDirectory(request)) : isolated(request)
  if (isAbsolute(wanted)) return { kind: 'path', path: await givenPath(request) }
  const near = nearest(wanted, ['auto', 'isolated', 'shared', 'worktree'])
  throw failed(`"${wanted}" is not a workspace.`, `${near ? `Did you mean "${near}"? ` : ''}Use auto, isolated, shared, worktree, or an absolute path.`)
}

const failed = (message: string, remedy: string, cause?: unknown): MadroxError => new MadroxError('workspace_failed', message, { remedy, cause })

/** Whoever may write around an agent's workspace may have put a link in its place, and what is asked for there would lie where that leads. */
function checkStands({ wanted, within }: WorkspaceRequest): void {
  if (within === undefined || wanted === 'isolated' || !leadsElsewhere(within)) return
  throw failed(`The supervisor's workspace ${within} is a link by now, and leads elsewhere.`, 'Put the directory back, or use workspace "isolated".')
}

async function isolated({ base, agentId, agentName }: WorkspaceRequest): Promise<Workspace> {
  const path = await ownDirectory(base, agentId, agentName)
  await mkdir(path, { recursive: true })
  return { kind: 'isolated', path: await realpath(path) }
}

/** `<base>/<agent>/workspace`, its siblings made, itself not. */
async function ownDirectory(base: string, agentId: AgentId, agentName: string): Promise<string> {
  const home = join(base, agentId)
  try {
    await mkdir(join(home, 'outputs'), { recursive: true, mode: 0o700 })
    await writeFile(join(home, 'metadata.json'), JSON.stringify({ agent_id: agentId, name: agentName }), { mode: 0o600 })
  } catch (cause) {
    throw failed(`The workspace ${home} cannot be made: ${wordsOf(cause)}.`, 'Look at the space left and the mode of the directory, then spawn again.', cause)
  }
  return join(home, 'workspace')
}

async function callerDirectory({ callerDir, wanted }: WorkspaceRequest): Promise<string> {
  if (!callerDir) throw failed(`workspace "${wanted}" needs to know where you stand, and your client told no root.`, 'Give an absolute path, or use workspace "isolated".')
  return realpath(callerDir).catch((cause: unknown) => {
    throw failed(`Your directory ${callerDir} cannot be opened: ${String(cause)}.`, 'Give an absolute path that exists, or use workspace "isolated".', cause)
  })
}

async function givenPath({ wanted, within }: WorkspaceRequest): Promise<string> {
  const path = await realpath(wanted).catch((cause: unknown) => {
    throw failed(`The workspace ${wanted} does not exist.`, 'Create it first, or use workspace "isolated".', cause)
  })
  if (!(await stat(path)).isDirectory()) throw failed(`The workspace ${wanted} is not a directory.`, 'Give a directory.')
  if (within !== undefined && escapes(await realpath(within), path)) {
    throw new MadroxError('exceeds_parent', `The workspace ${wanted} lies outside its supervisor's own (${within}).`, { remedy: 'Give a directory inside it, or use worktree or isolated.' })
  }
  return path
}

/** A server started from a hook or an alias of git's has these, and they go before the directory: it is the caller's that is meant. */
const elsewhere = ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_COMMON_DIR', 'GIT_OBJECT_DIRECTORY', 'GIT_ALTERNATE_OBJECT_DIRECTORIES', 'GIT_NAMESPACE', 'GIT_PREFIX']

const git = (cwd: string, ...args: string[]): Promise<string> => gitBelow(undefined, cwd, ...args)

/**
 * A repository's own hooks and the user's prompts have no place in making a worktree.
 * @param ceiling no repository is looked for there, nor above
 */
async function gitBelow(ceiling: string | undefined, cwd: string, ...args: string[]): Promise<string> {
  // oxlint-disable-next-line node/no-process-env -- git runs as the server itself does
  const env = { ...process.env, ...Object.fromEntries(elsewhere.map(name => [name, undefined])), GIT_TERMINAL_PROMPT: '0', ...(ceiling === undefined ? {} : { GIT_CEILING_DIRECTORIES: ceiling }) }
  const timeout = args[0] === 'worktree' ? checkoutMs : answerMs
  return (await run('git', ['-C', cwd, '-c', 'core.hooksPath=/dev/null', ...args], { env, timeout, killSignal: 'SIGKILL' })).stdout.trim()
}

/** Who may write there may have put something in git's way that it waits for, and a spawn holds its place meanwhile. */
const answerMs = 10_000
/** Filters may fetch what they write. */
const checkoutMs = 600_000

/**
 * In the work tree of a repository with a commit to branch from: a bare one, or the inside of `.git`, is none. Nor is one that Madrox'
 * own workspaces happen to lie in, where somebody keeps his home under git: an agent in a directory of its own has nothing to do with it.
 */
async function standsInRepository(dir: string | undefined, base: string): Promise<boolean> {
  if (!dir) return false
  const ceiling = await ceilingOf(dir, base)
  try {
    await gitBelow(ceiling, dir, 'rev-parse', '--verify', '--quiet', 'HEAD')
    return (await gitBelow(ceiling, dir, 'rev-parse', '--is-inside-work-tree')) === 'true'
  } catch (cause) {
    if (isMissing(cause) && hasGitAbove(dir, ceiling)) throw failed(`${dir} is in a git repository, and there is no git to make a worktree with.`, 'Install git, or use workspace "shared" or "isolated".', cause)
    if (cause instanceof Error && 'killed' in cause && cause.killed === true) throw failed(`git gave no answer about ${dir} within ${answerMs / 1000} seconds.`, 'See what it waits for with git status, or use workspace "shared" or "isolated".', cause)
    return false // git's exit code is the answer
  }
}

const isMissing = (cause: unknown): boolean => cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
const hasGitAbove = (dir: string, ceiling?: string): boolean => existsSync(join(dir, '.git')) || (![dir, ceiling].includes(dirname(dir)) && hasGitAbove(dirname(dir), ceiling))

/** Of a directory among Madrox' own. */
async function ceilingOf(dir: string, base: string): Promise<string | undefined> {
  const [top, place] = await Promise.all([base, dir].map(path => realpath(path).catch(() => path))) as [string, string] // as many as were given
  return place !== top && !escapes(top, place) ? top : undefined
}

async function worktree(home: string, { base, agentId, agentName, isUntrusted = false }: WorkspaceRequest, dir: string): Promise<Workspace> {
  if (!(await standsInRepository(dir, base))) throw failed(`${dir} is not in the work tree of a git repository with a commit, so there is nothing to make a worktree of.`, 'Commit something first, or use workspace "shared" or "isolated".')
  const repository = await git(dir, 'rev-parse', '--show-toplevel')
  const branch = `${await branchPrefix(dir)}${slug(agentName)}-${agentId.slice(0, 6)}`
  const path = await ownDirectory(base, agentId, agentName)
  try {
    if (isUntrusted) await addWorktree(home, { dir, branch, path })
    else await git(dir, 'worktree', 'add', '--quiet', '-b', branch, path, 'HEAD')
  } catch (cause) {
    throw failed(`git could not make a worktree of ${repository}: ${stderrOf(cause)}`, 'See git worktree list and git worktree prune, or use workspace "shared".', cause)
  }
  return { kind: 'worktree', path: await sameIn(await realpath(path), relative(await realpath(repository), dir)), branch, repository }
}

/** The directory in the worktree that the caller stands in, made where the commit has none. What the commit has there may be a link, and lead anywhere. */
async function sameIn(top: string, way: string): Promise<string> {
  let path = top
  for (const name of way.split('/').filter(part => part !== '')) {
    path = join(path, name)
    if (!existsSync(path)) await mkdir(path)
    if (!(await lstat(path)).isDirectory()) throw failed(`${way} is a directory where you stand, and none in the commit that the worktree was made of.`, 'Commit it, or use workspace "shared" or "isolated".')
  }
  return path
}

/** Git keeps no branch below another: where there is one called `madrox`, ours stand beside it. */
const branchPrefix = (dir: string): Promise<string> => git(dir, 'show-ref', '--verify', '--quiet', 'refs/heads/madrox').then(() => 'madrox-', () => 'madrox/') // git's exit code is the answer

const slug = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 40) || 'agent'
const stderrOf = (cause: unknown): string => (cause instanceof MadroxError ? cause.message : cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : String(cause))

/** As a shell takes it for one word; on macOS the home itself has a space in it. */
export const shellWord = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

/** How to bring a worktree's work back, as a sentence for the spawn's result. */
export const bringBack = ({ path, branch, repository }: Pick<Workspace, 'path' | 'branch' | 'repository'>): string | undefined =>
  branch === undefined || repository === undefined ? undefined : `Work is on branch ${branch}. To bring it back: git -C ${shellWord(path)} add -A && git -C ${shellWord(path)} commit -m "…", then git -C ${shellWord(repository)} merge ${shellWord(branch)}.`
