/** Rows as SQLite holds them, to the port's records and back: the one place that knows both the columns and the types. */

import { z } from 'zod'
import { asAgentId, asClientId, asMessageId, asOwnerId, asReplyId } from '../ids.ts'
import { limitNames } from '../limits.ts'
import { outcomeStatuses, type Address, type DeadLetter, type Message, type Outcome, type Reply } from '../messages.ts'
import { type AgentPatch, type AgentRow, type AuditRow, type ClientRow, type MessageRow, type ModelUsage, type OutputRow, type Rest, toMessage, type UsageRow, type UsageTotals } from './store.ts'

/** What may be bound: libsql aborts the process when it is given a boolean, and takes `undefined` for NULL without a word. */
export type Value = string | number | null
export type Values = Readonly<Record<string, Value>>

export const toJson = (value: unknown): string => JSON.stringify(value) ?? 'null' // undefined has no JSON
export const orNull = <T>(value: T | undefined): T | null => value ?? null
export const jsonOrNull = (value: string | undefined): string | null => (value === undefined ? null : toJson(value))

export const fromJson = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    context.addIssue({ code: 'custom', message: error.message })
    return z.NEVER
  }
})
export const words = fromJson.pipe(z.string())
const time = z.number()
export const optional = <Schema extends z.ZodType>(schema: Schema) => schema.nullable().transform(value => value ?? undefined)
const addressKind = z.enum(['agent', 'client'])
const agentId = z.string().transform(asAgentId)
const messageId = z.string().transform(asMessageId)

function toAddress(kind: 'agent' | 'client', id: string): Address {
  return kind === 'agent' ? { kind, id: asAgentId(id) } : { kind, id: asClientId(id) }
}

/** The record without its undefined keys, so that it equals what was put in. */
export function compact<T extends object>(record: T): T {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T // only optional keys can be undefined
}

const hold = z.object({ by: z.object({ kind: addressKind, id: z.string() }).transform(({ kind, id }) => toAddress(kind, id)), at: time })
const reached = z.object({ limit: z.enum(limitNames), detail: z.string(), at: time })
const workspace = z.object({ kind: z.string(), path: z.string(), branch: z.string().optional(), repository: z.string().optional() })

export const agentRow = z
  .object({
    id: agentId, name: words, harness: z.string(), role: words, parent_kind: addressKind, parent_id: z.string(),
    client_id: z.string().transform(asClientId), owner_id: z.string().transform(asOwnerId), spec: fromJson, workspace: fromJson.pipe(workspace),
    parent_source: words, created_at: time, session_id: optional(z.string()), pid: optional(z.number()), state: z.string(),
    ended_at: optional(time), end_reason: optional(words), hold: optional(fromJson.pipe(hold)), at_limit: optional(fromJson.pipe(z.array(reached))),
  })
  .transform((row): AgentRow => compact({
    id: row.id, name: row.name, harness: row.harness, role: row.role, parent: toAddress(row.parent_kind, row.parent_id),
    clientId: row.client_id, ownerId: row.owner_id, spec: row.spec, workspace: row.workspace, parentSource: row.parent_source,
    createdAt: row.created_at, sessionId: row.session_id, pid: row.pid, state: row.state, endedAt: row.ended_at, endReason: row.end_reason, hold: row.hold, atLimit: row.at_limit,
  }))

export const agentValues = (row: AgentRow): Values => ({
  id: row.id, name: toJson(row.name), harness: row.harness, role: toJson(row.role), parent_kind: row.parent.kind, parent_id: row.parent.id,
  client_id: row.clientId, owner_id: row.ownerId, spec: toJson(row.spec), workspace: toJson(row.workspace), parent_source: toJson(row.parentSource),
  created_at: row.createdAt, session_id: orNull(row.sessionId), pid: orNull(row.pid), state: row.state,
  ended_at: orNull(row.endedAt), end_reason: jsonOrNull(row.endReason), hold: dataOrNull(row.hold), at_limit: dataOrNull(row.atLimit),
})

const dataOrNull = (data: object | undefined): Value => (data === undefined ? null : toJson(data))

