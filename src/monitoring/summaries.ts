/**
 * The port of summaries: what an agent has been doing, in short, and where the newest of each agent is kept. Who makes them is told in
 * `source`: the record alone, or a model that read what the agent said.
 */

import type { AgentId } from '../ids.ts'

export interface Summary {
  readonly agentId: AgentId
  readonly name: string
  /** Its state when this was made. */
  readonly state: string
  readonly at: number
  readonly source: 'record' | 'model'
  /** Of a model: which. */
  readonly model?: string
  readonly activityOverview: string
  readonly keyAccomplishments: readonly string[]
  /** What is due, as far as it is known. */
  readonly nextSteps: readonly string[]
  /** Of a record: the share of its messages that have an outcome. Of a model: its estimate. Absent: not known. */
  readonly completionPercentage?: number
  /** As limits count them. */
  readonly tokensUsed: number
}

export interface Summaries {
  /** In the place of the one before. Resolves when it is on disk, or is known not to get there: that is nobody's trouble. */
  keep(summary: Summary): Promise<void>
  /** The newest that a model made while this process runs. */
  newestByModel(agentId: AgentId): Summary | undefined
}
