/** The store port's questions for numbers: sums over the records of some agents, made by the store so that no text of theirs is read for it. */

import type { AgentId } from '../ids.ts'
import type { OutcomeStatus } from '../messages.ts'

/** An agent was busy from then until then; without `until`: it is on no record that it came to rest. Milliseconds since the epoch. */
export interface BusySpan {
  readonly since: number
  readonly until?: number
}

/** Each counts what is on record of these agents; of nobody: nothing. */
export interface Measuring {
  /** Of those that ended, how many did for which reason; a reason that was not recorded is empty. */
  countEnds(agents: readonly AgentId[]): readonly { readonly reason: string; readonly count: number }[]
  /** The messages they were given, by how these ended; those of which there were none are left out. */
  countOutcomes(agents: readonly AgentId[]): Readonly<Partial<Record<OutcomeStatus | 'open', number>>>
  /** From the acceptance of each answered message to its answer, ascending. Milliseconds. */
  listAnswerTimes(agents: readonly AgentId[]): readonly number[]
  /**
   * From the audit, as far as retention has left it, in the order they began. Left out is what was cut from outside: by the end of its server, of
   * which nobody knows when it was, by a restart with its siblings, or by a failure of Madrox.
   */
  listBusySpans(agents: readonly AgentId[]): readonly BusySpan[]
  /** Times a process that was up died and its agent was brought back, as far as retention has left it. */
  countRevivals(agents: readonly AgentId[]): number
}