/** The columns a patch names; a key that is present and undefined clears its column. */
export function agentPatchValues(patch: AgentPatch): Values {
  const columns: Record<Exclude<keyof AgentPatch, 'parent'>, readonly [string, Value]> = {
    sessionId: ['session_id', orNull(patch.sessionId)],
    pid: ['pid', orNull(patch.pid)],
    state: ['state', orNull(patch.state)],
    endedAt: ['ended_at', orNull(patch.endedAt)],
    endReason: ['end_reason', jsonOrNull(patch.endReason)],
    hold: ['hold', dataOrNull(patch.hold)],
    atLimit: ['at_limit', dataOrNull(patch.atLimit)],
    name: ['name', toJson(patch.name)],
    spec: ['spec', toJson(patch.spec)],
    parentSource: ['parent_source', toJson(patch.parentSource)],
  }
  const parent: Values = patch.parent ? { parent_kind: patch.parent.kind, parent_id: patch.parent.id } : {}
  return { ...Object.fromEntries(Object.entries(columns).filter(([key]) => key in patch).map(([, column]) => column)), ...parent }
}

export const clientRow = z
  .object({
    id: z.string().transform(asClientId), owner_id: z.string().transform(asOwnerId), name: words, root: optional(words),
    connected_at: time, disconnected_at: optional(time), successor: optional(z.string().transform(asClientId)),
  })
  .transform((row): ClientRow => compact({
    id: row.id, ownerId: row.owner_id, name: row.name, root: row.root, connectedAt: row.connected_at, disconnectedAt: row.disconnected_at,
    successor: row.successor,
  }))

export const clientValues = (row: ClientRow): Values => ({
  id: row.id, owner_id: row.ownerId, name: toJson(row.name), root: jsonOrNull(row.root), connected_at: row.connectedAt,
  disconnected_at: orNull(row.disconnectedAt), successor: orNull(row.successor),
})

const outcomeColumns = {
  outcome_status: optional(z.enum(outcomeStatuses)), outcome_text: optional(words),
  outcome_via: optional(z.enum(['reply_to_caller', 'turn_end'])), outcome_at: optional(time),
}

function toOutcome(row: z.output<z.ZodObject<typeof outcomeColumns>>): Outcome | undefined {
  if (row.outcome_status === undefined || row.outcome_text === undefined || row.outcome_at === undefined) return undefined
  return compact({ status: row.outcome_status, text: row.outcome_text, via: row.outcome_via, at: row.outcome_at })
}

const messageColumns = z.object({
  id: messageId, to_agent: agentId, from_kind: addressKind, from_id: z.string(), text: words, expects_reply: z.number(),
  caused_by: optional(messageId), accepted_at: time, expires_at: optional(time), handed_at: optional(time), delivered_at: optional(time), seen_at: optional(time),
  deliveries: z.number(), rested_at: optional(time), rested_text: optional(words), ...outcomeColumns,
})

const toMessageRow = (row: z.output<typeof messageColumns>): MessageRow => compact({
  id: row.id, to: row.to_agent, from: toAddress(row.from_kind, row.from_id), text: row.text, expectsReply: row.expects_reply === 1,
  causedBy: row.caused_by, acceptedAt: row.accepted_at, expiresAt: row.expires_at, handedAt: row.handed_at, deliveredAt: row.delivered_at, seenAt: row.seen_at,
  deliveries: row.deliveries, rested: row.rested_at === undefined ? undefined : compact({ at: row.rested_at, lastText: row.rested_text }), outcome: toOutcome(row),
})

export const messageRow = messageColumns.transform(toMessageRow)

export const messageValues = (message: Message): Values => ({
  id: message.id, to_agent: message.to, from_kind: message.from.kind, from_id: message.from.id, text: toJson(message.text),
  expects_reply: message.expectsReply ? 1 : 0, caused_by: orNull(message.causedBy), accepted_at: message.acceptedAt, expires_at: orNull(message.expiresAt),
})

export const restValues = (rest: Rest | undefined): Values => ({ rested_at: orNull(rest?.at), rested_text: jsonOrNull(rest?.lastText) })

export const outcomeValues = (outcome: Outcome): Values => ({
  outcome_status: outcome.status, outcome_text: toJson(outcome.text), outcome_via: orNull(outcome.via), outcome_at: outcome.at,
})

const replyColumns = z.object({
  id: z.string().transform(asReplyId), kind: z.enum(['outcome', 'follow_up', 'notice']), to_kind: addressKind, to_id: z.string(),
  from_agent: agentId, from_name: words, message_id: optional(messageId), subject: optional(messageId),
  status: optional(z.enum(outcomeStatuses)), text: words, at: time, dead_reason: optional(words),
})

