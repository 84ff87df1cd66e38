import { expect, test } from 'vitest'
import { isMarked } from '../../../src/drivers/pty/processes.ts'

test('an empty marker marks no process: what is marked is ended', () => {
  expect(isMarked(process.pid, {})).toBe(false)
  const [name, value] = Object.entries(process.env).find(([, text]) => text) ?? []
  expect(isMarked(process.pid, { [String(name)]: String(value) })).toBe(true)
})
