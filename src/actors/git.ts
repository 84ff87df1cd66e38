/**
 * Reading repositories that agents write in. Their configuration is the agents' to write, and git obeys it: filters, text converters,
 * monitors, hooks and helpers are commands that would run as the server. So whatever looks at contents runs with a git directory of our
 * own, which lends the repository's objects and a copy of its index and nothing else. Of the repository itself only its place and
 * the names of its commits are asked, which takes no command.
 *
 * What follows from it: a filter (Git LFS) does not run, so a file it would have changed is compared as it lies there; and of what a
 * person's own configuration says of files to be ignored, only `~/.config/git/ignore` holds.
 */

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, realpath, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, MadroxError } from '../errors.ts'
import { withContent, withOpened } from './beneath.ts'

export interface Repository {
  /** Of the work tree, real. */
  readonly top: string
  /** The work tree's own, and the one it shares with others. Real. */
  readonly gitDir: string
  readonly commonDir: string
  /** The commit it stands on; none: it has no commit yet. */
  readonly head?: string
  /** `refs/heads/…`; none: no branch is checked out. */
  readonly branch?: string
}

interface Said {
  readonly code: number
  readonly stdout: Buffer
  readonly stderr: string
  /** It said more than was wanted. */
  readonly isCut: boolean
}

interface RunOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  readonly maxBytes?: number
  readonly timeoutMs?: number
}

/** A repository on a good disk answers in tens of milliseconds. */
const answerMs = 10_000
const most = 16 * 1024 * 1024

/** Nobody's configuration but the repository's is read, no prompt is shown, nothing is fetched, and it need not be one's own to be looked at. */
function environment(): Record<string, string> {
  // oxlint-disable-next-line node/no-process-env -- git is found as the server itself finds it
  const { PATH = '', HOME = '' } = process.env
  return { PATH, HOME, LC_ALL: 'C', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', GIT_ATTR_NOSYSTEM: '1', GIT_OPTIONAL_LOCKS: '0', GIT_TERMINAL_PROMPT: '0', GIT_NO_LAZY_FETCH: '1', GIT_NO_REPLACE_OBJECTS: '1', GIT_LITERAL_PATHSPECS: '1' }
}
const always = ['--no-pager', '-c', 'safe.directory=*', '-c', 'core.hooksPath=/dev/null', '-c', 'core.fsmonitor=false']

/** @throws MadroxError `unavailable`: there is no git, or it does not answer */
function run(args: readonly string[], { cwd, env = {}, input, maxBytes = most, timeoutMs = answerMs }: RunOptions): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = execFile('git', [...always, ...args], { cwd, env: { ...environment(), ...env }, encoding: 'buffer', maxBuffer: maxBytes, timeout: timeoutMs, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      const isCut = codeOf(error) === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER'
      if (!error || isCut) resolve({ code: 0, stdout, stderr: stderr.toString(), isCut })
      else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr: stderr.toString(), isCut })
      else reject(new MadroxError('unavailable', error.killed ? `git did not answer within ${timeoutMs} ms.` : `git cannot be run in ${cwd}: ${error.message}.`, { remedy: 'See whether git is installed and the directory can be read.', cause: error }))
    })
    // One that ends before it has read all says so by its code.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

const linesOf = ({ stdout }: Said): readonly string[] => stdout.toString().split('\n').filter(line => line !== '')
const isId = (text: string | undefined): text is string => text !== undefined && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text)

/** The repository whose work tree a directory lies in. @param ceiling not looked for there, nor above */
export async function repositoryOf(dir: string, ceiling?: string): Promise<Repository | undefined> {
  const options = { cwd: dir, ...(ceiling === undefined ? {} : { env: { GIT_CEILING_DIRECTORIES: ceiling } }) }
  const places = await run(['rev-parse', '--path-format=absolute', '--show-toplevel', '--absolute-git-dir', '--git-common-dir'], options)
  const [top, gitDir, commonDir] = linesOf(places)
  if (places.code !== 0 || top === undefined || gitDir === undefined || commonDir === undefined) return undefined
  const [head] = linesOf(await run(['rev-parse', '--verify', '--quiet', 'HEAD'], options))
  const [branch] = linesOf(await run(['symbolic-ref', '--quiet', 'HEAD'], options))
  return { top: await realpath(top), gitDir: await realpath(gitDir), commonDir: await realpath(commonDir), ...(isId(head) ? { head } : {}), ...(branch?.startsWith('refs/') ? { branch } : {}) }
}

