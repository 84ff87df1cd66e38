/**
 * What is one agent's own on disk, for as long as it lives: a directory of files only this user can read, and a temporary
 * directory. Both are found again when the server was killed before it could remove them.
 */

import { chmodSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Log } from '../../log.ts'
import { clearLeftovers } from '../leftovers.ts'

const prefix = 'madrox-'
/** A link in the agent's directory: where its temporary directory is. */
const record = 'temporary'

export interface PrivateFiles {
  /** The CLI's own default is shared by all sessions of a user. */
  readonly temporary: string
  /** Returns the path. */
  write(name: string, text: string): string
  remove(): void
}

export function createPrivateFiles(stateDir: string, agentId: string): PrivateFiles {
  const dir = join(stateDir, 'agents', agentId)
  rmSync(dir, { recursive: true, force: true }) // an earlier life's, should its removal have failed
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  // Not below the state directory: sockets are made in it, and their paths may not be long.
  const temporary = mkdtempSync(join(tmpdir(), prefix))
  symlinkSync(temporary, join(dir, record))
  chmodSync(temporary, 0o700)
  return {
    temporary,
    write(name, text) {
      const path = join(dir, name)
      writeFileSync(path, text, { mode: 0o600 })
      return path
    },
    remove() {
      rmSync(temporary, { recursive: true, force: true }) // first: its record is in the other
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Removes what the agents of a killed server had. */
export function clearPrivateFiles(stateDir: string, log: Log): void {
  clearLeftovers(join(stateDir, 'agents'), log, dir => {
    const temporary = readRecord(dir)
    if (temporary !== undefined && basename(temporary).startsWith(prefix)) rmSync(temporary, { recursive: true, force: true })
  })
}

function readRecord(dir: string): string | undefined {
  try {
    return readlinkSync(join(dir, record))
  } catch {
    return undefined // killed before it was written
  }
}
