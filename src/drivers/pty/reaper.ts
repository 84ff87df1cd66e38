/**
 * Ends a process tree and proves it: TERM to the group, a grace, KILL to all that is left, then a sweep by marker, because
 * setsid children leave the group and the session, and HUP-ignorers outlive their terminal. Never by name, never by a pid
 * alone: a process is identified by pid and start time.
 */

import { setTimeout as delay } from 'node:timers/promises'
import { codeOf } from '../../errors.ts'
import { isMarked, listProcesses, type ProcessEntry } from './processes.ts'

export type Marker = Readonly<Record<string, string>>

/** Five milliseconds each. */
const killRounds = 200

export interface ReapOptions {
  /** The leader of a PTY session: its pid is also its group's and its session's. */
  readonly pid: number
  readonly marker: Marker
  /** Between TERM and KILL. 0 kills at once. Milliseconds. */
  readonly graceMs: number
  /** Settles when the leader has exited and been waited for. */
  readonly exited: Promise<unknown>
}

/** Resolves when no process of the tree is left. Rejects when something survives KILL (uninterruptible, or another user's). */
export async function endProcessTree(options: ReapOptions): Promise<void> {
  const { pid, marker, graceMs, exited } = options
  // Taken before the leader dies: afterwards its children belong to init and only session and marker still tell them.
  const tree = toTree(listProcesses(), pid)
  if (graceMs > 0) {
    signalGroup(pid, 'SIGTERM')
    await Promise.race([exited, delay(graceMs, undefined, { ref: false })])
  }
  const { left } = await endAll(() => listProcesses().filter(entry => isOneOf(tree, entry) || isMarked(entry.pid, marker)))
  if (left.length > 0) throw new Error(`Processes ${left.join(', ')} survived SIGKILL for a second.`)
}

/** Pids. `left`: alive a second after SIGKILL, because uninterruptible (they end before they run on) or another user's. */
export interface Sweep {
  readonly ended: readonly number[]
  readonly left: readonly number[]
}

/** Kills every process that carries the whole marker, and what those have below them. For start-up: what a killed server left. */
export async function sweepMarked(marker: Marker): Promise<Sweep> {
  if (Object.keys(marker).length === 0) throw new Error('A sweep without a marker would match every process.')
  const trees: ProcessEntry[] = []
  return endAll(() => {
    const entries = listProcesses()
    // A child started with a bare environment is told by its parents, and from then on by having been seen.
    const roots = entries.filter(entry => isOneOf(trees, entry) || isMarked(entry.pid, marker))
    const found = roots.flatMap(root => toTree(entries, root.pid)).filter(entry => entry.pid !== process.pid)
    trees.push(...found.filter(entry => !isOneOf(trees, entry)))
    return entries.filter(entry => isOneOf(found, entry))
  })
}

/** Repeats until a look finds none: a process may fork between the look and the kill. */
async function endAll(find: () => readonly ProcessEntry[]): Promise<Sweep> {
  const killed: ProcessEntry[] = []
  const sweep = (left: readonly ProcessEntry[]): Sweep =>
    ({ ended: killed.filter(entry => !isOneOf(left, entry)).map(entry => entry.pid), left: left.map(entry => entry.pid) })
  let left: readonly ProcessEntry[] = []
  for (let round = 0; round < killRounds; round++) {
    left = find().filter(entry => entry.state !== 'Z')
    if (left.length === 0) {
      await vanish(killed)
      return sweep([])
    }
    for (const entry of left) {
      if (!isOneOf(killed, entry)) killed.push(entry)
      signal(entry.pid, 'SIGKILL')
    }
    await delay(5) // the kernel needs a moment to take them down
  }
  return sweep(left)
}

/**
 * A killed process keeps its pid until its parent, init for orphans, has waited for it. An init that is slow to (some
 * containers') leaves dead entries behind, which do nothing and are not waited for any longer.
 */
async function vanish(killed: readonly ProcessEntry[]): Promise<void> {
  for (let round = 0; round < 20; round++) {
    if (!listProcesses().some(entry => isOneOf(killed, entry))) return
    await delay(5)
  }
}

const isOneOf = (tree: readonly ProcessEntry[], entry: ProcessEntry): boolean =>
  tree.some(each => each.pid === entry.pid && each.startedAt === entry.startedAt)

/** The process, its descendants, and what shares its session. */
function toTree(entries: readonly ProcessEntry[], root: number): ProcessEntry[] {
  const members = new Set([root])
  for (let grown = true; grown; ) {
    grown = false
    for (const entry of entries) {
      if (members.has(entry.pid) || !(members.has(entry.parent) || entry.session === root)) continue
      members.add(entry.pid)
      grown = true
    }
  }
  return entries.filter(entry => members.has(entry.pid))
}

function signalGroup(pid: number, name: NodeJS.Signals): void {
  signal(-pid, name)
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    const code = codeOf(error)
    if (code !== 'ESRCH' && code !== 'EPERM') throw error // gone already, or not ours: the next look tells
  }
}
