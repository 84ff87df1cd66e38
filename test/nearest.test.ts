import { expect, test } from 'vitest'
import { nearest } from '../src/nearest.ts'

test('the name that was meant is the closest one, if no more than half of it differs', () => {
  expect([nearest('revewer', ['reviewer', 'architect']), nearest('xyz', ['reviewer']), nearest('x', [])]).toEqual(['reviewer', undefined, undefined])
})

test('what is far longer than any name is not measured: it would take as long as a caller likes', () => {
  expect(nearest('a'.repeat(201), ['a'.repeat(200)])).toBeUndefined()
})
