/** What is typed into Claude Code's input box for a prompt, and in which pieces. Verified with 2.1.328. */

import { sanitiseInput, toPaste, toPieces } from '../pty/input.ts'
import type { TypingOptions } from '../pty/typing.ts'

/**
 * A paste of four lines or more, or of more than 800 characters, reaches the model inside `<pasted_content>` tags with a
 * note not to follow instructions in it. Smaller ones read as typed, however many there are.
 */
const pieceLimits = { characters: 700, lineFeeds: 2 }

/** Each paste costs the CLI a repaint of a growing box: 250 pieces took 0.3 s, 2 500 took 6 s. Beyond this, the rest goes as one. */
const mostPieces = 500

/** What is typed for a text: sanitised, and never a command. */
export function toTyped(text: string): string {
  const clean = sanitiseInput(text)
  // `/` and `!` run commands even behind blanks, bare words like `exit` quit; a trailing backslash makes Enter a line break.
  const isPlain = /^\s*\[|^\s*[\p{L}\p{N}]\S*\s+\S/u.test(clean)
  const guarded = isPlain ? clean : `Message: ${clean}`
  return guarded.endsWith('\\') ? `${guarded} ` : guarded
}

/** The writes that put a typed text into the box. */
export function toPastes(typed: string): string[] {
  const pieces = toPieces(typed, pieceLimits)
  const [head = '', ...rest] = pieces
  return (pieces.length <= mostPieces ? pieces : [head, rest.join('')]).map(toPaste)
}

/** Ctrl-U, once for each line the box may hold and once for each line break; more do nothing. */
export const toSweep = (typed: string): string => '\x15'.repeat(20 + 2 * typed.split('\n').length)

/** Between two kinds of keys. Together with others in one read, a run of Ctrl-K is taken for text, and keys act on what the box held before the others. */
const keyGapMs = 150

export interface ClearOptions extends Pick<TypingOptions, 'write' | 'clock'> {
  /** That the box may hold. */
  readonly lineBreaks: number
  readonly onDone: () => void
}

/** Empties the box, wherever the cursor stands in it: Ctrl-K takes what is behind it, Ctrl-U what is before it. */
export function clearBox({ lineBreaks, write, clock, onDone }: ClearOptions): void {
  const times = 20 + 2 * lineBreaks
  const steps = [() => write('\x0b'.repeat(times)), () => write('\x15'.repeat(times)), onDone]
  for (const [index, step] of steps.entries()) clock.setTimeout(step, keyGapMs * (index + 1))
}

/** The CLI takes in a large text more slowly than it is written; an early Enter would be lost in it, and repeated. */
const confirmTimeoutMs = 1_500
export const toPatienceMs = (typed: string, pastes: readonly string[]): number => confirmTimeoutMs + pastes.length * 10 + typed.length / 50
