import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClaudeDriver } from '../../src/drivers/claude/driver.ts'
import { createClaudeStreamDriver } from '../../src/drivers/claude/stream/driver.ts'
import { describeDriver } from '../contracts/driver.ts'
import type { Usage } from '../fakes/anthropic/index.ts'
import { createClaudeStage } from './claude-setup.ts'

const prompts = {
  answer: (text: string) => `do: say ${text}`,
  // The transcript gets a message when it is complete, so what was said goes out with a tool call, and the next message hangs.
  stream: 'do:\nsay on and on\nbash true\nhang',
  holdInTool: 'do:\nsay into a tool\nbash until [ -e /nowhere ]; do sleep 0.1; done',
  fail: 'do: fail 401',
  recall: 'do: recall',
  background: 'do:\nbg until [ -e end-of-task ]; do sleep 0.1; done\nsay left it running',
}

for (const [name, createDriver, terminal] of [['claude in a PTY', createClaudeDriver, { terminal: 'own' }], ['claude by structured messages', createClaudeStreamDriver, { terminal: 'on demand' }]] as const) {
  describeDriver(name, {
    ...terminal,
    factTimeoutMs: 20_000,
    prompts,
    async create(emit) {
      const stage = await createClaudeStage()
      return {
        driver: createDriver(stage.config, emit),
        launch: agent => ({
          name: agent, cwd: stage.workspace(agent), systemPrompt: `You are ${agent}.`, confinement: { bypass: true },
          marker: { ...stage.marker, MADROX_AGENT_ID: agent },
        }),
        usageOf: sessionId => {
          const spent = stage.fake.requests.filter(({ view, outcome }) => view.sessionId === sessionId && outcome === 'complete')
          const sum = (field: keyof Usage): number => spent.reduce((total, { usage }) => total + usage[field], 0)
          return {
            inputTokens: sum('input_tokens'), outputTokens: sum('output_tokens'),
            cacheReadTokens: sum('cache_read_input_tokens'), cacheCreationTokens: sum('cache_creation_input_tokens'),
          }
        },
        endBackground: agentId => writeFileSync(join(stage.workspace(agentId), 'end-of-task'), ''),
        release: stage.close,
      }
    },
  })
}
