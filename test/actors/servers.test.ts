/** MCP servers of agents: presets by name, definitions, a user's own. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Launch } from '../../src/drivers/driver.ts'
import { createScriptedDriver } from '../../src/drivers/scripted/driver.ts'
import { createMadrox, type DriverCommand, localOwner } from '../../src/index.ts'
import { mcpPresets } from '../../src/mcp-presets.ts'
import { redact } from '../../src/redaction.ts'
import { createStage, type Stage } from './rig.ts'

const allVariables = { GITHUB_PERSONAL_ACCESS_TOKEN: 'gh-secret', DATABASE_URL: 'postgres://secret', BRAVE_API_KEY: 'brave-secret', GOOGLE_DRIVE_OAUTH_CREDENTIALS: '/secret.json', SLACK_MCP_XOXP_TOKEN: 'xoxp-secret' }

const launchOf = (stage: Stage, id: string): Launch => {
  const start = stage.commands.find(command => command.type === 'startAgent' && command.agentId === id)
  if (start?.type !== 'startAgent') throw new Error('It was not started.')
  return start.launch as Launch // parsed by the driver port's own schema elsewhere
}

/** The servers an agent that asks for these is started with. */
async function given(stage: Stage, mcp_servers: unknown, more = {}): Promise<Launch['mcpServers']> {
  return launchOf(stage, await stage.spawn('ada', stage.me, { mcp_servers, ...more })).mcpServers
}

