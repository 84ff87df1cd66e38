/** Bringing agents up. */

import { z } from 'zod'
import { bringBackHint, type ParentFound, rootName, type SendReport, type SendRequest, type SpawnRequest } from '../actors/system.ts'
import { MadroxError, toWireError } from '../errors.ts'
import type { AgentId } from '../ids.ts'
import { toSent } from './messages.ts'
import { answer, refusalFields, spawnedItem, spawnedOutput } from './outputs.ts'
import { acting, anyFields, codexFields, reference, spawnFields, type SpawnInput, spawnInput, toLimits } from './schemas.ts'
import { defineTool, parametersMeant, RefusalWithReplies, type ToolContext, type ToolResult } from './tool.ts'

const common = { annotations: acting, topic: 'spawn', output: spawnedOutput, spawns: true } as const

export const spawnClaude = defineTool({
  ...common,
  name: 'spawn_claude',
  title: 'Spawn a Claude Code agent',
  description: 'Starts a Claude Code session as your agent, a real process that costs money. Use it for work that is worth its own context; for several at once use spawn_multiple_instances. Give the task as initial_prompt, or later by send_to_instance.',
  input: z.strictObject(spawnFields),
  listedFor: ['supervisor', 'client'],
  searchHint: 'start create launch claude agent worker teammate',
  handler: (input, context) => spawnOne('claude', input, context),
})

export const spawnCodex = defineTool({
  ...common,
  name: 'spawn_codex',
  aliases: ['spawn_codex_instance'],
  title: 'Spawn a Codex agent',
  description: 'Starts a Codex session as your agent, a real process that costs money. Otherwise as spawn_claude.',
  input: z.strictObject({ ...spawnFields, ...codexFields }),
  listedFor: ['supervisor', 'client'],
  searchHint: 'start create launch codex openai agent worker teammate',
  handler: (input, context) => spawnOne('codex', input, context),
})

export const spawnAgent = defineTool({
  ...common,
  name: 'spawn_agent',
  title: 'Spawn an agent of any harness',
  description: 'Starts an agent of the named harness: claude, claude-stream (Claude Code by structured messages), codex, codex-pty (Codex by its interactive program), or scripted (built in, no model, no cost: for rehearsals). Otherwise as spawn_claude.',
  input: z.strictObject({ harness: z.string().min(1), ...spawnFields, ...anyFields }),
  listedFor: ['client'],
  searchHint: 'start create launch any harness scripted rehearsal agent',
  handler: ({ harness, ...input }, context) => spawnOne(harness, input, context),
})

const batchItem = z.strictObject({ instance_type: z.string().min(1).default('claude').describe('claude | claude-stream | codex | codex-pty | scripted'), ...spawnFields, ...anyFields })

export const spawnMultiple = defineTool({
  name: 'spawn_multiple_instances',
  title: 'Spawn several agents at once',
  description: 'Starts several agents in parallel, all under one supervisor. Each item takes the parameters of spawn_claude, plus instance_type. Some may fail while others come up: see errors.',
  // The items are described in words: their schema alone would cost every listing a thousand tokens again. The handler parses them in full.
  input: z.strictObject({
    instances: z.array(z.looseObject({ name: z.string(), instance_type: z.string().optional(), role: z.string().optional(), initial_prompt: z.string().optional() })).min(1).max(50),
    parent_instance_id: reference.optional().describe('Supervisor of all; none: you'),
  }),
  output: answer({ spawned: z.array(spawnedItem), errors: z.array(z.looseObject({ index: z.number().describe('Place in instances, from 0'), name: z.string().nullable(), ...refusalFields })) }),
  annotations: acting,
  topic: 'spawn',
  listedFor: ['supervisor', 'client'],
  spawns: true,
  searchHint: 'start create launch team batch parallel several agents',
  handler: async ({ instances, parent_instance_id }, context) => {
    // Of a caller without a session, the agent of this name stands under its owner, whoever supervises the others.
    const isRoot = (item: { readonly name: string }): boolean => context.caller.kind === 'owner' && parent_instance_id === undefined && item.name === rootName
    // Once for all; not at all where each item has its own.
    const parent = parent_instance_id === undefined && instances.every(item => item['parent_instance_id'] !== undefined || isRoot(item)) ? undefined : context.system.resolveParent(context.caller, parent_instance_id)
    const settled = await Promise.allSettled(instances.map((item, index) => spawnItem(item, index, isRoot(item) ? undefined : parent, context)))
    const spawned = settled.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    const errors = settled.flatMap((result, index) => {
      if (result.status === 'fulfilled') return []
      const { code, message, remedy } = toWireError(result.reason)
      return [{ index, name: instances[index]?.name ?? null, code, message, ...(remedy ? { remedy } : {}) }]
    })
    const replies = settled.flatMap(result => (result.status === 'fulfilled' ? (result.value.replies ?? []) : result.reason instanceof RefusalWithReplies ? result.reason.replies : []))
    return { data: { spawned: spawned.map(result => result.data), errors }, replies }
  },
})

async function spawnItem(item: unknown, index: number, parent: ParentFound | undefined, context: ToolContext): Promise<ToolResult> {
  const parsed = batchItem.safeParse(item)
  if (!parsed.success) throw new MadroxError('invalid_input', `instances[${index}] does not fit: ${parsed.error.issues.map(issue => `${issue.path.join('.') || 'item'}: ${issue.message}`).join('; ')}.`, { remedy: `${parametersMeant(batchItem, parsed.error)}Correct it and spawn it again; the others were not touched.` })
  const { instance_type: harness, ...input } = parsed.data
  return spawnOne(harness, input, { ...context, ...(context.callKey === undefined ? {} : { callKey: `${context.callKey}#${index}` }) }, parent)
}

