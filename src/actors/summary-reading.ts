/** The facade's words for summaries. Types only; `summarising.ts` builds what they promise. */

import type { Caller } from '../messages.ts'
import type { Summary } from '../monitoring/summaries.ts'

export interface SummaryReading {
  /** By a model, where one made it lately; else from the record, and then kept. */
  summary(caller: Caller, reference: string): Promise<Summary>
  /** From the record, and kept nowhere. */
  recordedSummary(caller: Caller, reference: string): Summary
}
