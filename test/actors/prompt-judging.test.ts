/** What an agent's own isolation says to a permission prompt: the whole matrix, for each kind of thing that is asked for. */

import { describe, expect, test } from 'vitest'
import { judgePrompt, type PromptLaunch } from '../../src/actors/prompt-judging.ts'
import type { Launch, Want } from '../../src/drivers/driver.ts'

type Confinement = Partial<Launch['confinement']>
const launch = (confinement: Confinement = {}, more: Partial<PromptLaunch> = {}): PromptLaunch => ({ cwd: '/ws/ada', readableDirs: ['/ws/boss'], confinement: { bypass: false, ...confinement }, mcpServers: {}, inheritMcp: false, ...more })

/** How agents are confined: harness, and by which words. */
const agents = {
  claude: ['claude', launch({ permissionMode: 'default' })],
  'claude-stream': ['claude-stream', launch({ permissionMode: 'manual' })],
  planner: ['claude', launch({ permissionMode: 'plan' })],
  free: ['claude', launch({ bypass: true, permissionMode: 'default' })],
  'free planner': ['claude', launch({ bypass: true, permissionMode: 'plan' })],
  codex: ['codex', launch({ permissionMode: 'on-request' })],
  reader: ['codex', launch({ permissionMode: 'on-request', sandboxMode: 'read-only' })],
  'free codex': ['codex', launch({ permissionMode: 'on-request', sandboxMode: 'danger-full-access' })],
  'held codex': ['codex-pty', launch({ bypass: true, sandboxMode: 'workspace-write', permissionMode: 'on-request' })],
} as const
type Agent = keyof typeof agents

const wants = {
  'read inside': { kind: 'read', paths: ['/ws/ada/notes.md'] },
  'read of its supervisor': { kind: 'read', paths: ['/ws/boss/plan.md'] },
  'read outside': { kind: 'read', paths: ['/ws/ada/notes.md', '/etc/passwd'] },
  'read beside': { kind: 'read', paths: ['/ws/adam/secret'] },
  'write inside': { kind: 'write', paths: ['/ws/ada/a', '/ws/ada/b/c'] },
  'write outside': { kind: 'write', paths: ['/ws/ada/a', '/ws/boss/plan.md'] },
  'write of git': { kind: 'write', paths: ['/ws/ada/.git/hooks/pre-commit'] },
  command: { kind: 'run', unsandboxed: false },
  'command out of the sandbox': { kind: 'run', unsandboxed: true },
  network: { kind: 'network' },
  tool: { kind: 'tool' },
  'madrox tool': { kind: 'server', server: 'madrox' },
  'other server': { kind: 'server', server: 'files' },
} as const satisfies Record<string, Want>
type Wanted = keyof typeof wants

const of = (agent: Agent, wanted: Wanted, tool = 'Some'): string => judgePrompt(agents[agent][0], agents[agent][1], tool, [wants[wanted]]).decision

