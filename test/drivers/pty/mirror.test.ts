/** A program's screen in another terminal: the two are compared cell by cell, by a second terminal that is told what a viewer is. */
import xterm from '@xterm/headless'
import { expect, test } from 'vitest'
import { createMirror, type Mirror } from '../../../src/drivers/pty/mirror.ts'
import { createView } from '../../../src/drivers/pty/view.ts'

const size = { columns: 30, rows: 8 }

const shown = (mirror: Mirror, output: string): Promise<void> => new Promise(resolve => mirror.write(output, resolve))
const written = (terminal: xterm.Terminal, output: string): Promise<void> => new Promise(resolve => terminal.write(output, resolve))

/** Every cell with its style, and where the cursor stands. */
function cellsOf(terminal: xterm.Terminal): string[] {
  const { active } = terminal.buffer
  const rows = Array.from({ length: terminal.rows }, (_, row) => Array.from({ length: terminal.cols }, (_, column) => {
    const cell = active.getLine(active.baseY + row)?.getCell(column)
    return cell ? [cell.getChars() || ' ', cell.getWidth(), cell.getFgColorMode(), cell.getFgColor(), cell.getBgColorMode(), cell.getBgColor(), cell.isBold(), cell.isDim(), cell.isItalic(), cell.isUnderline(), cell.isInverse(), cell.isStrikethrough(), cell.isOverline(), cell.isInvisible(), cell.isBlink()].join() : ''
  }).join('|'))
  return [...rows, `${active.cursorX},${active.cursorY}`]
}

const terminal = (): xterm.Terminal => new xterm.Terminal({ cols: size.columns, rows: size.rows, allowProposedApi: true })

test.each([
  ['plain text', 'one\r\ntwo'],
  ['every attribute', [1, 2, 3, 4, 5, 7, 8, 9, 53].map(code => `\x1b[${code}mx\x1b[0m`).join(' ')],
  ['colours of all kinds, blank cells with one included', '\x1b[31mr\x1b[92mg\x1b[38;5;200mp\x1b[38;2;1;2;3mt\x1b[44m   \x1b[48;2;9;8;7m  \x1b[0m end'],
  ['wide characters, combined ones and a picture', '漢字 e\u0301 🎉 x'],
  ['a row filled to its edge, and one wrapped', `${'x'.repeat(30)}\r\n${'y'.repeat(45)}`],
  ['a scrolled screen', Array.from({ length: 40 }, (_, line) => `line ${line}`).join('\r\n')],
  ['the alternate screen', 'below\x1b[?1049h\x1b[3;4Habove\x1b[5;6H'],
])('a viewer of the same size has the same screen: %s', async (_, output) => {
  const [mirror, program, viewer] = [createMirror(size), terminal(), terminal()]
  const view = createView(size)
  await written(program, output)
  await shown(mirror, output)
  await written(viewer, view.update(mirror.screen(size), true))
  expect(cellsOf(viewer)).toEqual(cellsOf(program))
})

test('after the first picture only rows that changed are told, and the screens are the same after every one', async () => {
  const [mirror, program, viewer] = [createMirror(size), terminal(), terminal()]
  const view = createView(size)
  const steps = ['\x1b[2J\x1b[Hone\r\ntwo\r\nthree', '\x1b[2;1H\x1b[7mTWO\x1b[0m', '\x1b[1;1H\x1b[2K', '\x1b[8;29Hx', '\x1b[5;5H']
  for (const step of steps) {
    await written(program, step)
    await shown(mirror, step)
    await written(viewer, view.update(mirror.screen(size), true))
    expect(cellsOf(viewer)).toEqual(cellsOf(program))
  }
  expect(view.update(mirror.screen(size), true)).toBe('')
  await shown(mirror, '\x1b[2;1Hchanged')
  const change = view.update(mirror.screen(size), true)
  expect([change.includes('changed'), change.includes('three')]).toEqual([true, false])
})

test('a smaller viewer sees the end, without spare blank rows, and always the cursor', async () => {
  const mirror = createMirror({ columns: 30, rows: 20 })
  await shown(mirror, `title\x1b[9;1H${' '.repeat(30)}\x1b[17;1Hlast words\x1b[19;1H> box\x1b[20;1Hstatus line, too long\x1b[19;6H`)
  expect(mirror.screen({ columns: 11, rows: 6 })).toMatchObject({ rows: ['title', '', 'last words', '', '> box', 'status line'].map(text => (text ? `${text}\x1b[0m` : '')), cursor: { column: 5, row: 4 } })
  expect(mirror.screen({ columns: 11, rows: 2 })).toMatchObject({ rows: ['> box\x1b[0m', 'status line\x1b[0m'], cursor: { row: 0 } })
  await shown(mirror, '\x1b[1;3H')
  expect(mirror.screen({ columns: 11, rows: 2 })).toMatchObject({ cursor: { column: 2, row: 0 } })
})

test('what a program asks of the keyboard and the mouse is asked of who types, and taken back from who does not', async () => {
  const [mirror, viewer] = [createMirror(size), terminal()]
  const view = createView(size)
  await shown(mirror, '\x1b[?1h\x1b[?2004h\x1b[?1002h\x1b[?1006h\x1b[?25l')
  const look = (): unknown => [viewer.modes.applicationCursorKeysMode, viewer.modes.bracketedPasteMode, viewer.modes.mouseTrackingMode]
  await written(viewer, view.update(mirror.screen(size), true))
  expect(look()).toEqual([true, true, 'drag'])
  expect(view.update(mirror.screen(size), false)).toContain('\x1b[?1006l')
  await written(viewer, view.update(mirror.screen(size), true))
  await shown(mirror, '\x1b[?1002l\x1b[?25h')
  await written(viewer, view.update(mirror.screen(size), false))
  expect(look()).toEqual([false, false, 'none'])
})
