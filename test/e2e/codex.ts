/** The real codex, pinned by this folder's package.json, with a home of its own that points it at a fake API. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const here = import.meta.dirname

/** The native program: the npm wrapper would put a node process between it and us. */
export function findCodexBin(): string {
  const packages = join(here, 'node_modules', '@openai')
  for (const name of readdirSync(packages).filter((entry) => entry.startsWith('codex-'))) {
    const vendor = join(packages, name, 'vendor')
    for (const triple of readdirSync(vendor)) return join(vendor, triple, 'bin', 'codex')
  }
  throw new Error('codex is not installed for this platform: run `npm ci --prefix test/e2e`.')
}

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
  // Not under the system's temporary directory: codex puts its sandbox helpers beside its home, and refuses to put them there.
  const cache = join(here, 'node_modules', '.cache')
  mkdirSync(cache, { recursive: true })
  const dir = mkdtempSync(join(cache, 'codex-'))
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
