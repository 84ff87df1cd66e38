/** The rollout of a running codex, read as it grows: what is said of turns, and what was spent. */

import { createLineReader } from '../../lines.ts'
import type { SourcedFact } from '../../facts.ts'
import { createSpentReader } from '../rollout.ts'
import { createUsageMeter } from '../usage.ts'
import { toEntry, type Entry } from './entries.ts'

export interface RecordOptions {
  readonly path: string
  readonly threadId: string
  /** What it says already is of earlier lives. */
  readonly resumed: boolean
  readonly tell: (fact: SourcedFact<'usageReported'>) => void
  readonly onEntry: (entry: Entry) => void
}

export interface Rollout {
  /** Reads what is new. */
  read(): void
}

export function followRollout({ path, threadId, resumed, tell, onEntry }: RecordOptions): Rollout {
  const lines = createLineReader(path)
  const spent = createSpentReader(threadId, createUsageMeter())
  const report = (reports: ReturnType<typeof spent.take>): void => {
    for (const each of reports) tell({ type: 'usageReported', source: 'transcript', ...each })
  }
  // What an earlier life spent may never have been counted: a killed server's, or a killed process's last call.
  if (resumed) report([...lines.read().flatMap(spent.take), ...spent.lost()])
  return {
    read() {
      for (const line of lines.read()) {
        report(spent.take(line))
        const entry = toEntry(line)
        if (entry) onEntry(entry)
      }
    },
  }
}
