/** Seeing the team: status, tree, output, screens. Reads only. */

import { z } from 'zod'
import { type AgentStatus, costOf, healthOf } from '../actors/system.ts'
import { MadroxError } from '../errors.ts'
import { redactData } from '../redaction.ts'
import { toChanges } from './changes.ts'
import { agentNamed, answer, states } from './outputs.ts'
import { instanceId, isoTime, readOnly, reference, toUsage } from './schemas.ts'
import { statusOutput } from './status-output.ts'
import { defineTool, type ToolContext } from './tool.ts'

export const iso = (at: number): string => new Date(at).toISOString()

/** USD, to a ten-thousandth of a cent; null where a part of it is unknown, which is not zero. */
const toCost = (key: string, spent: AgentStatus['spent']): Record<string, number | null> => {
  const cost = costOf(spent)
  return { [key]: cost === undefined ? null : Number(cost.toFixed(6)) }
}

/** Each of its limits, with what it and all below it have used of it; `reached`: those it is held at, its own and of agents above it. */
function toLimits({ limits: { maxTotalTokens, maxCost, timeoutMinutes }, heldAt, subtreeSpent, createdAt, endedAt, endsAt }: AgentStatus, now: number): Record<string, unknown> {
  const limits = {
    ...(maxTotalTokens === undefined ? {} : { max_total_tokens: { limit: maxTotalTokens, used: subtreeSpent.tokens } }),
    ...(maxCost === undefined ? {} : { max_cost: { limit: maxCost, ...toCost('used', subtreeSpent) } }),
    ...(timeoutMinutes === undefined || endsAt === undefined ? {} : { timeout_minutes: { limit: timeoutMinutes, used: Number((((endedAt ?? now) - createdAt) / 60_000).toFixed(2)), ends_at: iso(endsAt) } }),
    ...(heldAt ? { reached: heldAt.map(({ limit, detail, at, agentId, name }) => ({ limit, detail, since: iso(at), of: name, of_instance_id: agentId })) } : {}),
  }
  return Object.keys(limits).length === 0 ? {} : { limits }
}

export const toPrompt = ({ tool, detail, id, asked, expiresAt }: NonNullable<AgentStatus['approval']>): Record<string, unknown> => ({
  tool, detail, ...(id === undefined ? {} : { approval_id: id }), ...(asked === undefined ? {} : { asked }), ...(expiresAt === undefined ? {} : { expires_at: iso(expiresAt) }),
})

/** Tokens counted against limits: cache reads apart. `unknown_cost_models` are those of the agent and of all below it; `cost_sources`: who says what the agent's own calls cost. */
export function toStatus(status: AgentStatus, now: number): Record<string, unknown> {
  const { usage, spent, subtreeSpent } = status
  return {
    instance_id: status.id, name: status.name, instance_type: status.harness, role: status.role, model: status.model ?? null,
    state: status.state, detail: status.detail, since: iso(status.since), source: status.source, health: healthOf(status),
    parent_instance_id: status.parent?.kind === 'agent' ? status.parent.id : null, parent: status.parent?.name ?? null, parent_source: status.parentSource, children: status.children,
    request_count: status.requestCount, mailbox: status.mailbox, open_messages: status.openMessages, pending_replies_of_agent: status.pendingReplies,
    current_message: status.currentMessage ?? null, current_tool: status.currentTool ?? null, ...(status.currentToolSince === undefined ? {} : { current_tool_since: iso(status.currentToolSince) }),
    ...(status.lastFactAt === undefined ? {} : { last_fact_at: iso(status.lastFactAt) }), ...(status.stuckSince === undefined ? {} : { stuck_since: iso(status.stuckSince) }), ...(status.waits ? { waits_for_others: true } : {}), ...(status.approval ? { approval: toPrompt(status.approval) } : {}),
    ...(status.heldByPerson ? { held_by_person: { why: status.heldByPerson.why, since: iso(status.heldByPerson.since) } } : {}),
    total_tokens_used: spent.tokens, usage: toUsage(usage), ...toCost('total_cost', spent), subtree_tokens_used: subtreeSpent.tokens, ...toCost('subtree_cost', subtreeSpent),
    ...(spent.costSources.length > 0 ? { cost_sources: spent.costSources } : {}),
    ...(subtreeSpent.unknownModels.length > 0 ? { unknown_cost_models: subtreeSpent.unknownModels } : {}),
    ...toLimits(status, now),
    uptime_seconds: Math.round(((status.endedAt ?? now) - status.createdAt) / 1000), created_at: iso(status.createdAt),
    session_id: status.sessionId ?? null, pid: status.pid ?? null, workspace: status.workspace, confinement: status.confinement, toolset: status.toolset,
    usage_unreported: status.cutTurns, last_error: redactData(status.lastError ?? null), ...(status.warnings ? { warnings: redactData(status.warnings) } : {}),
    ...(status.endedAt === undefined ? {} : { ended_at: iso(status.endedAt), end_reason: status.endReason ?? null }),
  }
}

export const getInstanceStatus = defineTool({
  name: 'get_instance_status',
  title: 'Status of agents',
  description: "State (with since when and what told it), supervisor, children, tokens, cost, current message and tool, last error, and what it changed in git. Without instance_id: all you may see. Not for waiting: answers are kept for you.",
  input: z.strictObject({ instance_id: reference.optional(), include_ended: z.boolean().default(false) }),
  output: statusOutput,
  annotations: readOnly,
  topic: 'see',
  listedFor: ['supervisor', 'client'],
  searchHint: 'state health progress tokens status agents list',
  handler: async ({ instance_id, include_ended }, { system, caller, now }) => {
    const withChanges = async (status: AgentStatus): Promise<Record<string, unknown>> => {
      const changes = await system.changes(caller, status.id)
      return { ...toStatus(status, now()), ...(changes ? { changes: toChanges(changes) } : {}) }
    }
    if (instance_id !== undefined) return { data: await withChanges(system.status(caller, instance_id)) }
    const all = system.list(caller, { ended: include_ended })
    return { data: { instances: await Promise.all(all.map(withChanges)), total: all.length } }
  },
})