export interface Ref {
  readonly id: string
  /** `refs/heads/main` */
  readonly name: string
}

/** Branches, tags and what is known of other repositories' branches. */
export async function refsOf({ commonDir }: Repository): Promise<readonly Ref[]> {
  const said = await run(['for-each-ref', '--format=%(objectname) %(refname)', 'refs/heads', 'refs/tags', 'refs/remotes'], { cwd: commonDir, env: { GIT_DIR: commonDir } })
  if (said.code !== 0 || said.isCut) throw unreadable(commonDir, 'its branches')
  return linesOf(said).flatMap(line => {
    const [id, name] = line.split(' ')
    return isId(id) && name !== undefined ? [{ id, name }] : []
  })
}

/** False: it is another commit's by now, or it cannot be written. */
export async function deleteBranch({ commonDir }: Repository, { name, id }: Ref): Promise<boolean> {
  const env = { GIT_DIR: commonDir }
  return (await run(['update-ref', '-d', name, id], { cwd: commonDir, env: { ...env, ...(await withoutHooks(commonDir, env)) } })).code === 0
}

/** Makes a branch and a worktree on it, of the commit that `dir` stands on, and writes no file of it. @throws MadroxError `workspace_failed` in git's words */
export async function noteWorktree(dir: string, branch: string, path: string): Promise<void> {
  const { code, stderr } = await run(['worktree', 'add', '--quiet', '--no-checkout', '-b', branch, path, 'HEAD'], { cwd: dir, env: await withoutHooks(dir) })
  if (code !== 0) throw new MadroxError('workspace_failed', stderr.trim())
}

/** Hooks that a configuration names (git 2.54) run wherever `core.hooksPath` leads, and are switched off one by one. Whoever adds one in between has it run. */
async function withoutHooks(cwd: string, env: Readonly<Record<string, string>> = {}): Promise<Record<string, string>> {
  const said = await run(['config', '--null', '--name-only', '--get-regexp', '^hook\\.'], { cwd, env })
  const names = new Set(said.stdout.toString().split('\0').flatMap(key => /^hook\.([\s\S]+)\.[^.]+$/.exec(key)?.[1] ?? []))
  return Object.fromEntries([['GIT_CONFIG_COUNT', String(names.size)], ...[...names].flatMap((name, index) => [[`GIT_CONFIG_KEY_${index}`, `hook.${name}.enabled`], [`GIT_CONFIG_VALUE_${index}`, 'false']])])
}

const unreadable = (dir: string, what: string): MadroxError => new MadroxError('workspace_failed', `git cannot read ${what} in ${dir}.`, { remedy: 'Look at it with git fsck.' })

/** A file of git's own as text; undefined: there is none. Never one that would have to be waited for. */
export async function gitFile(dir: string, path: string): Promise<string | undefined> {
  return (await readGitFile(dir, path))?.content.toString()
}

const largestFile = 512 * 1024 * 1024

async function readGitFile(dir: string, path: string): Promise<{ readonly content: Buffer; readonly mtime: Date } | undefined> {
  try {
    return await withOpened({ root: dir, what: 'the git directory' }, path, async opened => {
      if (opened.stats.size > largestFile) throw unreadable(dir, path)
      return { content: await withContent(opened, content => content.readFile()), mtime: opened.stats.mtime }
    })
  } catch (error) {
    if (error instanceof MadroxError && error.code === 'not_found') return undefined
    throw error
  }
}

/** Looks at the contents of one work tree, with an index of its own to do so. */
export interface Look {
  /** What git says. @throws MadroxError `workspace_failed` where git refuses, unless its code is among `codes` */
  say(args: readonly string[], options?: { readonly input?: string; readonly maxBytes?: number; readonly timeoutMs?: number; readonly codes?: readonly number[] }): Promise<Said>
  /** The file it keeps that index in. */
  readonly index: string
  /** Exclusion by what the repository and its directories say. */
  readonly ignoring: readonly string[]
  readonly emptyTree: string
  readonly emptyBlob: string
}

