/** The store port's questions for numbers: sums over the records of some agents, made by the store so that no text of theirs is read for it. */

import type { AgentId, OwnerId } from '../ids.ts'
import type { OutcomeStatus } from '../messages.ts'

/** An agent was busy from then until then. Milliseconds since the epoch. */
export interface BusySpan {
  readonly since: number
  readonly until: number
}

export interface BusySpans {
  /** In the order in which it went on record that they ended. */
  readonly ended: readonly BusySpan[]
  /** Since when those are busy of whom it is on no record that they came to rest, ascending. */
  readonly running: readonly number[]
  /** Spans that end from now on are those after it. */
  readonly cursor: number
  /** Another than before: some that were told are on record no longer. */
  readonly from: string
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
   * From the audit, as far as retention has left it; `after`: of those that ended, the ones after that cursor. Left out is what was cut
   * from outside: by the end of its server, of which nobody knows when it was, by a restart with its siblings, or by a failure of Madrox.
   */
  listBusySpans(agents: readonly AgentId[], after?: number): BusySpans
  /** Times a process that was up died and its agent was brought back, as far as retention has left it. */
  countRevivals(agents: readonly AgentId[]): number
  /** Refused calls by their code, as far as retention has left them: those agents', or those of an owner, its agents' included, and of nobody. */
  countRefusals(whose: { readonly agents: readonly AgentId[] } | { readonly ownerId: OwnerId }): Readonly<Record<string, number>>
}
