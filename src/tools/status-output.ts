/** How agents are, as tools tell it: of each what is known at the time of the call. */

import { z } from 'zod'
import { agentHealths } from '../actors/system.ts'
import { limitNames } from '../limits.ts'
import { agentNamed, answer, changesFields, states, time, usageOutput, usd } from './outputs.ts'

const stateFields = {
  ...agentNamed, state: states, detail: z.string().describe('The inner state, e.g. idle.suspended'), since: time.describe('In that state'), source: z.string().describe('What told of it'),
}
const approval = z.looseObject({ tool: z.string(), detail: z.string(), approval_id: z.string().optional(), asked: z.enum(['supervisor', 'person']).optional(), expires_at: time.optional() }).optional().describe('The permission prompt that waits longest')
const lastError = z.string().nullable()

const limits = z.looseObject({
  max_total_tokens: z.looseObject({ limit: z.number(), used: z.number() }).optional(), max_cost: z.looseObject({ limit: z.number(), used: usd }).optional(),
  timeout_minutes: z.looseObject({ limit: z.number(), used: z.number(), ends_at: time }).optional(),
  reached: z.array(z.looseObject({ limit: z.enum(limitNames), detail: z.string(), since: time, of: z.string().describe('Whose: its own, or that of one above it'), of_instance_id: z.string() })).optional().describe('It is held at these: nothing is delivered meanwhile'),
})
const confinement = z.looseObject({
  bypass: z.boolean().describe('It may act outside its workspace'), permissionMode: z.string().optional(), sandboxMode: z.string().optional(), allowedTools: z.array(z.string()).optional(),
})

const statusFields = {
  ...stateFields, instance_type: z.string().describe('The harness'), role: z.string(), model: z.string().nullable().describe("null: the CLI's default"),
  health: z.enum(agentHealths),
  parent_instance_id: z.string().nullable().describe('null: a client is its supervisor'), parent: z.string().nullable().describe('Its name'), parent_source: z.string(), children: z.array(z.string()).describe('Ids of the living'),
  request_count: z.number().describe('Messages it was ever given'), mailbox: z.number().describe('Messages that wait'), open_messages: z.array(z.string()), pending_replies_of_agent: z.number(),
  current_message: z.string().nullable(), current_tool: z.string().nullable(), current_tool_since: time.optional(), last_fact_at: time.optional().describe('When it was last heard of'),
  stuck_since: time.optional(), waits_for_others: z.boolean().optional(), approval, held_by_person: z.looseObject({ why: z.enum(['control', 'unsent_text']), since: time }).optional().describe('Nothing is delivered meanwhile'),
  total_tokens_used: z.number().describe('Input, output and cache creation'), usage: usageOutput, total_cost: usd, subtree_tokens_used: z.number().describe('With all below it'), subtree_cost: usd,
  cost_sources: z.array(z.enum(['cli', 'price_table'])).optional(), unknown_cost_models: z.array(z.string()).optional().describe('Without a known price'), limits: limits.optional(),
  uptime_seconds: z.number(), created_at: time, session_id: z.string().nullable(), pid: z.number().nullable().describe('null: no process of its own runs'),
  workspace: z.looseObject({ kind: z.string(), path: z.string(), branch: z.string().optional(), repository: z.string().optional() }), confinement, toolset: z.enum(['leaf', 'supervisor']),
  usage_unreported: z.number().describe('Turns that were cut: what their last call used may be on no record'), last_error: lastError, warnings: z.array(z.string()).optional(),
  ended_at: time.optional(), end_reason: z.string().nullable().optional(),
  changes: z.union([z.looseObject(changesFields), z.looseObject({ unknown: z.string().describe('Why nothing is known') })]).optional().describe('Of a workspace in a git repository'),
}

const { changes: _changes, ...liveStatus } = statusFields

const liveFields = {
  ...liveStatus, seconds_in_state: z.number().nullable(), current_tool: z.looseObject({ name: z.string(), since: time.nullable(), source: z.string().nullable() }).nullable(),
  waiting_messages: z.number(), waits_for_others: z.boolean(), last_fact_at: time.nullable().describe('When it was last heard of'), seconds_since_last_fact: z.number().nullable(), stuck: z.boolean(),
}

/** Of the one that was named, or of all. */
const oneOrAll = <Fields extends z.ZodRawShape>(fields: Fields) => z.union([answer(fields), answer({ instances: z.array(z.looseObject(fields)), total: z.number() })])

export const statusOutput = oneOrAll(statusFields)
export const liveOutput = oneOrAll(liveFields)
