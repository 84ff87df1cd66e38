/** What a process holds, by its pid, and what its home takes on disk. */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

export interface Held {
  readonly rssMb: number
  readonly descriptors: number
  readonly threads: number
}

export function heldBy(pid: number): Held {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1])
  return { rssMb: field('VmRSS') / 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length, threads: field('Threads') }
}

export interface OnDisk {
  readonly databaseBytes: number
  readonly logMb: number
}

/** The database, what is still in its log apart: both together are what is kept. */
export const onDisk = (home: string): OnDisk => ({ databaseBytes: sizeOf(join(home, 'madrox.db')), logMb: sizeOf(join(home, 'madrox.db-wal')) / 2 ** 20 })

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0
