/** An agent as the page shows it: chosen field by field, so that nothing new of an agent reaches a browser by itself. */

import type { AgentStatus, MadroxSystem } from '../actors/system.ts'
import { MadroxError, toWireError } from '../errors.ts'
import type { Caller } from '../messages.ts'
import type { AgentView, TreeView } from './web/wire.ts'

export function toAgentView(status: AgentStatus): AgentView {
  const { id, name, harness, role, state, detail, since, source, mailbox, pendingReplies, requestCount, openMessages, usage, createdAt } = status
  const { inputTokens, outputTokens, cacheReadTokens, cacheCreationTokens } = usage
  return {
    id, name, harness, role, state, detail, since, source, mailbox, pendingReplies, requestCount, openMessages, createdAt,
    usage: { inputTokens, outputTokens, cacheReadTokens, cacheCreationTokens },
    model: status.model ?? null,
    parent: status.parent ?? null,
    currentMessage: status.currentMessage ?? null,
    currentTool: status.currentTool ?? null,
    approvalOf: status.approval?.tool ?? null,
    workspace: { kind: status.workspace.kind, path: status.workspace.path, branch: status.workspace.branch ?? null },
    endedAt: status.endedAt ?? null,
    endReason: status.endReason ?? null,
    lastError: status.lastError ?? null,
    warnings: status.warnings ?? [],
  }
}

export function toTreeView(system: MadroxSystem, caller: Caller, reference: string | null, now: number): TreeView {
  const agents = system.list(caller).map(toAgentView)
  if (reference === null) return { now, agents, agent: null, refusal: null }
  try {
    return { now, agents, agent: toAgentView(system.status(caller, reference)), refusal: null }
  } catch (error) {
    // A link to an agent of another owner, or of a team long gone: the rest is shown all the same.
    if (!(error instanceof MadroxError)) throw error
    const { code, message, remedy } = toWireError(error)
    return { now, agents, agent: null, refusal: { code, message, ...(remedy ? { remedy } : {}) } }
  }
}
