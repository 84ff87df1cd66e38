import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../../src/clock.ts'
import { createScriptedPtyDriver } from '../../../src/drivers/scripted/pty-driver.ts'
import { silentLog } from '../../../src/log.ts'
import { describeDriver } from '../../contracts/driver.ts'
import { startFakeMadrox } from '../../fakes/cli/mcp-server.ts'
import { readSpent } from './spent.ts'

const program = fileURLToPath(new URL('../../../dist/drivers/scripted/program.js', import.meta.url))

describeDriver('scripted, in a PTY', {
  create: async emit => {
    const stateDir = mkdtempSync(join(tmpdir(), 'madrox-scripted-pty-'))
    const madrox = await startFakeMadrox()
    const driver = createScriptedPtyDriver({ bin: '', env: process.env, childEnv: [], stateDir, clock: systemClock, log: silentLog, program }, emit)
    return {
      driver,
      launch: name => ({ name, cwd: stateDir, systemPrompt: '', confinement: {}, marker: {}, madrox: { url: madrox.url, token: madrox.token } }),
      usageOf: sessionId => readSpent(stateDir, sessionId),
      release: async () => {
        await madrox.close()
        rmSync(stateDir, { recursive: true, force: true })
      },
    }
  },
  prompts: {
    answer: text => `say ${text}`,
    stream: 'say begun; hang',
    holdInTool: 'call hold',
    fail: 'fail told to',
    recall: 'recall',
    crash: 'crash told to',
    background: 'background 200 done behind',
    approval: 'approval Bash ls',
  },
  terminal: 'own',
  factTimeoutMs: 10_000,
})
