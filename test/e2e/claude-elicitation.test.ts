/** The real Claude Code as the client, at a terminal: a spawn under manual approval opens its dialog there, and keys answer it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { startPty } from '../../src/drivers/pty/process.ts'
import { renderScreen } from '../../src/drivers/pty/screen.ts'
import { claudeBin } from './claude-setup.ts'
import { openRig, type Rig } from './rig.ts'

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

function startClaude(rig: Rig, prompt: string) {
  const [cwd, configDir] = [rig.dir('work'), rig.dir('config')]
  writeFileSync(join(configDir, '.claude.json'), JSON.stringify({ hasCompletedOnboarding: true, projects: { [cwd]: { hasTrustDialogAccepted: true } } }))
  const servers = { mcpServers: { madrox: { command: process.execPath, args: [cli, 'stdio', '--url', rig.server.url, '--home', rig.home], alwaysLoad: true } } }
  const pty = startPty({
    file: claudeBin, cwd,
    args: ['--strict-mcp-config', '--mcp-config', JSON.stringify(servers), '--allowedTools', 'mcp__madrox,ToolSearch', '--', prompt],
    env: { PATH: process.env['PATH'], HOME: rig.dir('user'), TERM: 'xterm-256color', LANG: 'C.UTF-8', CLAUDE_CONFIG_DIR: configDir, ANTHROPIC_BASE_URL: rig.anthropic.url, ANTHROPIC_AUTH_TOKEN: 'x', CLAUDE_CODE_MAX_RETRIES: '0', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1', CLAUDE_CODE_DISABLE_TERMINAL_TITLE: '1', IS_SANDBOX: '1' },
  })
  onTestFinished(async () => {
    if (pty.exit() === undefined) process.kill(pty.pid, 'SIGKILL')
    await pty.exited
  })
  return { write: pty.write, written: () => pty.tail(), screen: () => renderScreen(pty.tail(), pty) }
}

const keys = { down: '\x1b[B', right: '\x1b[C', space: ' ', enter: '\r', escape: '\x1b' }

test('a spawn under manual approval opens its dialog in the terminal: Accept spawns; Decline, Esc and a no from elsewhere do not', async () => {
  const rig = await openRig()
  await rig.call('set_policy', { spawn_approval: 'manual' })
  const names = ['ada', 'bob', 'cyd', 'dan']
  const claude = startClaude(rig, ['do:', 'call ToolSearch {"query":"select:mcp__madrox__spawn_agent"}', ...names.map(name => `call mcp__madrox__spawn_agent {"harness":"scripted","name":"${name}","workspace":"isolated"}`), 'say all done'].join('\n'))
  // Drawn when it is; a screen has no event.
  const shows = async (pattern: RegExp): Promise<void> => {
    await expect.poll(claude.screen, { timeout: 20_000, interval: 50 }).toMatch(pattern)
  }
  /** The CLI writes nothing more: a key that comes with the redraw of the one before is dropped (2.1.328). */
  const isStill = async (): Promise<void> => {
    let before: string | undefined
    await expect.poll(() => [before, (before = claude.written())], { timeout: 20_000, interval: 200 }).toSatisfy(([then, now]: readonly string[]) => then === now)
  }
  const press = async (key: keyof typeof keys, pattern?: RegExp) => {
    await isStill()
    claude.write(keys[key])
    if (pattern) await shows(pattern)
  }
  const asksFor = (name: string) => shows(new RegExp(`wants to spawn the agent "${name}" \\(scripted, role general\\)[^]*❯ \\* Approve: ☐`))

  await asksFor('ada')
  await press('space', /❯ ✔ Approve: ☒/)
  await press('down', /❯ +Reason/)
  await press('down', /❯ Accept/)
  await press('enter')

  await asksFor('bob')
  await press('down', /❯ +Reason/)
  await press('down', /❯ Accept/)
  await press('right', /❯ Decline/)
  await press('enter')

  await asksFor('cyd')
  await press('escape')

  await asksFor('dan')
  const { approvals } = (await rig.call('list_approvals')) as { approvals: readonly { approval_id: string }[] }
  await rig.call('answer_approval', { approval_id: approvals[0]?.approval_id, decision: 'deny', message: 'not today' })
  await shows(/^● all done/m)
  await expect.poll(claude.screen, { timeout: 10_000, interval: 50 }).not.toMatch(/wants to spawn/)

  const results = rig.anthropic.requests.flatMap(({ view }) => view.lastToolResults).filter(({ name }) => name === 'mcp__madrox__spawn_agent').map(({ text }) => text)
  expect(results).toEqual([
    expect.stringContaining('"name":"ada"'), expect.stringMatching(/not_approved: "bob" was not approved: claude-code said no\./),
    expect.stringMatching(/not_approved: "cyd" was not approved: claude-code said no \(the question was closed without an answer\)/), expect.stringMatching(/not_approved: "dan" was not approved: rig said no \(not today\)/),
  ])
  expect(await rig.text('get_instance_tree')).toMatch(/^ada \(\w+\) \[idle\] \(scripted\)$/)
})