/** Of an empty tree and an empty file, by the length of ids. */
const emptyOnes = {
  sha1: ['4b825dc642cb6eb9a060e54bf8d69288fbee4904', 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'],
  sha256: ['6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321', '473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813'],
} as const

const steady = ['core.commitGraph=false', 'core.bigFileThreshold=8m', 'core.quotePath=false', 'core.safecrlf=false', 'core.untrackedCache=false', 'core.splitIndex=false', 'gc.auto=0', 'maintenance.auto=false', 'diff.renames=false', 'diff.ignoreSubmodules=dirty']

/**
 * @param home a directory of Madrox' own, where the borrowed git directory is kept
 * @param index `own`: as the repository's stands; `head`: as the commit has it, whatever its own claims
 */
export async function withLook<T>(home: string, repository: Repository, index: 'own' | 'head', use: (look: Look) => Promise<T>): Promise<T> {
  const format = repository.head?.length === 64 ? 'sha256' : 'sha1'
  const dir = join(home, 'git')
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const own = await mkdtemp(join(dir, 'look-'))
  try {
    await Promise.all([mkdir(join(own, 'refs')), mkdir(join(own, 'objects'))])
    await Promise.all([writeFile(join(own, 'HEAD'), 'ref: refs/heads/none\n'), writeFile(join(own, 'config'), `[core]\n\trepositoryformatversion = 1\n\tbare = false\n[extensions]\n\tobjectformat = ${format}\n`)])
    const theirs = index === 'own' ? await readGitFile(repository.gitDir, 'index') : undefined
    if (theirs) await lend(join(own, 'index'), theirs)
    const look = await createLook(own, repository, format)
    if (index === 'head' && repository.head !== undefined) await look.say(['read-tree', repository.head])
    return await use(look)
  } finally {
    await rm(own, { recursive: true, force: true })
  }
}

/** With the time it was written: a file of the same second or later is compared by its contents, since its time and size may be those of before. */
async function lend(path: string, { content, mtime }: { readonly content: Buffer; readonly mtime: Date }): Promise<void> {
  await writeFile(path, content, { mode: 0o600 })
  await utimes(path, mtime, mtime)
}

async function createLook(own: string, repository: Repository, format: keyof typeof emptyOnes): Promise<Look> {
  const { top, commonDir } = repository
  const shallow = join(commonDir, 'shallow')
  const env = { GIT_DIR: own, GIT_WORK_TREE: top, GIT_OBJECT_DIRECTORY: join(commonDir, 'objects'), GIT_INDEX_FILE: join(own, 'index'), ...(existsSync(shallow) ? { GIT_SHALLOW_FILE: shallow } : {}) }
  const settings = [...steady, ...(await habitsOf(repository))].flatMap(setting => ['-c', setting])
  const exclude = join(commonDir, 'info', 'exclude')
  const [emptyTree, emptyBlob] = emptyOnes[format]
  return {
    emptyTree, emptyBlob, index: env.GIT_INDEX_FILE, ignoring: ['--exclude-standard', ...(existsSync(exclude) ? [`--exclude-from=${exclude}`] : [])],
    say: async (args, { codes = [0], ...options } = {}) => {
      const said = await run([...settings, ...args], { cwd: top, env, ...options })
      if (!codes.includes(said.code)) throw unreadable(top, `what ${args[0]} asks for`)
      return said
    },
  }
}

/** How the repository writes files down: all that is taken over from its configuration, word for word from a few. */
async function habitsOf({ commonDir }: Repository): Promise<readonly string[]> {
  const said = await run(['config', '--file', join(commonDir, 'config'), '--get-regexp', '^core\\.(autocrlf|eol|filemode|symlinks|ignorecase|precomposeunicode)$'], { cwd: commonDir })
  return linesOf(said).flatMap(line => {
    const [key, value] = line.split(' ')
    return key !== undefined && value !== undefined && /^(?:true|false|input|lf|crlf|native)$/.test(value) ? [`${key}=${value}`] : []
  })
}
