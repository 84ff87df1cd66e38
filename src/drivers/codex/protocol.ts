/**
 * The part of the app-server's protocol this driver reads, measured on codex-cli 0.169.0 (`codex app-server generate-ts`).
 * Everything is parsed here and trusted afterwards; methods, items and fields it does not know are let through unread,
 * because the CLI adds some with every release.
 */

import { z } from 'zod'

/** Of the CLI the protocol was measured on. */
export const verifiedVersion = '0.169.0'

/** `codexErrorInfo`: a word, or an object of one key. */
const turnError = z.object({ message: z.string(), additionalDetails: z.string().nullish(), codexErrorInfo: z.unknown() })
export type TurnError = z.infer<typeof turnError>
const turnSchema = z.object({
  id: z.string(),
  status: z.string().optional(),
  error: turnError.nullish(),
})

const tokens = z.object({
  totalTokens: z.number(),
  inputTokens: z.number(),
  cachedInputTokens: z.number(),
  cacheWriteInputTokens: z.number().default(0),
  outputTokens: z.number(),
})
export type TokenBreakdown = z.infer<typeof tokens>

/** An item of whatever type; `items.ts` reads the types it knows. */
const anyItem = z.looseObject({ type: z.string(), id: z.string() })
export type ThreadItem = z.infer<typeof anyItem>

const inThread = { threadId: z.string() }
export const notificationSchema = z.discriminatedUnion('method', [
  z.object({ method: z.literal('turn/started'), params: z.object({ ...inThread, turn: turnSchema }) }),
  z.object({ method: z.literal('turn/completed'), params: z.object({ ...inThread, turn: turnSchema }) }),
  z.object({ method: z.literal('item/started'), params: z.object({ ...inThread, turnId: z.string(), item: anyItem }) }),
  z.object({ method: z.literal('item/completed'), params: z.object({ ...inThread, turnId: z.string(), item: anyItem }) }),
  z.object({ method: z.literal('thread/tokenUsage/updated'), params: z.object({ ...inThread, turnId: z.string(), tokenUsage: z.object({ total: tokens, last: tokens }) }) }),
  z.object({ method: z.literal('serverRequest/resolved'), params: z.object({ ...inThread, requestId: z.union([z.string(), z.number()]) }) }),
  z.object({ method: z.literal('model/rerouted'), params: z.object({ ...inThread, toModel: z.string() }) }),
  z.object({ method: z.literal('thread/closed'), params: z.object(inThread) }),
  z.object({ method: z.literal('error'), params: z.object({ ...inThread, willRetry: z.boolean(), error: z.object({ message: z.string() }) }) }),
])
export type ThreadNotification = z.infer<typeof notificationSchema>
export const knownNotifications: ReadonlySet<string> = new Set(notificationSchema.options.map(({ shape }) => shape.method.value))

export const knownItemSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('commandExecution'), id: z.string(), command: z.string(), status: z.string(), aggregatedOutput: z.string().nullish(), exitCode: z.number().nullish() }),
  z.object({ type: z.literal('userMessage'), id: z.string(), clientId: z.string().nullish(), content: z.array(z.looseObject({ type: z.string(), text: z.string().optional() })) }),
  z.object({ type: z.literal('agentMessage'), id: z.string(), text: z.string() }),
  z.object({
    type: z.literal('mcpToolCall'),
    id: z.string(),
    server: z.string(),
    tool: z.string(),
    arguments: z.unknown(),
    result: z.object({ content: z.array(z.unknown()), structuredContent: z.unknown() }).nullish(),
    error: z.object({ message: z.string() }).nullish(),
  }),
  z.object({ type: z.literal('fileChange'), id: z.string(), status: z.string(), changes: z.array(z.object({ path: z.string(), diff: z.string().default(''), kind: z.object({ move_path: z.string().nullish() }).optional().catch(undefined) })) }),
  z.object({ type: z.literal('webSearch'), id: z.string(), query: z.string().nullish() }),
])
export type KnownItem = z.infer<typeof knownItemSchema>

const asked = { threadId: z.string() }
/** What the server asks of a client and a person can decide. Everything else it asks is refused by method. */
export const approvalRequestSchema = z.discriminatedUnion('method', [
  z.object({ method: z.literal('item/commandExecution/requestApproval'), params: z.object({ ...asked, itemId: z.string(), command: z.string().nullish(), cwd: z.string().nullish(), reason: z.string().nullish(), networkApprovalContext: z.unknown().optional() }) }),
  z.object({ method: z.literal('item/fileChange/requestApproval'), params: z.object({ ...asked, itemId: z.string(), reason: z.string().nullish(), grantRoot: z.string().nullish() }) }),
  z.object({ method: z.literal('item/permissions/requestApproval'), params: z.object({ ...asked, itemId: z.string(), reason: z.string().nullish(), permissions: z.record(z.string(), z.unknown()) }) }),
  z.object({ method: z.literal('item/tool/requestUserInput'), params: z.object({ ...asked, itemId: z.string(), questions: z.array(z.object({ id: z.string(), question: z.string() })) }) }),
  z.object({ method: z.literal('mcpServer/elicitation/request'), params: z.object({ ...asked, serverName: z.string(), message: z.string().optional(), title: z.string().optional(), _meta: z.looseObject({ codex_approval_kind: z.string().optional() }).nullish().catch(undefined) }) }),
])
export type ApprovalRequest = z.infer<typeof approvalRequestSchema>

export const initializeResult = z.looseObject({ userAgent: z.string(), codexHome: z.string() })
export const accountResult = z.object({ account: z.unknown(), requiresOpenaiAuth: z.boolean() })
export const modelProviders = z.record(z.string(), z.looseObject({ requires_openai_auth: z.boolean().nullish() }))
export const projects = z.record(z.string(), z.looseObject({ trust_level: z.string().nullish() }))
export const configResult = z.object({ config: z.object({ mcp_servers: z.record(z.string(), z.unknown()).nullish(), model_providers: modelProviders.nullish(), projects: projects.nullish() }) })
/** `path`: the thread's rollout file. */
export const threadResult = z.object({ thread: z.object({ id: z.string(), path: z.string().nullish() }), model: z.string() })
export const turnsResult = z.object({ data: z.array(turnSchema.extend({ items: z.array(anyItem) })), nextCursor: z.string().nullish() })
export type TurnsPage = z.infer<typeof turnsResult>
export type RecordedTurn = TurnsPage['data'][number]
export const terminalsResult = z.object({ data: z.array(z.object({ itemId: z.string(), processId: z.string() })) })
export const anyResult = z.unknown()
