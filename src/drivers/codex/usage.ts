/** From a thread's running totals to what each model call cost. */

import type { BareFact } from '../facts.ts'
import type { TokenBreakdown } from './protocol.ts'

export type Usage = Omit<BareFact<'usageReported'>, 'type' | 'model'>

export interface UsageMeter {
  /** Undefined where nothing was spent: an estimate after compaction, or a repetition. */
  read(turnId: string, total: TokenBreakdown, last: TokenBreakdown): Usage | undefined
}

/**
 * The protocol names no response id here (the raw events that do cannot be had on a resumed thread), but within a turn totals
 * only grow, so turn and total name a call: whoever reads it again, here or in the rollout, gives it the same name.
 */
export function createUsageMeter(): UsageMeter {
  let previous: TokenBreakdown | undefined
  return {
    read(turnId, total, last) {
      const spent = previous ? subtract(total, previous) : last
      previous = total
      return spent.inputTokens + spent.outputTokens <= 0 ? undefined : toUsage(turnId, total.totalTokens, spent)
    },
  }
}

/** `total`: the thread's running total with this call. */
export function toUsage(turnId: string, total: number, spent: TokenBreakdown): Usage {
  return {
    unitId: `${turnId}:${total}`,
    // The API counts cached tokens as part of the input.
    inputTokens: spent.inputTokens - spent.cachedInputTokens - spent.cacheWriteInputTokens,
    outputTokens: spent.outputTokens,
    cacheReadTokens: spent.cachedInputTokens,
    cacheCreationTokens: spent.cacheWriteInputTokens,
  }
}

function subtract(total: TokenBreakdown, previous: TokenBreakdown): TokenBreakdown {
  return {
    totalTokens: total.totalTokens - previous.totalTokens,
    inputTokens: total.inputTokens - previous.inputTokens,
    cachedInputTokens: total.cachedInputTokens - previous.cachedInputTokens,
    cacheWriteInputTokens: total.cacheWriteInputTokens - previous.cacheWriteInputTokens,
    outputTokens: total.outputTokens - previous.outputTokens,
  }
}
