import { expect, test } from 'vitest'
import { createAttachKeys, parsePrefix } from '../../src/cli/keys.ts'

const keysOf = (...pieces: readonly string[]) => {
  const keys = createAttachKeys(parsePrefix('ctrl-\\'))
  return pieces.flatMap(piece => keys(piece))
}
const through = (data: string) => ({ type: 'through', data })

test('everything goes through as it is but the prefix and the key behind it', () => {
  expect(keysOf('a\x1b[A\x03\x1cdb')).toEqual([through('a\x1b[A\x03'), { type: 'detach' }, through('b')])
  expect(keysOf('\x1cc\x1cr\x1cx\x1cD')).toEqual([{ type: 'takeControl' }, { type: 'releaseControl' }, { type: 'clearAndRelease' }, { type: 'detach' }])
})

test('the two may come in two pieces, or with others in one', () => {
  expect(keysOf('a\x1c', 'd')).toEqual([through('a'), { type: 'detach' }])
})

test('the prefix twice is the prefix, and behind it any other key is lost', () => {
  expect(keysOf('\x1c\x1c', '\x1cqz')).toEqual([through('\x1c'), through('z')])
})

test.each([['ctrl-b', '\x02', 'Ctrl-B'], ['C-]', '\x1d', 'Ctrl-]'], ['^\\', '\x1c', 'Ctrl-\\'], ['Ctrl+a', '\x01', 'Ctrl-A']])('%s can be the prefix', (text, char, name) => {
  expect(parsePrefix(text)).toEqual({ char, name })
})

test.each(['b', 'ctrl-', 'alt-b', 'ctrl-[', 'ctrl-m', 'ctrl-i', 'ctrl-bb', ''])('"%s" cannot', text => {
  expect(() => parsePrefix(text)).toThrow('cannot be the detach key')
})
