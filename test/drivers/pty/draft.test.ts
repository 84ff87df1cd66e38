import { expect, test } from 'vitest'
import { createDraft, type Draft } from '../../../src/drivers/pty/draft.ts'

const typed = (...pieces: readonly string[]): Draft => {
  const draft = createDraft()
  for (const piece of pieces) draft.type(piece)
  return draft
}

test('text is open from its first key until the CLI has taken it', () => {
  const draft = typed('he', 'llo')
  expect(draft.isOpen()).toBe(true)
  draft.type('\r')
  expect(draft.isOpen()).toBe(true)
  draft.submitted('hello')
  expect(draft.isOpen()).toBe(false)
})

test('what was typed behind the Enter is open still', () => {
  const draft = typed('one\rtwo')
  draft.submitted('one')
  expect(draft.isOpen()).toBe(true)
  draft.type('\r')
  draft.submitted('two')
  expect(draft.isOpen()).toBe(false)
})

test.each([
  ['a key that is no text', '\x1b[A'],
  ['text that was taken back again', 'x\x7f'],
  ['a paste with line breaks in it', '\x1b[200~one\rtwo\r\x1b[201~'],
  ['a line ended by a backslash', 'one\\', '\r'],
  ['a line break by Alt-Enter', 'one', '\x1b\r'],
  ['a command that the CLI keeps to itself', '/help\r'],
])('%s leaves the box in doubt', (_, ...pieces) => {
  expect(typed(...pieces).isOpen()).toBe(true)
})

test.each([
  ['nothing', ''],
  ['Enter in an empty box', '\r', '\r'],
  ['the mouse', '\x1b[<0;10;20M', '\x1b[<0;10;20m', '\x1b[M !!'],
  ['the window’s focus', '\x1b[I', '\x1b[O'],
  ['answers of the terminal', '\x1b[?62;1;4c', '\x1b[12;40R', '\x1b[?1u', '\x1b]11;rgb:0000/0000/0000\x1b\\', '\x1bP>|xterm\x1b\\'],
])('%s is no text', (_, ...pieces) => {
  expect(typed(...pieces).isOpen()).toBe(false)
})

test('a prompt that is known by its text settles what was entered before it, too', () => {
  const draft = typed('/help\r', 'do this\r')
  draft.submitted('do this')
  expect(draft.isOpen()).toBe(false)
})

test('lines of one prompt are one', () => {
  const draft = typed('one\\', '\r', 'two', '\r')
  draft.submitted('one\ntwo')
  expect(draft.isOpen()).toBe(false)
})

test('a prompt changed beyond recognition settles one, not all', () => {
  const draft = typed('one\r', 'two\r')
  draft.submitted('what history had')
  expect(draft.isOpen()).toBe(true)
  draft.submitted('and again')
  expect(draft.isOpen()).toBe(false)
})

test('line breaks are counted, and forgotten with the text', () => {
  const draft = typed('\x1b[200~a\nb\r\nc\x1b[201~', '\\\r')
  expect(draft.lineBreaks()).toBe(4)
  draft.clear()
  expect([draft.isOpen(), draft.lineBreaks()]).toEqual([false, 0])
})
