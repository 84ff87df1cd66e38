/** The words about limits of agents that several rooms share: what they are called, and what may happen when one is reached. */

import type { AgentId } from './ids.ts'

/** What may end an agent, or stop it, by the name callers know it. */
export const limitNames = ['max_total_tokens', 'max_cost', 'timeout_minutes'] as const
export type LimitName = (typeof limitNames)[number]

/** At a reached limit an agent is interrupted and held, or ended. The later is the stricter. */
export const atLimitChoices = ['interrupt', 'end'] as const
export type AtLimitChoice = (typeof atLimitChoices)[number]

/** Each counts the agent and all below it; none: no limit of its own. */
export interface AgentLimits {
  /** Input, output and cache creation. */
  readonly maxTotalTokens?: number
  /** USD. */
  readonly maxCost?: number
  /** From its spawn, whatever it does meanwhile. */
  readonly timeoutMinutes?: number
}

/** A limit that is used up; `detail` says how much, `at` since when. */
export interface Reached {
  readonly limit: LimitName
  readonly detail: string
  readonly at: number
}

/** A limit that an agent is held at, and whose it is: its own, or that of one above it. */
export interface HeldAt extends Reached {
  readonly agentId: AgentId
  readonly name: string
}
