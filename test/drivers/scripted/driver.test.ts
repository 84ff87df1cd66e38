import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../src/clock.ts'
import { createScriptedDriver } from '../../../src/drivers/scripted/driver.ts'
import { silentLog } from '../../../src/log.ts'
import { describeDriver } from '../../contracts/driver.ts'
import { readSpent } from './spent.ts'

describeDriver('scripted, in process', {
  terminal: 'on demand',
  create: emit => {
    const stateDir = mkdtempSync(join(tmpdir(), 'madrox-scripted-'))
    const driver = createScriptedDriver({ bin: '', env: {}, childEnv: [], stateDir, clock: systemClock, log: silentLog }, emit)
    return {
      driver,
      launch: name => ({ name, cwd: stateDir, systemPrompt: '', confinement: {}, marker: {} }),
      usageOf: sessionId => readSpent(stateDir, sessionId),
      release: () => rmSync(stateDir, { recursive: true, force: true }),
    }
  },
  prompts: {
    answer: text => `say ${text}`,
    stream: 'say begun; hang',
    holdInTool: 'call wait_for_any {"message_ids":[]}',
    fail: 'fail told to',
    recall: 'recall',
    crash: 'crash told to',
    background: 'background 5 done behind',
    approval: 'approval Bash ls',
  },
})
