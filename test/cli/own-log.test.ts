/** The log of a server in the background, on a real stderr: a process of its own that says more than the file may hold. */

import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

const modules = new URL('../../dist/', import.meta.url)

/** Says lines of ten bytes, numbered, on a stderr that is that file. */
function say(path: string, lines: number, as = path): void {
  const program = `const { keptSmall } = await import(${JSON.stringify(new URL('cli/own-log.js', modules).href)})
    const write = message => process.stderr.write(message + '\\n')
    const log = keptSmall({ debug: write, info: write, warn: write, error: write }, ${JSON.stringify(as)}, { maxBytes: 50, files: 3 })
    for (let n = 1; n <= ${lines}; n++) log.info('line ' + String(n).padStart(4, '0'))
    process.stderr.write('last words\\n')`
  const file = openSync(path, 'a', 0o600)
  execFileSync(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'ignore', file] })
  closeSync(file)
}

function createDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'madrox-own-log-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

const numbered = (from: number, to: number): string => Array.from({ length: to - from + 1 }, (_, index) => `line ${String(from + index).padStart(4, '0')}\n`).join('')

test('it is rotated in three files, no line lost between them, and the last words of the process are in it', () => {
  const dir = createDirectory()
  const path = join(dir, 'server.log')
  say(path, 22)
  expect(readdirSync(dir)).toEqual(['server.log', 'server.log.1', 'server.log.2'])
  expect(['.2', '.1', ''].map(part => readFileSync(`${path}${part}`, 'utf8'))).toEqual([numbered(11, 15), numbered(16, 20), `${numbered(21, 22)}last words\n`])
  expect(statSync(`${path}.1`).mode & 0o777).toBe(0o600)
})

test('a stderr that is no such file is left alone', () => {
  const dir = createDirectory()
  const path = join(dir, 'mine.log')
  say(path, 22, join(dir, 'server.log'))
  expect([readdirSync(dir), readFileSync(path, 'utf8')]).toEqual([['mine.log'], `${numbered(1, 22)}last words\n`])
})
