/**
 * The files of agents, for those who may see the agents: listed, read piece by piece, copied. It follows no link out of a workspace and
 * opens nothing that is no file. Sizes and times are bounded; contents are given as they are, secrets included.
 */

import type { Dir, Stats } from 'node:fs'
import { type FileHandle, lstat, opendir, readlink } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { MadroxError } from '../errors.ts'
import type { AgentId } from '../ids.ts'
import type { Caller } from '../messages.ts'
import { type Beneath, checkUnmoved, inWords, type Opened, refuseCancelled, withContent, withOpened } from './beneath.ts'
import { type Core, rowOf } from './core.ts'
import { copyInto, destinationOf } from './copying.ts'
import { resolveAgent } from './directory.ts'
import type { FileEntry, FileListing, FileRead, FileReading } from './file-reading.ts'

/** Names looked through for one listing: a directory may hold millions. */
export const mostNames = 50_000

export function createFiles(core: Core): FileReading {
  const whose = (caller: Caller, reference: string): { readonly agentId: AgentId; readonly name: string; readonly beneath: Beneath } => {
    const agentId = resolveAgent(core, caller, reference, 'see')
    const { name, workspace } = rowOf(core, agentId)
    return { agentId, name, beneath: { root: workspace.path, what: `the workspace of "${name}"` } }
  }
  return {
    listFiles: async (caller, reference, query) => {
      const { beneath, ...agent } = whose(caller, reference)
      return { ...agent, workspace: beneath.root, ...(await list(beneath, query)) }
    },
    readFile: async (caller, reference, { path, offset, maxBytes }) => {
      const { beneath, ...agent } = whose(caller, reference)
      return withFile(beneath, path, async opened => ({ ...agent, path: relative(beneath.root, opened.path), ...(await inWords(beneath.what, path, () => readPart(opened, offset, maxBytes))) }))
    },
    copyFile: async (caller, reference, { path, to, signal }) => {
      const { beneath, ...agent } = whose(caller, reference)
      const destination = destinationOf(core, caller)
      return withFile(beneath, path, async opened => ({ ...agent, path: relative(beneath.root, opened.path), ...(await copyInto(destination, to, opened, signal)) }))
    },
  }
}

const withFile = <T>(beneath: Beneath, path: string, use: (opened: Opened) => Promise<T>): Promise<T> =>
  withOpened(beneath, path, opened => {
    if (opened.stats.isFile()) return use(opened)
    throw new MadroxError('invalid_input', `${path} in ${beneath.what} is a directory.`, { remedy: 'Name a file; list_instance_files shows what is in the directory.', data: { path } })
  })

type Part = Pick<FileRead, 'size' | 'changedAt' | 'offset' | 'bytes' | 'text' | 'nextOffset'>

async function readPart(opened: Opened, offset: number, maxBytes: number): Promise<Part> {
  const { size, mtimeMs } = opened.stats
  const buffer = new Uint8Array(Math.max(0, Math.min(maxBytes, size - offset)))
  const filled = await withContent(opened, content => fill(content, buffer, offset))
  const read = buffer.subarray(0, filled)
  const asText = toText(read, offset + read.length >= size)
  const bytes = asText ? read.subarray(0, asText.length) : read
  const end = offset + bytes.length
  const wasCutShort = filled < buffer.length
  return { size, changedAt: mtimeMs, offset, bytes, ...(asText ? { text: asText.text } : {}), ...(end < size && !wasCutShort ? { nextOffset: end } : {}) }
}

/** How many bytes there were. */
async function fill(content: FileHandle, buffer: Uint8Array, offset: number): Promise<number> {
  for (let filled = 0; filled < buffer.length;) {
    const { bytesRead } = await content.read(buffer, filled, buffer.length - filled, offset + filled)
    if (bytesRead === 0) return filled
    filled += bytesRead
  }
  return buffer.length
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of the bytes and how many of them it is; undefined: they are none. A character that the end cuts is left for the next part. */
function toText(bytes: Uint8Array, isEnd: boolean): { readonly text: string; readonly length: number } | undefined {
  const longestCut = isEnd ? 0 : 3
  for (let length = bytes.length; length >= Math.max(Math.min(1, bytes.length), bytes.length - longestCut); length -= 1) {
    try {
      return { text: decoder.decode(bytes.subarray(0, length)), length }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error // what a fatal decoder throws of bytes that are no UTF-8
    }
  }
  return undefined
}

interface Listing {
  readonly path: string
  readonly recursive: boolean
  readonly limit: number
  readonly signal: AbortSignal
}

/** Level by level, so that a limit cuts what lies deepest. Git's own directory is named and not looked into. */
async function list(beneath: Beneath, { path, recursive, limit, signal }: Listing): Promise<Pick<FileListing, 'entries' | 'more' | 'unreadable'>> {
  const entries: FileEntry[] = []
  const unreadable: string[] = []
  let left = mostNames
  let more = false
  const queue: string[] = [path]
  for (let here = queue.shift(); here !== undefined; here = queue.shift()) {
    if (entries.length >= limit || left === 0) {
      more = true
      break
    }
    refuseCancelled(signal)
    const found = await listOne(beneath, here, { limit: limit - entries.length, mostNames: left }).catch((error: unknown): Found => {
      // The one that was asked for must be there; those below it come and go.
      if (here === path || !(error instanceof MadroxError)) throw error
      return { entries: [], more: false, names: 0, isUnreadable: error.code === 'workspace_failed' }
    })
    if (found.isUnreadable) unreadable.push(here)
    entries.push(...found.entries)
    more ||= found.more
    left -= found.names
    if (recursive) queue.push(...found.entries.filter(entry => entry.type === 'directory' && !/(?:^|\/)\.git$/.test(entry.path)).map(entry => entry.path))
  }
  return { entries: entries.toSorted((a, b) => (a.path < b.path ? -1 : 1)), more, unreadable }
}

type Found = { readonly entries: readonly FileEntry[]; readonly more: boolean; readonly names: number; readonly isUnreadable?: boolean }

const listOne = (beneath: Beneath, path: string, { limit, mostNames }: { readonly limit: number; readonly mostNames: number }): Promise<Found> =>
  withOpened(beneath, path, async opened => {
    const from = relative(beneath.root, opened.path)
    if (opened.stats.isFile()) return { entries: [toEntry(from, opened.stats)], more: false, names: 1 }
    return inWords(beneath.what, path, async () => {
      const { names, more } = await namesIn(await opendir(opened.way), mostNames)
      const shown = names.toSorted().slice(0, limit)
      const entries = await Promise.all(shown.map(name => entryOf(join(from, name), join(opened.way, name))))
      await checkUnmoved(opened)
      return { entries, more: more || names.length > shown.length, names: names.length }
    })
  })

async function namesIn(dir: Dir, most: number): Promise<{ readonly names: readonly string[]; readonly more: boolean }> {
  const names: string[] = []
  // Leaving the loop closes the directory.
  for await (const { name } of dir) {
    if (names.length === most) return { names, more: true }
    names.push(name)
  }
  return { names, more: false }
}

async function entryOf(path: string, way: string): Promise<FileEntry> {
  try {
    const stats = await lstat(way)
    return stats.isSymbolicLink() ? { ...toEntry(path, stats), target: await readlink(way) } : toEntry(path, stats)
  } catch {
    return { path, type: 'unknown' } // which is what the type says
  }
}

function toEntry(path: string, stats: Stats): FileEntry {
  const type = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'link' : 'other'
  return { path, type, changedAt: stats.mtimeMs, ...(type === 'file' ? { size: stats.size } : {}) }
}
