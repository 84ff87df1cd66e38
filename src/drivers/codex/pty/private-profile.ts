/**
 * One agent's configuration as a profile of codex's own, `$CODEX_HOME/madrox-….config.toml`: a file, because arguments are
 * world-readable, may hold other servers' secrets, and are limited in size. It is readable for this user alone, lives as long as its
 * agent, and is found again when the server was killed before it could remove it.
 */

import { mkdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { stringify } from 'smol-toml'
import type { Log } from '../../../log.ts'
import { clearLeftovers } from '../../leftovers.ts'

export interface PrivateProfile {
  /** For `--profile`. */
  readonly name: string
  remove(): void
}

const prefix = 'madrox-'

/** `key`: letters, digits and dashes, of this life of the agent alone. */
export function writePrivateProfile(stateDir: string, codexHome: string, key: string, config: Readonly<Record<string, unknown>>): PrivateProfile {
  const name = prefix + key
  const path = join(codexHome, `${name}.config.toml`)
  const records = join(stateDir, 'profiles')
  const record = join(records, key)
  mkdirSync(records, { recursive: true, mode: 0o700 })
  symlinkSync(path, record) // first: a file nobody knows of would stay
  writeFileSync(path, stringify(config), { mode: 0o600 })
  return {
    name,
    remove() {
      rmSync(path, { force: true })
      rmSync(record, { force: true })
    },
  }
}

/** Removes what the agents of a killed server had. */
export function clearPrivateProfiles(stateDir: string, log: Log): void {
  clearLeftovers(join(stateDir, 'profiles'), log, record => {
    const path = readRecord(record)
    if (path !== undefined && basename(path).startsWith(prefix) && path.endsWith('.config.toml')) rmSync(path, { force: true })
  })
}

function readRecord(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined // no link: not of this module's making
  }
}
