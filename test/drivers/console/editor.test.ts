/** What keys make of the box, as any terminal sends them. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { createEditor } from '../../../src/drivers/console/editor.ts'

function open(accepts = true) {
  const submitted: string[] = []
  const onInterrupt = vi.fn<() => void>()
  const editor = createEditor({
    onSubmit(text) {
      if (accepts) submitted.push(text)
      return accepts
    },
    onInterrupt,
    onChange: () => {},
  })
  onTestFinished(editor.close)
  return { editor, submitted, onInterrupt }
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
