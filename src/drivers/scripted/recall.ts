/** What a session's transcript says of a turn it began in an earlier life. */

import type { Recollection } from '../facts.ts'
import { isMarked } from '../markers.ts'
import type { TranscriptEntry } from './transcript.ts'

export function recallTurn(entries: readonly TranscriptEntry[], markers: readonly string[]): Recollection {
  const begun = entries.findLast(entry => entry.type === 'turnBegan' && entry.prompt !== undefined && isMarked(entry.prompt, markers))
  if (begun?.type !== 'turnBegan') return { status: 'absent' }
  const ended = entries.find(entry => entry.type === 'turnEnded' && entry.turnId === begun.turnId)
  if (ended?.type !== 'turnEnded') return { status: 'cut' }
  switch (ended.status) {
    case 'completed': return { status: 'completed', ...(ended.finalText !== undefined && { finalText: ended.finalText }) }
    case 'failed': return { status: 'failed', ...(ended.error !== undefined && { error: ended.error }) }
    default: return { status: 'cut' } // interrupted
  }
}
