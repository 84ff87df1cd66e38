/** What was done, said and shown before now: the audit, and the logs of agents, ended ones included. */

import { z } from 'zod'
import type { AuditTold, LoggedAgent, SaidTold } from '../actors/system.ts'
import { MadroxError } from '../errors.ts'
import { outcomeStatuses } from '../messages.ts'
import { agentNamed, answer, note, time } from './outputs.ts'
import { instanceId, isoTime, readOnly, reference } from './schemas.ts'
import { defineTool } from './tool.ts'

const iso = (at: number): string => new Date(at).toISOString()
const span = { since: isoTime.optional(), until: isoTime.optional().describe('Up to then, that moment included') }

/** @throws MadroxError `invalid_input` for a span that ends before it begins */
function toRange({ since, until }: { readonly since?: string | undefined; readonly until?: string | undefined }): { since?: number; until?: number } {
  const range = { ...(since === undefined ? {} : { since: Date.parse(since) }), ...(until === undefined ? {} : { until: Date.parse(until) }) }
  if (range.since !== undefined && range.until !== undefined && range.since > range.until) throw new MadroxError('invalid_input', 'since is later than until.', { remedy: 'Exchange them.' })
  return range
}

/** What an event carries stands beside its time and name. */
const toAuditEntry = ({ at, event, agent, data }: AuditTold): Record<string, unknown> => ({ ...data, at: iso(at), event, ...(agent ? { instance_id: agent.id, name: agent.name } : {}) })

const toSaidEntry = ({ at, kind, messageId, replyId, from, to, text, expectsReply, causedBy, status, via }: SaidTold): Record<string, unknown> => ({
  at: iso(at), kind, ...(messageId ? { message_id: messageId } : {}), ...(replyId ? { reply_id: replyId } : {}), from: from.name, from_id: from.id, to: to.name, to_id: to.id, text,
  ...(expectsReply === undefined ? {} : { expects_reply: expectsReply }), ...(causedBy ? { caused_by: causedBy } : {}), ...(status ? { status } : {}), ...(via ? { via } : {}),
})

const auditOutput = z.object({ at: time, event: z.string(), instance_id: z.string().optional().describe('Of the agent it is about'), name: z.string().optional() }).catchall(z.unknown().describe('What the event carries'))
const saidOutput = z.looseObject({
  at: time, kind: z.enum(['message', 'outcome', 'follow_up', 'notice']), message_id: z.string().optional(), reply_id: z.string().optional(), from: z.string(), from_id: z.string(), to: z.string(), to_id: z.string(), text: z.string(),
  expects_reply: z.boolean().optional(), caused_by: z.string().optional().describe('The message it works for'), status: z.enum(outcomeStatuses).optional(), via: z.enum(['reply_to_caller', 'turn_end']).optional(),
})
const lineOutput = z.looseObject({ at: time.describe('When it was read'), rendering: z.enum(['terminal', 'transcript']).describe('transcript: the agent has no terminal'), line: z.string() })

const older = z.boolean().describe('There are older ones, left out')

/** Of one more than was asked for: the newest, and whether there was one more. */
const newest = <T>(entries: readonly T[], most: number): { readonly entries: readonly T[]; readonly count: number; readonly older: boolean } =>
  ({ entries: entries.slice(-most), count: Math.min(entries.length, most), older: entries.length > most })

/** No bytes are kept: colours and movements of the cursor may cut a secret in two, which nobody would then find to take it out. */
const screens = 'Lines its screen showed when its turns ended or it asked something, each once, as text: not every byte it wrote. What scrolled by in between is not here; get_instance_output has its words.'

