/** `madrox setup` and `madrox doctor` with the real CLIs, which then know the server that was registered. */

import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { cli, runToEnd } from '../cli/server.ts'
import { claudeBin } from './claude-setup.ts'
import { findCodexBin } from './codex.ts'

const run = promisify(execFile)
const codexBin = findCodexBin()

test('the real claude and codex are found, take the registration, and tell of it', async () => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'madrox-setup-')))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const env = { PATH: process.env['PATH'] ?? '', HOME: dir, CLAUDE_CONFIG_DIR: join(dir, 'claude'), CODEX_HOME: join(dir, 'codex'), MADROX_CLAUDE_BIN: claudeBin, MADROX_CODEX_BIN: codexBin }
  mkdirSync(env.CLAUDE_CONFIG_DIR)
  mkdirSync(env.CODEX_HOME)
  const doctor = JSON.parse((await runToEnd(['doctor', '--json'], env)).stdout) as { checks: object[] }
  expect(doctor.checks).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'claude', status: 'note', detail: expect.stringMatching(/^2\.1\.328 at .*not logged in$/) }), expect.objectContaining({ name: 'codex', status: 'note', detail: expect.stringMatching(/^0\.169\.0 at .*not logged in$/) })]))
  expect(await runToEnd(['setup', '--yes'], env)).toMatchObject({ code: 0, stderr: '' })
  expect((await runToEnd(['setup', '--yes'], env)).stdout).toMatch(/^claude is registered: .*\ncodex is registered: /)
  const inCodex = JSON.parse((await run(codexBin, ['mcp', 'get', 'madrox', '--json'], { env })).stdout) as object
  expect(inCodex).toMatchObject({ enabled: true, transport: { command: process.execPath, args: [cli, 'stdio'] }, tool_timeout_sec: 86_400 })
  // Taken out by the CLIs themselves, it can be registered anew.
  await run(claudeBin, ['mcp', 'remove', 'madrox', '-s', 'user'], { env })
  await run(codexBin, ['mcp', 'remove', 'madrox'], { env })
  expect((await runToEnd(['setup'], env)).stdout).toMatch(/^claude would be registered: .*\ncodex would be registered: /)
})