describe('the presets', () => {
  test('are those that users know, each with where it comes from, in a version of its own', () => {
    expect(Object.keys(mcpPresets).toSorted()).toEqual(['brave-search', 'filesystem', 'github', 'google-drive', 'memory', 'playwright', 'postgres', 'puppeteer', 'slack', 'sqlite'])
    for (const { gives, from, server } of Object.values(mcpPresets)) {
      expect([gives, from]).toEqual([expect.stringMatching(/\w{4}/), expect.stringMatching(/\w{4}/)])
      expect('url' in server ? new URL(server.url).protocol : server.args.find(arg => /@\d+\.\d+\.\d+$/.test(arg))).toBeTruthy()
    }
  })

  test.each(Object.entries(mcpPresets))('%s stands in the documentation, with its package and what it needs', (name, { server }) => {
    const row = readFileSync(new URL('../../docs/mcp-servers.md', import.meta.url), 'utf8').split('\n').find(line => line.startsWith(`| ${name} |`))
    const [, source] = /(\S+?)(?:@[\d.]+)?$/.exec('url' in server ? server.url : (server.args[1] ?? '')) ?? []
    for (const word of [source, ...[...JSON.stringify(server).matchAll(/\$\{(\w+)\}/g)].map(([, variable]) => variable)]) expect(row).toContain(`\`${word}\``)
  })

  test.each(Object.keys(mcpPresets))('%s is given by its name alone, whole', async name => {
    const servers = await given(createStage({ surroundings: { env: allVariables } }), [name])
    expect(Object.keys(servers)).toEqual([name])
    expect(JSON.stringify(servers)).not.toMatch(/\{\{|\$\{/)
  })

  test('filesystem serves the workspace, and memory a file outside of it that agents there share', async () => {
    const stage = createStage()
    const lead = await stage.spawn('lead', stage.me, { mcp_servers: ['filesystem', 'memory'] })
    const mate = await stage.spawn('mate', stage.as(lead), { mcp_servers: ['filesystem', 'memory'], workspace: 'shared' })
    const other = await stage.spawn('other', stage.as(lead), { mcp_servers: ['filesystem', 'memory'] })
    const [leads, mates, others] = [lead, mate, other].map(id => launchOf(stage, id))
    expect(leads?.mcpServers['filesystem']).toMatchObject({ command: 'npx', args: ['-y', expect.stringContaining('server-filesystem@'), leads?.cwd] })
    expect(others?.mcpServers['filesystem']).toMatchObject({ args: expect.arrayContaining([others?.cwd]) })
    const memories = [leads, mates, others].map(launch => launch?.mcpServers['memory'])
    expect(memories[0]).toEqual(memories[1])
    expect(memories[0]).not.toEqual(memories[2])
    expect(memories[0]).toMatchObject({ env: { MEMORY_FILE_PATH: expect.stringMatching(new RegExp(`^${stage.home}/memory/\\w+\\.jsonl$`)) } })
  })

  test('stand beside definitions, and take arguments and variables of the caller as they are', async () => {
    const stage = createStage({ surroundings: { env: { SECRET: 'x' } } })
    expect(await given(stage, { files: { preset: 'filesystem', args: ['/data', '${SECRET}'] }, db: { preset: 'postgres', env: { DSN: '${SECRET}' } }, mine: { command: 'mine', env: { A: '${SECRET}' } }, far: { url: 'http://far/mcp' } })).toMatchObject({
      files: { args: expect.arrayContaining(['/data', '${SECRET}']) },
      db: { env: { DSN: '${SECRET}' } },
      mine: { type: 'stdio', command: 'mine', args: [], env: { A: '${SECRET}' } },
      far: { type: 'http', url: 'http://far/mcp', headers: {} },
    })
  })

  test('that follow the roots of their client cost a confined agent the directories it may only read', async () => {
    const stage = createStage()
    const readable = async (more: Readonly<Record<string, unknown>>): Promise<readonly string[]> => launchOf(stage, await stage.spawn(`a${stage.commands.length}`, stage.me, more)).readableDirs
    expect(await readable({ mcp_servers: ['memory'] })).toEqual([stage.home])
    expect(await readable({ mcp_servers: ['filesystem'] })).toEqual([])
    expect(await readable({ mcp_servers: ['filesystem'], bypass_isolation: true })).toEqual([stage.home])
  })
})

describe('refused before anything starts', () => {
  test.each([
    ['a preset nobody knows', ['filesytem'], { code: 'invalid_input', remedy: expect.stringMatching(/^Did you mean "filesystem"\? Presets: playwright, /) }],
    ['the name of a property', ['constructor'], { code: 'invalid_input' }],
    ['a variable that is not set', ['slack'], { code: 'unavailable', message: 'The MCP server "slack" needs SLACK_MCP_XOXP_TOKEN, which the environment of Madrox does not have.', data: { server: 'slack', missing: ['SLACK_MCP_XOXP_TOKEN'] } }],
    ['a variable that is empty', ['brave-search'], { code: 'unavailable', message: expect.stringContaining('BRAVE_API_KEY') }],
    ['a command that is not there', { mine: { command: 'uvx' } }, { code: 'unavailable', message: 'The MCP server "mine" is started by uvx, which is not there.', remedy: expect.stringContaining('Install uvx') }],
    ['one of several', ['memory', 'github'], { code: 'unavailable', message: expect.stringContaining('"github"') }],
    ['a name with a blank', { 'my files': { command: 'npx' } }, { code: 'invalid_input', message: expect.stringContaining('mcp_servers.my files') }],
    ['a definition without a command', { mine: { args: [] } }, { code: 'invalid_input', message: expect.stringContaining('mcp_servers.mine.command') }],
    ['neither names nor definitions', 'filesystem', { code: 'invalid_input' }],
    ['a name that is none', [7], { code: 'invalid_input' }],
  ])('%s', async (_what, mcp_servers, error) => {
    const stage = createStage({ surroundings: { env: { BRAVE_API_KEY: '' }, findExecutable: name => (name === 'npx' ? '/bin/npx' : undefined) } })
    expect(await stage.call(stage.me, 'spawn_agent', { harness: 'hand', name: 'ada', mcp_servers })).toMatchObject({ ok: false, error })
    expect(stage.system.list(stage.me, { ended: true })).toEqual([])
    expect(readdirSync(stage.home)).toEqual([])
  })

  test.each([
    ['github', ['GITHUB_PERSONAL_ACCESS_TOKEN']],
    ['postgres', ['DATABASE_URL']],
    ['brave-search', ['BRAVE_API_KEY']],
    ['google-drive', ['GOOGLE_DRIVE_OAUTH_CREDENTIALS']],
    ['slack', ['SLACK_MCP_XOXP_TOKEN']],
  ])('%s without %j', async (name, missing) => {
    const stage = createStage()
    const remedy = 'Set it where the Madrox server is started, and start it again.'
    expect(await stage.call(stage.me, 'spawn_agent', { harness: 'hand', name: 'ada', mcp_servers: [name] })).toMatchObject({ ok: false, error: { code: 'unavailable', remedy, data: { server: name, missing } } })
    expect([stage.commands, stage.system.list(stage.me, { ended: true })]).toEqual([[], []])
  })

  test.each(Object.entries(mcpPresets).flatMap(([name, { server }]) => ('command' in server ? [[name, server.command] as const] : [])))('%s without %s', async (name, command) => {
    const stage = createStage({ surroundings: { env: allVariables, findExecutable: () => undefined } })
    expect(await stage.call(stage.me, 'spawn_agent', { harness: 'hand', name: 'ada', mcp_servers: [name] })).toMatchObject({ ok: false, error: { code: 'unavailable', remedy: `Install ${command}, or put it on the PATH of the Madrox server.`, data: { server: name, command } } })
    expect([stage.commands, stage.system.list(stage.me, { ended: true })]).toEqual([[], []])
  })

  test.each([
    ['a preset its supervisor has not', ['memory'], 'exceeds_parent'],
    ['one it has, with arguments it has not', { filesystem: { preset: 'filesystem', args: ['/'] } }, 'exceeds_parent'],
    ['a definition under the name of one it has', { filesystem: { command: 'npx' } }, 'exceeds_parent'],
    ['one it has', ['filesystem'], 'ok'],
    ['one it has, in other words', { filesystem: { preset: 'filesystem' } }, 'ok'],
  ])('or granted: to a child, %s', async (_what, mcp_servers, verdict) => {
    const stage = createStage()
    const lead = await stage.spawn('lead', stage.me, { mcp_servers: ['filesystem'] })
    expect(await stage.refusal(stage.as(lead), 'spawn_agent', { harness: 'hand', name: 'kid', workspace: 'isolated', mcp_servers })).toBe(verdict)
  })
})

describe("a user's own, in mcp.json of the home", () => {
  const withOwn = (content: unknown): Stage => {
    const stage = createStage({ surroundings: { env: { TRACKER_KEY: 'tracker-secret' } } })
    writeFileSync(join(stage.home, 'mcp.json'), typeof content === 'string' ? content : JSON.stringify({ mcpServers: content }))
    return stage
  }

  test('goes before a shipped one and adds to them; its variables come from the environment', async () => {
    const stage = withOwn({ memory: { command: 'mine', args: ['{{workspace}}'] }, tracker: { url: 'https://tracker/mcp', headers: { Authorization: 'Bearer ${TRACKER_KEY}', 'X-Team': '${TEAM:-none}' } } })
    const servers = await given(stage, ['memory', 'tracker'])
    expect(redact('it said tracker-secret')).toBe('it said [redacted]')
    expect(servers).toMatchObject({ memory: { command: 'mine', args: [expect.stringContaining('/workspaces/')] }, tracker: { headers: { Authorization: 'Bearer tracker-secret', 'X-Team': 'none' } } })
  })

  test('is read at every spawn, and lacks a variable as a shipped one does', async () => {
    const stage = withOwn({ tracker: { command: 'tracker', env: { KEY: '${OTHER_KEY}' } } })
    const spawn = { harness: 'hand', name: 'ada', workspace: 'isolated', mcp_servers: ['tracker'] }
    expect(await stage.call(stage.me, 'spawn_agent', spawn)).toMatchObject({ error: { code: 'unavailable', message: expect.stringContaining('OTHER_KEY') } })
    writeFileSync(join(stage.home, 'mcp.json'), '{"mcpServers": {"tracker": {"command": "tracker"}}}')
    expect(await stage.refusal(stage.me, 'spawn_agent', spawn)).toBe('ok')
  })

  test.each([
    ['no JSON', '{"mcpServers": {"a": hidden', /mcp\.json cannot be used: it is not JSON\./],
    ['another form', { tracker: { commnd: 'hidden' } }, /mcpServers\.tracker/],
  ])('that has %s is refused without a word of what is in it; agents without a preset are not touched', async (_what, content, why) => {
    const stage = withOwn(content)
    const outcome = await stage.call(stage.me, 'spawn_agent', { harness: 'hand', name: 'ada', mcp_servers: ['memory'] })
    expect(outcome).toMatchObject({ error: { code: 'invalid_input', message: expect.stringMatching(why) } })
    expect(JSON.stringify(outcome)).not.toContain('hidden')
    expect(await stage.spawn('bob')).toBeTruthy()
  })
})

test('an agent that is brought back gets its servers as they are then; one that cannot be had any more is left out', async () => {
  const stage = createStage({ surroundings: { env: { BRAVE_API_KEY: 'old' } } })
  const id = await stage.spawn('ada', stage.me, { mcp_servers: ['brave-search', 'memory'] })
  const again = stage.crash({ surroundings: { env: { BRAVE_API_KEY: 'new' } } })
  await again.ask(again.me, 'send_to_instance', { instance_id: id, message: 'wake', wait_for_response: false })
  expect(launchOf(again, id).mcpServers).toMatchObject({ 'brave-search': { env: { BRAVE_API_KEY: 'new' } }, memory: { command: 'npx' } })
  const last = again.crash({ surroundings: {} })
  await last.ask(last.me, 'send_to_instance', { instance_id: id, message: 'wake', wait_for_response: false })
  expect(Object.keys(launchOf(last, id).mcpServers)).toEqual(['memory'])
})

test('what a variable holds reaches the driver, and no record, log, result or listing', async () => {
  const home = mkdtempSync(join(tmpdir(), 'madrox-secret-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  const started: DriverCommand[] = []
  const said: unknown[] = []
  const note = (...words: unknown[]): void => void said.push(words)
  const madrox = await createMadrox({
    home, env: { ...allVariables, PATH: process.env['PATH'] }, log: { debug: note, info: note, warn: note, error: note },
    harnesses: {
      watched: (config, emit) => {
        const driver = createScriptedDriver(config, emit)
        return { ...driver, dispatch: command => (started.push(command), driver.dispatch(command)) }
      },
    },
  })
  onTestFinished(() => madrox.close())
  const me = { kind: 'client', clientId: madrox.system.connectClient({ ownerId: localOwner, name: 'tester' }), ownerId: localOwner } as const
  const spawned = await madrox.call(me, 'spawn_agent', { harness: 'watched', name: 'ada', workspace: 'isolated', mcp_servers: ['github', 'brave-search'], initial_prompt: 'echo hi', wait_for_response: true })
  expect(spawned).toMatchObject({ ok: true, data: { response: 'hi' } })
  expect(JSON.stringify(started)).toContain('"Authorization":"Bearer gh-secret"')
  const told = [spawned, await madrox.call(me, 'get_instance_status', {}), await madrox.call(me, 'get_instance_output', { instance_id: 'ada' }), madrox.system.inspect(me, { happened() {}, touched() {} }).past, said]
  expect(JSON.stringify(told)).not.toMatch(/gh-secret|brave-secret/)
  const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile()).map(entry => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
  expect(files.join('')).toContain('brave-search')
  expect(files.filter(text => /gh-secret|brave-secret/.test(text))).toEqual([])
})
