/** What permission requests of each CLI are told to ask for: paths followed to where they lead, and nothing where that is not plain. */

import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { toWants as toClaudeWants } from '../../src/drivers/claude/wants.ts'
import { approvalRequestSchema, knownItemSchema, type KnownItem } from '../../src/drivers/codex/protocol.ts'
import { toHookWants, toWants as toCodexWants } from '../../src/drivers/codex/wants.ts'
import type { Want } from '../../src/drivers/driver.ts'

const root = realpathSync(mkdtempSync(join(tmpdir(), 'wants-')))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const cwd = join(root, 'ws')
mkdirSync(join(cwd, 'src'), { recursive: true })
mkdirSync(join(root, 'out'))
writeFileSync(join(root, 'out', 'there'), '')
symlinkSync(join(root, 'out'), join(cwd, 'way-out'))
symlinkSync(join(root, 'out', 'not-yet'), join(cwd, 'to-nothing'))
symlinkSync('loop', join(cwd, 'loop'))

const claude = (tool: string, input: unknown, more = {}) => toClaudeWants({ cwd, mcpServers: {}, inheritMcp: false, ...more }, tool, input)
const write = (...paths: string[]): Want[] => [{ kind: 'write', paths: paths.map(path => join(root, path)) }]
const read = (...paths: string[]): Want[] => [{ kind: 'read', paths: paths.map(path => join(root, path)) }]

describe('of Claude Code', () => {
  test.each<[string, unknown, readonly Want[] | undefined]>([
    ['Write', { file_path: join(cwd, 'src/new/deep.ts'), content: 'x' }, write('ws/src/new/deep.ts')],
    ['Edit', { file_path: 'src/a.ts' }, write('ws/src/a.ts')],
    ['Edit', { file_path: join(cwd, 'src/../../out/there') }, write('out/there')],
    ['Edit', { file_path: `${cwd}/src/../a.ts` }, write('ws/a.ts')],
    ['Edit', { file_path: `${cwd}/way-out/../a.ts` }, undefined],
    ['Edit', { file_path: 'way-out/../ws/../a.ts' }, undefined],
    ['Edit', { file_path: 'nowhere/../a.ts' }, undefined],
    ['NotebookEdit', { notebook_path: join(cwd, 'n.ipynb') }, write('ws/n.ipynb')],
    ['Write', { file_path: join(cwd, 'way-out/new') }, write('out/new')],
    ['Write', { file_path: join(cwd, 'to-nothing') }, write('out/not-yet')],
    ['Write', { file_path: join(cwd, 'loop') }, undefined],
    ['Write', { file_path: '~/.bashrc' }, undefined],
    ['Write', { file_path: '$HOME/.bashrc' }, undefined],
    ['Write', { file_path: ' /etc/passwd' }, undefined],
    ['Write', { file_path: `${cwd}/a\u0000b` }, undefined],
    ['Write', { path: join(cwd, 'a') }, undefined],
    ['Read', { file_path: join(root, 'out/there') }, read('out/there')],
    ['Grep', { pattern: 'x' }, read('ws')],
    ['Glob', { pattern: '**/*.ts', path: join(cwd, 'src') }, read('ws/src')],
    ['Glob', { pattern: '../**' }, undefined],
    ['Glob', { pattern: '/etc/*' }, undefined],
    ['Bash', { command: 'ls' }, [{ kind: 'run', unsandboxed: false }]],
    ['Bash', { command: 'ls', dangerouslyDisableSandbox: true }, [{ kind: 'run', unsandboxed: true }]],
    ['WebFetch', { url: 'https://example.org' }, [{ kind: 'tool' }]],
    ['SomethingNew', { file_path: join(cwd, 'a') }, undefined],
    ['mcp__madrox__reply_to_caller', {}, [{ kind: 'server', server: 'madrox' }]],
    ['mcp__unknown__do', {}, undefined],
  ])('%s %j', (tool, input, wants) => {
    expect(claude(tool, input)).toEqual(wants)
  })

  test('a server is known by the name it was given, and not where two would fit', () => {
    const mcpServers = { 'my.files': { type: 'http', url: 'http://127.0.0.1' }, a: { type: 'http', url: 'http://127.0.0.1' }, a__b: { type: 'http', url: 'http://127.0.0.1' } }
    expect([claude('mcp__my_files__read', {}, { mcpServers }), claude('mcp__a__b__c', {}, { mcpServers }), claude('mcp__theirs__do', {}, { inheritMcp: true })]).toEqual([[{ kind: 'server', server: 'my.files' }], undefined, [{ kind: 'server', server: 'theirs' }]])
  })
})

