import { randomUUID } from 'node:crypto'
import { systemClock } from '../../src/clock.ts'
import { createCodexDriver } from '../../src/drivers/codex/driver.ts'
import type { CreateDriver } from '../../src/drivers/driver.ts'
import { silentLog } from '../../src/log.ts'
import { describeDriver, type DriverContract } from '../contracts/driver.ts'
import { callTool, say, startFakeOpenAI, atGate, fail, type Script } from '../fakes/openai/index.ts'
import { createCodexHome, createPtyDriver, findCodexBin } from './codex.ts'

const script: Script = [
  { when: /^(\[MSG:\w+\] )?say /, then: ({ lastUserText }) => [say(lastUserText.replace(/^(\[MSG:\w+\] )?say /, ''))] },
  { when: 'stream', then: [say('begun'), atGate('never')] },
  { when: 'hold', then: [callTool('exec_command', { cmd: 'sleep 600', yield_time_ms: 30_000 }), say('slept')] },
  { when: 'fail', then: [fail(400, { body: { error: { message: 'told to fail', type: 'invalid_request_error' } } })] },
  { when: 'recall', then: ({ userTexts }) => [say(userTexts.join('\n'))] },
  { when: 'escalate', then: [callTool('exec_command', { cmd: 'true', sandbox_permissions: 'require_escalated', justification: 'told to' }), say('done')] },
]

const contractOf = (createDriver: CreateDriver): Omit<DriverContract, 'terminal'> => ({
  factTimeoutMs: 20_000,
  create: async emit => {
    const api = await startFakeOpenAI({ script })
    const home = createCodexHome(api.url)
    const driver = createDriver({ bin: findCodexBin(), env: home.env, childEnv: ['FAKE_KEY'], stateDir: home.dir, clock: systemClock, log: silentLog }, emit)
    return {
      driver,
      launch: name => ({
        name,
        cwd: home.cwd,
        systemPrompt: 'You are a test.',
        confinement: { permissionMode: 'on-request' },
        marker: { MADROX_HOME: home.dir, MADROX_AGENT: `${name}-${randomUUID()}` },
      }),
      usageOf: sessionId => {
        const { inputTokens, cachedInputTokens, outputTokens } = api.usage(sessionId)
        return { inputTokens: inputTokens - cachedInputTokens, outputTokens, cacheReadTokens: cachedInputTokens, cacheCreationTokens: 0 }
      },
      release: async () => {
        await api.close()
        home.remove()
      },
    }
  },
  prompts: {
    answer: text => `say ${text}`,
    stream: 'stream',
    holdInTool: 'hold',
    fail: 'fail',
    recall: 'recall',
    approval: 'escalate',
  },
})

describeDriver('codex, app-server', { ...contractOf(createCodexDriver), processPerAgent: false, terminal: 'on demand' })
describeDriver('codex, in a PTY', { ...contractOf(createPtyDriver), terminal: 'own' })
