/** The part of the store port that holds policies, and what people and supervisors were asked to allow. Records; decides nothing. */

import type { AgentId, ClientId, OwnerId } from '../ids.ts'

/** One key of one policy. */
export interface PolicyRow {
  /** Whom it binds: `owner:<id>`, or `agent:<id>`, which is that agent and all below it. */
  readonly scope: string
  readonly key: string
  /** Plain data. */
  readonly value: unknown
  /** The caller's name in records: `agent:…`, `client:…`, `owner:…`. */
  readonly setBy: string
  /** In the words of who set it. */
  readonly reason?: string
  readonly at: number
}

/** Something that waits, or waited, for somebody's yes. */
export interface ApprovalRow {
  readonly id: string
  /** `spawn`: an agent that is to be; `permission`: a tool that an agent's CLI asks about. */
  readonly kind: 'spawn' | 'permission'
  readonly ownerId: OwnerId
  /** The client whose person is asked. */
  readonly clientId: ClientId
  /** The agent that wants it; absent: a client does. */
  readonly agentId?: AgentId
  /** What is asked, as plain data. */
  readonly request: unknown
  readonly askedAt: number
  /** Without an answer by then it is a no. */
  readonly expiresAt: number
  readonly settled?: Settlement
}

/** `gone`: nobody waits for the answer any more. */
export interface Settlement {
  readonly decision: 'allow' | 'deny' | 'gone'
  /** A caller's name in records, or `madrox` where nobody decided. */
  readonly by: string
  readonly reason?: string
  readonly at: number
}

export interface PolicyStore {
  /** Inserts, or replaces what stood under that scope and key. */
  putPolicy(row: PolicyRow): void
  /** Unknown ones are ignored. */
  removePolicy(scope: string, key: string): void
  /** In the order their scope and key were first set. */
  listPolicies(): readonly PolicyRow[]
  addApproval(row: ApprovalRow): void
  /** Once. False: it was settled before, and that stands. */
  settleApproval(id: string, settlement: Settlement): boolean
  /** Oldest first: those that are open, or the newest `settled` of those that are not. */
  listApprovals(options?: { readonly settled?: number }): readonly ApprovalRow[]
}