export const getInstanceLogs = defineTool({
  name: 'get_instance_logs',
  title: 'The log of an agent',
  description: 'What happened to an agent (instance), what was said to and by it (communication), or what its screen showed as its turns ended (terminal); oldest first, the newest last, ended agents too. Secrets are taken out. Not for what it says now: get_instance_output, get_terminal_screen.',
  input: z.strictObject({
    instance_id: instanceId,
    log_type: z.enum(['instance', 'communication', 'terminal', 'tmux_output']).default('instance'),
    tail: z.number().int().min(0).max(100_000).default(100).describe('The newest so many entries; 0: all'),
    ...span,
  }),
  output: answer({ ...agentNamed, log_type: z.enum(['instance', 'communication', 'terminal']), entries: z.union([z.array(auditOutput), z.array(saidOutput), z.array(lineOutput)]).describe('By log_type; the newest last'), count: z.number(), older, note }),
  annotations: readOnly,
  topic: 'logs',
  listedFor: ['client'],
  searchHint: 'log history communication terminal transcript what happened',
  handler: async ({ instance_id, log_type, tail, ...given }, { system, caller }) => {
    const most = tail === 0 ? Infinity : tail
    const range = { ...toRange(given), ...(tail === 0 ? {} : { limit: most + 1 }) }
    const { id, name } = system.status(caller, instance_id)
    const tell = (log_type: string, entries: readonly Record<string, unknown>[], note?: string) => ({ data: { instance_id: id, name, log_type, ...newest(entries, most), ...(note === undefined ? {} : { note }) } })
    if (log_type === 'instance') return tell(log_type, system.instanceLog(caller, id, range).map(toAuditEntry))
    if (log_type === 'communication') return tell(log_type, system.communicationLog(caller, id, range).map(toSaidEntry))
    const lines = await system.terminalLog(caller, id, range)
    return tell('terminal', lines.map(({ at, rendering, line }) => ({ at: iso(at), rendering, line })), screens)
  },
})

export const getAuditLogs = defineTool({
  name: 'get_audit_logs',
  title: 'The audit',
  description: 'Who did what and when: spawns, ends with their reason, messages and outcomes by id, interrupts, approvals, limits, refused calls; oldest first, the newest last. It never holds what a message says: get_instance_logs with communication does.',
  input: z.strictObject({
    ...span,
    event: z.string().min(1).max(80).optional().describe('e.g. agent_ended, call_refused'),
    instance: reference.optional().describe('Of this agent alone'),
    limit: z.number().int().positive().max(10_000).default(100).describe('The newest so many'),
  }),
  output: answer({ entries: z.array(auditOutput), count: z.number(), older }),
  annotations: readOnly,
  topic: 'logs',
  listedFor: ['client'],
  searchHint: 'audit trail who did what history refused',
  handler: ({ event, instance, limit, ...given }, { system, caller }) => {
    const entries = system.auditLog(caller, { ...toRange(given), limit: limit + 1, ...(event === undefined ? {} : { event }), ...(instance === undefined ? {} : { agent: instance }) }).map(toAuditEntry)
    return { data: newest(entries, limit) }
  },
})

const toLogged = ({ id, name, harness, role, createdAt, endedAt, endReason, directory, files }: LoggedAgent): Record<string, unknown> => ({
  instance_id: id, name, instance_type: harness, role, created_at: iso(createdAt), ended_at: endedAt === undefined ? null : iso(endedAt), ...(endReason === undefined ? {} : { end_reason: endReason }),
  directory: directory ?? null, files: files.map(file => ({ name: file.name, bytes: file.bytes, changed_at: iso(file.changedAt) })),
})

export const listLoggedInstances = defineTool({
  name: 'list_logged_instances',
  title: 'Agents with logs',
  description: 'Every agent you may see of which there are logs, ended ones included, with the files written of it; the newest last. Read them by get_instance_logs.',
  input: z.strictObject({ limit: z.number().int().positive().max(10_000).default(100).describe('The newest so many') }),
  output: answer({
    instances: z.array(z.looseObject({
      ...agentNamed, instance_type: z.string().describe('The harness'), role: z.string(), created_at: time, ended_at: time.nullable().describe('null: it lives'), end_reason: z.string().optional(),
      directory: z.string().nullable().describe('null: nothing was written of it'), files: z.array(z.looseObject({ name: z.string(), bytes: z.number(), changed_at: time })),
    })),
    total: z.number(),
  }),
  annotations: readOnly,
  topic: 'logs',
  listedFor: ['client'],
  searchHint: 'logs list agents ended history files',
  handler: async ({ limit }, { system, caller }) => {
    const all = await system.loggedAgents(caller)
    return { data: { instances: all.slice(-limit).map(toLogged), total: all.length } }
  },
})
