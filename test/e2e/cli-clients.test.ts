/** The CLIs on the other side: Claude Code and Codex as users have them, with Madrox registered as an MCP server of theirs. */
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { blocksOf } from '../guide/blocks.ts'
import { claudeBin } from './claude-setup.ts'
import { createCodexHome, findCodexBin } from './codex.ts'
import { openRig, type Rig } from './rig.ts'

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const line = z.looseObject({ jsonrpc: z.literal('2.0') })

interface Registration {
  /** An executable that is `madrox stdio`, and keeps a copy of what it writes to stdout. */
  readonly command: string
  /** What went to the CLI, every line of it a JSON-RPC message. */
  wire(): readonly z.infer<typeof line>[]
}

function register(rig: Rig): Registration {
  const copy = join(rig.dir('wire'), 'stdout')
  const command = join(rig.dir('wire'), 'madrox-stdio')
  writeFileSync(command, `#!/bin/sh\n'${process.execPath}' '${cli}' stdio --url ${rig.server.url} --home ${rig.home} | tee ${copy}\n`)
  chmodSync(command, 0o755)
  return { command, wire: () => readFileSync(copy, 'utf8').split('\n').filter(Boolean).map(text => line.parse(JSON.parse(text))) }
}

/** Runs a CLI to its end and gives its stdout; a CLI that fails fails the test in its own words. */
function run(bin: string, args: readonly string[], options: { cwd: string; env: Readonly<Record<string, string | undefined>> }): Promise<string> {
  const child = spawn(bin, args, { ...options, env: { ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const said = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => (code === 0 ? resolve(said.stdout) : reject(new Error(`${bin} ended with ${code}:\n${said.stdout}\n${said.stderr}`))))
  })
}

/** `workspace`: where the client stands; Codex by address does not say it, and has to name the path. */
const task = (load: string, workspace = 'shared'): string => [
  'do:',
  ...(load ? [load] : []),
  `call mcp__madrox__spawn_agent {"harness":"scripted","name":"sam","workspace":"${workspace}"}`,
  'call mcp__madrox__send_to_instance {"instance_id":"sam","message":"echo forty-two"}',
  'call mcp__madrox__send_to_instance {"instance_id":"nobody","message":"x"}',
  'call mcp__madrox__get_instance_tree {}',
  'say all done',
].join('\n')

/** What a scripted model was shown of its calls, the same for both CLIs. */
function judge(shown: readonly string[], cwd: string, kind = 'shared'): void {
  const [spawned, answered, refused, tree] = shown
  const json = (text = ''): unknown => JSON.parse(text.slice(text.indexOf('{'))) as unknown
  expect(json(spawned)).toMatchObject({ name: 'sam', instance_type: 'scripted', state: 'idle', workspace: cwd, workspace_kind: kind, parent_instance_id: null })
  expect(json(answered)).toMatchObject({ status: 'answered', response: 'forty-two' })
  expect(refused).toMatch(/not_found: There is no agent "nobody" that you may see\. get_instance_tree shows them all\./)
  expect(tree).toMatch(/sam \(\w+\) \[idle\] \(scripted\)/)
}

const listed = (wire: readonly z.infer<typeof line>[]): string[] => {
  const listing = z.object({ result: z.object({ tools: z.array(z.object({ name: z.string() })) }) })
  return wire.flatMap(message => listing.safeParse(message).data?.result.tools.map(({ name }) => name) ?? [])
}

test('Codex, headless: it lists the tools, spawns and asks an agent, and stdout carries nothing but the protocol', async () => {
  const rig = await openRig()
  const { command, wire } = register(rig)
  const home = createCodexHome(rig.openai.url, `[mcp_servers.madrox]\ncommand = "${command}"\nrequired = true\ndefault_tools_approval_mode = "approve"\n`)
  onTestFinished(home.remove)
  const stdout = await run(findCodexBin(), ['exec', '--json', '--skip-git-repo-check', '-C', home.cwd, task('')], { cwd: home.cwd, env: home.env })
  const events = stdout.split('\n').filter(Boolean).map(text => JSON.parse(text) as { type: string; item?: { type: string; text?: string } })
  expect(events.at(-1)?.type).toBe('turn.completed')
  expect(events.findLast(({ item }) => item?.type === 'agent_message')?.item?.text).toBe('all done')
  judge(rig.openai.requests.at(-1)?.view.lastToolOutputs.map(({ output }) => output) ?? [], realpathSync(home.cwd))
  expect(rig.openai.requests[0]?.view.tools).toEqual(expect.arrayContaining(['mcp__madrox__spawn_codex', 'mcp__madrox__spawn_agent', 'mcp__madrox__wait_for_any']))
  expect(listed(wire())).toContain('spawn_multiple_instances')
  expect(await rig.call('get_instance_status', { instance_id: 'sam' })).toMatchObject({ parent: 'codex-mcp-client', parent_source: 'session: the calling client' })
})

