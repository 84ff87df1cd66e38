/**
 * A session's transcript files turned into facts: what was said and done, and what it cost, subagents included. Counts the
 * records that end turns, so that an end is told behind everything that belongs to it.
 */

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf } from '../../errors.ts'
import type { SourcedFact } from '../facts.ts'
import { createLineReader, type LineReader } from '../lines.ts'
import { toEntries, toOutput, type TranscriptEntry } from './transcript.ts'

export type RecordFact = SourcedFact<'usageReported' | 'outputProduced'>

export interface Records {
  readonly path: string
  /** Reads what is new. */
  read(): void
  /** How many turns have their last record, by the way they ended. */
  readonly ends: { stopped: number; failed: number; interrupted: number }
  /** The last text of the session. */
  lastText(): string | undefined
}

export interface RecordsOptions {
  readonly path: string
  readonly resumed: boolean
  readonly tell: (fact: RecordFact) => void
  readonly turnId: () => string | undefined
  /** Called for what tells of turns, in the order written. */
  readonly onTurnEntry: (entry: Extract<TranscriptEntry, { type: 'prompt' | 'absorbed' }>) => void
}

export function createRecords({ path, resumed, tell, turnId, onTurnEntry }: RecordsOptions): Records {
  const counted = new Set<string>()
  const ends = { stopped: 0, failed: 0, interrupted: 0 }
  const subagents = new Map<string, LineReader>()
  const subagentDir = join(path.replace(/\.jsonl$/, ''), 'subagents')
  let lastText: string | undefined

  const takeUsage = (entry: TranscriptEntry): void => {
    // One record a content block, each repeating the usage of the whole message.
    if (entry.type !== 'usage' || counted.has(entry.usage.unitId)) return
    counted.add(entry.usage.unitId)
    tell({ type: 'usageReported', source: 'transcript', ...entry.usage })
  }
  const take = (entry: TranscriptEntry): void => {
    const output = toOutput(entry)
    const turn = turnId()
    if (output) tell({ type: 'outputProduced', source: 'transcript', ...output, ...(turn === undefined ? {} : { turnId: turn }) })
    switch (entry.type) {
      case 'prompt':
      case 'absorbed': return onTurnEntry(entry)
      case 'text': return void (lastText = entry.text)
      case 'apiError': return void (ends.failed += 1)
      case 'toolCall':
      case 'toolResult':
      case 'concluded': return // the end of the turn is told by its hook, and confirmed by `stopped`
      case 'stopped': return void (ends.stopped += 1)
      case 'interrupted': return void (ends.interrupted += 1)
      case 'usage': return takeUsage(entry)
    }
  }

  const main = createLineReader(path)
  // What a resumed session said is old news; what it cost may never have been told, and is counted once by its id.
  const past = resumed ? sizeOf(path) : 0
  if (past > 0) for (const line of main.read()) toEntries(line).forEach(takeUsage)

  return {
    path,
    ends,
    lastText: () => lastText,
    read() {
      for (const line of main.read()) toEntries(line).forEach(take)
      for (const name of list(subagentDir)) {
        if (!name.endsWith('.jsonl')) continue
        const reader = subagents.get(name) ?? createLineReader(join(subagentDir, name))
        subagents.set(name, reader)
        for (const line of reader.read()) toEntries(line).forEach(takeUsage)
      }
    },
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [] // no subagent so far
    throw error
  }
}
