/** Every row of what users were promised has a test that names it, and the table has the tools they know. */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { createToolTable } from '../../src/tools/table.ts'
import { rows, settings, tools } from './rows.ts'

const textOf = (file: string): string => readFileSync(fileURLToPath(new URL(`../${file}`, import.meta.url)), 'utf8')
/** The lines in which tests and groups of them begin. */
const titlesOf = (file: string): string => textOf(file).split('\n').filter(line => /^\s*(?:test|describe)\b|^\]\)\(|^\s+\]\)\(/.test(line)).join('\n')

describe('a test names', () => {
  test.each(Object.entries(rows).flatMap(([section, all]) => all.map(([what, file, title]) => [section, what, file, title] as const)))('%s: %s', (_section, _what, file, title) => {
    expect(titlesOf(file)).toContain(title)
  })

  test.each(settings)('the setting %s', (variable, file) => {
    expect(textOf(file)).toContain(variable)
  })
})

test('the tools that users know are there', () => {
  const table = createToolTable()
  expect(tools.filter(name => !table.has(name))).toEqual([])
})
