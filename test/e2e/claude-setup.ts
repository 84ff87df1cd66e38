/** The real Claude Code against the scripted API, with a private home: what every e2e test of it starts from. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/clock.ts'
import type { DriverConfig } from '../../src/drivers/driver.ts'
import { silentLog } from '../../src/log.ts'
import { startFakeAnthropic, type FakeAnthropic, type FakeAnthropicOptions } from '../fakes/anthropic/index.ts'

const platform = `${process.platform}-${process.arch}`
export const claudeBin = fileURLToPath(new URL(`node_modules/@anthropic-ai/claude-code-${platform}/claude`, import.meta.url))

export interface ClaudeStage {
  readonly fake: FakeAnthropic
  /** Real paths below a directory of the stage's own. */
  readonly root: string
  readonly home: string
  readonly config: DriverConfig
  workspace(name: string): string
  /** For agents: what the marker names. */
  readonly marker: Record<string, string>
  close(): Promise<void>
}

export async function createClaudeStage(options: FakeAnthropicOptions & { env?: Record<string, string | undefined> } = {}): Promise<ClaudeStage> {
  const fake = await startFakeAnthropic(options)
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'madrox-e2e-')))
  const home = join(root, 'home')
  mkdirSync(home)
  return {
    fake,
    root,
    home,
    marker: { MADROX_HOME_MARK: root },
    config: {
      bin: claudeBin,
      env: {
        PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: home, ANTHROPIC_BASE_URL: fake.url, ANTHROPIC_AUTH_TOKEN: 'x',
        CLAUDE_CODE_MAX_RETRIES: '0', ...options.env,
      },
      childEnv: [],
      stateDir: join(root, 'state'),
      clock: systemClock,
      log: silentLog,
    },
    workspace: name => {
      const dir = join(root, name)
      mkdirSync(dir, { recursive: true })
      return dir
    },
    close: async () => {
      await fake.close()
      rmSync(root, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
