/** What keys make of the box, as any terminal sends them. */
import { array, assert, boolean, constantFrom, integer, oneof, property, string } from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createEditor, mostText } from '../../../src/drivers/console/editor.ts'

function open(accepts = true) {
  const submitted: string[] = []
  const onInterrupt = vi.fn<() => void>()
  const onChange = vi.fn<() => void>()
  const editor = createEditor({
    onSubmit(text) {
      if (accepts) submitted.push(text)
      return accepts
    },
    onInterrupt,
    onBegun: () => {},
    onChange,
  })
  onTestFinished(editor.close)
  return { editor, submitted, onInterrupt, onChange }
}

const left = '\x1b[D'
const paste = (text: string): string => `\x1b[200~${text}\x1b[201~`

test.each<[string, readonly string[], string, number]>([
  ['letters of any alphabet', ['hé', '漢字'], 'hé漢字', 4],
  ['a letter put in the middle', ['ac', left, 'b'], 'abc', 2],
  ['a picture of two units taken back whole', ['a🎉', '\x7f'], 'a', 1],
  ['the word before the cursor taken back', ['one two', '\x17'], 'one ', 4],
  ['a key in two pieces', ['ab', '\x1b[', 'D'], 'ab', 1],
  ['a paste of several lines', [paste('one\r\ntwo\nthree')], 'one\ntwo\nthree', 13],
  ['a paste in pieces', ['\x1b[20', '0~one\n', 'two\x1b[201', '~!'], 'one\ntwo!', 8],
  ['a paste with keys in it that would interrupt', [paste('a\x03b')], 'ab', 2],
  ['a paste of several lines in the middle', ['ac', left, paste('x\ny')], 'ax\nyc', 4],
  ['a paste with keys in it that would erase', ['kept ', paste('one \x15\x17\x7f\x1b[3~two'), paste(' ')], 'kept one two ', 13],
  ['a paste of lines that end in all ways', [paste('a\r\n\nb\r\rc\u2028d')], 'a\n\nb\n\nc\nd', 9],
  ['a paste in a paste', [paste(`a${paste('b')}`)], 'ab', 2],
  ['the end of a paste that never began', ['a\x1b[201~b'], 'ab', 2],
  ['a picture of a private plane', [paste('\ue00a')], '\ue00a', 1],
  ['what a terminal takes for commands, or for the other direction', ['a\x9b2Jb\u202ec'], 'a2Jbc', 5],
  ['Ctrl-Z, at which this process would stop', ['a\x1ab'], 'ab', 2],
  ['half a character', ['a\ud83d', 'b'], 'a\ufffdb', 3],
  ['a tab', ['a\tb'], 'a\tb', 3],
  ['a line break by Alt-Enter', ['one', '\x1b\r', 'two'], 'one\ntwo', 7],
  ['an end of file on nothing', ['\x04', 'on'], 'on', 2],
  ['an arrow up, where there is no history', ['x', '\x1b[A'], 'x', 1],
])('%s', (_, pieces, text, cursor) => {
  const { editor, submitted, onInterrupt } = open()
  for (const piece of pieces) editor.type(piece)
  expect([editor.text(), editor.cursor(), submitted, onInterrupt.mock.calls]).toEqual([text, cursor, [], []])
})

test('Enter submits all of it, from wherever the cursor stands, and the box is empty; nothing is submitted from an empty one', () => {
  const { editor, submitted } = open()
  editor.type(`\r  \r\x15${paste('one\ntwo')}${left}\r`)
  expect([submitted, editor.text()]).toEqual([['one\ntwo'], ''])
})

test('what is not taken stays', () => {
  const { editor } = open(false)
  editor.type(`${paste('one\ntwo')}\r`)
  expect(editor.text()).toBe('one\ntwo')
})

test('clearing leaves nothing on either side of the cursor', () => {
  const { editor } = open()
  editor.type(`${paste('one\ntwo')}${left}`)
  editor.clear()
  expect(editor.text()).toBe('')
})

