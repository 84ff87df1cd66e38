/** The facade's words for metrics. Types only; `metrics.ts` builds what they promise. */

import type { Caller, OutcomeStatus } from '../messages.ts'
import type { UsageTotals } from '../store/store.ts'
import type { AgentHealth } from './agent-health.ts'
import type { Spent } from './spending.ts'

/** Whose numbers: the caller's own agents (an agent: itself and those below it), one agent and those below it, or all that the caller may see. */
export type MetricsScope = { readonly of: 'own' } | { readonly of: 'all' } | { readonly of: 'instance'; readonly reference: string }

/** How an agent ended, for counting: its reason, without its words. */
export const endings = ['asked', 'with_supervisor', 'shutdown', 'limit', 'not_started', 'died', 'not_recovered', 'other'] as const
export type Ending = (typeof endings)[number]

/** From the record, however often the server was started since. */
export interface Counts {
  readonly agents: {
    readonly created: number
    /** Living ones by their state. */
    readonly byState: Readonly<Record<string, number>>
    readonly endedBy: Readonly<Record<Ending, number>>
  }
  readonly messages: { readonly open: number; readonly byOutcome: Readonly<Record<OutcomeStatus, number>> }
  /** From acceptance to answer, of the answered ones, ascending. Milliseconds. */
  readonly answerTimes: readonly number[]
  readonly usage: UsageTotals
  readonly spent: Spent
  /** Processes that died while up, and whose agents were brought back; as far as the audit reaches. */
  readonly revivals: number
}

export interface Metrics extends Counts {
  readonly refused: Readonly<Record<string, number>>
  /** Living agents, by how they are. */
  readonly health: Readonly<Record<Exclude<AgentHealth, 'ended'>, number>>
  /** Of turns: their times added up, and the time in which at least one ran. Milliseconds; as far as the audit reaches. */
  readonly turns: { readonly sumMs: number; readonly unionMs: number }
}

export interface MetricsReading {
  metrics(caller: Caller, scope: MetricsScope): Metrics
  /** Of all that the caller may see, by harness. */
  countsByHarness(caller: Caller): ReadonlyMap<string, Counts>
}
