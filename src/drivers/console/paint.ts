/** How a console looks: what was said and done, what the agent does now, and the box. The terminal wraps it. */

import { sanitiseInput } from '../pty/input.ts'
import type { ScreenSize } from '../pty/screen.ts'

export type ConsoleState = 'starting' | 'at rest' | 'in a turn' | 'waiting for an approval'

export interface Picture {
  readonly size: ScreenSize
  readonly state: ConsoleState
  /** Of anyone: a model, a tool, a person. */
  readonly said: string
  readonly text: string
  /** In UTF-16 units of `text`. */
  readonly cursor: number
  /** The box takes no more. */
  readonly isFull: boolean
}

const bold = (text: string): string => `\x1b[1m${text}\x1b[0m`
const dim = (text: string): string => `\x1b[2m${text}\x1b[0m`
const inverse = (text: string): string => `\x1b[7m${text}\x1b[27m`

/** What a person can do about it. */
const hints: Readonly<Record<ConsoleState, string>> = {
  'starting': '',
  'at rest': '',
  'in a turn': ' · Esc interrupts it',
  'waiting for an approval': ' · see madrox approvals',
}

/** Of what was said, UTF-16 units that are looked at for each cell: marks, and what is taken out, have none. */
const unitsPerCell = 4

/** Asks for pastes to be marked, clears, and draws from the top. Where it is more than fits, its end is seen; of the box, the cursor. */
export function paint({ size, state, said, text, cursor, isFull }: Picture): string {
  const rule = dim(`── ${state}${hints[state]}${isFull ? ' · the box is full' : ''} `.padEnd(size.columns, '─').slice(0, size.columns))
  const seen = said.slice(-size.columns * size.rows * unitsPerCell)
  const above = seen === '' ? [] : sanitiseInput(seen).split('\n')
  return ['\x1b[?2004h\x1b[?25l\x1b[H\x1b[2J', [...above, rule, toBox(text, cursor, size)].join('\r\n')].join('')
}

/** The cursor is drawn, so that nobody has to know where a terminal breaks the lines. */
function toBox(text: string, cursor: number, size: ScreenSize): string {
  const [under = ''] = text.slice(cursor, cursor + 2)
  const shown = under === '' || under === '\n' ? ' ' : under
  const before = text.slice(Math.max(0, cursor - size.columns * size.rows), cursor)
  const rest = toFitting(under === '\n' ? text.slice(cursor) : text.slice(cursor + under.length), size.columns, Math.floor(size.rows / 2))
  return `${bold('›')} ${toShown(before)}${inverse(toShown(shown))}${toShown(rest)}`
}

/** Its beginning, of no more than so many rows behind the one it begins in, were every character a wide one. */
function toFitting(text: string, columns: number, rows: number): string {
  const lines = text.slice(0, columns * rows).split('\n')
  let left = rows
  const shown = lines.flatMap((line, at) => {
    left -= at === 0 ? 0 : 1
    if (left < 0) return []
    const part = line.slice(0, Math.floor((left * columns) / 2))
    left -= Math.ceil((2 * part.length) / columns)
    return [part]
  })
  return shown.join('\n')
}

const toShown = (text: string): string => text.replaceAll('\t', '    ').replaceAll('\n', '\r\n  ')