test('Claude Code, headless: the same, registered as its own command line does it', async () => {
  const rig = await openRig()
  const { command, wire } = register(rig)
  const cwd = rig.dir('work')
  const env = { PATH: process.env['PATH'], HOME: rig.dir('user'), LANG: 'C.UTF-8', ANTHROPIC_BASE_URL: rig.anthropic.url, ANTHROPIC_AUTH_TOKEN: 'x', CLAUDE_CODE_MAX_RETRIES: '0', IS_SANDBOX: '1' }
  await run(claudeBin, ['mcp', 'add', 'madrox', '--', command], { cwd, env })
  const stdout = await run(claudeBin, ['-p', '--output-format', 'json', '--allowedTools', 'mcp__madrox,ToolSearch', '--', task('call ToolSearch {"query":"select:mcp__madrox__spawn_agent"}')], { cwd, env })
  expect(JSON.parse(stdout)).toMatchObject({ is_error: false, result: 'all done' })
  const turn = rig.anthropic.requests.filter(({ kind }) => kind === 'turn')
  judge(turn.flatMap(({ view }) => view.lastToolResults).filter(({ name }) => name.startsWith('mcp__madrox__')).map(({ text }) => text), cwd)
  // Claude Code does not hold its first turn back for a server, but says of each tool whether it is there or found by search.
  expect(turn[1]?.view.tools).toEqual(expect.arrayContaining(['mcp__madrox__spawn_claude', 'mcp__madrox__send_to_instance', 'mcp__madrox__spawn_agent']))
  expect(turn[1]?.view.tools).not.toContain('mcp__madrox__get_terminal_screen')
  expect(listed(wire())).toContain('spawn_agent')
  expect(await rig.call('get_instance_status', { instance_id: 'sam' })).toMatchObject({ parent: 'claude-code' })
})

/** What the documentation tells users to type, word for word. */
const pages = ['README.md', 'docs/guide/README.md'].map(page => readFileSync(fileURLToPath(new URL(`../../${page}`, import.meta.url)), 'utf8'))
const registrations = (bin: string): string[] => [...new Set(pages.flatMap(page => page.split('\n').filter(each => each.startsWith(`${bin} mcp add `))))]
const table = blocksOf(pages[0] ?? '').find(({ text }) => text.startsWith('[mcp_servers.madrox]'))?.text ?? ''

/** Users have `claude` and `codex` on their path, Madrox where they put it, and their server at its usual address with its usual home. */
async function openUser(documented: string): Promise<{ rig: Rig; typed: string; codex: ReturnType<typeof createCodexHome>; env: Readonly<Record<string, string | undefined>> }> {
  const token = documented.includes('MADROX_SERVER_TOKEN') ? { MADROX_SERVER_TOKEN: 'a-token-of-some-length' } : {}
  const rig = await openRig({ env: token, client: { ...(token.MADROX_SERVER_TOKEN && { token: token.MADROX_SERVER_TOKEN }) } })
  const codex = createCodexHome(rig.openai.url)
  onTestFinished(codex.remove)
  const [bin, data] = [rig.dir('bin'), join(codex.dir, '.local', 'share')]
  symlinkSync(claudeBin, join(bin, 'claude'))
  symlinkSync(findCodexBin(), join(bin, 'codex'))
  mkdirSync(data, { recursive: true })
  symlinkSync(rig.home, join(data, 'madrox'))
  return {
    rig, codex,
    typed: documented.replace('http://127.0.0.1:8001', rig.server.url).replace('/path/to/madrox/dist/cli.js', cli),
    env: { ...codex.env, ...token, PATH: `${bin}:${process.env['PATH']}`, LANG: 'C.UTF-8', ANTHROPIC_BASE_URL: rig.anthropic.url, ANTHROPIC_AUTH_TOKEN: 'x', CLAUDE_CODE_MAX_RETRIES: '0', IS_SANDBOX: '1' },
  }
}

describe('registered as the documentation has it, Madrox is called by', () => {
  test('the commands that it has, for both CLIs, by address and by command, with and without a token', () => {
    expect([registrations('claude').length, registrations('codex').length]).toEqual([4, 4])
    expect(table).toContain('\nurl = "http://127.0.0.1:8001/mcp"\n')
  })

  test.each(registrations('claude'))('Claude Code: %s', async documented => {
    const { rig, typed, codex: { cwd }, env } = await openUser(documented)
    await run('sh', ['-c', typed], { cwd, env })
    const stdout = await run('claude', ['-p', '--output-format', 'json', '--allowedTools', 'mcp__madrox,ToolSearch', '--', task('call ToolSearch {"query":"select:mcp__madrox__spawn_agent"}')], { cwd, env })
    expect(JSON.parse(stdout)).toMatchObject({ is_error: false, result: 'all done' })
    judge(rig.anthropic.requests.flatMap(({ view }) => view.lastToolResults).filter(({ name }) => name.startsWith('mcp__madrox__')).map(({ text }) => text), cwd)
  })

  test.each(registrations('codex'))('Codex: %s', async documented => {
    const { rig, typed, codex: { cwd, codexHome }, env } = await openUser(documented)
    await run('sh', ['-c', typed], { cwd, env })
    const config = join(codexHome, 'config.toml')
    const [header = '', , ...yours] = table.split('\n')
    expect(readFileSync(config, 'utf8')).toContain(`${header}\n`)
    writeFileSync(config, readFileSync(config, 'utf8').replace(header, [header, ...yours].join('\n')))
    const [workspace, kind] = documented.includes('--url') ? [cwd, 'path'] : ['shared', 'shared']
    await run('codex', ['exec', '--json', '--skip-git-repo-check', task('', workspace)], { cwd, env })
    judge(rig.openai.requests.at(-1)?.view.lastToolOutputs.map(({ output }) => output) ?? [], cwd, kind)
  })
})
