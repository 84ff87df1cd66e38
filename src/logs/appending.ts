/** One log file: its lines, its size, and the older parts it was moved to. For its owner alone (0600, directories 0700). */

import { constants } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from '../errors.ts'

export interface Rotation {
  /** A file that would grow beyond this is moved aside; one line that is longer has a file of its own. */
  readonly maxBytes: number
  /** The current one and older ones, `.1` the youngest of these. */
  readonly files: number
}

/** Adds the texts, each of which ends its line. */
export async function append(path: string, texts: readonly string[], rotation: Rotation | undefined): Promise<void> {
  await makeDirectory(dirname(path))
  let size = await sizeOf(path)
  let chunk = ''
  for (const text of texts) {
    const bytes = Buffer.byteLength(text)
    if (rotation && size > 0 && size + bytes > rotation.maxBytes) {
      await write(path, chunk)
      chunk = ''
      size = 0
      await moveAside(path, rotation)
    }
    chunk += text
    size += bytes
  }
  await write(path, chunk)
}

/** Readers see the text before or this one, never a part. */
export async function replace(path: string, text: string): Promise<void> {
  await makeDirectory(dirname(path))
  const draft = `${path}.new`
  await rm(draft, { force: true })
  await write(draft, text)
  await rename(draft, path)
}

/** A link that somebody put in its place is not followed. */
async function write(path: string, text: string): Promise<void> {
  if (text === '') return
  const file = await open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  try {
    await file.appendFile(text)
  } finally {
    await file.close()
  }
}

async function moveAside(path: string, { files }: Rotation): Promise<void> {
  const oldest = files - 1
  if (oldest === 0) return rm(path, { force: true })
  for (let age = oldest; age > 0; age--) {
    const from = age === 1 ? path : `${path}.${age - 1}`
    await rename(from, `${path}.${age}`).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error // there are not that many yet
    })
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0
    throw error
  }
}

/** Level by level: Node's own `recursive` never returns where nothing can be made (`/proc/x`, Node 20.20). */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error
    await makeDirectory(dirname(path))
    await mkdir(path, { mode: 0o700 }).catch((again: unknown) => {
      if (codeOf(again) !== 'EEXIST') throw again
    })
  }
}
