import { expect, test } from 'vitest'
import { createOscReader } from '../../../src/drivers/pty/osc.ts'

const stream = 'text\x1b]0;title\x07\x1b]9;one\x07more\x1b]9;two\x1b\\\x1b]9;three\x07'

test.each([1, 2, 3, 7, stream.length])('a sequence is read whatever its end, in pieces of %d', size => {
  const bodies: string[] = []
  const feed = createOscReader('\x1b]9;', body => bodies.push(body))
  for (let at = 0; at < stream.length; at += size) feed(stream.slice(at, at + size))
  expect(bodies).toEqual(['one', 'two', 'three'])
})
