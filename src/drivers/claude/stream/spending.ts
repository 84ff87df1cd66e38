/**
 * What model calls cost by the CLI's own word. It tells the sum of a turn by model; the record names the calls. Each call is told
 * as soon as it is on record, and again with its share when the sum is known: the shares are a guess, their sum is not.
 */

import type { SourcedFact } from '../../facts.ts'
import type { Usage } from '../transcript.ts'
import type { SpentByModel } from './protocol.ts'

export interface Spending {
  /** A call is on record. */
  called(usage: Usage): void
  /** The sum of what was called since the last sum. `unitId`: of calls that are on no record (the CLI's own, to small models). */
  summed(spent: SpentByModel, unitId: string): void
}

export function createSpending(tell: (fact: SourcedFact<'usageReported'>) => void): Spending {
  let calls: Usage[] = []
  const share = (costUsd: number, among: readonly Usage[]): void => {
    const whole = among.reduce((sum, usage) => sum + toWeight(usage), 0)
    for (const usage of among) tell({ type: 'usageReported', source: 'protocol', ...usage, costUsd: whole === 0 ? costUsd / among.length : (costUsd * toWeight(usage)) / whole })
  }
  return {
    called(usage) {
      calls.push(usage)
      tell({ type: 'usageReported', source: 'transcript', ...usage })
    },
    summed(spent, unitId) {
      const made = calls
      calls = []
      for (const [model, { costUSD, costBasis, inputTokens, outputTokens, cacheReadInputTokens, cacheCreationInputTokens }] of Object.entries(spent)) {
        const isKnown = costBasis === 'list' // what the CLI says of another model is the price of a model it knows
        const ofModel = made.filter(usage => toName(usage.model) === toName(model))
        if (ofModel.length > 0 && isKnown) share(costUSD, ofModel)
        if (ofModel.length > 0 || inputTokens + outputTokens === 0) continue
        const usage = { unitId: `${unitId}:${model}`, model, inputTokens, outputTokens, cacheReadTokens: cacheReadInputTokens, cacheCreationTokens: cacheCreationInputTokens }
        tell({ type: 'usageReported', source: 'protocol', ...usage, ...(isKnown ? { costUsd: costUSD } : {}) })
      }
    },
  }
}

/** Without the CLI's own mark of a large context. */
const toName = (model: string): string => model.replace(/\[1m\]$/, '')

/** The price of each kind of token against that of input, as all models of the vendor have it. */
const toWeight = ({ inputTokens, outputTokens, cacheReadTokens, cacheCreationTokens }: Usage): number =>
  inputTokens + 5 * outputTokens + 0.1 * cacheReadTokens + 1.25 * cacheCreationTokens
