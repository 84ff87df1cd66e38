/** Policies and approvals as SQLite holds them, to the port's records and back. */

import { z } from 'zod'
import { asAgentId, asClientId, asOwnerId } from '../ids.ts'
import type { ApprovalRow, PolicyRow, Settlement } from './policy-store.ts'
import { compact, fromJson, jsonOrNull, optional, orNull, toJson, type Values, words } from './rows.ts'

export const policyRow = z
  .object({ scope: z.string(), key: z.string(), value: fromJson, set_by: z.string(), reason: optional(words), at: z.number() })
  .transform(({ set_by: setBy, ...row }): PolicyRow => compact({ ...row, setBy }))

export const policyValues = ({ scope, key, value, setBy, reason, at }: PolicyRow): Values => ({ scope, key, value: toJson(value), set_by: setBy, reason: jsonOrNull(reason), at })

export const approvalRow = z
  .object({
    id: z.string(), kind: z.enum(['spawn', 'permission']), owner_id: z.string().transform(asOwnerId), client_id: z.string().transform(asClientId), agent_id: optional(z.string().transform(asAgentId)),
    request: fromJson, asked_at: z.number(), expires_at: z.number(),
    decision: optional(z.enum(['allow', 'deny', 'gone'])), decided_by: optional(z.string()), decided_why: optional(words), decided_at: optional(z.number()),
  })
  .transform((row): ApprovalRow => compact({
    id: row.id, kind: row.kind, ownerId: row.owner_id, clientId: row.client_id, agentId: row.agent_id, request: row.request, askedAt: row.asked_at, expiresAt: row.expires_at,
    settled: row.decision && compact<Settlement>({ decision: row.decision, by: row.decided_by ?? '', reason: row.decided_why, at: row.decided_at ?? 0 }),
  }))

export const approvalValues = (row: ApprovalRow): Values => ({
  id: row.id, kind: row.kind, owner_id: row.ownerId, client_id: row.clientId, agent_id: orNull(row.agentId), request: toJson(row.request), asked_at: row.askedAt, expires_at: row.expiresAt,
})

export const settlementValues = ({ decision, by, reason, at }: Settlement): Values => ({ decision, decided_by: by, decided_why: jsonOrNull(reason), decided_at: at })
