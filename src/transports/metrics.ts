/**
 * `GET /metrics`, for Prometheus: what the caller may see of the record, and what this process is like. Every name is in docs/metrics.md. Labels
 * are harness, state, outcome and the like: never an agent, for each would be a series of its own for ever.
 */

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Counts, MadroxSystem } from '../actors/system.ts'
import { MadroxError, toWireError } from '../errors.ts'
import type { Caller } from '../messages.ts'
import { version } from '../version.ts'
import { refuse } from './rest/status.ts'

/** Seconds. Turns of real agents take from a few seconds to hours. */
const bounds = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200]

let ofProcess: Registry | undefined

/** The process has one set of these, however many servers it runs; and it watches nothing before somebody asks. */
function processMetrics(): Registry {
  if (!ofProcess) {
    ofProcess = new Registry()
    collectDefaultMetrics({ register: ofProcess })
  }
  return ofProcess
}

/** 503 where the record cannot be read. */
export async function answerMetrics(system: MadroxSystem, caller: Caller): Promise<Response> {
  try {
    const all = Registry.merge([recordMetrics(system, caller), processMetrics()])
    return new Response(await all.metrics(), { headers: { 'content-type': all.contentType } })
  } catch (error) {
    if (error instanceof MadroxError && error.code === 'unavailable') return refuse(toWireError(error))
    throw error
  }
}

/** The record has the sums: the library is given them anew each time, and only writes them down. */
function recordMetrics(system: MadroxSystem, caller: Caller): Registry {
  const registry = new Registry()
  const registers = [registry]
  const gauge = (name: string, help: string, labelNames: readonly string[] = []) => new Gauge({ name, help, labelNames, registers })
  const counter = (name: string, help: string, labelNames: readonly string[] = ['harness']) => new Counter({ name, help, labelNames, registers })
  gauge('madrox_build_info', 'The version that answers.', ['version']).set({ version }, 1)
  gauge('madrox_store_up', 'Whether the store can be written: 1, or 0 during an outage.').set(system.health().status === 'ok' ? 1 : 0)
  const metrics = {
    agents: gauge('madrox_agents', 'Living agents by state.', ['harness', 'state']),
    created: counter('madrox_agents_created_total', 'Agents ever created.'),
    ended: gauge('madrox_agents_ended', 'Agents that have ended, by what ended them; one that is resumed is none of them any more.', ['harness', 'reason']),
    open: gauge('madrox_messages_open', 'Messages without outcome.', ['harness']),
    accepted: counter('madrox_messages_accepted_total', 'Messages ever accepted.'),
    settled: counter('madrox_messages_settled_total', 'Messages with an outcome, by it.', ['harness', 'outcome']),
    response: new Histogram({ name: 'madrox_response_seconds', help: 'From the acceptance of an answered message to its answer.', labelNames: ['harness'], buckets: bounds, registers }),
    tokens: counter('madrox_tokens_total', 'Tokens reported, by kind; limits count all but cache_read.', ['harness', 'kind']),
    cost: gauge('madrox_cost_usd', 'USD, of the calls whose price is known; what a CLI says of a call later takes the place of the price table.', ['harness']),
    unpriced: gauge('madrox_unpriced_models', 'Models that were called and have no known price: their cost is in no sum.', ['harness']),
    revivals: gauge('madrox_restarts_on_record', 'Agents brought back after their process died, as far as the audit is kept.', ['harness']),
  }
  for (const [harness, counts] of system.countsByHarness(caller)) fill(metrics, harness, counts)
  return registry
}

interface RecordMetrics {
  readonly agents: Gauge
  readonly created: Counter
  readonly ended: Gauge
  readonly open: Gauge
  readonly accepted: Counter
  readonly settled: Counter
  readonly response: Histogram
  readonly tokens: Counter
  readonly cost: Gauge
  readonly unpriced: Gauge
  readonly revivals: Gauge
}

/** States are shown also where no agent is in them, so that a graph falls to zero and does not end. */
const states = ['spawning', 'idle', 'busy', 'interrupted', 'terminated']

function fill(metrics: RecordMetrics, harness: string, { agents, messages, answerTimes, usage, spent, revivals }: Counts): void {
  for (const state of states) metrics.agents.set({ harness, state }, agents.byState[state] ?? 0)
  metrics.created.inc({ harness }, agents.created)
  for (const [reason, count] of Object.entries(agents.endedBy)) metrics.ended.set({ harness, reason }, count)
  metrics.open.set({ harness }, messages.open)
  metrics.accepted.inc({ harness }, Object.values(messages.byOutcome).reduce((total, count) => total + count, messages.open))
  for (const [outcome, count] of Object.entries(messages.byOutcome)) metrics.settled.inc({ harness, outcome }, count)
  metrics.response.zero({ harness })
  for (const ms of answerTimes) metrics.response.observe({ harness }, ms / 1000)
  metrics.tokens.inc({ harness, kind: 'input' }, usage.inputTokens)
  metrics.tokens.inc({ harness, kind: 'output' }, usage.outputTokens)
  metrics.tokens.inc({ harness, kind: 'cache_creation' }, usage.cacheCreationTokens)
  metrics.tokens.inc({ harness, kind: 'cache_read' }, usage.cacheReadTokens)
  metrics.cost.set({ harness }, spent.knownCost)
  metrics.unpriced.set({ harness }, spent.unknownModels.length)
  metrics.revivals.set({ harness }, revivals)
}
