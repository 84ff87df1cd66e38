/**
 * The store port: the one truth about agents, messages, outcomes and replies. Calls are synchronous on purpose: a fact is on
 * record before the statement after it runs, so nobody can be told "accepted" of something a crash would forget.
 *
 * It records and answers questions; it decides nothing. Every write either happens whole or throws `MadroxError`: `unavailable`
 * where the store cannot (disk, lock, damage, closed), `internal` where the caller contradicts the record (an id used twice, an
 * update of what was never inserted, a message, usage or output of an agent without a row).
 * Contract: `test/contracts/store.ts`, run against every implementation.
 */

import type { AgentId, ClientId, MessageId, OwnerId, ReplyId } from '../ids.ts'
import type { Reached } from '../limits.ts'
import type { Address, DeadLetter, Message, Outcome, Reply } from '../messages.ts'
import type { Measuring } from './measuring.ts'
import type { JobStore } from './job-store.ts'
import type { PolicyStore } from './policy-store.ts'

export interface AgentRow {
  readonly id: AgentId
  readonly name: string
  readonly harness: string
  readonly role: string
  readonly parent: Address
  /** The client at the top of its line of supervisors. */
  readonly clientId: ClientId
  readonly ownerId: OwnerId
  /** The whole spawn specification, as parsed; plain data. */
  readonly spec: unknown
  readonly workspace: { readonly kind: string; readonly path: string; readonly branch?: string; readonly repository?: string }
  /** How its supervisor was found, and by what evidence. */
  readonly parentSource: string
  readonly createdAt: number
  readonly sessionId?: string
  readonly pid?: number
  /** The last state told, for lists and for recovery. */
  readonly state: string
  readonly endedAt?: number
  readonly endReason?: string
  /** Interrupted on purpose: by whom and when. */
  readonly hold?: { readonly by: Address; readonly at: number }
  /** Held at these limits of its own, which its supervisor was told. */
  readonly atLimit?: readonly Reached[]
}
/** A key that is present and undefined clears what it names. */
export type AgentPatch = Partial<Pick<AgentRow, 'sessionId' | 'pid' | 'state' | 'endedAt' | 'endReason' | 'hold' | 'atLimit' | 'name' | 'spec' | 'parent' | 'parentSource'>>

export interface ClientRow {
  readonly id: ClientId
  readonly ownerId: OwnerId
  /** What the client calls itself (`claude-code`). */
  readonly name: string
  /** Its MCP root or working directory: together with owner and name, how a returning session is recognised. */
  readonly root?: string
  readonly connectedAt: number
  readonly disconnectedAt?: number
  /** The client that took over from it: its replies go there, and it is nobody's any more. */
  readonly successor?: ClientId
}

export interface MessageRow extends Message {
  /** Given to the driver of its agent: from here on only the session knows how far it came. */
  readonly handedAt?: number
  /** The latest delivery. */
  readonly deliveredAt?: number
  /** The first time; a redelivery leaves it. */
  readonly seenAt?: number
  /** How often it was handed to a CLI. */
  readonly deliveries: number
  /** Its latest turn ended and left it open: what it waits for is out. Absent: never worked on, or a turn works on it. */
  readonly rested?: Rest
  readonly outcome?: Outcome
}

/** Without what became of it. */
export function toMessage({ handedAt: _, deliveredAt: __, seenAt: ___, deliveries: ____, rested: _____, outcome: ______, ...message }: MessageRow): Message {
  return message
}

export interface Rest {
  readonly at: number
  /** That turn's last words: the answer, should nothing better come. */
  readonly lastText?: string
}

export interface UsageRow {
  readonly agentId: AgentId
  /** The API's own id of the call: a second report of it replaces nothing and counts nothing. */
  readonly unitId: string
  readonly model: string
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cacheReadTokens: number
  readonly cacheCreationTokens: number
  /** USD, where the CLI has told what it cost. */
  readonly costUsd?: number
  readonly at: number
}
export type UsageTotals = Pick<UsageRow, 'inputTokens' | 'outputTokens' | 'cacheReadTokens' | 'cacheCreationTokens'>

