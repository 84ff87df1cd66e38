/** Declared usage: a scripted agent has no model, so its tokens are the length of its texts, the same in every run. */

import type { BareFact } from '../facts.ts'

/** One model call's, as the transcript keeps it. */
export interface Spent {
  readonly unitId: string
  readonly inputTokens: number
  readonly outputTokens: number
}

export interface UsageMeter {
  read(text: string): void
  write(text: string): void
  /** Tells of the model call since the last report, under an id of its own. */
  report(): void
}

export function createUsageMeter(turnId: string, tell: (spent: Spent) => void): UsageMeter {
  let units = 0
  let read = 0
  let written = 0
  return {
    read: text => void (read += text.length),
    write: text => void (written += text.length),
    report: () => {
      tell({ unitId: `${turnId}.u${++units}`, inputTokens: Math.ceil(read / 4), outputTokens: Math.ceil(written / 4) })
      read = 0
      written = 0
    },
  }
}

export const toReport = ({ unitId, inputTokens, outputTokens }: Spent): BareFact<'usageReported'> =>
  ({ type: 'usageReported', unitId, model: 'scripted', inputTokens, outputTokens, cacheReadTokens: 0, cacheCreationTokens: 0 })
