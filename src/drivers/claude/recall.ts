/**
 * What a session's transcript says of an earlier turn, whoever ran the session then. A turn reaches from its prompt to the next
 * one; its last word decides. Measured on 2.1.328: a record holds a whole block and says whether the message it is of ended the
 * turn; a resumed session puts an answer of its own (`<synthetic>`) behind a cut turn, which is no word of it.
 */

import type { Log } from '../../log.ts'
import type { Recollection } from '../facts.ts'
import { createLineReader } from '../lines.ts'
import { isMarked } from '../markers.ts'
import { toEntries, type TranscriptEntry } from './transcript.ts'

export function recallTurn(path: string, markers: readonly string[]): Recollection {
  return toRecollection(createLineReader(path).read().flatMap(toEntries), markers)
}

/** The same, where a record that cannot be read is this session's trouble alone. */
export function recallGuarded(path: string, markers: readonly string[], log: Log): Recollection {
  try {
    return recallTurn(path, markers)
  } catch (error) {
    log.error('The transcript of a Claude agent could not be read.', { path, error: String(error) })
    return { status: 'cut' }
  }
}

/** The latest turn on a prompt that carries one of the markers. */
export function toRecollection(entries: readonly TranscriptEntry[], markers: readonly string[]): Recollection {
  const first = entries.findLastIndex(entry => isPrompt(entry) && isMarked(entry.text, markers))
  if (first < 0) return { status: 'absent' }
  const rest = entries.slice(first + 1)
  // What was absorbed, before or after, is of the same turn.
  const next = rest.findIndex(entry => entry.type === 'prompt')
  return toOutcome(next < 0 ? rest : rest.slice(0, next))
}

const isPrompt = (entry: TranscriptEntry): entry is Extract<TranscriptEntry, { type: 'prompt' | 'absorbed' }> =>
  entry.type === 'prompt' || entry.type === 'absorbed'

function toOutcome(turn: readonly TranscriptEntry[]): Recollection {
  const last = turn.findLast(entry => decisive.has(entry.type))
  if (last?.type === 'apiError') return { status: 'failed', error: last.text }
  if ((last?.type !== 'concluded' && last?.type !== 'stopped') || metNobody(turn)) return { status: 'cut' }
  const said = turn.findLast(entry => entry.type === 'text' || entry.type === 'toolCall')
  const finalText = said?.type === 'text' ? said.text.trim() : '' // as the Stop hook tells it
  return { status: 'completed', ...(finalText !== '' && { finalText }) }
}

/**
 * The CLI outlives a killed server for a moment: a turn in it that was answering finds nobody, and ends all the same, with words that
 * are no answer. The CLI's own words (2.1.328) for a call without a connection; a refusal comes from somebody, and is not meant.
 */
const metNobody = (turn: readonly TranscriptEntry[]): boolean => {
  const call = turn.findLast(entry => entry.type === 'toolCall' && entry.tool.startsWith('mcp__madrox__'))
  return call?.type === 'toolCall' && turn.some(entry => entry.type === 'toolResult' && entry.callId === call.callId && entry.isError === true && withoutConnection.test(entry.text))
}

const withoutConnection = /^(?:ECONN[A-Z]+|EPIPE|ConnectionRefused|ConnectionClosed)\b|Unable to connect\. Is the computer able|socket connection was closed|Connection closed$/

/** Usage and tool results end nothing; a tool call or a text without a conclusion behind it says that more was to come. */
const decisive: ReadonlySet<TranscriptEntry['type']> = new Set(['text', 'toolCall', 'concluded', 'stopped', 'apiError', 'interrupted'])
