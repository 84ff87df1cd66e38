/** Numbers of the work: what was asked, what came of it, what it took. */

import { z } from 'zod'
import { costOf, type Metrics, type MetricsScope, medianOf, quantileOf } from '../actors/system.ts'
import { MadroxError } from '../errors.ts'
import { answer, named, usageOutput, usd } from './outputs.ts'
import { readOnly, reference, toUsage } from './schemas.ts'
import { defineTool } from './tool.ts'

const seconds = (ms: number | undefined): number | null => (ms === undefined ? null : Number((ms / 1000).toFixed(3)))
const dollars = (cost: number | undefined): number | null => (cost === undefined ? null : Number(cost.toFixed(6)))
const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((total, count) => total + count, 0)

/** Of the messages that were not called off: how many were answered. */
function successRate({ messages: { byOutcome } }: Metrics): number | null {
  const tried = sum(byOutcome) - byOutcome.cancelled
  return tried === 0 ? null : Number((byOutcome.answered / tried).toFixed(4))
}

function toMetrics(metrics: Metrics): Record<string, unknown> {
  const { agents, messages, answerTimes, usage, spent, revivals, refused, health, turns } = metrics
  return {
    agents: { created: agents.created, active: sum(agents.byState), by_state: agents.byState, ended: sum(agents.endedBy), ended_by: agents.endedBy },
    messages: { accepted: messages.open + sum(messages.byOutcome), open: messages.open, by_outcome: messages.byOutcome, success_rate: successRate(metrics) },
    response_times: { count: answerTimes.length, median_seconds: seconds(medianOf(answerTimes)), p95_seconds: seconds(quantileOf(answerTimes, 0.95)) },
    tokens: { total: spent.tokens, ...toUsage(usage) },
    cost: { total_cost: dollars(costOf(spent)), known_cost: dollars(spent.knownCost), unknown_cost_models: spent.unknownModels },
    errors: { messages_failed: messages.byOutcome.failed + messages.byOutcome.agent_gone + messages.byOutcome.expired, agents_died: agents.endedBy.died, agents_not_started: agents.endedBy.not_started, calls_refused: refused },
    restarts: revivals,
    health: { agents_ok: health.ok, agents_waiting_for_approval: health['waiting for approval'], agents_held_at_limit: health['held at a limit'], agents_held_by_person: health['held by a person'], agents_stuck: health.stuck, agents_recovered: health.recovered },
    parallel: { turn_seconds: seconds(turns.sumMs), elapsed_seconds: seconds(turns.unionMs), time_saved_seconds: seconds(turns.sumMs - turns.unionMs) },
  }
}

/** @throws MadroxError `invalid_input` where scope and instance contradict each other */
function toScope(scope: MetricsScope['of'] | undefined, instance: string | undefined): MetricsScope {
  if (instance === undefined) {
    if (scope === 'instance') throw new MadroxError('invalid_input', 'Of which instance? scope is "instance" and instance_id is missing.', { remedy: 'Give instance_id.' })
    return { of: scope ?? 'all' }
  }
  if (scope !== undefined && scope !== 'instance') throw new MadroxError('invalid_input', `scope "${scope}" takes no instance_id.`, { remedy: 'Leave out one of them.' })
  return { of: 'instance', reference: instance }
}

const byKind = named(z.number())
const unlessNone = z.number().nullable().describe('null: nothing was answered')

export const getMetrics = defineTool({
  name: 'get_metrics',
  title: 'Metrics',
  description: 'Numbers from the record, ended agents included: agents created, active and ended; messages by outcome and the share answered of those not cancelled; response times (acceptance to answer); tokens and cost (null: not wholly known); errors; restarts after a crash; health; time saved by parallel work (turn times added up, less the time in which at least one turn ran). Not for one agent\'s state: get_instance_status.',
  input: z.strictObject({
    scope: z.enum(['own', 'instance', 'all']).optional().describe('own: your agents; instance: instance_id and all below it; all (default): whatever you may see'),
    instance_id: reference.optional(),
  }),
  output: answer({
    scope: z.enum(['own', 'instance', 'all']),
    agents: z.looseObject({ created: z.number(), active: z.number(), by_state: byKind, ended: z.number(), ended_by: byKind }),
    messages: z.looseObject({ accepted: z.number(), open: z.number(), by_outcome: byKind, success_rate: z.number().nullable().describe('0 to 1; null: none was tried') }),
    response_times: z.looseObject({ count: z.number(), median_seconds: unlessNone, p95_seconds: unlessNone }),
    tokens: usageOutput.extend({ total: z.number().describe('What limits count') }),
    cost: z.looseObject({ total_cost: usd, known_cost: usd, unknown_cost_models: z.array(z.string()) }),
    errors: z.looseObject({ messages_failed: z.number(), agents_died: z.number(), agents_not_started: z.number(), calls_refused: byKind.describe('By code') }),
    restarts: z.number(),
    health: z.looseObject({
      server: z.enum(['ok', 'degraded']), reason: z.string().optional(), remedy: z.string().optional(), since: z.number().optional().describe('Milliseconds since the epoch'), notes: z.array(z.string()).optional(),
      agents_ok: z.number(), agents_waiting_for_approval: z.number(), agents_held_at_limit: z.number(), agents_held_by_person: z.number(), agents_stuck: z.number(), agents_recovered: z.number(),
    }),
    parallel: z.looseObject({ turn_seconds: z.number(), elapsed_seconds: z.number(), time_saved_seconds: z.number() }),
  }),
  annotations: readOnly,
  topic: 'metrics',
  listedFor: ['client'],
  searchHint: 'metrics statistics numbers cost success rate performance',
  handler: ({ scope, instance_id }, { system, caller }) => {
    const asked = toScope(scope, instance_id)
    const { status, ...health } = system.health()
    const { health: ofAgents, ...told } = toMetrics(system.metrics(caller, asked))
    return { data: { scope: asked.of, ...told, health: { server: status, ...health, ...(ofAgents as object) } } }
  },
})
