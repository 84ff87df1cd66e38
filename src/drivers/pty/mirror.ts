/**
 * What a terminal shows, kept up to date while somebody looks: output goes in, rows of text with their colours come out. A
 * terminal costs megabytes, so it is made for the first viewer and disposed with the last. Who looks is the sharing's.
 */

import xterm, { type IBufferCell, type IBufferLine } from '@xterm/headless'
import type { ScreenSize } from './screen.ts'

/** A screen as it is now. Rows are as wide and as many as the terminal; trailing blanks are left out. */
export interface MirroredScreen {
  readonly rows: readonly string[]
  /** From 0. */
  readonly cursor: { readonly column: number; readonly row: number; readonly isVisible: boolean }
  /** What the program asks of the keyboard and the mouse of whoever types: sequences that switch it on. */
  readonly inputModes: string
}

export interface Mirror {
  /** `onShown` is called when it is on the screen. */
  write(output: string, onShown: () => void): void
  resize(size: ScreenSize): void
  /** The part of the screen that fits there: its left, and of its rows the last that are in use, less blank ones where there are too many. */
  screen(within: ScreenSize): MirroredScreen
  /** Characters that are written and not yet on the screen. */
  readonly behind: number
  dispose(): void
}

/** `answer` gets what a terminal says to a program that asks where its cursor is. */
export function createMirror(size: ScreenSize, answer: (bytes: string) => void = () => {}): Mirror {
  const terminal = new xterm.Terminal({ cols: size.columns, rows: size.rows, scrollback: 0, allowProposedApi: true })
  let behind = 0
  let isCursorVisible = true
  let isMouseBySgr = false
  const follow = (isOn: boolean) => (params: (number | number[])[]): boolean => {
    if (params.includes(25)) isCursorVisible = isOn
    if (params.includes(1006)) isMouseBySgr = isOn
    return false // and the terminal takes it as well
  }
  terminal.parser.registerCsiHandler({ prefix: '?', final: 'h' }, follow(true))
  terminal.parser.registerCsiHandler({ prefix: '?', final: 'l' }, follow(false))

  terminal.onData(bytes => {
    if (cursorReport.test(bytes)) answer(bytes)
  })

  const inputModes = (): string => {
    const { applicationCursorKeysMode, bracketedPasteMode, mouseTrackingMode, sendFocusMode } = terminal.modes
    const mouse = { none: 0, x10: 9, vt200: 1000, drag: 1002, any: 1003 }[mouseTrackingMode]
    const on = [applicationCursorKeysMode && 1, bracketedPasteMode && 2004, sendFocusMode && 1004, mouse, isMouseBySgr && 1006]
    return on.flatMap(mode => (mode ? [`\x1b[?${mode}h`] : [])).join('')
  }

  return {
    get behind() {
      return behind
    },
    write(output, onShown) {
      behind += output.length
      terminal.write(output, () => {
        behind -= output.length
        onShown()
      })
    },
    resize: ({ columns, rows }) => terminal.resize(columns, rows),
    screen(within) {
      const buffer = terminal.buffer.active
      const lines = Array.from({ length: terminal.rows }, (_, row) => buffer.getLine(buffer.baseY + row))
      const toText = (line: IBufferLine | undefined, columns: number): string => (line ? toStyledText(line, columns) : '')
      // Also where the program has written blanks.
      const shown = toShownRows(lines.map(line => toText(line, terminal.cols) === ''), buffer.cursorY, within.rows)
      return {
        rows: shown.map(row => toText(lines[row], Math.min(within.columns, terminal.cols))),
        cursor: { column: Math.min(buffer.cursorX, within.columns - 1), row: shown.indexOf(buffer.cursorY), isVisible: isCursorVisible },
        inputModes: inputModes(),
      }
    },
    dispose: () => terminal.dispose(),
  }
}

/** Of all that a terminal says by itself; what it is and which colours it has are the viewer's, and asked for at a program's start alone. */
const cursorReport = /^\x1b\[\??\d+;\d+R$/

/** What opens the screen to nobody's modes: whoever showed it leaves his terminal so. */
export const plainInputModes = [1, 9, 1000, 1002, 1003, 1004, 1006, 2004].map(mode => `\x1b[?${mode}l`).join('')

/** Which rows are shown where there is room for that many: programs that fill a screen leave the middle of it blank. */
function toShownRows(blank: readonly boolean[], cursor: number, room: number): number[] {
  const used = Math.max(blank.lastIndexOf(false), cursor) + 1
  let excess = used - room
  const kept = blank.slice(0, used).flatMap((isBlank, row) => {
    const isSpare = excess > 0 && isBlank && blank[row - 1] !== false && row !== cursor
    if (isSpare) excess -= 1
    return isSpare ? [] : [row]
  })
  const first = Math.min(Math.max(0, kept.length - room), kept.indexOf(cursor))
  return kept.slice(first, first + room)
}

function toStyledText(line: IBufferLine, columns: number): string {
  let text = ''
  let style = ''
  /** Cells that show nothing so far; told only if something stands behind them. */
  let blank = ''
  for (let column = 0; column < columns; column++) {
    const cell = line.getCell(column)
    if (!cell || cell.getWidth() === 0) continue // the second half of a wide character
    if (column + cell.getWidth() > columns) break
    const cellStyle = toStyle(cell)
    const characters = cell.getChars() || ' '
    const change = cellStyle === style ? '' : `\x1b[0${cellStyle}m`
    style = cellStyle
    blank += change + characters
    if (characters === ' ' && cellStyle === '') continue
    text += blank
    blank = ''
  }
  return text === '' ? '' : `${text}\x1b[0m`
}

/** SGR parameters, each behind a semicolon; empty for plain text. */
function toStyle(cell: IBufferCell): string {
  if (cell.isAttributeDefault()) return ''
  const flags: readonly (readonly [number, number])[] = [
    [cell.isBold(), 1], [cell.isDim(), 2], [cell.isItalic(), 3], [cell.isUnderline(), 4], [cell.isBlink(), 5],
    [cell.isInverse(), 7], [cell.isInvisible(), 8], [cell.isStrikethrough(), 9], [cell.isOverline(), 53],
  ]
  return [
    ...flags.flatMap(([isSet, code]) => (isSet ? [`;${code}`] : [])),
    toColour(38, cell.getFgColor(), cell.getFgColorMode()),
    toColour(48, cell.getBgColor(), cell.getBgColorMode()),
  ].join('')
}

/** Xterm's names for what a colour's number means. */
const colourModes = { sixteen: 0x1000000, palette: 0x2000000, rgb: 0x3000000 }

/** `code`: 38 for text, 48 for what is behind it. */
function toColour(code: number, colour: number, mode: number): string {
  // As themes have them: the same numbers of the palette are other colours in some terminals.
  if (mode === colourModes.sixteen) return `;${(colour < 8 ? code - 8 : code + 44) + colour}`
  if (mode === colourModes.palette) return `;${code};5;${colour}`
  return mode === colourModes.rgb ? `;${code};2;${(colour >> 16) & 255};${(colour >> 8) & 255};${colour & 255}` : ''
}
