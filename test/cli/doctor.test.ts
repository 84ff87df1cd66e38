import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import Database from 'libsql'
import { describe, expect, onTestFinished, test } from 'vitest'
import { checkNode, checkPlatform, checkPrograms } from '../../src/cli/doctor/machine.ts'
import { runToEnd, startServe } from './server.ts'

function directory(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'madrox-doctor-')))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A PATH with CLIs that say what they are told to, and node. */
function pathWith(programs: Readonly<Record<string, string>>): string {
  const bin = directory()
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  return [bin, dirname(process.execPath), '/bin'].join(delimiter)
}

const claude = 'case "$1" in --version) echo "2.1.328 (Claude Code)";; *) echo "{\\"loggedIn\\": true}";; esac'
const codex = 'case "$1" in --version) echo "codex-cli 0.1.2";; *) echo "Not logged in" >&2; exit 1;; esac'

interface Seen {
  readonly code: number | null
  readonly healthy: boolean
  readonly checks: readonly { readonly name: string; readonly status: string; readonly detail: string; readonly remedy?: string }[]
  readonly configuration: readonly { readonly setting: string; readonly value: unknown; readonly source: { readonly kind: string; readonly name: string } }[]
  readonly stdout: string
}

async function examine(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Seen> {
  const { code, stdout } = await runToEnd(['doctor', '--json', ...args], { PATH: pathWith({ claude, codex }), ...env })
  return { code, stdout, ...(JSON.parse(stdout) as Omit<Seen, 'code' | 'stdout'>) } // its own answer
}
const check = ({ checks }: Seen, name: string) => checks.find(each => each.name === name)

describe('madrox doctor', () => {
  test('says which CLIs are there, of which version against the verified one, and whether somebody is logged in', async () => {
    const seen = await examine(['--home', directory()])
    expect([seen.code, seen.healthy]).toEqual([0, true])
    expect(check(seen, 'claude')).toMatchObject({ status: 'ok', detail: expect.stringMatching(/^2\.1\.328 at .*logged in$/) })
    expect(check(seen, 'codex')).toMatchObject({ status: 'note', detail: expect.stringMatching(/^0\.1\.2 at .*verified with 0\.169\.0, not logged in$/), remedy: expect.stringContaining('codex login') })
  })

  test('one CLI is enough, none is not', async () => {
    const home = directory()
    const one = await examine(['--home', home], { PATH: pathWith({ codex }) })
    expect([one.code, check(one, 'claude')?.status]).toEqual([0, 'note'])
    const none = await examine(['--home', home, '--codex-bin', 'no-such-codex'], { PATH: pathWith({}) })
    expect([none.code, none.healthy, check(none, 'codex')]).toEqual([1, false, expect.objectContaining({ status: 'missing', detail: '"no-such-codex" was not found' })])
  })

  test('tells of a variable that nothing reads', async () => {
    const seen = await examine(['--home', directory()], { MADROX_IDLE_MINUTE: '5' })
    expect(check(seen, 'environment')).toEqual({ name: 'environment', status: 'note', detail: 'MADROX_IDLE_MINUTE is set, and nothing reads it', remedy: 'Did you mean MADROX_IDLE_MINUTES?' })
  })

  test('shows no password that stands in an address', async () => {
    const address = 'https://user:hunter22222@models.example/v1'
    const { configuration, stdout } = await examine(['--home', directory()], { MADROX_MONITORING_URL: address })
    expect(configuration.find(({ setting }) => setting === 'monitoring_url')?.value).toBe('https://[redacted]@models.example/v1')
    const misplaced = await examine(['--home', directory()], { ORCHESTRATOR_PORT: address })
    expect(check(misplaced, 'configuration')).toMatchObject({ status: 'missing', detail: expect.stringContaining('[redacted]') })
    expect(stdout + misplaced.stdout).not.toContain('hunter22222')
  })

  test('shows every setting that holds with where it is from, and of a secret only that it is set', async () => {
    const home = directory()
    writeFileSync(join(home, 'config.toml'), 'retention_days = 7\n[models]\nclaude = "opus"\n')
    const { configuration, stdout } = await examine(['--home', home, '--port', '0'], { MAX_INSTANCES: '3', MADROX_SERVER_TOKEN: 'a-token-of-thirty-two-characters' })
    const of = (setting: string) => configuration.find(each => each.setting === setting)
    expect(['port', 'max_instances', 'retention_days', 'models.claude', 'host', 'token'].map(of)).toEqual([
      { setting: 'port', value: 0, source: { kind: 'option', name: '--port' } },
      { setting: 'max_instances', value: 3, source: { kind: 'environment', name: 'MAX_INSTANCES' } },
      { setting: 'retention_days', value: 7, source: { kind: 'file', name: `retention_days in ${join(home, 'config.toml')}` } },
      { setting: 'models.claude', value: 'opus', source: { kind: 'file', name: `models.claude in ${join(home, 'config.toml')}` } },
      { setting: 'host', value: '127.0.0.1', source: { kind: 'default', name: 'default' } },
      { setting: 'token', value: '********', source: { kind: 'environment', name: 'MADROX_SERVER_TOKEN' } },
    ])
    expect(stdout).not.toContain('a-token-of')
    const inWords = await runToEnd(['doctor', '--home', home], { PATH: pathWith({ claude }), MADROX_SERVER_TOKEN: 'a-token-of-thirty-two-characters' })
    expect([inWords.code, inWords.stdout]).toEqual([0, expect.stringMatching(/^retention_days +7 +retention_days in /m)])
    expect(inWords.stdout).not.toContain('a-token-of')
  })

  test('says what happens at each limit that holds', async () => {
    const home = directory()
    const told = async (...args: readonly string[]) => {
      const seen = await examine(['--home', home, ...args])
      return ['at a limit', 'no more', 'when still'].map(name => check(seen, name)?.detail)
    }
    expect(await told('--max-instances', '3', '--stuck-minutes', '0')).toEqual([
      "of tokens, cost or time, the agent's: ends it and all below it; its supervisor is told. Policy (at_limit) may say otherwise",
      'than 3 processes, 20 children of an agent, 8 levels, $100 of living teams: a spawn beyond is refused (limit_reached), beyond the cost a message too',
      'idle for 60 min: suspended until it is needed; busy and unheard: never told as stuck',
    ])
    expect(await told('--at-limit', 'interrupt', '--max-tokens-per-instance', '5000', '--max-minutes-per-instance', '30')).toEqual([
      "of tokens, cost or time, the agent's or this server's 5000 tokens and 30 minutes: interrupts it and all below it, and holds them until the limit is raised (resume_instance); its supervisor is told. Policy (at_limit) may say otherwise",
      expect.any(String), expect.stringMatching(/told to its supervisor as stuck, once$/),
    ])
  })

  test('a configuration that does not fit is said, and the rest looked at all the same', async () => {
    const seen = await examine(['--home', directory(), '--port', 'eighty'])
    expect([seen.code, check(seen, 'configuration'), check(seen, 'node')?.status]).toEqual([1, expect.objectContaining({ status: 'missing', detail: expect.stringContaining('--port "eighty"') }), 'ok'])
  })

  test('tells of the server that has the home, and of the version of its store', async () => {
    const home = directory()
    const server = await startServe(home)
    onTestFinished(() => void server.child.kill('SIGKILL'))
    const running = await examine(['--home', home])
    expect(check(running, 'server')).toMatchObject({ status: 'ok', detail: `process ${server.child.pid}, at ${server.url}` })
    expect(check(running, 'settings')).toMatchObject({ status: 'ok', detail: expect.stringContaining('keeps those it was started with') })
    expect(check(running, 'store')).toMatchObject({ status: 'ok', detail: expect.stringMatching(/schema version \d+$/) })
    await server.end('SIGKILL')
    expect(check(await examine(['--home', home]), 'server')).toMatchObject({ status: 'note', detail: expect.stringContaining('without a farewell') })
  })

  test('a store of a later Madrox, one that is none, and a home that cannot be are missing', async () => {
    const [later, none] = [directory(), directory()]
    const database = new Database(join(later, 'madrox.db'))
    database.exec('PRAGMA user_version = 999')
    database.close()
    writeFileSync(join(none, 'madrox.db'), 'this is no database, and long enough to be read as the header of one, which has a hundred bytes or more.')
    const seen = await Promise.all([later, none, '/dev/null/madrox'].map(home => examine(['--home', home])))
    expect(seen.map(each => [each.code, check(each, 'store')?.status, check(each, 'home')?.status])).toEqual([[1, 'missing', 'ok'], [1, 'missing', 'ok'], [1, 'ok', 'missing']])
  })

  test('a home that others can read is noted', async () => {
    const home = join(directory(), 'open')
    mkdirSync(home, { mode: 0o755 })
    expect(check(await examine(['--home', home]), 'home')).toMatchObject({ status: 'note', remedy: `chmod 700 ${home}` })
  })

  test('without git, bubblewrap and socat says what is lost, and not of those a platform has no use for', () => {
    expect(checkPrograms('linux', directory()).map(({ name, status, remedy }) => [name, status, remedy])).toEqual([['git', 'note', 'Install git.'], ['bwrap', 'note', 'Install bubblewrap.'], ['socat', 'note', 'Install socat.']])
    expect(checkPrograms('darwin', directory()).map(({ name }) => name)).toEqual(['git'])
  })

  test('macOS is told that its sweep is weaker, an old Node and other systems that they will not do', () => {
    expect(checkPlatform('darwin')).toMatchObject({ status: 'note', detail: expect.stringContaining('may stay behind') })
    expect([checkPlatform('win32').status, checkNode('18.20.0').status, checkNode('20.18.9').status, checkNode('20.19.0').status, checkNode('22.0.0').status]).toEqual(['missing', 'missing', 'missing', 'ok', 'ok'])
  })
})
