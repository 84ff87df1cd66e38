/** From a thread's running totals to what each model call cost. */

import type { BareFact } from '../facts.ts'
import type { TokenBreakdown } from './protocol.ts'

export type Usage = Omit<BareFact<'usageReported'>, 'type' | 'model'>

export interface UsageMeter {
  /** Undefined where nothing was spent: an estimate after compaction, or a repetition. */
  read(total: TokenBreakdown, last: TokenBreakdown): Usage | undefined
}

/**
 * The protocol names no response id here (the raw events that do cannot be had on a resumed thread), but totals only grow,
 * so thread and total name a call: a resumed thread repeats its last report, under the same name.
 */
export function createUsageMeter(threadId: string): UsageMeter {
  let previous: TokenBreakdown | undefined
  return {
    read(total, last) {
      const spent = previous ? subtract(total, previous) : last
      previous = total
      if (spent.inputTokens + spent.outputTokens <= 0) return undefined
      return {
        unitId: `${threadId}:${total.totalTokens}`,
        // The API counts cached tokens as part of the input.
        inputTokens: spent.inputTokens - spent.cachedInputTokens - spent.cacheWriteInputTokens,
        outputTokens: spent.outputTokens,
        cacheReadTokens: spent.cachedInputTokens,
        cacheCreationTokens: spent.cacheWriteInputTokens,
      }
    },
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
