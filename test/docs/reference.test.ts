import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

test('docs/reference says what the program says of itself; npm run docs writes it', () => {
  const check = fileURLToPath(new URL('../../.ci/reference.mjs', import.meta.url))
  expect(execFileSync(process.execPath, [check, '--check'], { encoding: 'utf8' })).toBe('')
})
