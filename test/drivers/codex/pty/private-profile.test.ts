/** The file in the home of codex that holds one agent's configuration; a real codex with it: test/e2e/codex-pty.test.ts. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { clearPrivateProfiles, writePrivateProfile } from '../../../../src/drivers/codex/pty/private-profile.ts'
import { silentLog } from '../../../../src/log.ts'

let stateDir: string
let codexHome: string
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'madrox-state-'))
  codexHome = mkdtempSync(join(tmpdir(), 'madrox-codex-home-'))
})
afterEach(() => {
  for (const dir of [stateDir, codexHome]) rmSync(dir, { recursive: true, force: true })
})
const config = { developer_instructions: 'a\n"b"', mcp_servers: { mine: { command: 'serve', env: { KEY: 'secret' } } }, projects: { '/a.b c': { trust_level: 'untrusted' } } }

test('it says what it is given, to this user alone, and goes with its agent', () => {
  const profile = writePrivateProfile(stateDir, codexHome, 'k-1', config)
  const path = join(codexHome, `${profile.name}.config.toml`)
  expect(parse(readFileSync(path, 'utf8'))).toEqual(config)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  profile.remove()
  expect([readdirSync(codexHome), readdirSync(join(stateDir, 'profiles'))]).toEqual([[], []])
})

test('what a killed server left is removed, and nothing else', () => {
  writePrivateProfile(stateDir, codexHome, 'k-1', config)
  const theirs = join(codexHome, 'work.config.toml')
  writeFileSync(theirs, '')
  symlinkSync(theirs, join(stateDir, 'profiles', 'k-2'))
  clearPrivateProfiles(stateDir, silentLog)
  expect([readdirSync(codexHome), readdirSync(join(stateDir, 'profiles'))]).toEqual([['work.config.toml'], []])
  expect(existsSync(theirs)).toBe(true)
})