test.each([['Escape', '\x1b'], ['Ctrl-C', '\x03']])('%s interrupts, and touches no text', async (_, key) => {
  const { editor, onInterrupt } = open()
  editor.type(`half${key}`)
  await vi.waitFor(() => expect(onInterrupt).toHaveBeenCalledOnce())
  expect(editor.text()).toBe('half')
})

test('a paste that never ends is what has come of it, and the next person’s keys are keys', () => {
  const { editor, submitted, onInterrupt } = open()
  editor.type('\x1b[200~half\r')
  expect(editor.isEmpty()).toBe(false)
  editor.release()
  expect(editor.text()).toBe('half\n')
  editor.type('whole\r\x03')
  expect([submitted, onInterrupt.mock.calls.length]).toEqual([['half\nwhole'], 1])
})

test('clearing takes what has come of a paste too', () => {
  const { editor } = open()
  editor.type('\x1b[200~half')
  editor.clear()
  editor.release()
  expect(editor.isEmpty()).toBe(true)
})

/** Resolves when every Escape that was pressed before has been one for long. */
async function escapesAreOver(): Promise<void> {
  const { editor, onInterrupt } = open()
  editor.type('\x1b')
  await vi.waitFor(() => expect(onInterrupt).toHaveBeenCalled())
}

test('an Escape counts when control is released behind it, once and at once, and is no part of the next person’s keys', async () => {
  const { editor, onInterrupt } = open()
  editor.type('\x1b')
  editor.release()
  expect(onInterrupt).toHaveBeenCalledOnce()
  editor.type('b\x1b[')
  editor.release()
  editor.type('D')
  await escapesAreOver()
  expect([editor.text(), onInterrupt.mock.calls.length]).toEqual(['bD', 1])
})

test('a closed one interrupts nothing any more, and takes nothing', async () => {
  const { editor, submitted, onInterrupt } = open()
  editor.type('\x1b')
  editor.close()
  editor.type(`a\x1b\r${paste('b')}\r`)
  await escapesAreOver()
  expect([submitted, onInterrupt.mock.calls]).toEqual([[], []])
})

test('a paste of a million lines is one change, and the box takes of it what it takes; its keys work on', () => {
  const { editor, submitted, onChange } = open()
  editor.type(paste('line\n'.repeat(1_000_000)))
  expect([editor.text().length, editor.isFull(), onChange.mock.calls.length]).toEqual([mostText, true, 1])
  editor.type(`more${paste('more')}\x19`)
  expect(editor.text().length).toBe(mostText)
  editor.type('\x7f\x7fab\r')
  expect(submitted[0]?.slice(-10)).toBe('line\nlinab')
})

test('text typed without end, and text doubled by its own keys, stay within what the box takes', () => {
  const { editor } = open()
  editor.type('🎉x'.repeat(mostText))
  expect(editor.text().length).toBeLessThanOrEqual(mostText)
  expect(editor.text()).not.toContain('\ufffd')
  editor.type(`\x15${'\x19'.repeat(20)}`)
  expect(editor.text().length).toBeLessThanOrEqual(mostText)
})

test('whatever is typed, in whatever pieces, the text is text and the cursor in it', () => {
  const key = oneof(string({ unit: 'binary' }), constantFrom('\x1b', '[', '200~', '\x1b[200~', '\x1b[201~', '\r', '\n', left, '\x7f', '\x19', '\x1f', '\x1e', '\x0b', '\x1b\r', '\x0c', '\x14', '\x1b[1;5D', '\x1bd', '\x1by'), integer({ min: 0, max: 255 }).map(code => String.fromCharCode(code)))
  assert(property(array(key), boolean(), (pieces, accepts) => {
    const { editor, submitted } = open(accepts)
    for (const piece of pieces) editor.type(piece)
    editor.release()
    for (const text of [editor.text(), ...submitted]) expect(text).not.toMatch(/[\0-\x08\x0b-\x1f\x7f-\x9f\ufdd0\ud800-\udfff]/u)
    expect(editor.cursor()).toBeGreaterThanOrEqual(0)
    expect(editor.cursor()).toBeLessThanOrEqual(editor.text().length)
    editor.close()
  }))
})
