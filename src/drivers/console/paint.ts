/** How a console looks: what was said and done, what the agent does now, and the box. The terminal wraps it. */

import { sanitiseInput } from '../pty/input.ts'
import type { ScreenSize } from '../pty/screen.ts'

export type ConsoleState = 'starting' | 'at rest' | 'in a turn' | 'waiting for an approval'

export interface Picture {
  readonly size: ScreenSize
  readonly state: ConsoleState
  /** Who has control may answer an approval. */
  readonly mayAnswer: boolean
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
const toHint = ({ state, mayAnswer }: Picture): string => {
  if (state === 'in a turn') return ' · Esc interrupts it'
  if (state === 'waiting for an approval') return mayAnswer ? ' · y or n, and Enter, answers' : ' · see madrox approvals'
  return ''
}

/** Of what was said, UTF-16 units that are looked at for each cell: marks, and what is taken out, have none. */
const unitsPerCell = 4

/** Asks for pastes to be marked, clears, and draws from the top. Where it is more than fits, its end is seen; of the box, the cursor. */
export function paint(picture: Picture): string {
  const { size, state, said, text, cursor, isFull } = picture
  const rule = dim(`── ${state}${toHint(picture)}${isFull ? ' · the box is full' : ''} `.padEnd(size.columns, '─').slice(0, size.columns))
  const seen = said.slice(-size.columns * size.rows * unitsPerCell)
  const above = seen === '' ? [] : sanitiseInput(seen).split('\n')
  return ['\x1b[?2004h\x1b[?25l\x1b[H\x1b[2J', [...above, rule, toBox(text, cursor, size)].join('\r\n')].join('')
}

/** The cursor is drawn, so that nobody has to know where a terminal breaks the lines. Of what does not fit, what is about it. */
function toBox(text: string, cursor: number, { columns, rows }: ScreenSize): string {
  const cells = columns * rows
  const [under = ''] = text.slice(cursor, cursor + 2)
  const isEnd = under === '' || under === '\n'
  const behind = text.slice(isEnd ? cursor : cursor + under.length).slice(0, cells).split('\n')
  const after = toFitting(behind, columns, Math.max(1, Math.floor((rows - 1) / 2)), (line, length) => line.slice(0, length))
  const left = Math.max(1, rows - after.reduce((sum, line) => sum + rowsOf(line, columns), 0)) // the row of the cursor is in both, and one is the rule's
  const before = toFitting(text.slice(Math.max(0, cursor - cells), cursor).split('\n').toReversed(), columns, left, (line, length) => line.slice(-length)).toReversed()
  return `${bold('›')} ${toShown(before.join('\n'))}${inverse(toShown(isEnd ? ' ' : under))}${toShown(after.join('\n'))}`
}

/** Lines, nearest first, as many as there are rows for; of one that is too long, what `cut` leaves. */
function toFitting(lines: readonly string[], columns: number, rows: number, cut: (line: string, length: number) => string): string[] {
  let left = rows
  return lines.flatMap(line => {
    if (left <= 0) return []
    const needed = rowsOf(line, columns)
    const shown = needed <= left ? line : cut(line, Math.max(1, Math.floor((left * columns) / 2)))
    left -= needed
    return [shown]
  })
}

/** At the most, with what stands before it and the cursor. */
function rowsOf(line: string, columns: number): number {
  const [tabs, wide] = [/\t/g, /[\u1100-\uffff]/g].map(kind => line.match(kind)?.length ?? 0)
  return Math.ceil((3 + line.length + 3 * (tabs ?? 0) + (wide ?? 0)) / columns)
}

const toShown = (text: string): string => text.replaceAll('\t', '    ').replaceAll('\n', '\r\n  ')
