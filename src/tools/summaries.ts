/** What agents have been doing, in short. */

import { z } from 'zod'
import type { AgentStatus, Summary } from '../actors/system.ts'
import { agentNamed, answer, states, time } from './outputs.ts'
import { instanceId, readOnly } from './schemas.ts'
import { defineTool } from './tool.ts'

const basis = { record: 'share of its messages that have an outcome', model: "the model's estimate" } as const

const toSummary = ({ agentId, name, state, at, source, model, activityOverview, keyAccomplishments, nextSteps, completionPercentage, tokensUsed }: Summary): Record<string, unknown> => ({
  instance_id: agentId, name, state, activity_overview: activityOverview, key_accomplishments: keyAccomplishments, next_steps: nextSteps,
  completion_percentage: completionPercentage ?? null, completion_basis: completionPercentage === undefined ? 'not known' : basis[source],
  tokens_used: tokensUsed, source, ...(model === undefined ? {} : { model }), at: new Date(at).toISOString(),
})

const summaryFields = {
  ...agentNamed, state: states, activity_overview: z.string(), key_accomplishments: z.array(z.string()), next_steps: z.array(z.string()),
  completion_percentage: z.number().nullable().describe('null: not known'), completion_basis: z.enum(['not known', ...Object.values(basis)]), tokens_used: z.number().describe('Input, output and cache creation'),
  source: z.enum(['record', 'model']), model: z.string().optional().describe('Which one, of source model'), at: time,
}

export const getAgentSummary = defineTool({
  name: 'get_agent_summary',
  title: 'Summary of an agent',
  description: 'What an agent has been doing, in short: activity, what it answered, what is due, tokens. From the record (source: record), or by a model where monitoring is switched on (source: model). completion_percentage says in completion_basis what it is; null: not known. Ended agents too. Not for its words: get_instance_output.',
  input: z.strictObject({ instance_id: instanceId }),
  output: answer(summaryFields),
  annotations: readOnly,
  topic: 'metrics',
  listedFor: ['client'],
  searchHint: 'summary progress accomplishments overview agent',
  handler: async ({ instance_id }, { system, caller }) => ({ data: toSummary(await system.summary(caller, instance_id)) }),
})

const filters = ['active', 'all', 'spawning', 'idle', 'busy', 'interrupted', 'terminated'] as const

/** `2 busy, 1 idle` */
function teamStatus(agents: readonly AgentStatus[]): string {
  if (agents.length === 0) return 'There are no such agents.'
  const counts = filters.map(state => [state, agents.filter(agent => agent.state === state).length] as const)
  return `${agents.length} ${agents.length === 1 ? 'agent' : 'agents'}: ${counts.flatMap(([state, count]) => (count > 0 ? [`${count} ${state}`] : [])).join(', ')}.`
}

/** What all of them are at and have used, be there more than are summed up. */
function toInsights(agents: readonly AgentStatus[], summaries: readonly Summary[]): Record<string, unknown> {
  const known = summaries.flatMap(({ completionPercentage }) => completionPercentage ?? [])
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
  return {
    team_status: teamStatus(agents), total_tokens_used: sum(agents.map(({ spent }) => spent.tokens)),
    average_completion_percentage: known.length === 0 ? null : Math.round(sum(known) / known.length),
  }
}

export const getAllAgentSummaries = defineTool({
  name: 'get_all_agent_summaries',
  title: 'Summaries of the team',
  description: 'A summary of each agent you may see, as get_agent_summary gives it, and together: team_status and tokens of all of that status, and the average completion of those summed up of which it is known.',
  input: z.strictObject({
    status_filter: z.enum(filters).default('active').describe('active: living; all: ended ones too'),
    limit: z.number().int().positive().max(1_000).default(100).describe('The newest so many agents'),
  }),
  output: answer({
    summaries: z.array(z.looseObject(summaryFields)), total: z.number().describe('Agents of that status'),
    aggregated_insights: z.looseObject({ team_status: z.string(), total_tokens_used: z.number(), average_completion_percentage: z.number().nullable().describe('Of the summaries here that know it; null: none does') }),
  }),
  annotations: readOnly,
  topic: 'metrics',
  listedFor: ['client'],
  searchHint: 'team summary progress overview all agents',
  handler: async ({ status_filter, limit }, { system, caller }) => {
    const shown = system.list(caller, { ended: true }).filter(({ state }) => status_filter === 'all' || (status_filter === 'active' ? state !== 'terminated' : state === status_filter))
    const summaries = await Promise.all(shown.slice(-limit).map(({ id }) => system.summary(caller, id)))
    return { data: { summaries: summaries.map(toSummary), total: shown.length, aggregated_insights: toInsights(shown, summaries) } }
  },
})
