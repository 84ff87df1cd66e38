/** The real codex, pinned by this folder's package.json, with a home of its own that points it at a fake API. */
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { CodexDriverName } from '../../src/config.ts'
import { createCodexDriver } from '../../src/drivers/codex/driver.ts'
import { createCodexPtyDriver } from '../../src/drivers/codex/pty/driver.ts'
import type { CreateDriver, Driver, FactOf } from '../../src/drivers/driver.ts'
import { silentLog } from '../../src/log.ts'
import { createRecorder, findBreaches, toText, type Recorder } from '../contracts/driver-trace.ts'
import { startFakeOpenAI, type FakeOpenAI, type Script } from '../fakes/openai/index.ts'

const here = import.meta.dirname

/** The native program: the npm wrapper would put a node process between it and us. */
export function findCodexBin(): string {
  const packages = join(here, 'node_modules', '@openai')
  for (const name of readdirSync(packages).filter(entry => entry.startsWith('codex-'))) {
    const vendor = join(packages, name, 'vendor')
    for (const triple of readdirSync(vendor)) return join(vendor, triple, 'bin', 'codex')
  }
  throw new Error('codex is not installed for this platform: run `npm ci --prefix test/e2e`.')
}

/** Both ways to run codex, for what must be the same. */
export const codexDrivers: readonly CodexDriverName[] = ['app-server', 'pty']

const hookProgram = fileURLToPath(new URL('../../dist/drivers/codex/pty/hook-program.js', import.meta.url))
export const createPtyDriver: CreateDriver = (config, emit) => createCodexPtyDriver({ ...config, hookProgram }, emit)

export interface CodexHome {
  /** Holds all of it; a private HOME. */
  readonly dir: string
  readonly codexHome: string
  /** An empty directory to work in. */
  readonly cwd: string
  /** What the server's environment would be. */
  readonly env: Record<string, string | undefined>
  remove(): void
}

/** `extra`: further lines of config.toml, tables only. */
export function createCodexHome(apiUrl: string, extra = ''): CodexHome {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'codex-')))
  const codexHome = join(dir, '.codex')
  const cwd = join(dir, 'work')
  mkdirSync(codexHome)
  mkdirSync(cwd)
  writeFileSync(join(codexHome, 'config.toml'), toConfig(apiUrl, extra))
  return {
    dir,
    codexHome,
    cwd,
    env: { PATH: process.env['PATH'], HOME: dir, CODEX_HOME: codexHome, FAKE_KEY: 'no-secret' },
    remove: () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }),
  }
}

function toConfig(apiUrl: string, extra: string): string {
  return `model = "fake-model"
model_provider = "fake"
check_for_update_on_startup = false
[features]
unbounded_connection_retries = false
[model_providers.fake]
name = "Fake"
base_url = "${apiUrl}"
wire_api = "responses"
env_key = "FAKE_KEY"
requires_openai_auth = false
request_max_retries = 0
stream_max_retries = 0
${extra}`
}

export interface CodexStage {
  readonly api: FakeOpenAI
  readonly home: CodexHome
  readonly driver: Driver
  readonly facts: Recorder
  launch(agentId: string, overrides?: Partial<LaunchInput>): LaunchInput
  start(agentId: string, overrides?: Partial<LaunchInput>): Promise<FactOf<'ready'>>
  submit(agentId: string, text: string): string
  /** Submits, and waits for the end of the turn it began. */
  run(agentId: string, text: string): Promise<FactOf<'turnEnded'>>
  stop(agentId: string, mode?: 'graceful' | 'force'): Promise<FactOf<'exited'>>
  /** Closes the driver first, and judges the trace against the port's promises. */
  close(): Promise<void>
}

type LaunchInput = Extract<Parameters<Driver['dispatch']>[0], { type: 'startAgent' }>['launch']

export interface CodexStageOptions {
  readonly script?: Script
  /** Further tables of config.toml. */
  readonly config?: string
  readonly driver?: CodexDriverName
  readonly bin?: string
  readonly env?: Readonly<Record<string, string>>
  readonly silenceMs?: number
}

/** A driver on the real codex, a fake API, and a record of everything between them. */
export async function createCodexStage({ script = [], config = '', driver: name = 'app-server', bin = findCodexBin(), env = {}, silenceMs }: CodexStageOptions = {}): Promise<CodexStage> {
  const api = await startFakeOpenAI({ script })
  const home = createCodexHome(api.url, config)
  const facts = createRecorder(20_000)
  const createDriver = name === 'pty' ? createPtyDriver : createCodexDriver
  const driver = facts.record(
    createDriver({ bin, env: { ...home.env, ...env }, childEnv: ['FAKE_KEY'], stateDir: home.dir, clock: systemClock, log: silentLog, ...(silenceMs === undefined ? {} : { silenceMs }) }, facts.emit),
  )
  let prompts = 0
  const launch = (agentId: string, overrides: Partial<LaunchInput> = {}): LaunchInput => ({
    name: agentId,
    cwd: home.cwd,
    systemPrompt: `You are ${agentId}.`,
    sessionId: randomUUID(),
    confinement: {},
    marker: { MADROX_HOME: home.dir, MADROX_AGENT: agentId },
    ...overrides,
  })
  const submit = (agentId: string, text: string): string => {
    const promptId = `prompt-${++prompts}`
    driver.dispatch({ type: 'submitPrompt', agentId, promptId, text })
    return promptId
  }
  return {
    api, home, driver, facts, launch, submit,
    async start(agentId, overrides) {
      const told = facts.factsOf(agentId).length
      driver.dispatch({ type: 'startAgent', agentId, launch: launch(agentId, overrides) })
      const answer = await facts.first(`answer to the start of ${agentId}`, (fact): fact is FactOf<'ready' | 'startFailed'> =>
        (fact.type === 'ready' || fact.type === 'startFailed') && facts.factsOf(agentId).indexOf(fact) >= told)
      if (answer.type === 'startFailed') throw new Error(`${agentId} did not start: ${answer.code}: ${answer.detail}`)
      return answer
    },
    run(agentId, text) {
      const promptId = submit(agentId, text)
      return facts.waitFor(agentId, 'turnEnded', fact => fact.promptId === promptId)
    },
    stop(agentId, mode = 'graceful') {
      driver.dispatch({ type: 'stopAgent', agentId, mode, graceMs: 5_000 })
      return facts.waitFor(agentId, 'exited', ({ expected }) => expected)
    },
    async close() {
      await driver.close()
      await api.close()
      home.remove()
      expect([...findBreaches(facts.trace), ...facts.faults], toText(facts.trace)).toEqual([])
      expect(api.unexpected).toEqual([])
    },
  }
}
