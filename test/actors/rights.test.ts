/** What may be given to a child, over every pair of words for confinement and every pair of harnesses that reads them differently. */
import { describe, expect, test } from 'vitest'
import { checkWithin, narrow } from '../../src/actors/rights.ts'
import type { McpServer } from '../../src/drivers/driver.ts'
import { MadroxError } from '../../src/errors.ts'

type Own = Parameters<typeof checkWithin>[1]
type Words = Partial<Own['confinement']>

const rights = (harness: string, words: Words = {}, more: Partial<Own> = {}): Own & { name: string } => ({ name: 'kid', harness, confinement: { bypass: false, ...words }, mcpServers: {}, inheritMcp: false, ...more })
/** `granted`, or the parameter that asks for too much. */
function judge(own: Own, child: Own & { name: string }): unknown {
  try {
    checkWithin('boss', own, narrow(own, child))
    return 'granted'
  } catch (error) {
    if (error instanceof MadroxError && error.code === 'exceeds_parent') return error.data['parameter']
    throw error
  }
}

const free: Words = { bypass: true }

describe('confinement', () => {
  test.each<[string, Own, Own & { name: string }, string]>([
    ['the same is granted', rights('claude'), rights('claude'), 'granted'],
    ['free under free', rights('codex', free), rights('claude', free), 'granted'],
    ['free under confined', rights('codex'), rights('claude', free), 'bypass_isolation'],
    ['free by sandbox mode', rights('claude'), rights('codex', { sandboxMode: 'danger-full-access' }), 'sandbox_mode'],
    ['free by permission mode', rights('codex'), rights('claude', { permissionMode: 'bypassPermissions' }), 'permission_mode'],
    ['a sandbox mode is stronger than bypass, for codex', rights('codex', { ...free, sandboxMode: 'read-only' }), rights('codex', free), 'bypass_isolation'],
    ['a sandbox mode is nothing to claude', rights('codex', { sandboxMode: 'read-only' }), rights('claude', { sandboxMode: 'read-only', permissionMode: 'acceptEdits' }), 'permission_mode'],
    ["claude's modes are nothing to codex", rights('codex', { permissionMode: 'bypassPermissions' }), rights('codex', { sandboxMode: 'danger-full-access' }), 'sandbox_mode'],
    ['nor is plan', rights('claude', { permissionMode: 'plan' }), rights('codex', { permissionMode: 'plan' }), 'sandbox_mode'],
    ['a driver is of its family', rights('codex'), rights('claude-stream', { permissionMode: 'bypassPermissions' }), 'permission_mode'],
    ["and reads its family's words alone", rights('claude-stream', { sandboxMode: 'read-only' }), rights('claude', { permissionMode: 'acceptEdits' }), 'granted'],
    ['reading under reading', rights('codex', { sandboxMode: 'read-only' }), rights('claude', { permissionMode: 'plan' }), 'granted'],
    ['writing under reading', rights('claude', { permissionMode: 'plan' }), rights('codex', { sandboxMode: 'workspace-write' }), 'sandbox_mode'],
    ['codex in a PTY is codex', rights('codex'), rights('codex-pty', { sandboxMode: 'danger-full-access' }), 'sandbox_mode'],
    ['in a PTY, a sandbox mode is stronger than bypass as well', rights('codex-pty', { ...free, sandboxMode: 'workspace-write' }), rights('codex', free), 'bypass_isolation'],
    ["and claude's modes are nothing to it", rights('claude'), rights('codex-pty', { permissionMode: 'bypassPermissions' }), 'granted'],
    ['another harness is taken at either word', rights('scripted'), rights('scripted', { sandboxMode: 'danger-full-access' }), 'sandbox_mode'],
  ])('%s', (_, own, child, verdict) => expect(judge(own, child)).toBe(verdict))

  test.each(['claude', 'claude-stream', 'codex', 'codex-pty', 'scripted'])('a %s child that asks for nothing may only read where its supervisor may only read', harness => {
    const own = rights('codex', { sandboxMode: 'read-only' })
    expect(judge(own, rights(harness))).toBe('granted')
    expect(narrow(own, rights(harness)).confinement).not.toEqual(rights(harness).confinement)
    expect(narrow(rights('codex'), rights(harness)).confinement).toEqual(rights(harness).confinement)
  })
})

test('tools are those of the supervisor, or fewer', () => {
  const own = rights('claude', { allowedTools: ['Read', 'Edit'] })
  expect(narrow(own, rights('claude')).confinement.allowedTools).toEqual(['Read', 'Edit'])
  expect(judge(own, rights('claude', { allowedTools: ['Read'] }))).toBe('granted')
  expect(judge(own, rights('claude', { allowedTools: ['Read', 'Bash'] }))).toBe('allowed_tools')
})

test.each(['claude', 'codex', 'scripted'])('of a confined %s supervisor without a list they are those that confined agents have', harness => {
  for (const tool of ['WebFetch', 'default', 'Read,Bash', 'Bash(*)', '--dangerously-skip-permissions']) expect(judge(rights(harness), rights('claude', { allowedTools: ['Read', tool] })), tool).toBe('allowed_tools')
  expect(judge(rights(harness), rights('claude', { allowedTools: ['Read', 'Bash'] }))).toBe('granted')
  expect(judge(rights(harness, free), rights('claude', { allowedTools: ['WebFetch'] }))).toBe('granted')
})

test.each(['codex', 'codex-pty'])('a supervisor without a shell has no %s agent, which would have one', harness => {
  expect(judge(rights('claude', { allowedTools: ['Read', 'Edit'] }), rights(harness, { sandboxMode: 'read-only' }))).toBe('allowed_tools')
  expect(judge(rights('claude', { ...free, allowedTools: ['Read'] }), rights(harness))).toBe('allowed_tools')
  expect(judge(rights('claude', { allowedTools: ['Read', 'Bash'] }), rights(harness))).toBe('granted')
  expect(judge(rights('claude'), rights(harness))).toBe('granted')
})

test('MCP servers are those of the supervisor, by their whole definition', () => {
  const mine: McpServer & { type: 'stdio' } = { type: 'stdio', command: 'serve', args: [], env: {} }
  const own = rights('claude', {}, { mcpServers: { mine } })
  expect(judge(own, rights('claude', {}, { mcpServers: { mine } }))).toBe('granted')
  expect(judge(own, rights('claude', {}, { mcpServers: { mine: { ...mine, command: 'other' } } }))).toBe('mcp_servers')
  expect(judge(own, rights('claude', {}, { inheritMcp: true }))).toBe('inherit_mcp')
})

test('a script that misbehaves on purpose reaches beyond a workspace: who is confined gives none', () => {
  const child = (script: unknown) => rights('scripted-pty', {}, { script })
  expect(judge(rights('claude'), child({ misbehave: { pidFile: '/anywhere' } }))).toBe('script')
  expect(judge(rights('claude'), child({ rules: [] }))).toBe('granted')
  expect(judge(rights('claude', free), child({ misbehave: {} }))).toBe('granted')
})