const line = (status: AgentStatus): string => `${status.name} (${status.id}) [${status.state}] (${status.harness})`

/** The tree below `roots`, drawn. */
export function drawTree(all: readonly AgentStatus[], roots: readonly AgentStatus[]): string {
  const below = (parent: AgentStatus, indent: string): string[] => {
    const children = all.filter(status => status.parent?.kind === 'agent' && status.parent.id === parent.id)
    return children.flatMap((child, index) => {
      const last = index === children.length - 1
      return [`${indent}${last ? '└── ' : '├── '}${line(child)}`, ...below(child, `${indent}${last ? '    ' : '│   '}`)]
    })
  }
  return roots.flatMap(root => [line(root), ...below(root, '')]).join('\n')
}

export const getInstanceTree = defineTool({
  name: 'get_instance_tree',
  title: 'The team as a tree',
  description: 'Who works for whom, with ids and states.',
  input: z.strictObject({ root: reference.optional(), format: z.enum(['text']).default('text'), include_ended: z.boolean().default(false) }),
  annotations: readOnly,
  topic: 'see',
  listedFor: ['supervisor', 'client'],
  searchHint: 'hierarchy team tree overview agents',
  handler: ({ root, include_ended }, { system, caller }) => {
    const all = system.list(caller, { ended: include_ended })
    const visible = new Set<string>(all.map(status => status.id))
    const roots = root === undefined ? all.filter(status => status.parent?.kind !== 'agent' || !visible.has(status.parent.id)) : [system.status(caller, root)]
    return { text: roots.length === 0 ? 'There are no agents.' : drawTree(all, roots) }
  },
})

const brief = (status: AgentStatus): Record<string, unknown> => ({ instance_id: status.id, name: status.name, instance_type: status.harness, role: status.role, state: status.state })
const briefs = z.array(z.looseObject({ ...agentNamed, instance_type: z.string().describe('The harness'), role: z.string(), state: states }))

export const getChildren = defineTool({
  name: 'get_children',
  title: 'Children of an agent',
  description: 'The living agents directly below an agent (default: you).',
  input: z.strictObject({ parent_id: reference.optional() }),
  output: answer({ children: briefs }),
  annotations: readOnly,
  topic: 'see',
  listedFor: ['client'],
  searchHint: 'children team members below',
  handler: ({ parent_id }, { system, caller }) => ({ data: { children: system.children(caller, parent_id).map(brief) } }),
})

export const getPeers = defineTool({
  name: 'get_peers',
  title: 'Peers of an agent',
  description: 'Those with the same supervisor (default: yours), whom you may message.',
  input: z.strictObject({ instance_id: reference.optional() }),
  output: answer({ peers: briefs }),
  annotations: readOnly,
  topic: 'see',
  listedFor: ['leaf', 'supervisor', 'client'],
  searchHint: 'peers siblings colleagues team',
  handler: ({ instance_id }, { system, caller }) => {
    const of = instance_id ?? (caller.kind === 'agent' ? caller.agentId : undefined)
    if (of === undefined) throw new MadroxError('invalid_input', 'Whose peers? You are not an agent.', { remedy: 'Give instance_id.' })
    return { data: { peers: system.peers(caller, of).map(brief) } }
  },
})

/** The newest of an agent's record, a line each, as people and models read it; that there is more before them is the first line. */
export function readOutput({ system, caller }: ToolContext, id: string, { limit, since }: { readonly limit: number; readonly since?: string | undefined }): string {
  const rows = system.output(caller, id, { limit: limit + 1, ...(since ? { since: Date.parse(since) } : {}) })
  if (rows.length === 0) return 'Nothing on record.'
  const lines = rows.slice(-limit).map(row => `${iso(row.at)} [${row.kind}] ${row.content}`)
  return [...(rows.length > limit ? [`[older records are left out by limit: ${limit}]`] : []), ...lines].join('\n')
}

export const getInstanceOutput = defineTool({
  name: 'get_instance_output',
  title: 'What an agent did and said',
  description: 'The record of an agent, newest last: messages it got, its words, tool calls and results, replies. Works for ended agents too.',
  input: z.strictObject({ instance_id: instanceId, limit: z.number().int().positive().max(1_000).default(100), since: isoTime.optional() }),
  annotations: readOnly,
  topic: 'see',
  listedFor: ['supervisor', 'client'],
  searchHint: 'output record log history said did',
  handler: ({ instance_id, ...span }, context) => ({ text: readOutput(context, instance_id, span) }),
})

export const getTerminalScreen = defineTool({
  name: 'get_terminal_screen',
  aliases: ['get_tmux_pane_content'],
  title: 'What an agent shows',
  description: "The agent's terminal as text; for one without a terminal a rendered transcript, labelled so. For looking, when status and output do not explain something.",
  input: z.strictObject({ instance_id: instanceId, lines: z.number().int().positive().max(1_000).optional() }),
  annotations: readOnly,
  topic: 'see',
  listedFor: ['client'],
  searchHint: 'screen terminal pane tmux look',
  handler: async ({ instance_id, lines }, { system, caller }) => {
    const { rendering, text } = await system.screen(caller, instance_id, lines)
    return { text: `${rendering === 'terminal' ? '' : '[transcript: this agent has no terminal]\n'}${text}` }
  },
})
