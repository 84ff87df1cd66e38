/** Pieces that tools share: references, timeouts, the shape of a spawn. Descriptions are written for models and kept short: every
 * token of a schema is paid for in every session that lists it. */

import { z } from 'zod'
import { type AgentLimits, type AgentStatus, serverAskedSchema } from '../actors/system.ts'
import { defaultSupervision, restartPolicies, restartStrategies } from '../restarts.ts'

export const reference = z.string().min(1).max(200)
export const instanceId = reference.describe('Id, unique id prefix (6+) or unique name')

/** Checked here and not by a pattern in the schema, which would cost 170 tokens. */
export const isoTime = z.string().refine(text => z.iso.datetime({ offset: true }).safeParse(text).success, 'is not an ISO 8601 time with a zone').meta({ format: 'date-time' })

export const timeoutSeconds = z.number().positive().max(86_400).default(180)

const serverName = z.string().regex(/^[A-Za-z0-9_-]+$/, 'only letters, digits, hyphens and underscores')
const mcpServer = z.preprocess(value => {
  // The common form of MCP client configurations leaves the type to be seen from its fields.
  if (typeof value !== 'object' || value === null || 'type' in value) return value
  return { ...value, type: 'preset' in value ? 'preset' : 'url' in value ? 'http' : 'stdio' }
}, serverAskedSchema)
const mcpServerRecord = z.record(serverName, mcpServer)

/** Names of presets, or definitions by name. Checked here and not in the schema, where the definitions would cost hundreds of tokens in every listing. */
const mcpServers = z.union([z.array(z.string()), z.record(z.string(), z.unknown())]).transform((given, context) => {
  const parsed = mcpServerRecord.safeParse(Array.isArray(given) ? Object.fromEntries(given.map(name => [name, { preset: name }])) : given)
  if (parsed.success) return parsed.data
  for (const { path, message } of parsed.error.issues) context.addIssue({ code: 'custom', path, message })
  return z.NEVER
})

export const spawnFields = {
  name: z.string().trim().min(1).max(80).regex(/^[^\p{C}\p{Zl}\p{Zp}"\\]+$/u, 'no control characters, quotes or backslashes'),
  role: z.string().max(80).default('general').describe('e.g. architect'),
  system_prompt: z.string().max(200_000).optional().describe("Replaces the role's prompt"),
  model: z.string().min(1).max(200).refine(text => !/\p{Cc}/u.test(text), 'no control characters').optional().describe("Any model id, tried by the first task; none: the CLI's default"),
  parent_instance_id: reference.optional().describe('Supervisor; none: you'),
  wait_for_ready: z.boolean().default(true),
  initial_prompt: z.string().min(1).optional().describe('First task'),
  wait_for_response: z.boolean().default(false).describe('for its answer'),
  timeout_seconds: timeoutSeconds,
  expects_reply: z.boolean().default(true),
  workspace: z.string().max(4_096).default('auto').describe('auto | isolated | shared | worktree | absolute path. auto: a git worktree if you stand in a repository, else an empty directory'),
  bypass_isolation: z.boolean().default(false).describe('Let it act outside its workspace'),
  permission_mode: z.enum(['acceptEdits', 'bypassPermissions', 'default', 'dontAsk', 'manual', 'plan', 'on-request', 'untrusted']).optional(),
  allowed_tools: z.array(z.string().min(1)).max(100).optional(),
  mcp_servers: mcpServers.prefault([]).describe('Presets (e.g. ["filesystem"]) or {name: {command, args, env} | {url, headers} | {preset, args, env}}'),
  inherit_mcp: z.boolean().default(false).describe("Also the user's own MCP servers"),
  // `int()` would list the largest whole number with it.
  max_total_tokens: z.number().positive().refine(Number.isSafeInteger, 'is no whole number').optional(),
  max_cost: z.number().positive().optional().describe('USD'),
  // Ten years; what lies beyond what a date can be could not be told. Listed, it would cost its tokens.
  timeout_minutes: z.number().positive().refine(minutes => minutes <= 5_256_000, 'is more than ten years').optional().describe('Then it is ended'),
  toolset: z.enum(['leaf', 'supervisor']).optional().describe('leaf: needs no agents of its own'),
  restart: z.enum(restartPolicies).default('transient'),
  /** Known to users of the original; every agent has Madrox. */
  enable_madrox: z.boolean().optional().describe('Ignored'),
} as const

export const codexFields = {
  // Without a default: bypass_isolation and a supervisor that may only read decide first.
  sandbox_mode: z.enum(['read-only', 'workspace-write', 'danger-full-access']).optional().describe('none: workspace-write'),
  profile: z.string().min(1).max(200).optional().describe('Codex configuration profile'),
} as const

/** What can be put on record: a program that embeds Madrox may give a circle, or what JSON has no word for. */
function isPlain(value: unknown): boolean {
  try {
    return value === undefined || JSON.stringify(value) !== undefined
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return false
    throw error
  }
}

export const anyFields = {
  ...codexFields,
  script: z.unknown().refine(isPlain, 'is no plain data').optional().describe('Rules of a scripted agent'),
  supervision: z
    .strictObject({ strategy: z.enum(restartStrategies).default(defaultSupervision.strategy), max_restarts: z.number().int().min(0).max(100).default(defaultSupervision.maxRestarts), within_seconds: z.number().positive().max(86_400).default(defaultSupervision.withinMs / 1000) })
    .optional()
    .describe('How it restarts its own agents that die'),
} as const

/** What every spawn comes down to, whichever tool asked. */
export const spawnInput = z.strictObject({ ...spawnFields, ...anyFields })
export type SpawnInput = z.output<typeof spawnInput>

/** As a caller gives them. */
export const toLimits = ({ max_total_tokens: maxTotalTokens, max_cost: maxCost, timeout_minutes: timeoutMinutes }: Partial<Pick<SpawnInput, 'max_total_tokens' | 'max_cost' | 'timeout_minutes'>>): AgentLimits => ({
  ...(maxTotalTokens === undefined ? {} : { maxTotalTokens }), ...(maxCost === undefined ? {} : { maxCost }), ...(timeoutMinutes === undefined ? {} : { timeoutMinutes }),
})

/** Tokens as callers know them. */
export const toUsage = (usage: AgentStatus['usage']): Record<string, number> => ({
  input_tokens: usage.inputTokens, output_tokens: usage.outputTokens, cache_creation_tokens: usage.cacheCreationTokens, cache_read_tokens: usage.cacheReadTokens,
})

export const readOnly = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false } as const
export const acting = { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true } as const
export const ending = { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false } as const
