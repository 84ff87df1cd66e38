/** MCP presets as their users have them: packages of npm, started by npx; real agents call their tools. */
import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { createServers } from '../../src/actors/servers.ts'
import type { McpServer } from '../../src/drivers/driver.ts'
import { mcpPresets } from '../../src/mcp-presets.ts'
import { sweepMarked } from '../../src/drivers/pty/reaper.ts'
import * as anthropic from '../fakes/anthropic/index.ts'
import * as openai from '../fakes/openai/index.ts'
import { startFakePostgres } from '../fakes/postgres.ts'
import { openRig } from './rig.ts'

test('filesystem and memory: what a Claude Code agent wrote by their tools, a Codex agent beside it reads by theirs', async () => {
  // Where the client stands: its agents may read there, and Claude Code names it to servers as a root.
  const callers = mkdtempSync(join(tmpdir(), 'madrox-caller-'))
  onTestFinished(() => rmSync(callers, { recursive: true }))
  const rig = await openRig({
    client: { roots: [callers] },
    anthropic: { script: [{ when: 'write it down', then: [
      anthropic.callTool('mcp__filesystem__write_file', { path: 'notes.txt', content: 'the lamp is lit' }),
      anthropic.callTool('mcp__filesystem__write_file', { path: '../outside.txt', content: 'x' }),
      anthropic.callTool('mcp__filesystem__write_file', { path: join(callers, 'outside.txt'), content: 'x' }),
      anthropic.callTool('mcp__memory__create_entities', { entities: [{ name: 'lamp', entityType: 'thing', observations: ['it is lit'] }] }),
      anthropic.say(view => `last: ${view.lastToolResults.map(({ text }) => text).join()}`),
    ] }] },
    openai: { script: [{ when: 'read it', then: [
      openai.callTool('mcp__filesystem__read_text_file', { path: 'notes.txt' }),
      openai.callTool('mcp__memory__search_nodes', { query: 'lamp' }),
      openai.say(view => `found: ${view.lastToolOutputs.map(({ output }) => output).join()}`),
    ] }] },
  })
  symlinkSync(join(homedir(), '.npm'), join(rig.root, 'home', '.npm')) // downloaded once, not in every run
  const workspace = rig.dir('project')
  const spawn = { workspace, mcp_servers: ['filesystem', 'memory'] }
  await rig.call('spawn_multiple_instances', { instances: [{ instance_type: 'claude', name: 'scribe', ...spawn }, { instance_type: 'codex', name: 'reader', ...spawn }] })
  const written = await rig.call('send_to_instance', { instance_id: 'scribe', message: 'write it down' })
  expect(written.response).toContain('lamp')
  expect(readFileSync(join(workspace, 'notes.txt'), 'utf8')).toBe('the lamp is lit')
  expect([rig.root, callers].map(dir => existsSync(join(dir, 'outside.txt')))).toEqual([false, false])
  const read = await rig.call('send_to_instance', { instance_id: 'reader', message: 'read it' })
  expect(read.response).toContain('it is lit')
  expect(rig.openai.requests.flatMap(({ view }) => view.lastToolOutputs.map(({ output }) => output)).join('\n')).toContain('the lamp is lit')
})

interface Trial {
  /** What it is given to start with; nothing of it is a secret. */
  readonly env?: Readonly<Record<string, string>>
  /** One of the tools it then lists. */
  readonly lists?: string
  /** Why it does not come so far where there is a registry of npm and nothing else, and the last that it says. */
  readonly endsAt?: { readonly why: string; readonly says: RegExp }
}

