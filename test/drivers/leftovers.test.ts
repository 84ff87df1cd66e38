/** What a killed server's agents had on disk is removed when their driver is made again; a real kill: test/e2e/claude-leftovers.test.ts. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { createClaudeDriver } from '../../src/drivers/claude/driver.ts'
import { createPrivateFiles } from '../../src/drivers/claude/private-files.ts'
import { createCodexDriver } from '../../src/drivers/codex/driver.ts'
import type { CreateDriver } from '../../src/drivers/driver.ts'
import { createScriptedPtyDriver } from '../../src/drivers/scripted/pty-driver.ts'
import { silentLog } from '../../src/log.ts'

let stateDir: string
beforeEach(() => void (stateDir = mkdtempSync(join(tmpdir(), 'madrox-leftovers-'))))
afterEach(() => rmSync(stateDir, { recursive: true, force: true }))

async function makeAgain(create: CreateDriver): Promise<string[]> {
  const warnings: string[] = []
  const log = { ...silentLog, warn: (message: string) => void warnings.push(message) }
  await create({ bin: '', env: {}, childEnv: [], stateDir, clock: systemClock, log }, () => {}).close()
  return warnings
}

test('the claude driver, made again, removes the private files and temporary directories of agents it had', async () => {
  const files = ['ada', 'bob'].map(agentId => createPrivateFiles(stateDir, agentId))
  const settings = files.map(each => each.write('settings.json', '{}'))
  for (const { temporary } of files) writeFileSync(join(temporary, 'work'), 'x')
  expect(await makeAgain(createClaudeDriver)).toEqual([])
  expect([...settings, ...files.map(each => each.temporary)].filter(existsSync)).toEqual([])
})

test('it follows a record to a temporary directory of its own making only', async () => {
  const precious = join(stateDir, 'precious')
  for (const agentId of ['ada', 'bob']) mkdirSync(join(stateDir, 'agents', agentId), { recursive: true })
  mkdirSync(precious)
  symlinkSync(precious, join(stateDir, 'agents', 'ada', 'temporary'))
  expect(await makeAgain(createClaudeDriver)).toEqual([])
  expect(existsSync(precious)).toBe(true)
  expect(readdirSync(join(stateDir, 'agents'))).toEqual([])
})

test.for([
  ['codex', createCodexDriver, 'tmp/ada/half-written'],
  ['scripted-pty', createScriptedPtyDriver, 'launches/key.json'],
] as const)('the %s driver, made again, removes what its agents left, and keeps sessions', async ([, create, left]) => {
  for (const path of [left, 'sessions/kept.jsonl']) {
    mkdirSync(dirname(join(stateDir, path)), { recursive: true })
    writeFileSync(join(stateDir, path), 'x')
  }
  expect(await makeAgain(create)).toEqual([])
  expect(readdirSync(join(stateDir, left.split('/')[0] ?? ''))).toEqual([])
  expect(existsSync(join(stateDir, 'sessions/kept.jsonl'))).toBe(true)
})
