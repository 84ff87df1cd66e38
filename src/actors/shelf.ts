/** Markdown files by name: those that are shipped, and a user's, which go before them and add to them. Read at every use, so that an edit holds from the next on. */

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../errors.ts'

export interface Volume {
  readonly name: string
  readonly path: string
  readonly source: 'shipped' | 'user'
}

/** What a volume may be called, and so the only files that are read: nothing that leads out of a directory. */
const plainName = /^[a-z0-9][a-z0-9_-]*$/

/** Case does not matter, and a blank or hyphen stands for an underscore. */
export const toPlainName = (asked: string): string => asked.trim().toLowerCase().replaceAll(/[\s-]+/g, '_')

export interface Shelf {
  readonly shipped: string
  readonly user?: string | undefined
}

const directories = ({ shipped, user }: Shelf): Pick<Volume, 'source' | 'path'>[] => [...(user ? [{ source: 'user' as const, path: user }] : []), { source: 'shipped', path: shipped }]

/** Every volume once, in order of their names. */
export async function listVolumes(shelf: Shelf): Promise<Volume[]> {
  const found = await Promise.all(directories(shelf).map(async ({ source, path }) => (await readdir(path).catch(onlyMissing([]))).map(file => ({ source, file, path: join(path, file) }))))
  const volumes = new Map<string, Volume>()
  for (const { source, file, path } of found.flat()) {
    const name = file.slice(0, -3)
    if (file.endsWith('.md') && plainName.test(name) && !volumes.has(name)) volumes.set(name, { name, path, source })
  }
  return [...volumes.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** The text of the first of these names that there is. */
export async function readVolume(shelf: Shelf, names: Iterable<string>): Promise<string | undefined> {
  for (const name of new Set(names)) {
    for (const { path } of directories(shelf)) {
      const text = plainName.test(name) ? await readFile(join(path, `${name}.md`), 'utf8').catch(onlyMissing(undefined)) : undefined
      if (text !== undefined) return text
    }
  }
  return undefined
}

function onlyMissing<T>(instead: T): (error: unknown) => T {
  return error => {
    if (codeOf(error) === 'ENOENT') return instead
    throw error
  }
}