describe('of Codex', () => {
  const rights = (permissionMode?: string) => ({ cwd, confinement: { bypass: false, ...(permissionMode ? { permissionMode } : {}) } })
  /** As they came from codex-cli 0.169.0, but for the paths. */
  const ask = (method: string, params: object) => approvalRequestSchema.parse({ method, params: { threadId: 't', turnId: 'u', itemId: 'i', startedAtMs: 1, ...params } })
  const changing = (...changes: object[]) => knownItemSchema.parse({ type: 'fileChange', id: 'i', status: 'inProgress', changes }) as Extract<KnownItem, { type: 'fileChange' }> // of that type

  test('a command leaves the sandbox where only that is asked about, and is not told apart otherwise', () => {
    const command = ask('item/commandExecution/requestApproval', { command: '/bin/bash -lc ls', cwd, reason: 'needs it', kind: 'command', environmentId: 'local' })
    expect([toCodexWants(rights('on-request'), command, undefined), toCodexWants(rights('untrusted'), command, undefined)]).toEqual([[{ kind: 'run', unsandboxed: true }], undefined])
    const network = ask('item/commandExecution/requestApproval', { command: 'curl', cwd, networkApprovalContext: { host: 'example.org', protocol: 'https' } })
    expect(toCodexWants(rights('on-request'), network, undefined)).toEqual([{ kind: 'network' }])
  })

  test('a change names its files by its item, both ends of a move and the root it would be granted', () => {
    const asked = ask('item/fileChange/requestApproval', { reason: null, grantRoot: null })
    expect(toCodexWants(rights(), asked, changing({ path: 'a.ts', kind: { type: 'add' }, diff: '+x' }, { path: join(cwd, 'b.ts'), kind: { type: 'update', move_path: join(root, 'out/b.ts') }, diff: '' }))).toEqual(write('ws/a.ts', 'ws/b.ts', 'out/b.ts'))
    expect(toCodexWants(rights(), ask('item/fileChange/requestApproval', { grantRoot: join(root, 'out') }), changing({ path: 'a.ts' }))).toEqual(write('ws/a.ts', 'out'))
    expect(toCodexWants(rights(), asked, undefined)).toBeUndefined()
  })

  test('a profile of permissions is told whole, or not at all', () => {
    const asked = (permissions: object) => toCodexWants(rights(), ask('item/permissions/requestApproval', { cwd, reason: null, permissions }), undefined)
    expect(asked({ network: { enabled: true }, fileSystem: { read: [join(root, 'out')], write: null, entries: [{ path: { type: 'path', path: cwd }, access: 'write' }] } })).toEqual([...read('out'), ...write('ws'), { kind: 'network' }])
    expect(asked({ network: null, fileSystem: { read: null, write: null, entries: [{ path: { type: 'glob_pattern', pattern: '/**' }, access: 'write' }] } })).toBeUndefined()
    expect(asked({ network: null, fileSystem: null, devices: ['camera'] })).toBeUndefined()
  })

  test('a call of a tool is its server\'s; a form and a question are nobody\'s to judge', () => {
    const form = { serverName: 'files', mode: 'form', message: 'May I?', requestedSchema: {} }
    expect(toCodexWants(rights(), ask('mcpServer/elicitation/request', { ...form, _meta: { codex_approval_kind: 'mcp_tool_call' } }), undefined)).toEqual([{ kind: 'server', server: 'files' }])
    expect(toCodexWants(rights(), ask('mcpServer/elicitation/request', { ...form, _meta: null }), undefined)).toBeUndefined()
    expect(toCodexWants(rights(), ask('item/tool/requestUserInput', { questions: [{ id: 'q', question: 'Which?' }] }), undefined)).toBeUndefined()
  })

  test('the hook of the interactive program says the same', () => {
    const hook = (tool_name: string, tool_input: unknown, mode = 'on-request') => toHookWants(rights(mode), { hook_event_name: 'PermissionRequest', tool_name, tool_input })
    const patch = `*** Begin Patch\n*** Update File: a.ts\n*** Move to: ${root}/out/a.ts\n@@\n-x\n+y\n*** Add File: ${cwd}/b.ts\n+x\n*** Delete File: src/c.ts\n*** End Patch`
    expect(hook('apply_patch', { command: patch })).toEqual(write('ws/a.ts', 'out/a.ts', 'ws/b.ts', 'ws/src/c.ts'))
    expect([hook('Bash', { command: 'ls', description: 'why' }), hook('Bash', { command: 'ls' }, 'untrusted'), hook('apply_patch', { command: 'none' }), hook('mcp__files__read', {}), hook('else', {})]).toEqual([[{ kind: 'run', unsandboxed: true }], undefined, undefined, [{ kind: 'server', server: 'files' }], undefined])
  })
})