/** Of the calls of one model whose prompts are of one range of sizes. */
export interface ModelUsage extends UsageTotals {
  readonly model: string
  /** The largest of the sizes asked for that each of these prompts exceeds; 0: none. */
  readonly promptOver: number
  /** USD; there where the CLI has told what each of these calls cost. */
  readonly costUsd?: number
}

export interface OutputRow {
  readonly agentId: AgentId
  readonly at: number
  readonly kind: 'message' | 'text' | 'tool_call' | 'tool_result' | 'reply'
  readonly content: string
}

export interface AuditRow {
  readonly at: number
  readonly event: string
  readonly agentId?: AgentId
  /** Whom it concerns; that of the agent, where there is one. Without either it concerns everybody. */
  readonly ownerId?: OwnerId
  readonly data: Readonly<Record<string, unknown>>
}

/** A span of time, both ends included. */
export interface Span {
  readonly since?: number
  readonly until?: number
}

export interface AuditQuery extends Span {
  readonly limit: number
  readonly event?: string
  /** About these only. */
  readonly agents?: readonly AgentId[]
  /** What concerns this owner, or everybody. */
  readonly ownerId?: OwnerId
}

/** Something that was said, when it was. The outcome of a message stands apart from it, at its own time. */
export type Said =
  | { readonly kind: 'message'; readonly at: number; readonly message: Message }
  | { readonly kind: 'outcome'; readonly at: number; readonly message: Message; readonly outcome: Outcome }
  | { readonly kind: 'reply'; readonly at: number; readonly reply: Reply }

/** In order of time, the newest `limit` of all; each list holds the newest of its kind, in order. */
export function toSaid(found: { readonly sent: readonly MessageRow[]; readonly settled: readonly MessageRow[]; readonly replied: readonly Reply[] }, limit: number): readonly Said[] {
  const all: readonly Said[] = [
    ...found.sent.map((row): Said => ({ kind: 'message', at: row.acceptedAt, message: toMessage(row) })),
    ...found.settled.flatMap((row): Said[] => (row.outcome ? [{ kind: 'outcome', at: row.outcome.at, message: toMessage(row), outcome: row.outcome }] : [])),
    ...found.replied.map((reply): Said => ({ kind: 'reply', at: reply.at, reply })),
  ]
  return limit > 0 ? all.toSorted((a, b) => a.at - b.at).slice(-limit) : []
}

export interface Store extends Measuring, PolicyStore, JobStore {
  /** Runs `work` in one transaction; a throw rolls everything back. Nested calls join the outer one: a throw
   *  that the outer call catches undoes the nested call alone. `work` is synchronous; nothing is awaited in a transaction. */
  transaction<T>(work: () => T): T

  insertAgent(row: AgentRow): void
  updateAgent(id: AgentId, patch: AgentPatch): void
  getAgent(id: AgentId): AgentRow | undefined
  /** In order of creation. */
  listAgents(): readonly AgentRow[]

  /** Inserts, or replaces the row of the same id. */
  saveClient(row: ClientRow): void
  getClient(id: ClientId): ClientRow | undefined
  listClients(): readonly ClientRow[]

  insertMessage(message: Message): void
  getMessage(id: MessageId): MessageRow | undefined
  markHanded(id: MessageId, at: number): void
  /** Counts a delivery too. */
  markDelivered(id: MessageId, at: number): void
  /** A turn works on it: it rests no more. */
  markSeen(id: MessageId, at: number): void
  /** Its latest turn ended and left it open; undefined: another turn works on it. */
  markRested(id: MessageId, rest: Rest | undefined): void
  /** Records the outcome if there is none yet. False: one was recorded before, and it stands. */
  settleMessage(id: MessageId, outcome: Outcome): boolean
  /** Messages without outcome, oldest first; of one agent, or of all. */
  listOpenMessages(to?: AgentId): readonly MessageRow[]
  /** How many messages an agent was given, and how many of them its turns have brought to an end or to a rest. */
  countMessages(to: AgentId): { readonly accepted: number; readonly worked: number }
  /** Messages sent in the course of `subject`, oldest first. */
  listCausedBy(subject: MessageId): readonly MessageRow[]

