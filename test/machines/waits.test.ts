import { expect, test } from 'vitest'
import { circleOf, type Wait } from '../../src/machines/waits.ts'

const wait = (by: string, ...on: string[]): Wait => ({ by, on })

test.each<[string, Wait[], Wait, string[] | undefined]>([
  ['nobody else waits', [], wait('a', 'b'), undefined],
  ['for oneself', [], wait('a', 'a'), ['a', 'a']],
  ['each for the other', [wait('b', 'a')], wait('a', 'b'), ['a', 'b', 'a']],
  ['three in a ring', [wait('b', 'c'), wait('c', 'a')], wait('a', 'b'), ['a', 'b', 'c', 'a']],
  ['a line', [wait('b', 'c'), wait('c', 'd')], wait('a', 'b'), undefined],
  ['for any of two, one of them free', [wait('b', 'a')], wait('a', 'b', 'c'), undefined],
  ['for any of two, both stuck', [wait('b', 'a'), wait('c', 'a')], wait('a', 'b', 'c'), ['a', 'c', 'a']],
  ['on one that waits for any of several, one of them free', [wait('b', 'a', 'c')], wait('a', 'b'), undefined],
  ['on one with two waits of its own, one of them stuck', [wait('b', 'c'), wait('b', 'a')], wait('a', 'b'), ['a', 'b', 'a']],
  ['a ring of others', [wait('b', 'c'), wait('c', 'b')], wait('a', 'b'), undefined],
])('%s', (_, waits, added, circle) => expect(circleOf(waits, added)).toEqual(circle))

test('a long chain is looked through, and a wide one too', () => {
  const chain = Array.from({ length: 500 }, (_, index) => wait(`a${index + 1}`, `a${index + 2}`))
  expect(circleOf(chain, wait('a0', 'a1'))).toBeUndefined()
  expect(circleOf([...chain, wait('a501', 'a0')], wait('a0', 'a1'))).toHaveLength(503)
})