describe('a prompt under the policy', () => {
  const [yes, no, open] = ['allow', 'deny', 'unjudged']
  test.each<[Wanted, Record<Agent, string | undefined>]>([
    ['read inside', { claude: yes, 'claude-stream': yes, planner: yes, free: yes, 'free planner': yes, codex: yes, reader: yes, 'free codex': yes, 'held codex': yes }],
    ['read of its supervisor', { claude: yes, 'claude-stream': yes, planner: yes, free: yes, 'free planner': yes, codex: yes, reader: yes, 'free codex': yes, 'held codex': yes }],
    ['read outside', { claude: no, 'claude-stream': no, planner: no, free: yes, 'free planner': yes, codex: yes, reader: yes, 'free codex': yes, 'held codex': yes }],
    ['read beside', { claude: no, 'claude-stream': no, planner: no, free: yes, 'free planner': yes, codex: yes, reader: yes, 'free codex': yes, 'held codex': yes }],
    ['write inside', { claude: yes, 'claude-stream': yes, planner: no, free: yes, 'free planner': no, codex: yes, reader: no, 'free codex': yes, 'held codex': yes }],
    ['write outside', { claude: no, 'claude-stream': no, planner: no, free: open, 'free planner': no, codex: no, reader: no, 'free codex': open, 'held codex': no }],
    ['write of git', { claude: open, 'claude-stream': open, planner: no, free: open, 'free planner': no, codex: open, reader: no, 'free codex': open, 'held codex': open }],
    ['command', { claude: yes, 'claude-stream': yes, planner: open, free: open, 'free planner': open, codex: yes, reader: open, 'free codex': open, 'held codex': yes }],
    ['command out of the sandbox', { claude: no, 'claude-stream': no, planner: no, free: open, 'free planner': open, codex: no, reader: no, 'free codex': open, 'held codex': no }],
    ['network', { claude: no, 'claude-stream': no, planner: no, free: open, 'free planner': open, codex: no, reader: no, 'free codex': open, 'held codex': no }],
    ['tool', { claude: open, 'claude-stream': open, planner: open, free: open, 'free planner': open, codex: open, reader: open, 'free codex': open, 'held codex': open }],
    ['madrox tool', { claude: yes, 'claude-stream': yes, planner: yes, free: yes, 'free planner': yes, codex: yes, reader: yes, 'free codex': yes, 'held codex': yes }],
    ['other server', { claude: no, 'claude-stream': no, planner: no, free: no, 'free planner': no, codex: no, reader: no, 'free codex': no, 'held codex': no }],
  ])('for "%s" is decided by what the agent may do', (wanted, expected) => {
    expect(Object.fromEntries(Object.keys(agents).map(agent => [agent, of(agent as Agent, wanted)]))).toEqual(expected) // the object's own keys
  })

  test('of a server the agent was given, or inherits, is allowed', () => {
    const asked = (more: Partial<PromptLaunch>) => judgePrompt('claude', launch({}, more), 'mcp__files__read', [{ kind: 'server', server: 'files' }]).decision
    expect([asked({ mcpServers: { files: { type: 'http', url: 'http://127.0.0.1', headers: {} } } }), asked({ inheritMcp: true }), asked({ mcpServers: { other: { type: 'http', url: 'http://127.0.0.1', headers: {} } } })]).toEqual([yes, yes, no])
  })

  test('of a server is no matter of what objects have by themselves', () => {
    for (const server of ['constructor', 'toString', '__proto__']) expect(judgePrompt('claude', launch(), `mcp__${server}__x`, [{ kind: 'server', server }]).decision).toBe(no)
  })

  test('to write what programs read is open in whatever case: some file systems know none', () => {
    expect(judgePrompt('claude', launch(), 'Write', [{ kind: 'write', paths: ['/ws/ada/.GIT/hooks/pre-commit'] }]).decision).toBe(open)
  })

  test('a list of allowed tools bounds them, allows those that bound themselves, and widens nothing', () => {
    const asked = (allowedTools: string[], tool: string, want: Want, more: Confinement = {}) => judgePrompt('claude', launch({ allowedTools, ...more }), tool, [want]).decision
    expect(asked(['Read', 'WebFetch'], 'WebFetch', { kind: 'tool' })).toBe(yes)
    expect(asked(['Read'], 'WebFetch', { kind: 'tool' })).toBe(no)
    expect(asked(['Read', 'Write(./**)'], 'Write', wants['write inside'])).toBe(yes)
    expect(asked(['Read', 'Write'], 'Write', wants['write outside'])).toBe(no)
    expect(asked(['Bash'], 'Bash', wants.command, { bypass: true, permissionMode: 'default' })).toBe(open)
    expect(asked(['Read'], 'Bash', wants.command, { bypass: true, permissionMode: 'default' })).toBe(no)
    expect(judgePrompt('codex', launch({ allowedTools: ['Read'] }), 'apply_patch', [wants['write inside']]).decision).toBe(yes) // Claude's tools, handed down
  })

  test('for several things is denied for one outside, left open for one that is not told apart, and never allowed in part', () => {
    const together = (...kinds: Wanted[]) => judgePrompt('claude', launch(), 'Some', kinds.map(kind => wants[kind])).decision
    expect([together('read inside', 'write inside'), together('read inside', 'tool', 'write inside'), together('tool', 'write outside', 'read inside')]).toEqual([yes, open, no])
    expect([judgePrompt('claude', launch(), 'New', undefined).decision, judgePrompt('claude', launch(), 'New', []).decision]).toEqual([open, open])
  })

  test('a denial says what lies outside, where the agent may go, and whom it can ask', () => {
    expect(judgePrompt('claude', launch(), 'Write', [wants['write outside']]).reason).toBe('You may write inside your workspace /ws/ada only, and /ws/boss/plan.md lies outside. Write it there, or ask your supervisor to put it in its place.')
    expect(judgePrompt('claude', launch(), 'Read', [wants['read outside']]).reason).toBe('You may read inside /ws/ada and /ws/boss only, and /etc/passwd lies outside. Ask your supervisor for what you need from there.')
  })
})
