import { describe, expect, test } from 'vitest'
import { describeApproval, toApprovalResponse } from '../../../src/drivers/codex/approvals.ts'
import { toStartFailure } from '../../../src/drivers/codex/failures.ts'
import { toThreadParams } from '../../../src/drivers/codex/launch.ts'
import { approvalRequestSchema } from '../../../src/drivers/codex/protocol.ts'
import { launchSchema } from '../../../src/drivers/driver.ts'

const toParams = (given: object = {}, registered: readonly string[] = []) =>
  toThreadParams(launchSchema.parse({ name: 'ada', cwd: '/w', systemPrompt: 'Be brief.', sessionId: 's', confinement: {}, marker: { M: '1' }, ...given }), { registered, trust: 'untrusted' }, '/tmp/ada')

describe('the parameters of a thread', () => {
  test.for([
    { confinement: {}, sandbox: 'workspace-write', approvalPolicy: 'never' },
    { confinement: { bypass: true }, sandbox: 'danger-full-access', approvalPolicy: 'never' },
    { confinement: { sandboxMode: 'read-only', bypass: true }, sandbox: 'read-only', approvalPolicy: 'never' },
    { confinement: { permissionMode: 'on-request' }, sandbox: 'workspace-write', approvalPolicy: 'on-request' },
    { confinement: { permissionMode: 'acceptEdits' }, sandbox: 'workspace-write', approvalPolicy: 'never' },
  ])('$confinement is $sandbox, $approvalPolicy', ({ confinement, sandbox, approvalPolicy }) => {
    expect(toParams({ confinement })).toMatchObject({ sandbox, approvalPolicy })
  })

  test('the marker reaches commands, and stdio servers, which are no commands', () => {
    const { config } = toParams({ mcpServers: { files: { type: 'stdio', command: 'files', env: { A: 'b' } } } })
    expect(config).toMatchObject({ shell_environment_policy: { set: { M: '1' } }, mcp_servers: { files: { command: 'files', env: { A: 'b', M: '1' } } } })
  })

  test("without inheritance the user's servers are off", () => {
    expect(toParams({}, ['mine']).config['mcp_servers']).toEqual({ mine: { enabled: false } })
    expect(toParams({ inheritMcp: true }, ['mine']).config['mcp_servers']).toEqual({})
  })

  test("the user's own madrox is off even when inherited, and ours never shares a name with theirs", () => {
    const { config } = toParams({ inheritMcp: true, madrox: { url: 'http://h/mcp', token: 't' }, mcpServers: { mine: { type: 'http', url: 'http://h/' } } }, ['madrox', 'mine'])
    expect(config['mcp_servers']).toMatchObject({
      madrox: { enabled: false },
      madrox_agent: { url: 'http://h/mcp', http_headers: { Authorization: 'Bearer t' }, required: true },
      mine_agent: { url: 'http://h/' },
    })
  })
})

describe('why a start failed', () => {
  test.for([
    ['no rollout found for thread id 1', 'session_unknown'],
    ['thread 1 already has an active writer', 'session_locked'],
    ['failed to load configuration: Model provider `nope` not found', 'invalid_launch'],
    ['required MCP servers failed to initialize: madrox: request timed out after 1s', 'timeout'],
  ] as const)('%s: %s', ([words, code]) => {
    expect(toStartFailure(words)).toEqual({ code, detail: words })
  })
})

describe('questions', () => {
  test('a form is answered with the fields the decision carries', () => {
    const request = { method: 'mcpServer/elicitation/request', params: { threadId: 't', serverName: 'files', message: 'Which?' } } as const
    expect(describeApproval(request)).toEqual({ tool: 'mcp__files', detail: 'Which?' })
    expect(toApprovalResponse(request, { decision: 'allow', message: '{"which":"a"}' })).toMatchObject({ action: 'accept', content: { which: 'a' } })
    expect(toApprovalResponse(request, { decision: 'allow' })).toMatchObject({ content: {} })
    expect(toApprovalResponse(request, { decision: 'deny' })).toMatchObject({ action: 'decline', content: null })
  })

  test('a question to the user is answered in words, or not at all', () => {
    const request = approvalRequestSchema.parse({ method: 'item/tool/requestUserInput', params: { threadId: 't', itemId: 'i', questions: [{ id: 'q', question: 'Sure?' }] } })
    expect(toApprovalResponse(request, { decision: 'allow', message: 'quite' })).toEqual({ answers: { q: { answers: ['quite'] } } })
    expect(toApprovalResponse(request, { decision: 'deny' })).toEqual({ answers: {} })
  })

  test('permissions are granted as asked, for the turn, or not at all', () => {
    const request = { method: 'item/permissions/requestApproval', params: { threadId: 't', itemId: 'i', reason: 'to fetch', permissions: { network: { enabled: true } } } } as const
    expect(toApprovalResponse(request, { decision: 'allow' })).toEqual({ permissions: { network: { enabled: true } }, scope: 'turn' })
    expect(toApprovalResponse(request, { decision: 'deny' })).toEqual({ permissions: {}, scope: 'turn' })
  })
})
