import { describe, expect, test } from 'vitest'
import { sanitiseInput, toPieces } from '../../../src/drivers/pty/input.ts'

describe('sanitiseInput', () => {
  test.for([
    ['an embedded end of paste', 'a\x1b[201~rm -rf\r', 'arm -rf'],
    ['colours and titles', '\x1b[1;31mred\x1b[0m \x1b]0;title\x07end', 'red end'],
    ['a lone escape', 'a\x1b', 'a'],
    ['C0 and DEL', 'a\x00\x01\x03\x08\x0e\x7fb', 'ab'],
    ['C1', 'a\u0080\u009b31mb', 'a31mb'],
    ['CRLF, CR, NEL and separators', 'a\r\nb\rc\u0085d\u2028e\u2029f', 'a\nb\nc\nd\ne\nf'],
    ['tabs', 'a\tb', 'a    b'],
    ['bidirectional controls and tag characters', 'a\u202eb\u2066c\u{e0041}d', 'abcd'],
    ['half a surrogate pair', 'a\ud800b', 'a\ufffdb'],
    ['trailing blanks', 'a  \n  ', 'a'],
    ['decomposed letters', 'e\u0301', '\u00e9'],
  ] as const)('normalises %s', ([, text, expected]) => expect(sanitiseInput(text)).toBe(expected))

  test('leaves everything else alone', () => {
    const text = '  - /x !y `z` $HOME "q" \\ ; 漢字 👨‍👩‍👧 می‌خواهم\n\n# end'
    expect(sanitiseInput(text)).toBe(text)
  })
})

describe('toPieces', () => {
  const limits = { characters: 10, lineFeeds: 2 }

  test('loses nothing, and keeps within the limits', () => {
    const text = Array.from({ length: 50 }, (_, at) => 'x'.repeat(at % 13)).join('\n')
    const pieces = toPieces(text, limits)
    expect(pieces.join('')).toBe(text)
    expect(pieces.every(piece => piece.length <= 10 && piece.split('\n').length <= 3)).toBe(true)
  })

  test('never cuts a character in two', () => {
    const pieces = toPieces('🎉'.repeat(40), { characters: 9, lineFeeds: 2 })
    expect(pieces.every(piece => !/^[\udc00-\udfff]|[\ud800-\udbff]$/.test(piece))).toBe(true)
    expect(pieces.join('')).toBe('🎉'.repeat(40))
  })

  test('nothing makes no piece', () => expect(toPieces('', limits)).toEqual([]))
})
