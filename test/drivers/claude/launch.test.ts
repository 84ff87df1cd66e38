import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findConfigDir, prepareConfigDir } from '../../../src/drivers/claude/config-dir.ts'
import { baseEnvironment, prepareLaunch, type ParsedLaunch, type Prepared } from '../../../src/drivers/claude/launch.ts'
import { toPastes, toTyped } from '../../../src/drivers/claude/typing.ts'
import { launchSchema } from '../../../src/drivers/driver.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'madrox-launch-'))
  mkdirSync(join(root, 'bin'))
  for (const name of ['bwrap', 'socat']) writeFileSync(join(root, 'bin', name), '', { mode: 0o755 })
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const launch = (more: object = {}): ParsedLaunch => launchSchema.parse({
  name: 'ada', cwd: '/w', systemPrompt: 'be good', sessionId: '00000000-0000-4000-8000-000000000000', confinement: {}, marker: { MARK: '1' },
  madrox: { url: 'http://127.0.0.1:9/mcp', token: 'sekret' }, ...more,
})
const prepare = (more: object = {}, path = join(root, 'bin')): Prepared => prepareLaunch(launch(more), 'a1', {
  file: '/claude', login: { env: { PATH: path } }, configDir: findConfigDir({ HOME: root }), stateDir: join(root, 'state'), hooks: { url: 'http://127.0.0.1:8', token: 'hook-sekret' },
})
const valueOf = (prepared: Prepared, option: string): string => prepared.args[prepared.args.indexOf(option) + 1] ?? ''
/** What the two files hold, as far as it is looked at. */
interface PrivateFile {
  readonly sandbox: object
  readonly mcpServers: Record<string, { readonly url: string }>
}
const fileOf = (prepared: Prepared, option: string): PrivateFile => JSON.parse(readFileSync(valueOf(prepared, option), 'utf8'))

test('secrets are in the environment or in private files, never in arguments', () => {
  const prepared = prepare({ mcpServers: { db: { type: 'stdio', command: 'db', env: { KEY: 'their-sekret' } } } })
  expect(prepared.args.join(' ')).not.toContain('sekret')
  expect(JSON.stringify(fileOf(prepared, '--mcp-config'))).toContain('their-sekret')
  expect(statSync(valueOf(prepared, '--mcp-config')).mode & 0o077).toBe(0)
  expect(prepared.env).toMatchObject({ MADROX_TOKEN: 'sekret', MADROX_HOOK_TOKEN: 'hook-sekret', MARK: '1' })
  prepared.dispose()
  expect(existsSync(valueOf(prepared, '--mcp-config'))).toBe(false)
  expect(existsSync(prepared.env.CLAUDE_CODE_TMPDIR ?? '')).toBe(false)
})

test('a session without hooks is spoken with on its pipes, has no word of hooks, and needs no way through its sandbox', () => {
  const inTerminal = prepare()
  const structured = prepareLaunch(launch(), 'a2', { file: '/claude', login: { env: { PATH: join(root, 'bin') } }, configDir: findConfigDir({ HOME: root }), stateDir: join(root, 'state') })
  expect(structured.args).toEqual(expect.arrayContaining(['-p', '--replay-user-messages', '--permission-prompt-tool']))
  expect([fileOf(inTerminal, '--settings'), fileOf(structured, '--settings')]).toMatchObject([{ hooks: {}, sandbox: { network: { allowedDomains: ['127.0.0.1'] } } }, { sandbox: { network: { allowedDomains: [] } } }])
  expect(JSON.stringify([fileOf(structured, '--settings'), structured.env])).not.toMatch(/hook/i)
  const promptOf = (prepared: Prepared): string => readFileSync(valueOf(prepared, '--append-system-prompt-file'), 'utf8')
  expect([promptOf(inTerminal), promptOf(structured)]).toEqual([expect.stringContaining('pasted_content'), 'be good'])
  for (const prepared of [inTerminal, structured]) prepared.dispose()
})

