/** Held requests of the app-server: how each kind is told to a decider, and how a decision is answered. Pure. */

import { z } from 'zod'
import { toStartedOutput } from './items.ts'
import type { ApprovalRequest, KnownItem } from './protocol.ts'

export interface Decision {
  readonly decision: 'allow' | 'deny'
  readonly message?: string | undefined
}

/** `change`: the item that a request to change files is about, which alone says what it changes. */
export function describeApproval({ method, params }: ApprovalRequest, change?: Extract<KnownItem, { type: 'fileChange' }>): { readonly tool: string; readonly detail: string } {
  switch (method) {
    case 'item/commandExecution/requestApproval':
      return { tool: 'exec_command', detail: lines(params.command, params.cwd && `in ${params.cwd}`, params.reason) }
    case 'item/fileChange/requestApproval':
      return { tool: 'apply_patch', detail: lines(change && toStartedOutput(change)?.content, params.reason, params.grantRoot && `write access under ${params.grantRoot}`) }
    case 'item/permissions/requestApproval':
      return { tool: 'request_permissions', detail: lines(params.reason, JSON.stringify(params.permissions)) }
    case 'item/tool/requestUserInput':
      return { tool: 'request_user_input', detail: params.questions.map(({ question }) => question).join('\n') }
    case 'mcpServer/elicitation/request':
      return { tool: `mcp__${params.serverName}`, detail: lines(params.title, params.message) }
  }
}

export function toApprovalResponse({ method, params }: ApprovalRequest, { decision, message }: Decision): object {
  const allowed = decision === 'allow'
  switch (method) {
    case 'item/commandExecution/requestApproval':
    case 'item/fileChange/requestApproval':
      return { decision: allowed ? 'accept' : 'decline' }
    case 'item/permissions/requestApproval':
      return { permissions: allowed ? params.permissions : {}, scope: 'turn' }
    case 'item/tool/requestUserInput':
      return { answers: allowed ? Object.fromEntries(params.questions.map(({ id }) => [id, { answers: [message ?? 'yes'] }])) : {} }
    case 'mcpServer/elicitation/request':
      return { action: allowed ? 'accept' : 'decline', content: allowed ? toFormContent(message) : null, _meta: null }
  }
}

/**
 * What a person at a terminal of the thread said to it, in codex's own form. Undefined: more than was asked, such as a rule for all that
 * is like it, which would outlive the thread.
 */
export function toDecision({ method }: ApprovalRequest, result: unknown): Decision['decision'] | undefined {
  const said = saidSchema.safeParse(result).data ?? {}
  switch (method) {
    case 'item/commandExecution/requestApproval':
    case 'item/fileChange/requestApproval': return said.decision === undefined ? undefined : decisions[said.decision]
    case 'item/permissions/requestApproval': return Object.keys(said.permissions ?? {}).length > 0 ? 'allow' : 'deny'
    case 'item/tool/requestUserInput': return Object.keys(said.answers ?? {}).length > 0 ? 'allow' : 'deny'
    case 'mcpServer/elicitation/request': return said.action === 'accept' ? 'allow' : 'deny'
  }
}

const decisions = { accept: 'allow', acceptForSession: 'allow', decline: 'deny', cancel: 'deny' } as const
const table = z.record(z.string(), z.unknown())
const saidSchema = z.object({ decision: z.enum(['accept', 'acceptForSession', 'decline', 'cancel']).optional(), action: z.string().optional(), permissions: table.optional(), answers: table.optional() })

/** A form's fields come as a JSON object in the decision's message; an approval without fields takes an empty one. */
function toFormContent(message: string | undefined): object {
  try {
    const content: unknown = JSON.parse(message ?? '{}')
    return typeof content === 'object' && content !== null ? content : {}
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

function lines(...parts: readonly (string | null | undefined)[]): string {
  return parts.filter(part => part).join('\n')
}
