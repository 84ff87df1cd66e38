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

/** Asks for pastes to be marked, clears, and draws from the top. Where it is more than fits, its end is seen. */
export function paint(picture: Picture): string {
  const { size, state, said, text, cursor } = picture
  const rule = dim(`── ${state}${toHint(picture)} `.padEnd(size.columns, '─').slice(0, size.columns))
  const above = said === '' ? [] : sanitiseInput(said).split('\n')
  return ['\x1b[?2004h\x1b[?25l\x1b[H\x1b[2J', [...above, rule, toBox(text, cursor)].join('\r\n')].join('')
}

/** The cursor is drawn, so that nobody has to know where a terminal breaks the lines. */
function toBox(text: string, cursor: number): string {
  const [under = ''] = text.slice(cursor)
  const shown = under === '' || under === '\n' ? ' ' : under
  const rest = under === '\n' ? text.slice(cursor) : text.slice(cursor + under.length)
  return `${bold('›')} ${toShown(text.slice(0, cursor))}${inverse(toShown(shown))}${toShown(rest)}`
}

const toShown = (text: string): string => text.replaceAll('\t', '    ').replaceAll('\n', '\r\n  ')