  addReply(reply: Reply): void
  /** Replies not handed out yet, oldest first. */
  listReplies(to: Address): readonly Reply[]
  countReplies(to: Address): number
  /** Handed out for good. Unknown and repeated ids are ignored. */
  consumeReplies(ids: readonly ReplyId[], at: number): void
  /** Gives the unread replies of one address to another, without their subject, which was the first one's own; returns how many. */
  redirectReplies(from: Address, to: Address): number
  /** Nobody left to hear it: kept, and listed; taken out of the inbox it may have been in. */
  addDeadReply(reply: Reply, reason: string, at: number): void
  /** Its agent will not answer it any more. A message with an outcome; a second time changes nothing. */
  addDeadMessage(id: MessageId, at: number): void
  /** It was answered after all. */
  dropDeadMessage(id: MessageId): void
  getDeadLetter(id: MessageId | ReplyId): DeadLetter | undefined
  /** Those that died at or after `since`, in the order they died; those that were sent again only when asked for. */
  listDeadLetters(options?: { readonly since?: number; readonly resent?: boolean }): readonly DeadLetter[]
  /** Once: a letter that was sent again before, or is none, is refused as `internal`. */
  markResent(id: MessageId | ReplyId, as: MessageId | ReplyId, at: number): void

  /** The first result recorded under a caller's key, as plain data. */
  findCall(caller: string, key: string): unknown
  /** Records the result of a call; the first one stands. `agentId`: whom it brought up or wrote to; it is kept while that agent is. */
  recordCall(caller: string, key: string, result: unknown, at: number, agentId?: AgentId): void

  /** False: this unit was counted before. */
  addUsage(row: UsageRow): boolean
  /** What a counted unit cost by the CLI's own word, USD. False: it was told before, and that stands, or the unit is unknown. */
  tellCost(agentId: AgentId, unitId: string, costUsd: number): boolean
  /** Of all its calls, or of those reported in a span of time, both ends included. */
  usageTotals(agentId: AgentId, span?: { readonly since: number; readonly until: number }): UsageTotals
  /** By model; apart for calls whose prompt (input, cache reads and cache creation) is larger than each of `promptSizes`, for those cost more, and, last, for those whose cost was told. */
  usageByModel(agentId: AgentId, promptSizes: readonly number[]): readonly ModelUsage[]

  /** A turn began. It is unfinished until it completes, and stays so when it never does; told twice, it is one turn. */
  beginTurn(agentId: AgentId, turnId: string): void
  /** It completed; without an id: the latest unfinished one did. */
  completeTurn(agentId: AgentId, turnId: string | undefined): void
  countUnfinishedTurns(agentId: AgentId): number

  appendOutput(row: OutputRow): void
  /** The newest `limit` at or after `since`, oldest first; equal times in order of arrival. */
  listOutput(agentId: AgentId, options: { readonly limit: number; readonly since?: number }): readonly OutputRow[]

  appendAudit(row: AuditRow): void
  /** The newest `limit` that fit, oldest first; equal times in order of arrival. */
  listAudit(query: AuditQuery): readonly AuditRow[]
  /** The newest `limit` of what was said to and by an agent, oldest first: messages, outcomes, and replies that are no outcomes. */
  listSaid(agentId: AgentId, options: Span & { readonly limit: number }): readonly Said[]

  /**
   * Forgets what only grows: of agents that ended before then, their output, the replies of theirs that were consumed before then, and
   * the calls of before then that were about them or about nobody; audit rows of before then, and approvals settled before then.
   * Returns how many rows went.
   * Agents, messages with their outcomes, jobs, usage, unread replies and dead letters are kept.
   */
  prune(before: number): number

  close(): void
}

export type { BusySpan, Measuring } from './measuring.ts'