/** One agent, with its first message where there is one: all spawns come down to this. */
export async function spawnOne(harness: string, given: z.input<typeof spawnInput>, context: ToolContext, parent?: ParentFound): Promise<ToolResult> {
  const input = spawnInput.parse(given)
  const { system, caller, signal } = context
  const { progress, person } = context
  const { agentId } = await system.spawn(caller, toRequest(harness, input, context.callKey, input.parent_instance_id ?? parent), { signal, progress, ...(person ? { person } : {}) })
  // What a person takes to say yes is not the agent's time.
  const deadlineAt = context.now() + input.timeout_seconds * 1000
  const sent = input.initial_prompt === undefined ? undefined : sendFirst(agentId, context, { text: input.initial_prompt, expectsReply: input.expects_reply, ...(context.callKey ? { callKey: `${context.callKey} initial` } : {}) })
  const left = (): number => Math.max(0, deadlineAt - context.now())
  if (input.wait_for_ready || (input.wait_for_response && sent)) {
    context.progress(`${input.name} is starting`)
    await system.waitUntilReady(agentId, { signal, timeoutMs: left() }).catch((error: unknown) => refuseWhole(error, sent, context))
  }
  const waits = input.wait_for_response && input.expects_reply && sent
  if (waits) context.progress(`"${input.name}" is at its first task, ${sent.messageId}`)
  const answer = waits ? await system.waitForAny(caller, [sent.messageId], { signal, timeoutMs: left() }) : sent
  // Its first turn may have shown that its CLI will never work.
  const failure = answer?.status === 'failed' || answer?.status === 'agent_gone' ? orRelease(context, answer, () => system.spawnFailure(agentId)) : undefined
  if (failure) throw new RefusalWithReplies(failure, answer?.replies ?? [])
  return orRelease(context, answer, () => toSpawned(agentId, answer, input.expects_reply, context))
}

/** An agent that could not be started may have ended by now: that is what its spawner hears, not that a message came too late. */
function sendFirst(agentId: AgentId, { system, caller }: ToolContext, request: Omit<SendRequest, 'to'>): SendReport {
  try {
    return system.send(caller, { ...request, to: agentId })
  } catch (error) {
    throw system.spawnFailure(agentId) ?? error
  }
}

/** Of an agent that did not start: what became of its first message is told by the refusal, and not once more by the inbox. */
async function refuseWhole(error: unknown, sent: SendReport | undefined, { system, caller, signal }: ToolContext): Promise<never> {
  if (!(error instanceof MadroxError) || sent === undefined) throw error
  const { replies } = await system.waitForAny(caller, [sent.messageId], { signal, timeoutMs: 0 })
  throw new RefusalWithReplies(error, replies)
}

/** What the answer holds goes back to the inbox where the rest of it cannot be told. */
function orRelease<T>({ system }: ToolContext, answer: SendReport | undefined, tell: () => T): T {
  try {
    return tell()
  } catch (error) {
    system.releaseReplies(answer?.replies ?? [])
    throw error
  }
}

function toRequest(harness: string, input: SpawnInput, callKey: string | undefined, parent: string | ParentFound | undefined): SpawnRequest {
  return {
    harness, name: input.name, role: input.role, workspace: input.workspace, inheritMcp: input.inherit_mcp, mcpServers: input.mcp_servers,
    restart: input.restart,
    ...(input.supervision ? { supervision: { strategy: input.supervision.strategy, maxRestarts: input.supervision.max_restarts, withinMs: input.supervision.within_seconds * 1000 } } : {}),
    limits: toLimits(input),
    confinement: {
      bypass: input.bypass_isolation,
      ...(input.permission_mode ? { permissionMode: input.permission_mode } : {}),
      ...(input.sandbox_mode ? { sandboxMode: input.sandbox_mode } : {}),
      ...(input.allowed_tools ? { allowedTools: input.allowed_tools } : {}),
    },
    ...(parent ? { parent } : {}), ...(input.system_prompt === undefined ? {} : { systemPrompt: input.system_prompt }), ...(input.model ? { model: input.model } : {}),
    ...(input.profile ? { profile: input.profile } : {}), ...(input.toolset ? { toolset: input.toolset } : {}), ...(input.script === undefined ? {} : { script: input.script }), ...(input.initial_prompt === undefined ? {} : { firstMessage: input.initial_prompt }), ...(callKey ? { callKey } : {}),
  }
}

function toSpawned(agentId: AgentId, answer: SendReport | undefined, expectsReply: boolean, { system, caller }: ToolContext): ToolResult {
  const status = system.status(caller, agentId)
  const { workspace } = status
  const bringBack = bringBackHint(workspace)
  const inspectorUrl = system.inspectorUrl(agentId)
  return {
    data: {
      instance_id: agentId, name: status.name, instance_type: status.harness, role: status.role, model: status.model ?? null, state: status.state,
      parent_instance_id: status.parent?.kind === 'agent' ? status.parent.id : null, parent_source: status.parentSource,
      workspace: workspace.path, workspace_kind: workspace.kind, ...(workspace.branch ? { branch: workspace.branch } : {}), ...(bringBack ? { bring_back: bringBack } : {}), ...(inspectorUrl ? { inspector_url: inspectorUrl } : {}), ...(status.warnings ? { warnings: status.warnings } : {}),
      ...(answer ? toSent(answer, caller, expectsReply) : {}),
    },
    replies: answer?.replies ?? [],
  }
}
