/** What the parts of an agent share: the signals of one running session, and the way to its keyboard. */

import type { Clock } from '../../clock.ts'
import type { SourcedFact } from '../facts.ts'
import { listStatuses, type ConfigDir, type SessionStatus } from './config-dir.ts'
import type { Records } from './records.ts'
import type { TurnTracker } from './turns.ts'

export interface Session {
  readonly clock: Clock
  readonly turns: TurnTracker
  readonly records: Records
  readonly status: StatusReader
  tell(fact: SourcedFact): void
  write(bytes: string): void
  /** False: a person's text may be in the input box, and is not to be swept. */
  maySweep(): boolean
  /** Draw conclusions again, soon, or after a time without news. */
  lookSoon(): void
  lookIn(delayMs: number): void
}

/** A status older than what it should tell of is not believed, until a loaded machine has had ample time to write another. */
export const staleStatusMs = 10_000

export interface StatusReader {
  /** Reads the file; it is rewritten in place, so a torn read keeps what was known. */
  refresh(): void
  current(): SessionStatus | undefined
  /** Takes a prompt: `shell` is idle with a background command running. */
  isReady(): boolean
  isWaiting(): boolean
  /** The status was written at that time or later; a CLI that does not tell when is believed. */
  isSince(time: number): boolean
}

export function createStatusReader(configDir: ConfigDir, sessionId: string, pid: number, startedAt: number): StatusReader {
  let status: SessionStatus | undefined
  return {
    refresh() {
      // Found by session, not by pid: an executable may be a wrapper that starts the program proper. Older files of the session are left by killed processes.
      const isOurs = (each: SessionStatus): boolean => each.sessionId === sessionId && each.startedAt >= startedAt - 50
      status = listStatuses(configDir, `${status?.pid ?? pid}.json`).find(isOurs) ?? status
    },
    current: () => status,
    isReady: () => status?.status === 'idle' || status?.status === 'shell',
    isWaiting: () => status?.status === 'waiting',
    isSince: time => status !== undefined && (status.statusUpdatedAt ?? time) >= time,
  }
}
