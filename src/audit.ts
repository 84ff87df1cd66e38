/**
 * What goes into the audit: each event by its name, with what it carries beside its time, its agent and its owner. Ids, names, codes and
 * reasons, and never what a message says. `by` is who asked, as records name callers: `agent:…`, `client:…`, `owner:…`.
 */

import { z } from 'zod'
import type { AgentId, OwnerId } from './ids.ts'
import { atLimitChoices } from './limits.ts'

const by = z.string()
const address = z.object({ kind: z.enum(['agent', 'client']), id: z.string() })

/** `unknown_token` is also that of an agent that ended. `foreign_session`: a session that another principal opened. */
export const loginRefusals = ['no_token', 'unknown_token', 'foreign_host', 'foreign_origin', 'foreign_session'] as const
export type LoginRefusal = (typeof loginRefusals)[number]

export const auditSchemas = {
  /** A session opened. `returning`: it took the place of one that was lost. */
  client_connected: z.object({ client: z.string(), name: z.string(), root: z.string().optional(), returning: z.boolean() }),
  client_disconnected: z.object({ client: z.string(), name: z.string() }),
  /** What waits for it goes to another from now on. */
  client_succeeded: z.object({ client: z.string(), successor: z.string() }),
  agent_spawned: z.object({ name: z.string(), harness: z.string(), role: z.string(), parent: address, source: z.string(), by }),
  /** Every entry into a top-level state, with what told it, and what becomes known of its process and session. */
  agent_changed: z.object({ state: z.string(), source: z.string().optional(), pid: z.number().optional(), session: z.string().optional() }),
  /** Brought back from the record of an earlier server. */
  agent_recovered: z.object({}),
  /** It ended, and lives again; `ended` is why it had. */
  agent_revived: z.object({ parent: address, source: z.string(), ended: z.string() }),
  /** Another name, model or limits from now on. */
  agent_respecified: z.object({ by, called: z.string().optional(), model: z.string().optional(), limits: z.record(z.string(), z.number()).optional() }),
  /** Put away because somebody `asked`, or because it was `idle` for long. */
  suspend_asked: z.object({ by }),
  agent_suspended: z.object({ why: z.enum(['asked', 'idle']) }),
  resume_asked: z.object({ by }),
  /** Busy, and nothing was told of it since; `fact` is what was told then. */
  agent_stuck: z.object({ since: z.number(), tool: z.string().optional() }),
  agent_unstuck: z.object({ fact: z.string() }),
  end_asked: z.object({ by, force: z.boolean() }),
  /** `unasked`: nobody ended it. */
  agent_ended: z.object({ reason: z.string(), unasked: z.boolean() }),
  /** Of the agent it is for. */
  message_sent: z.object({ message: z.string(), by, expects_reply: z.boolean(), caused_by: z.string().optional() }),
  message_settled: z.object({ message: z.string(), status: z.string(), via: z.string().optional() }),
  /** Said after its outcome was recorded. */
  message_followed_up: z.object({ message: z.string() }),
  /** Of the agent that coordinates it. */
  job_begun: z.object({ job: z.string(), type: z.string(), participants: z.array(z.string()), by }),
  /** `by`: who cancelled it. */
  job_ended: z.object({ job: z.string(), status: z.string(), by: by.optional() }),
  letter_resent: z.object({ letter: z.string(), as: z.string(), by }),
  interrupt_asked: z.object({ by, then: z.string(), was: z.string() }),
  interrupt_settled: z.object({ by, interrupted: z.boolean(), confirmed_by: z.string().optional(), after_ms: z.number().optional(), cancelled: z.string().optional() }),
  approval_requested: z.object({ approval: z.string(), tool: z.string() }),
  approval_resolved: z.object({ approval: z.string(), decision: z.string() }),
  /** Of an owner, or of the agent that it binds with all below it. `changes`: the keys with their values; null takes one back. */
  policy_changed: z.object({ scope: z.string(), by, changes: z.record(z.string(), z.unknown()), reason: z.string().optional() }),
  /** Somebody is asked: to have a spawn approved, or a permission prompt of a CLI answered; `policy`: nobody, the agent's own rights decide. */
  answer_asked: z.object({ approval: z.string(), kind: z.enum(['spawn', 'permission']), by, asked: z.enum(['supervisor', 'person', 'policy']) }),
  /** `by`: who answered; `madrox` where nobody did, `policy` where the agent's own rights did. */
  answer_settled: z.object({ approval: z.string(), kind: z.enum(['spawn', 'permission']), decision: z.enum(['allow', 'deny', 'gone']), by, reason: z.string().optional() }),
  /** Of an agent that has ended; its branch went with it. */
  workspace_removed: z.object({ by, path: z.string(), branch: z.string().optional() }),
  /** `then`: it is ended for that, or interrupted and held until the limit is raised. */
  limit_reached: z.object({ limit: z.string(), detail: z.string(), then: z.enum(atLimitChoices).optional() }),
  /** It is held at this one no more. */
  limit_lifted: z.object({ limit: z.string() }),
  /** A tool refused a caller. Of the agent that called; of none where a client did. */
  call_refused: z.object({ by, tool: z.string(), code: z.string() }),
  /** Somebody was refused before it was known who calls, `count` times since then. `peer`: the address it came from. */
  login_refused: z.object({ reason: z.enum(loginRefusals), peer: z.string(), count: z.number(), since: z.number().optional() }),
  /** The store could not be used for a while. */
  store_recovered: z.object({ since: z.number(), reason: z.string() }),
} as const

export type AuditEvent = keyof typeof auditSchemas
export const auditEvents = Object.keys(auditSchemas) as readonly AuditEvent[]

/** One event, to be put on record. `ownerId` where there is no agent to tell whose it is; neither: it concerns everybody. */
export type Audited = {
  [Event in AuditEvent]: { readonly at: number; readonly event: Event; readonly agentId?: AgentId; readonly ownerId?: OwnerId; readonly data: z.output<(typeof auditSchemas)[Event]> }
}[AuditEvent]
