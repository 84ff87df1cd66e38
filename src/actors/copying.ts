/** Copying a file to where a caller may write: a new file, whole or not at all, and in no place that a CLI or git takes orders from. */

import { constants } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { codeOf, MadroxError } from '../errors.ts'
import type { Caller } from '../messages.ts'
import { type Beneath, inWords, type Opened, refuseCancelled, withContent, withOpened } from './beneath.ts'
import { type Core, rowOf, specOf } from './core.ts'
import type { FileCopied } from './file-reading.ts'
import { addressOf } from './principals.ts'
import { mayWrite } from './rights.ts'
import { standing } from './spawning.ts'
import { escapes } from './paths.ts'

/** Bytes. */
export const largestCopy = 1024 ** 3

/** @throws MadroxError `not_allowed` where the caller has no place to write, or may only read */
export function destinationOf(core: Core, caller: Caller): Beneath {
  if (caller.kind === 'agent' && !mayWrite(specOf(rowOf(core, caller.agentId)))) throw new MadroxError('not_allowed', 'You may only read, so nothing is written for you either.', { remedy: 'Leave copy_to out, and read what is returned.' })
  const root = caller.kind === 'owner' ? undefined : standing(core, addressOf(core, caller)).callerDir
  if (root === undefined) throw new MadroxError('not_allowed', 'Your client told no root, so there is no place to copy to.', { remedy: 'Leave copy_to out, and write what is returned.' })
  return { root, what: caller.kind === 'agent' ? 'your workspace' : "your client's root" }
}

/**
 * Where it is now, absolute, and how large.
 * @param to a name for it, or a directory that is there
 */
export async function copyInto(beneath: Beneath, to: string, source: Opened, signal: AbortSignal): Promise<Pick<FileCopied, 'copiedTo' | 'size'>> {
  if (source.stats.size > largestCopy) throw tooLarge(source)
  const wanted = resolve(beneath.root, to)
  const path = to.endsWith('/') || (!escapes(beneath.root, wanted) && (await leadsToDirectory(beneath, to))) ? join(wanted, basename(source.path)) : wanted
  return withOpened(beneath, dirname(path), async directory => {
    const copiedTo = join(directory.path, basename(path))
    checkPlace(beneath, directory, copiedTo)
    return inWords(beneath.what, to, async () => ({ copiedTo, size: await copyAnew(source, join(directory.way, basename(path)), copiedTo, signal) }))
  })
}

function checkPlace({ root }: Beneath, directory: Opened, path: string): void {
  if (!directory.stats.isDirectory()) throw new MadroxError('invalid_input', `${directory.path} is no directory.`, { remedy: 'Name a file in a directory that is there.' })
  // Settings of CLIs and the hooks of git lie in hidden places; sandboxes keep agents from writing them, and so does this.
  const hidden = relative(root, path).split(sep).find(part => part.startsWith('.'))
  if (hidden !== undefined) throw new MadroxError('not_allowed', `Nothing is copied to ${hidden}: hidden files and directories may hold settings that others obey.`, { remedy: 'Give copy_to a name that does not begin with a dot.' })
}

async function copyAnew(source: Opened, way: string, path: string, signal: AbortSignal): Promise<number> {
  const target = await create(way, path)
  try {
    return await withContent(source, content => pour(source, content, target, signal))
  } catch (error) {
    await unlink(way)
    throw error
  } finally {
    await target.close()
  }
}

async function leadsToDirectory(beneath: Beneath, to: string): Promise<boolean> {
  try {
    return await withOpened(beneath, to, ({ stats }) => Promise.resolve(stats.isDirectory()))
  } catch (error) {
    if (error instanceof MadroxError && error.code === 'not_found') return false
    throw error
  }
}

async function create(way: string, path: string): Promise<FileHandle> {
  try {
    return await open(way, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o644)
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') throw new MadroxError('invalid_input', `${path} is there already, and is not written over.`, { remedy: 'Choose another copy_to, or move what is there.', data: { path }, cause })
    throw cause
  }
}

async function pour(source: Opened, content: FileHandle, target: FileHandle, signal: AbortSignal): Promise<number> {
  const buffer = new Uint8Array(1024 ** 2)
  for (let copied = 0; ;) {
    refuseCancelled(signal)
    const { bytesRead } = await content.read(buffer, 0, buffer.length, copied)
    if (bytesRead === 0) return copied
    copied += bytesRead
    if (copied > largestCopy) throw tooLarge(source) // it grew meanwhile
    await target.writeFile(buffer.subarray(0, bytesRead))
  }
}

const tooLarge = ({ path }: Opened): MadroxError => new MadroxError('invalid_input', `${path} has more than the ${largestCopy} bytes that are copied at most.`, { remedy: 'Copy it by other means.' })
