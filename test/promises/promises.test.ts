/** Every row of the specification has tests that name it, which are there; and the table has the tools that users know. */

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { createToolTable } from '../../src/tools/table.ts'
import { rows, settings, tools } from './rows.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const textOf = (file: string): string => readFileSync(`${root}/${file}`, 'utf8')
/** The lines in which tests and groups of them begin. */
const titlesOf = (file: string): string => textOf(file).split('\n').filter(line => /^\s*(?:test|describe)\b|^\s*\](?: as const)?\)\(/.test(line)).join('\n')

describe.each(Object.entries(rows))('%s:', (_section, all) => {
  test.each(Object.entries(all))('a test names %s', (_row, shown) => {
    expect(shown.length).toBeGreaterThan(0)
    expect(shown.filter(([file, title]) => !titlesOf(file).includes(title))).toEqual([])
  })
})

test.each(settings)('a test speaks of the setting %s', (variable, file) => {
  expect(textOf(file)).toContain(variable)
})

test('the tools that users know are there, and each is named by the title of a test', () => {
  const table = createToolTable()
  expect(tools.filter(name => !table.has(name))).toEqual([])
  const titles = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.test.ts') && !file.startsWith('promises/')).map(titlesOf).join('\n')
  const named = new Set(titles.match(/[a-z]+(?:_[a-z]+)+/g))
  expect([...new Set(table.values())].filter(tool => ![tool.name, ...(tool.aliases ?? [])].some(name => named.has(name))).map(({ name }) => name)).toEqual([])
})
