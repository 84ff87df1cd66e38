import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { parse } from 'smol-toml'
import { describe, expect, onTestFinished, test } from 'vitest'
import { cli, runToEnd } from './server.ts'

/** A person's directory with both CLIs; this claude writes what the real one does. */
function person() {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'madrox-setup-')))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const [state, config] = [join(dir, '.claude.json'), join(dir, '.codex', 'config.toml')]
  mkdirSync(dirname(config))
  const script = (name: string, text: string): void => {
    writeFileSync(join(dir, name), text)
    chmodSync(join(dir, name), 0o755)
  }
  script('claude', `#!${process.execPath}
const fs = require('node:fs')
const [, , ...args] = process.argv
const state = fs.existsSync(${JSON.stringify(state)}) ? JSON.parse(fs.readFileSync(${JSON.stringify(state)}, 'utf8')) : {}
const [command, ...rest] = args.slice(args.indexOf('--') + 1)
state.calls = [...(state.calls ?? []), args]
state.mcpServers = { ...state.mcpServers, madrox: { type: 'stdio', command, args: rest, env: {} } }
fs.writeFileSync(${JSON.stringify(state)}, JSON.stringify(state))
`)
  script('codex', '#!/bin/sh\n')
  const env = { PATH: [dir, dirname(process.execPath), '/bin'].join(delimiter), HOME: dir, CLAUDE_CONFIG_DIR: dir, CODEX_HOME: dirname(config) }
  const setup = async (args: readonly string[] = [], more: Readonly<Record<string, string>> = {}) => {
    const { code, stdout } = await runToEnd(['setup', '--json', ...args], { ...env, ...more })
    return { code, clients: (JSON.parse(stdout) as { clients: { client: string; status: string; how: string }[] }).clients } // its own answer
  }
  return { dir, env, setup, config, stateOf: () => JSON.parse(readFileSync(state, 'utf8')) as { calls: string[][]; mcpServers: Record<string, unknown> }, state }
}

const statuses = ({ code, clients }: { code: number | null; clients: readonly { client: string; status: string }[] }) => [code, Object.fromEntries(clients.map(({ client, status }) => [client, status]))]

describe('madrox setup', () => {
  test('shows what it would do and changes nothing; with --yes does it; again, it is done', async () => {
    const { setup, config, stateOf, state, dir } = person()
    const shown = await setup()
    expect(statuses(shown)).toEqual([0, { claude: 'absent', codex: 'absent' }])
    expect(shown.clients.map(({ how }) => how)).toEqual([expect.stringContaining('claude mcp add madrox -s user -- '), expect.stringContaining('[mcp_servers.madrox]')])
    expect([existsSync(state), existsSync(config)]).toEqual([false, false])
    expect(statuses(await setup(['--yes']))).toEqual([0, { claude: 'registered', codex: 'registered' }])
    expect(stateOf().mcpServers).toEqual({ madrox: { type: 'stdio', command: process.execPath, args: [cli, 'stdio'], env: {} } })
    expect(parse(readFileSync(config, 'utf8'))).toEqual({ mcp_servers: { madrox: { command: process.execPath, args: [cli, 'stdio'], required: true, default_tools_approval_mode: 'approve', tool_timeout_sec: 86_400 } } })
    expect(statuses(await setup(['--yes']))).toEqual([0, { claude: 'there', codex: 'there' }])
    expect([stateOf().calls.length, existsSync(join(dir, 'madrox.db'))]).toEqual([1, false])
  })

  test('without either CLI says how one comes by them', async () => {
    const { clients, code } = await person().setup([], { PATH: '/nonexistent' })
    expect([code, clients.map(({ how }) => how)]).toEqual([1, ['"claude" was not found. Install it, or set MADROX_CLAUDE_BIN', '"codex" was not found. Install it, or set MADROX_CODEX_BIN']])
  })

  test('leaves an entry of that name that is another, and says how it is replaced', async () => {
    const { setup, config, state } = person()
    const foreign = '{"mcpServers": {"madrox": {"type": "http", "url": "http://elsewhere/mcp"}}}'
    writeFileSync(state, foreign)
    writeFileSync(config, '[mcp_servers.madrox]\ncommand = "theirs"\n')
    const result = await setup(['--yes'])
    expect(statuses(result)).toEqual([1, { claude: 'other', codex: 'other' }])
    expect(result.clients.map(({ how }) => how)).toEqual([expect.stringMatching(/^http:\/\/elsewhere\/mcp is registered.*claude mcp remove madrox/), expect.stringMatching(/^theirs is registered.*codex mcp remove madrox/)])
    expect([readFileSync(state, 'utf8'), readFileSync(config, 'utf8')]).toEqual([foreign, '[mcp_servers.madrox]\ncommand = "theirs"\n'])
  })

  test('adds to a Codex file without touching what is in it: comments, mode and the link it may be', async () => {
    const { setup, config, dir } = person()
    const real = join(dir, 'dotfiles.toml')
    writeFileSync(real, '# mine\nmodel = "o"\n\n[mcp_servers.other]\ncommand = "other" # keep', { mode: 0o640 })
    symlinkSync(real, config)
    expect(statuses(await setup(['--yes', 'codex']))).toEqual([0, { codex: 'registered' }])
    expect(readFileSync(real, 'utf8')).toMatch(/^# mine\nmodel = "o"\n\n\[mcp_servers\.other\]\ncommand = "other" # keep\n\n\[mcp_servers\.madrox\]\n/)
    expect([statSync(real).mode & 0o777, realpathSync(config)]).toEqual([0o640, real])
  })

  test.each([
    ['in one line', 'mcp_servers = { other = { command = "other" } }\n', 'cannot be added to safely'],
    ['broken', 'model = \n', 'cannot be read'],
  ])('a Codex file with its servers %s is left as it is, with what to do by hand', async (_what, text, said) => {
    const { config, env } = person()
    writeFileSync(config, text)
    expect(await runToEnd(['setup', '--yes', 'codex'], env)).toMatchObject({ code: 1, stderr: expect.stringContaining(said) })
    expect(readFileSync(config, 'utf8')).toBe(text)
  })

  test('goes by a home, an address and a token that are not the usual', async () => {
    const { setup, config, stateOf } = person()
    await setup(['--yes', '--home', '/elsewhere'], { MADROX_SERVER_TOKEN: 'a-token-of-thirty-two-characters' })
    expect(stateOf().mcpServers['madrox']).toMatchObject({ args: [cli, 'stdio', '--home', '/elsewhere'] })
    expect(parse(readFileSync(config, 'utf8'))).toMatchObject({ mcp_servers: { madrox: { env_vars: ['MADROX_SERVER_TOKEN'] } } })
    expect(readFileSync(config, 'utf8')).not.toContain('a-token-of')
    const other = person()
    await other.setup(['--yes', '--url', 'http://127.0.0.1:8001'])
    expect(other.stateOf().calls).toEqual([['mcp', 'add', '--transport', 'http', 'madrox', '-s', 'user', 'http://127.0.0.1:8001/mcp']])
    expect(parse(readFileSync(other.config, 'utf8'))).toMatchObject({ mcp_servers: { madrox: { url: 'http://127.0.0.1:8001/mcp', required: true } } })
  })

  test('with neither CLI there says so', async () => {
    const { setup } = person()
    expect(statuses(await setup(['--yes'], { MADROX_CLAUDE_BIN: 'no-claude', MADROX_CODEX_BIN: 'no-codex' }))).toEqual([1, { claude: 'no_cli', codex: 'no_cli' }])
  })
})
