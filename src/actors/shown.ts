/** What an agent showed, reading by reading: how it stands in a log, and which lines of a reading are new. */

import { createHash } from 'node:crypto'
import type { LogRange, ShownLine } from './log-reading.ts'

/** Heads each reading in the file. */
const head = /^--- (\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z) (terminal|transcript) ---$/

export const toReading = (at: number, rendering: 'terminal' | 'transcript', lines: readonly string[]): string => `--- ${new Date(at).toISOString()} ${rendering} ---\n${lines.join('\n')}\n`

/** Short, whatever the line; two lines do not share one. */
export const markOf = (line: string): string => createHash('sha1').update(line).digest('base64url').slice(0, 12)

/** A screen scrolls: the first lines of a reading may stand anywhere in the one before. What follows the longest such run is new. */
export function newLines(before: readonly string[], now: readonly string[]): readonly string[] {
  const runFrom = (start: number): number => {
    let length = 0
    while (start + length < before.length && length < now.length && before[start + length] === now[length]) length += 1
    return length
  }
  return now.slice(Math.max(0, ...before.map((_, start) => runFrom(start))))
}

/** The lines of a log within a range, each at the time of its reading. */
export function toShownLines(text: string, { since = 0, until = Number.MAX_SAFE_INTEGER, limit }: LogRange): readonly ShownLine[] {
  if (text === '') return []
  let at = 0
  let rendering: ShownLine['rendering'] = 'terminal'
  const lines = text.trimEnd().split('\n').flatMap((line): ShownLine[] => {
    const [, time, kind] = head.exec(line) ?? []
    if (time === undefined) return [{ at, rendering, line }]
    at = Date.parse(time)
    rendering = kind === 'transcript' ? 'transcript' : 'terminal'
    return []
  }).filter(shown => shown.at >= since && shown.at <= until)
  return limit === undefined ? lines : lines.slice(-limit)
}