test('confined: no dialog, no tool beyond the workspace, Bash in the sandbox only', () => {
  const prepared = prepare()
  expect(prepared.args).toContain('--restricted')
  expect(valueOf(prepared, '--permission-mode')).toBe('dontAsk')
  expect(valueOf(prepared, '--tools').split(',')).toContain('Bash')
  expect(fileOf(prepared, '--settings').sandbox).toMatchObject({ enabled: true, failIfUnavailable: true, allowUnsandboxedCommands: false })
  prepared.dispose()
})

test.runIf(process.platform === 'linux')('confined without a sandbox on the machine: no Bash, of which the agent and its supervisor are told', () => {
  const prepared = prepare({}, '/nowhere')
  expect(valueOf(prepared, '--tools').split(',')).not.toContain('Bash')
  expect(valueOf(prepared, '--allowedTools').split(',')).not.toContain('Bash')
  expect(prepared.warnings).toEqual([expect.stringContaining('bubblewrap and socat')])
  expect(readFileSync(valueOf(prepared, '--append-system-prompt-file'), 'utf8')).toContain('You have no Bash tool')
  prepared.dispose()
})

test.runIf(process.platform === 'linux').each(['Read,Bash', 'default', 'Bash '])('confined without a sandbox on the machine: no Bash by another word either: %s', word => {
  const prepared = prepare({ confinement: { allowedTools: [word] } }, '/nowhere')
  expect(valueOf(prepared, '--disallowedTools').split(',')).toEqual(expect.arrayContaining(['Bash', 'PowerShell']))
  prepared.dispose()
  const sandboxed = prepare({ confinement: { allowedTools: [word] } })
  expect(valueOf(sandboxed, '--disallowedTools').split(',')).not.toContain('Bash')
  sandboxed.dispose()
})

test.each<[string, object, string | undefined]>([
  ['has one to run it in', {}, undefined],
  ['was not to have Bash', { confinement: { allowedTools: ['Read'] } }, '/nowhere'],
  ['is not confined', { confinement: { bypass: true } }, '/nowhere'],
])('nothing is said of a missing sandbox to an agent that %s', (_, more, path) => {
  const prepared = prepare(more, path)
  expect(prepared.warnings).toEqual([])
  expect(readFileSync(valueOf(prepared, '--append-system-prompt-file'), 'utf8')).not.toContain('no Bash tool')
  prepared.dispose()
})

test('the tools of Madrox and of the servers asked for need nobody\'s permission, in whatever mode the agent runs', () => {
  for (const confinement of [{ bypass: true, permissionMode: 'default' }, { bypass: false }]) {
    const prepared = prepare({ confinement, mcpServers: { 'git.hub, Bash': { type: 'http', url: 'http://x' } } })
    expect(valueOf(prepared, '--allowedTools').split(',').slice(0, 2).toSorted()).toEqual(['mcp__git_hub__Bash', 'mcp__madrox'])
    prepared.dispose()
  }
})