const toReply = (row: z.output<typeof replyColumns>): Reply => compact({
  id: row.id, kind: row.kind, to: toAddress(row.to_kind, row.to_id), from: row.from_agent, fromName: row.from_name, messageId: row.message_id,
  subject: row.subject, status: row.status, text: row.text, at: row.at,
})

export const replyRow = replyColumns.transform(toReply)

/** What the table of the dead adds to a reply's or a message's own columns. `seq` is the place among all that died. */
const deathColumns = { dead_seq: z.number(), dead_at: time, resent_as: optional(z.string()), resent_at: optional(time) }
type Death = z.output<z.ZodObject<typeof deathColumns>>
const whenOf = (row: Death, kind: DeadLetter['kind']): Pick<DeadLetter, 'at' | 'resent'> => {
  if (row.resent_as === undefined || row.resent_at === undefined) return { at: row.dead_at }
  return { at: row.dead_at, resent: { as: kind === 'reply' ? asReplyId(row.resent_as) : asMessageId(row.resent_as), at: row.resent_at } }
}

export const deadReplyRow = replyColumns.extend(deathColumns).transform((row): { seq: number; letter: DeadLetter } =>
  ({ seq: row.dead_seq, letter: { kind: 'reply', ...whenOf(row, 'reply'), reason: row.dead_reason ?? '', reply: toReply(row) } }))
export const deadMessageRow = messageColumns.extend(deathColumns).transform((row): { seq: number; letter: DeadLetter } => {
  const message = toMessageRow(row)
  return { seq: row.dead_seq, letter: { kind: 'message', ...whenOf(row, 'message'), reason: message.outcome?.text ?? '', status: message.outcome?.status ?? 'failed', message: toMessage(message) } }
})

export const replyValues = (reply: Reply, deadReason?: string): Values => ({
  id: reply.id, kind: reply.kind, to_kind: reply.to.kind, to_id: reply.to.id, from_agent: reply.from, from_name: toJson(reply.fromName),
  message_id: orNull(reply.messageId), subject: orNull(reply.subject), status: orNull(reply.status), text: toJson(reply.text), at: reply.at,
  dead_reason: jsonOrNull(deadReason),
})

export const callRow = z.object({ result: fromJson }).transform(row => row.result)
export const callValues = (caller: string, key: string, result: unknown, at: number, agentId: string | undefined): Values => ({ caller, key, result: toJson(result), at, agent_id: orNull(agentId) })

export const usageValues = (row: UsageRow): Values => ({
  agent_id: row.agentId, unit_id: row.unitId, model: row.model, input_tokens: row.inputTokens, output_tokens: row.outputTokens,
  cache_read_tokens: row.cacheReadTokens, cache_creation_tokens: row.cacheCreationTokens, at: row.at,
  cost_usd: orNull(row.costUsd),
})

const usageTotals = { input: z.number(), output: z.number(), cache_read: z.number(), cache_creation: z.number() }
const toUsageTotals = (row: z.output<z.ZodObject<typeof usageTotals>>): UsageTotals => ({
  inputTokens: row.input, outputTokens: row.output, cacheReadTokens: row.cache_read, cacheCreationTokens: row.cache_creation,
})

export const usageTotalsRow = z.object(usageTotals).transform(toUsageTotals)
export const modelUsageRow = z
  .object({ model: z.string(), prompt_over: z.number(), cost: z.number().nullable(), ...usageTotals })
  .transform((row): ModelUsage => ({ model: row.model, promptOver: row.prompt_over, ...toUsageTotals(row), ...(row.cost === null ? {} : { costUsd: row.cost }) }))

export const outputRow = z
  .object({ agent_id: agentId, at: time, kind: z.enum(['message', 'text', 'tool_call', 'tool_result', 'reply']), content: words })
  .transform((row): OutputRow => ({ agentId: row.agent_id, at: row.at, kind: row.kind, content: row.content }))
export const outputValues = (row: OutputRow): Values => ({ agent_id: row.agentId, at: row.at, kind: row.kind, content: toJson(row.content) })

export const auditRow = z
  .object({ at: time, event: z.string(), agent_id: optional(agentId), owner_id: optional(z.string().transform(asOwnerId)), data: fromJson.pipe(z.record(z.string(), z.unknown())) })
  .transform((row): AuditRow => compact({ at: row.at, event: row.event, agentId: row.agent_id, ownerId: row.owner_id, data: row.data }))
export const auditValues = (row: AuditRow, ownerId: string | undefined): Values => ({ at: row.at, event: row.event, agent_id: orNull(row.agentId), owner_id: orNull(ownerId), data: toJson(row.data) })
