/**
 * Opening what lies beneath a directory that somebody else may be writing in: a name may be a link out of it, or become one between two
 * looks. So nothing is judged by its name: what was opened is asked where it lies, and is used by its descriptor from then on.
 *
 * On Linux a descriptor is taken with O_PATH, which opens no device and waits for no FIFO, and /proc/self/fd says where it leads. On macOS
 * the kernel refuses every link on the way (O_NOFOLLOW_ANY), and a FIFO is opened without waiting; the names in a directory are read by its
 * path there, and compared afterwards, so that someone quick enough may have names shown, though no content.
 */

import { constants, type Stats } from 'node:fs'
import { type FileHandle, lstat, open, readlink, realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { codeOf, MadroxError, wordsOf } from '../errors.ts'
import { escapes } from './paths.ts'

/** Of Linux, and of macOS since 11; Node names neither. */
const [oPath, oNoFollowAny] = [0o10000000, 0x20000000]
const onLinux = process.platform === 'linux'

export interface Opened {
  readonly handle: FileHandle
  readonly stats: Stats
  /** Where it lay when it was opened, beneath the directory. */
  readonly path: string
  /** Leads to it, whatever its name leads to by now. Of a directory, also to what is in it. */
  readonly way: string
}

/** @param what as a message names the directory: `the workspace of "ada"` */
export interface Beneath {
  readonly root: string
  readonly what: string
}

/**
 * Opens a file or directory beneath `root`, links followed as long as they stay there, and closes it when `use` has settled.
 * @param path absolute, or from `root`
 * @throws MadroxError `not_allowed` where it leads out; `not_found`; `invalid_input` where it is neither file nor directory; `workspace_failed` where the system refuses
 */
export async function withOpened<T>(beneath: Beneath, path: string, use: (opened: Opened) => Promise<T>): Promise<T> {
  const opened = await openBeneath(beneath, path)
  try {
    return await use(opened)
  } finally {
    await opened.handle.close()
  }
}

async function openBeneath({ root, what }: Beneath, path: string): Promise<Opened> {
  const wanted = resolve(root, path)
  if (escapes(root, wanted)) throw outside(what, path)
  return inWords(what, path, async () => {
    const real = await realpath(wanted)
    if (escapes(root, real)) throw outside(what, path)
    refuseOthers(await lstat(real), path)
    const handle = await open(real, onLinux ? oPath | constants.O_NOFOLLOW : constants.O_RDONLY | constants.O_NONBLOCK | oNoFollowAny)
    try {
      const stats = await handle.stat()
      refuseOthers(stats, path)
      const way = onLinux ? `/proc/self/fd/${handle.fd}` : real
      const lies = onLinux ? await readlink(way) : real
      if (escapes(root, lies)) throw outside(what, path)
      return { handle, stats, path: lies, way }
    } catch (error) {
      await handle.close()
      throw error
    }
  })
}

/** Reads from a file that was opened: where O_PATH opened it, that takes a second descriptor. */
export async function withContent<T>({ handle, way }: Opened, use: (content: FileHandle) => Promise<T>): Promise<T> {
  if (!onLinux) return use(handle)
  const content = await open(way, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    return await use(content)
  } finally {
    await content.close()
  }
}

/** After the names in a directory were read: where that had to be done by its path, that path must still lead to it. */
export async function checkUnmoved({ path, stats }: Opened): Promise<void> {
  if (onLinux) return
  const now = await lstat(path)
  if (now.ino !== stats.ino || now.dev !== stats.dev) throw new MadroxError('workspace_failed', `${path} was exchanged while it was read.`, { remedy: 'List it again.' })
}

/** Work of many steps ends between two of them when nobody waits for it any more. */
export function refuseCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new MadroxError('unavailable', 'The call was cancelled before it was done.', { remedy: 'Call again.' })
}

function refuseOthers(stats: Stats, path: string): void {
  if (stats.isFile() || stats.isDirectory()) return
  throw new MadroxError('invalid_input', `${path} is neither a file nor a directory: a device, a FIFO or a socket is not opened.`, { remedy: 'Name a file; list_instance_files shows what is there.' })
}

const outside = (what: string, path: string): MadroxError => new MadroxError('not_allowed', `${path} leads out of ${what}.`, { remedy: 'Only what lies inside can be reached; list_instance_files shows it.', data: { path } })

/** A refusal of the system's, in words a caller can use. */
export async function inWords<T>(what: string, path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    const code = codeOf(cause)
    if (cause instanceof MadroxError || code === undefined) throw cause
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new MadroxError('not_found', `There is no ${path === '' || path === '.' ? 'directory any more that was' : `${path} in`} ${what}.`, { remedy: 'list_instance_files shows what is there.', data: { path }, cause })
    if (code === 'ELOOP') throw outside(what, path)
    throw new MadroxError('workspace_failed', `${path} in ${what} cannot be reached: ${wordsOf(cause)}.`, { remedy: 'Look at its mode, and at the space left.', data: { path }, cause })
  }
}
