/** MCP presets as their users have them: packages of npm, started by npx; real agents call their tools. */
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { expect, onTestFinished, test } from 'vitest'
import { createServers } from '../../src/actors/servers.ts'
import * as anthropic from '../fakes/anthropic/index.ts'
import * as openai from '../fakes/openai/index.ts'
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

/** As far as they start here: what they do needs a browser, an account, or the network. */
test.each([
  ['playwright', 'browser_navigate', {}],
  ['puppeteer', 'navigate_page', {}],
  ['brave-search', 'brave_web_search', { BRAVE_API_KEY: 'no-key' }],
  ['google-drive', 'search', { GOOGLE_DRIVE_OAUTH_CREDENTIALS: '/nowhere.json' }],
])('%s starts and lists its tools', async (name, tool, env) => {
  const asked = { [name]: { type: 'preset' as const, preset: name, args: [], env: {} } }
  const { servers } = createServers({ home: '/nowhere', env, findExecutable: command => command }).resolve(asked, '/nowhere')
  const server = servers[name]
  if (server?.type !== 'stdio') throw new Error(`${name} is no process.`)
  const client = new Client({ name: 'test', version: '1' })
  onTestFinished(() => client.close())
  await client.connect(new StdioClientTransport({ command: server.command, args: server.args, env: { PATH: process.env['PATH'] ?? '', HOME: homedir(), ...server.env }, stderr: 'ignore' }), { timeout: 120_000 })
  expect((await client.listTools()).tools.map(each => each.name)).toContain(tool)
})
