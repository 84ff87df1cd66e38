/**
 * The user guide, done as it says. A block's word after its language says what it is: `call` (a tool and its arguments), `begin` (one
 * that waits) and `end` (its answer), `run` (a shell script, a program), `serve` (the server, started again like this), `answer` (what
 * the one before gave); or, for what needs a CLI of its own, the test that does it, as `test/…`.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { blocksOf, fits, isShown } from './blocks.ts'
import { createReader } from './reader.ts'

const guide = fileURLToPath(new URL('../../docs/guide/', import.meta.url))
const pages = readdirSync(guide).filter(name => name.endsWith('.md'))
const done = new Set(['call', 'begin', 'end', 'run', 'serve', 'answer'])

test.each(pages)('docs/guide/%s does what it says', async page => {
  const reader = await createReader()
  onTestFinished(reader.leave)
  const wrong: string[] = []
  for (const block of blocksOf(readFileSync(`${guide}${page}`, 'utf8'))) {
    const trouble = await reader.read(block)
    if (trouble !== undefined) wrong.push(`${page}:${block.line} ${trouble}`)
  }
  expect(wrong.join('\n')).toBe('')
})

test.each(pages)('every example of docs/guide/%s is done here, or names the test that does it', page => {
  const blocks = blocksOf(readFileSync(`${guide}${page}`, 'utf8'))
  expect(blocks.filter(({ use }) => !done.has(use) && !(use.startsWith('test/') && existsSync(use))).map(({ line }) => `${page}:${line}`)).toEqual([])
})

test('what a page shows is told from what it does not', () => {
  expect([isShown('ada (m48axucq) [idle]\n…end', 'ada (x9y8z7w6) [idle]\nand the end'), isShown('ada (m48axucqqfs8qtph)', 'ada (hfpqcwtsgmiiptut)'), isShown('ada [idle]', 'ada [busy]')]).toEqual([true, true, false])
  expect([fits({ a: [{ b: '…' }] }, { a: [{ b: 'x', c: 1 }], d: 2 }), fits({ a: [] }, { a: [1] }), fits({ a: 1 }, { a: '1' })]).toEqual([true, false, false])
})
