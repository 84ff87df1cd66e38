/**
 * The whole of Madrox as its users have it: the real server as a process, the real CLIs behind it, scripted model APIs behind
 * those, and the official client of the MCP SDK in front. Everything started ends with the test, and is seen to have ended.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFailed, onTestFinished } from 'vitest'
import type { CodexDriverName } from '../../src/config.ts'
import { killLiving } from '../contracts/processes.ts'
import { startFakeAnthropic, type FakeAnthropic, type FakeAnthropicOptions } from '../fakes/anthropic/index.ts'
import { startFakeOpenAI, type FakeOpenAI, type Script as OpenAIScript } from '../fakes/openai/index.ts'
import { claudeBin } from './claude-setup.ts'
import { createCodexHome, findCodexBin } from './codex.ts'
import { connectClient, type ConnectOptions, type RigClient } from './rig-client.ts'
import { launchServer, type ServerProcess } from './rig-server.ts'

export type { Data, RigClient } from './rig-client.ts'

/** For rigs whose Codex agents are to be run by that driver. */
export const byCodexDriver = (driver: CodexDriverName): Pick<RigOptions, 'env'> => ({ env: { MADROX_CODEX_DRIVER: driver } })

export interface RigOptions {
  readonly anthropic?: FakeAnthropicOptions
  /** `config`: further lines of Codex's config.toml, behind the table of the fake model provider. */
  readonly openai?: { readonly script?: OpenAIScript; readonly config?: string }
  /** Of the server; undefined removes what the rig would set. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Further arguments of `serve`. */
  readonly args?: readonly string[]
  /** Of the rig's own client. */
  readonly client?: Partial<ConnectOptions>
}

export interface Rig {
  readonly anthropic: FakeAnthropic
  readonly openai: FakeOpenAI
  /** A real path that holds all of the rig but codex's home. */
  readonly root: string
  /** `$MADROX_HOME`. */
  readonly home: string
  /** `$CODEX_HOME`. */
  readonly codexHome: string
  /** Of the server that runs now. */
  readonly server: ServerProcess
  /** What the rig's own client may call; it is called `rig`. */
  readonly client: RigClient
  readonly call: RigClient['call']
  readonly text: RigClient['text']
  readonly refusal: RigClient['refusal']
  connect(options: ConnectOptions): Promise<RigClient>
  /** A directory below `root`, made. */
  dir(name: string): string
  /** Ends the server that way, and starts another on the same home and port. */
  restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Ends the server: all of its agents are gone when this resolves. Fails if anything of this home is still alive. */
  stop(): Promise<void>
}

/** Claude Code in a terminal, and by structured messages: for cases in which they could differ. */
export const claudeDrivers = ['pty', 'stream'] as const
export const byClaudeDriver = (driver: (typeof claudeDrivers)[number]): Pick<RigOptions, 'env'> => ({ env: { MADROX_CLAUDE_DRIVER: driver } })

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

export async function openRig(options: RigOptions = {}): Promise<Rig> {
  const anthropic = await startFakeAnthropic(options.anthropic)
  const openai = await startFakeOpenAI(options.openai)
  const codex = createCodexHome(openai.url, options.openai?.config)
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'madrox-rig-')))
  const dir = (name: string): string => {
    mkdirSync(join(root, name), { recursive: true })
    return join(root, name)
  }
  const home = join(root, 'madrox')
  const env = {
    PATH: process.env['PATH'], LANG: 'C.UTF-8', HOME: dir('home'), LOG_LEVEL: 'debug',
    MADROX_CLAUDE_BIN: claudeBin, CLAUDE_CONFIG_DIR: dir('claude'), ANTHROPIC_BASE_URL: anthropic.url, ANTHROPIC_AUTH_TOKEN: 'x', CLAUDE_CODE_MAX_RETRIES: '0',
    MADROX_CODEX_BIN: findCodexBin(), CODEX_HOME: codex.codexHome, FAKE_KEY: 'no-secret',
    ...options.env,
  }
  const launch = (port: number): Promise<ServerProcess> =>
    launchServer({ args: [cli, 'serve', '--port', String(port), '--home', home, '--child-env', 'FAKE_KEY', ...(options.args ?? [])], env, cwd: root })
  const clients = new Set<RigClient>()
  const servers: ServerProcess[] = []
  const open = async (port: number): Promise<ServerProcess> => {
    const started = await launch(port)
    servers.push(started)
    return started
  }
  onTestFailed(() => void process.stderr.write(`${servers.flatMap(each => each.log).join('\n')}\n`))
  onTestFinished(async () => {
    try {
      await rig.stop()
      if (anthropic.unexpected.length + openai.unexpected.length > 0) throw new Error(`The APIs were asked what they do not know: ${[...anthropic.unexpected, ...openai.unexpected].join('; ')}`)
    } finally {
      endAll(home)
      await Promise.all([anthropic.close(), openai.close()])
      codex.remove()
      rmSync(root, { recursive: true, force: true, maxRetries: 5 })
    }
  })
  let server = await open(0)
  const connect = async (given: ConnectOptions): Promise<RigClient> => {
    const client = await connectClient(() => `${server.url}/mcp`, given)
    clients.add(client)
    return client
  }
  const client = await connect({ name: 'rig', ...options.client })
  const rig: Rig = {
    anthropic, openai, root, home, codexHome: codex.codexHome, client, connect, dir,
    call: client.call, text: client.text, refusal: client.refusal,
    get server() {
      return server
    },
    async restart(signal) {
      await server.end(signal)
      server = await open(Number(new URL(server.url).port))
    },
    async stop() {
      await Promise.all([...clients].map(each => each.close()))
      clients.clear()
      const code = await server.end('SIGTERM')
      const left = findOwned(home)
      if (left.length > 0) throw new Error(`The server ended and left behind:\n${left.map(each => `${each.pid} ${each.command}`).join('\n')}`)
      if (code !== 0 && code !== 'SIGKILL') throw new Error(`The server ended with ${code}.`)
    },
  }
  return rig
}

/** What carries this home's mark in its environment, the server itself excepted. For ends of tests; tests judge by pids their fixtures wrote. */
export function findOwned(home: string): { pid: number; command: string }[] {
  return readdirSync('/proc').flatMap(name => {
    const pid = Number(name)
    if (!pid || pid === process.pid) return []
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`MADROX_OWNED_BY=${home}`)) return []
      return [{ pid, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').slice(0, 200) }]
    } catch {
      return [] // gone meanwhile, or not ours to look at
    }
  })
}

function endAll(home: string): void {
  killLiving((existsSync('/proc') ? findOwned(home) : []).map(({ pid }) => pid))
}
