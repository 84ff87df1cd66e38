/**
 * What an approval request of Codex 0.169.0 asks for. Of a request that does not say how far it reaches nothing is told: no policy
 * judges what it does not understand.
 */

import { z } from 'zod'
import type { Launch, Want } from '../driver.ts'
import { toRealPaths } from '../want-paths.ts'
import type { ApprovalRequest, KnownItem } from './protocol.ts'
import type { PermissionBody } from './pty/asking.ts'

type Rights = Pick<Launch, 'cwd' | 'confinement'>
type FileChange = Extract<KnownItem, { type: 'fileChange' }>

/** `change`: the item that a request to change files is about, which alone names them. */
export function toWants(launch: Rights, { method, params }: ApprovalRequest, change: FileChange | undefined): readonly Want[] | undefined {
  switch (method) {
    case 'item/commandExecution/requestApproval': return params.networkApprovalContext ? [{ kind: 'network' }] : toRunWants(launch)
    case 'item/fileChange/requestApproval': return toWriteWants(launch, [...(change?.changes ?? []).flatMap(({ path, kind }) => [path, ...(kind?.move_path ? [kind.move_path] : [])]), ...(params.grantRoot ? [params.grantRoot] : [])])
    case 'item/permissions/requestApproval': return toProfileWants(launch, params.permissions)
    // Of the user's own servers: those that were given to the agent ask nobody.
    case 'mcpServer/elicitation/request': return params._meta?.codex_approval_kind === 'mcp_tool_call' ? [{ kind: 'server', server: params.serverName }] : undefined
    case 'item/tool/requestUserInput': return undefined
  }
}

/** By the policy `on-request` a command asks only to leave the sandbox; `untrusted` asks for others too, and does not say which this is. */
const toRunWants = ({ confinement }: Rights): readonly Want[] | undefined => (confinement.permissionMode === 'on-request' ? [{ kind: 'run', unsandboxed: true }] : undefined)

function toWriteWants({ cwd }: Rights, named: readonly string[]): readonly Want[] | undefined {
  const paths = named.length > 0 ? toRealPaths(cwd, named) : undefined
  return paths && [{ kind: 'write', paths }]
}

const profileSchema = z.strictObject({
  network: z.strictObject({ enabled: z.boolean().nullish() }).nullish(),
  fileSystem: z.strictObject({ read: z.array(z.string()).nullish(), write: z.array(z.string()).nullish(), entries: z.array(z.strictObject({ path: z.strictObject({ type: z.literal('path'), path: z.string() }), access: z.enum(['read', 'write']) })).nullish() }).nullish(),
})

function toProfileWants({ cwd }: Rights, permissions: unknown): readonly Want[] | undefined {
  const { success, data } = profileSchema.safeParse(permissions)
  if (!success) return undefined
  const entries = (access: 'read' | 'write'): string[] => (data.fileSystem?.entries ?? []).flatMap(entry => (entry.access === access ? [entry.path.path] : []))
  const reads = toRealPaths(cwd, [...(data.fileSystem?.read ?? []), ...entries('read')])
  const writes = toRealPaths(cwd, [...(data.fileSystem?.write ?? []), ...entries('write')])
  if (!reads || !writes) return undefined
  return [...(reads.length > 0 ? [{ kind: 'read', paths: reads } as const] : []), ...(writes.length > 0 ? [{ kind: 'write', paths: writes } as const] : []), ...(data.network?.enabled ? [{ kind: 'network' } as const] : [])]
}

const patchInput = z.object({ command: z.string() })
/** Every line of a patch that names a file. */
const patched = /^\*\*\* (?:(?:Add|Update|Delete) File|Move to): (.+)$/gm

/** Of the hook by which the interactive program asks. */
export function toHookWants(launch: Rights, { tool_name: tool, tool_input: input }: PermissionBody): readonly Want[] | undefined {
  if (tool === 'Bash') return toRunWants(launch)
  const patch = tool === 'apply_patch' ? patchInput.safeParse(input).data : undefined
  if (patch) return toWriteWants(launch, [...patch.command.matchAll(patched)].flatMap(([, path]) => path ?? []))
  const server = /^mcp__(.+?)__/.exec(tool)?.[1]
  return server === undefined ? undefined : [{ kind: 'server', server }]
}
