import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { removeMountPoints } from '../../../src/drivers/claude/mount-points.ts'

function workspace(): string {
  const dir = mkdtempSync(join(tmpdir(), 'madrox-mounts-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  return dir
}

test('what a killed sandbox left is taken away, and nothing a person may have made', () => {
  const dir = workspace()
  mkdirSync(join(dir, '.claude'))
  for (const name of ['.bashrc', '.mcp.json', '.claude/settings.json', '.keep']) writeFileSync(join(dir, name), '', { mode: 0o444 })
  writeFileSync(join(dir, '.gitmodules'), '')
  writeFileSync(join(dir, '.profile'), 'umask 077', { mode: 0o444 })
  mkdirSync(join(dir, '.idea'))
  removeMountPoints(dir)
  expect(readdirSync(dir).toSorted()).toEqual(['.gitmodules', '.idea', '.keep', '.profile'])
})

test('settings of the project stay, and a directory that is gone is no matter', () => {
  const dir = workspace()
  mkdirSync(join(dir, '.claude'))
  writeFileSync(join(dir, '.claude', 'settings.json'), '{}')
  writeFileSync(join(dir, '.claude', 'hooks'), '', { mode: 0o444 })
  removeMountPoints(dir)
  expect(readdirSync(join(dir, '.claude'))).toEqual(['settings.json'])
  removeMountPoints(join(dir, 'gone'))
})