test('the project\'s instructions travel with the prompt', () => {
  writeFileSync(join(root, 'CLAUDE.md'), 'use tabs')
  const prepared = prepare({ cwd: root })
  expect(readFileSync(valueOf(prepared, '--append-system-prompt-file'), 'utf8')).toMatch(/^be good\n[\s\S]*\n# Project instructions \(CLAUDE\.md\)\n\nuse tabs$/)
  prepared.dispose()
})

test('what stands in the place of project instructions and is no file has no say, and is not waited for', () => {
  execFileSync('mkfifo', [join(root, 'CLAUDE.md')])
  mkdirSync(join(root, '.claude'))
  symlinkSync('/dev/zero', join(root, '.claude', 'CLAUDE.md'))
  writeFileSync(join(root, 'AGENTS.md'), `use spaces ${'ü'.repeat(100_000)}`)
  symlinkSync('AGENTS.md', join(root, 'CLAUDE.local.md'))
  const prepared = prepare({ cwd: root })
  expect(readFileSync(valueOf(prepared, '--append-system-prompt-file'), 'utf8')).toMatch(/\n\n# Project instructions \(CLAUDE\.local\.md\)\n\nuse spaces ü{59989}$/)
  prepared.dispose()
})

test('the user\'s own MCP servers come along only when asked for, and never under our name', () => {
  const servers = { theirs: { type: 'http', url: 'http://x' }, madrox: { type: 'http', url: 'http://elsewhere' } }
  writeFileSync(join(root, '.claude.json'), JSON.stringify({ mcpServers: servers }))
  const names = (more: object): string[] => {
    const prepared = prepare(more)
    const found = fileOf(prepared, '--mcp-config').mcpServers
    prepared.dispose()
    return Object.entries(found).map(([name, server]) => `${name} ${server.url}`)
  }
  expect(names({})).toEqual(['madrox http://127.0.0.1:9/mcp'])
  expect(names({ inheritMcp: true })).toEqual(['theirs http://x', 'madrox http://127.0.0.1:9/mcp'])
})

test('of the server\'s environment a child gets what is Claude\'s, less the session that started the server', () => {
  const env = baseEnvironment({ env: { PATH: '/bin', SECRET: 'x', OPENAI_API_KEY: 'x', ANTHROPIC_API_KEY: 'k', CLAUDE_CONFIG_DIR: '/c', CLAUDE_CODE_SESSION_ID: 's', NAMED: 'n', NO_PROXY: 'corp' }, childEnv: ['NAMED'] })
  expect(env).toMatchObject({ PATH: '/bin', ANTHROPIC_API_KEY: 'k', CLAUDE_CONFIG_DIR: '/c', NAMED: 'n', NO_PROXY: 'corp,127.0.0.1,localhost,::1' })
  expect(Object.keys(env)).not.toEqual(expect.arrayContaining(['SECRET']))
  for (const name of ['SECRET', 'OPENAI_API_KEY', 'CLAUDE_CODE_SESSION_ID']) expect(env).not.toHaveProperty(name)
})

test.each([
  [{}, []],
  [{ CLAUDE_CODE_USE_BEDROCK: '0', CLAUDE_CODE_USE_VERTEX: '' }, []],
  [{ CLAUDE_CODE_USE_BEDROCK: '1' }, ['AWS_SECRET_ACCESS_KEY', 'AWS_REGION']],
  [{ CLAUDE_CODE_USE_VERTEX: 'true' }, ['GOOGLE_APPLICATION_CREDENTIALS', 'CLOUD_ML_REGION']],
])('variables of a cloud reach a child only where Claude Code is configured for it: %j', (env, names) => {
  const theirs = { AWS_SECRET_ACCESS_KEY: 'a', AWS_REGION: 'b', GOOGLE_APPLICATION_CREDENTIALS: 'c', CLOUD_ML_REGION: 'd' }
  expect(Object.keys(baseEnvironment({ env: { ...theirs, ...env }, childEnv: [] })).filter(name => name in theirs)).toEqual(names)
})

test('a configuration directory in use is left as it is', () => {
  writeFileSync(join(root, '.claude.json'), '{"theirs":1}')
  prepareConfigDir(findConfigDir({ HOME: root }))
  expect(readFileSync(join(root, '.claude.json'), 'utf8')).toBe('{"theirs":1}')
})

test.for([
  ['[MSG:a] /exit', '[MSG:a] /exit'],
  ['two words', 'two words'],
  ['/exit', 'Message: /exit'],
  ['  !ls -l', 'Message:   !ls -l'],
  ['exit', 'Message: exit'],
  ['# note', 'Message: # note'],
  ['[MSG:a] ends with \\', '[MSG:a] ends with \\ '],
] as const)('%j is typed as %j', ([text, typed]) => expect(toTyped(text)).toBe(typed))

test('a text of any size is pasted in pieces small enough to read as typed, or as one when they would be too many', () => {
  const count = (pastes: string[]): number[] => pastes.map(paste => paste.split('\n').length)
  expect(Math.max(...count(toPastes('x\n'.repeat(900))))).toBeLessThanOrEqual(3)
  expect(toPastes('x\n'.repeat(9000))).toHaveLength(2)
  expect(toPastes('x\n'.repeat(9000)).join('').replace(/\x1b\[20[01]~/g, '')).toBe('x\n'.repeat(9000))
})
