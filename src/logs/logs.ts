/**
 * The port of exported logs: files for people and tools, written beside the work. The store is the truth; what is written here is a copy
 * of it for reading, and no failure of a disk is anybody's but its own. Nothing is redacted here: what comes in has left its secrets.
 */

import type { AgentId } from '../ids.ts'

export const logNames = ['instance.log', 'communication.jsonl', 'terminal.log'] as const
export type LogName = (typeof logNames)[number]

export type LogEntry =
  /** Lines for the end of an agent's log. */
  | { readonly to: LogName; readonly agentId: AgentId; readonly text: string }
  /** In the place of what the file held before. */
  | { readonly to: 'metadata.json'; readonly agentId: AgentId; readonly text: string }
  /** For the audit of the day it happened on, UTC. */
  | { readonly to: 'audit'; readonly at: number; readonly text: string }

export interface LogFile {
  readonly name: string
  readonly bytes: number
  readonly changedAt: number
}

/** Why nothing can be written now. */
export interface LogTrouble {
  readonly reason: string
  readonly since: number
  /** Lines that found no place any more while they waited. */
  readonly lost: number
}

export interface Logs {
  /** Takes it for writing. Never throws and never waits: what cannot be written yet is kept within bounds, and lost beyond them. */
  add(entry: LogEntry): void
  trouble(): LogTrouble | undefined
  /** The whole of an agent's log, older parts first, with all that was added before; undefined: there is none. */
  read(agentId: AgentId, log: LogName): Promise<string | undefined>
  /** An agent's files by name. */
  list(agentId: AgentId): Promise<readonly LogFile[]>
  /** The directory of an agent's files, there or not. */
  directoryOf(agentId: AgentId): string
  /** Forgets the audit of days before then, and agents that ended before then. `endedAt`: undefined while it lives, nobody's at all: as old as its files. */
  forget(before: number, endedAt: (id: string) => number | undefined | 'nobody'): Promise<void>
  /** Writes what waits, if that can be done, and releases everything. */
  close(): Promise<void>
}