/** Every preset as far as it starts here: what they do needs a browser, an account, or the network. */
const trials: Readonly<Record<string, Trial>> = {
  playwright: { lists: 'browser_navigate' },
  puppeteer: { lists: 'navigate_page' },
  filesystem: { lists: 'read_text_file' },
  memory: { lists: 'search_nodes' },
  'brave-search': { lists: 'brave_web_search', env: { BRAVE_API_KEY: 'no-key' } },
  'google-drive': { lists: 'search', env: { GOOGLE_DRIVE_OAUTH_CREDENTIALS: '/nowhere.json' } },
  // Connects before it lists anything: to a stand-in.
  postgres: { lists: 'execute_sql', env: { DATABASE_URL: 'postgres://set-below' } },
  sqlite: { endsAt: { why: 'its native part is fetched from GitHub, or takes minutes to be compiled', says: /better_sqlite3\.node/ } },
  slack: { env: { SLACK_MCP_XOXP_TOKEN: 'demo' }, endsAt: { why: 'it reads channels and users from Slack before it listens; its own demo token has it signed in without', says: /Demo credentials are set/ } },
}
/** No process that could be started. */
const remote = { github: { GITHUB_PERSONAL_ACCESS_TOKEN: 'no-token' } }

test('every preset is tried', () => {
  expect([...Object.keys(trials), ...Object.keys(remote)].toSorted()).toEqual(Object.keys(mcpPresets).toSorted())
})

/** Packages without their install scripts, which would compile for minutes, in a cache of its own: what is installed so is not what users have. */
const withoutScripts = mkdtempSync(join(tmpdir(), 'madrox-npm-'))
afterAll(() => rmSync(withoutScripts, { recursive: true, force: true, maxRetries: 5 }))
const npm = (name: string): Readonly<Record<string, string>> => (['sqlite', 'postgres'].includes(name) ? { npm_config_cache: withoutScripts, npm_config_ignore_scripts: 'true' } : {})

/** What an agent that asks for it by its name is given, once it has passed the check that comes before a spawn. */
function given(name: string, env: Readonly<Record<string, string>>): McpServer {
  const asked = { [name]: { type: 'preset' as const, preset: name, args: [], env: {} } }
  const home = mkdtempSync(join(tmpdir(), 'madrox-preset-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  const servers = createServers({ home, env, findExecutable: command => command })
  servers.check(asked)
  const server = servers.resolve(asked, home).servers[name]
  if (!server) throw new Error(`${name} was lost.`)
  return server
}

function start(name: string, env: Readonly<Record<string, string>>): { readonly client: Client; readonly connected: Promise<void>; readonly said: () => string } {
  const server = given(name, env)
  if (server.type !== 'stdio') throw new Error(`${name} is no process.`)
  const client = new Client({ name: 'test', version: '1' })
  const marker = { MADROX_TRIAL: randomUUID() }
  const transport = new StdioClientTransport({ command: server.command, args: server.args, env: { PATH: process.env['PATH'] ?? '', HOME: homedir(), ...npm(name), ...marker, ...server.env }, stderr: 'pipe' })
  let said = ''
  transport.stderr?.on('data', chunk => (said += String(chunk)))
  onTestFinished(async () => {
    await client.close()
    await sweepMarked(marker) // npx leaves behind what does not end with its input
  })
  return { client, connected: client.connect(transport, { timeout: 150_000 }), said: () => said }
}

test.each(Object.entries(trials).flatMap(([name, { lists, env = {} }]) => (lists === undefined ? [] : [[name, lists, env] as const])))('%s starts and lists its tools', async (name, tool, env) => {
  const postgres = await startFakePostgres()
  onTestFinished(() => postgres.close())
  const { client, connected, said } = start(name, { ...env, ...('DATABASE_URL' in env && { DATABASE_URL: `${postgres.url}?sslmode=disable` }) })
  await connected.catch((error: unknown) => expect.unreachable(`${String(error)}: ${said()}`))
  expect((await client.listTools()).tools.map(each => each.name)).toContain(tool)
})

test.each(Object.entries(trials).flatMap(([name, { endsAt, env = {} }]) => (endsAt ? [[name, endsAt.why, endsAt.says, env] as const] : [])))('%s starts, and goes no further: %s', async (name, _why, says, env) => {
  const { connected, said } = start(name, env)
  connected.catch(() => {}) // it ends, or is ended below
  await expect.poll(said, { timeout: 150_000 }).toMatch(says)
})

test.each(Object.entries(remote))('%s is a server on the network: its address and its header are whole', (name, env) => {
  expect(given(name, env)).toEqual({ type: 'http', url: 'https://api.githubcopilot.com/mcp/', headers: { Authorization: 'Bearer no-token' } })
})
