/**
 * What a scripted session remembers, kept so that it can be resumed: an append-only file a session, as the real CLIs have. Its
 * prompts, the ends of its turns, and what it spent.
 * A line is written before the turn it is about goes on, so a killed process forgets nothing it has begun.
 */

import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const entrySchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('opened'), at: z.number() }),
  z.object({ type: z.literal('turnBegan'), turnId: z.string(), prompt: z.string().optional(), at: z.number() }),
  z.object({ type: z.literal('turnEnded'), turnId: z.string(), status: z.string(), finalText: z.string().optional(), error: z.string().optional(), at: z.number() }),
  z.object({ type: z.literal('usageSpent'), unitId: z.string(), inputTokens: z.number(), outputTokens: z.number(), at: z.number() }),
])
export type TranscriptEntry = z.output<typeof entrySchema>

export interface Transcript {
  /** Turns begun before it was opened: ids go on from there. */
  readonly earlierTurns: number
  /** Read when asked for, not kept: a long session must not grow in memory. Oldest first. */
  readEntries(): readonly TranscriptEntry[]
  append(entry: TranscriptEntry): void
}

export interface Transcripts {
  /** Undefined: `resume` of a session nobody opened. */
  open(sessionId: string, resume: boolean): Transcript | undefined
}

const countTurns = (entries: readonly TranscriptEntry[]): number => entries.filter(entry => entry.type === 'turnBegan').length

const pathOf = (directory: string, sessionId: string): string => join(directory, `${encodeURIComponent(sessionId)}.jsonl`)

/** Of a session that may be another process's: it is only looked at. Oldest first; none where there is no such session. */
export function readTranscript(directory: string, sessionId: string): readonly TranscriptEntry[] {
  const path = pathOf(directory, sessionId)
  return existsSync(path) ? readEntries(path) : []
}

/** Files under `directory`, which is created on demand. */
export function createFileTranscripts(directory: string): Transcripts {
  return {
    open: (sessionId, resume) => {
      const path = pathOf(directory, sessionId)
      const known = existsSync(path)
      if (resume && !known) return undefined
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      if (known) closeTornLine(path)
      return {
        earlierTurns: known ? countTurns(readEntries(path)) : 0,
        readEntries: () => readEntries(path),
        append: entry => appendFileSync(path, `${JSON.stringify(entry)}\n`, { mode: 0o600 }),
      }
    },
  }
}

/** For simulations: nothing touches a disk, and sessions live as long as this object. */
export function createMemoryTranscripts(): Transcripts {
  const known = new Map<string, TranscriptEntry[]>()
  return {
    open: (sessionId, resume) => {
      if (resume && !known.has(sessionId)) return undefined
      const entries = known.get(sessionId) ?? []
      known.set(sessionId, entries)
      return { earlierTurns: countTurns(entries), readEntries: () => [...entries], append: entry => void entries.push(entry) }
    },
  }
}

/** A line cut by a kill in the middle of its write is no entry. */
function readEntries(path: string): TranscriptEntry[] {
  const text = readFileSync(path, 'utf8')
  return text.slice(0, text.lastIndexOf('\n') + 1).split('\n').filter(line => line !== '').flatMap(line => {
    const parsed = entrySchema.safeParse(parseJson(line))
    return parsed.success ? [parsed.data] : []
  })
}

/** It must not swallow the next one. */
function closeTornLine(path: string): void {
  const text = readFileSync(path, 'utf8')
  if (text !== '' && !text.endsWith('\n')) appendFileSync(path, '\n')
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined // fails the schema like any other line that is no entry
  }
}
