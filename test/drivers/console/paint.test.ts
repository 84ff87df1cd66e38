/** A console's picture as a terminal shows it. */
import xterm from '@xterm/headless'
import { expect, test } from 'vitest'
import { paint, type Picture } from '../../../src/drivers/console/paint.ts'

const picture: Picture = { size: { columns: 20, rows: 6 }, state: 'at rest', mayAnswer: false, said: '', text: '', cursor: 0, isFull: false }

/** Its rows, and the columns of the cursor that is drawn. */
async function shown(given: Partial<Picture>): Promise<{ rows: string[]; inverse: string[] }> {
  const whole = { ...picture, ...given }
  const terminal = new xterm.Terminal({ cols: whole.size.columns, rows: whole.size.rows, scrollback: 0, allowProposedApi: true })
  await new Promise<void>(resolve => terminal.write(paint(whole), resolve))
  const rows = Array.from({ length: terminal.rows }, (_, row) => terminal.buffer.active.getLine(row))
  const inverse = rows.flatMap((line, row) => Array.from({ length: terminal.cols }, (_, column) => (line?.getCell(column)?.isInverse() ? `${row},${column}` : [])).flat())
  return { rows: rows.map(line => line?.translateToString(true) ?? ''), inverse }
}

test('what was said stands above, the box below, the cursor in it', async () => {
  expect(await shown({ said: '> hello\nhi', text: 'abc', cursor: 1 })).toEqual({ rows: ['> hello', 'hi', '── at rest ─────────', '› abc', '', ''], inverse: ['3,3'] })
})

test('a cursor behind the text, and one at a line break, are seen', async () => {
  expect((await shown({ text: 'ab', cursor: 2 })).inverse).toEqual(['1,4'])
  expect(await shown({ text: 'a\nb', cursor: 1 })).toMatchObject({ rows: ['── at rest ─────────', '› a ', '  b', '', '', ''], inverse: ['1,3'] })
})

test('a cursor on a wide character covers it', async () => {
  expect((await shown({ text: '漢字', cursor: 1 })).inverse).toContain('1,4')
})

test('of more than fits the end is seen, with lines as long as they are', async () => {
  const { rows } = await shown({ said: `one\n${'x'.repeat(30)}\nlast`, text: 'y'.repeat(30), cursor: 30 })
  expect(rows).toEqual(['x'.repeat(20), 'x'.repeat(10), 'last', '── at rest ─────────', `› ${'y'.repeat(18)}`, `${'y'.repeat(12)} `])
})

test('control characters of others draw nothing of theirs', async () => {
  expect((await shown({ said: 'a\x1b[2J\x1b[31mb\rc\x07\td' })).rows.slice(0, 3)).toEqual(['ab', 'c    d', '── at rest ─────────'])
})

test('what can be done about a state stands beside it', async () => {
  const waiting = { size: { columns: 60, rows: 3 }, state: 'waiting for an approval' } as const
  expect((await shown(waiting)).rows[0]).toContain('── waiting for an approval · see madrox approvals ─')
  expect((await shown({ ...waiting, mayAnswer: true })).rows[0]).toContain('── waiting for an approval · y or n, and Enter, answers ─')
})

test('of text that is more than fits, the cursor is seen wherever it stands, and what the agent does', async () => {
  const text = Array.from({ length: 100 }, (_, line) => `line ${line} ${'漢'.repeat(line)}`).join('\n')
  for (const cursor of [0, 20, 1_000, 3_000, text.length]) {
    const { rows, inverse } = await shown({ text, cursor, size: { columns: 40, rows: 12 } })
    expect([inverse.length > 0, rows[0]], String(cursor)).toEqual([true, expect.stringContaining('── at rest ')])
  }
})

test('of what was said no more is looked at than can be seen', async () => {
  const said = `${'x'.repeat(1_000_000)}\x1b[31mend`
  expect(paint({ ...picture, said }).length).toBeLessThan(2_000)
  expect((await shown({ said })).rows.join('')).toContain('xxend── at rest ─')
})

test('that a box takes no more stands there', async () => {
  expect((await shown({ size: { columns: 40, rows: 3 }, isFull: true })).rows[0]).toContain('── at rest · the box is full ─')
})

test.each([[1, 1], [2, 1], [1, 5], [3, 2]])('a terminal of %d × %d shows what it can', async (columns, rows) => {
  expect((await shown({ size: { columns, rows }, said: 'much was said\nhere', text: 'ab\ncd', cursor: 3 })).rows).toHaveLength(rows)
})
