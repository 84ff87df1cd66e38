/** The facade's words about agents that are put away and brought back. Types only; `lifecycle.ts` builds what they promise. */

import type { AgentId } from '../ids.ts'
import type { AgentLimits } from '../limits.ts'
import type { Caller } from '../messages.ts'
import type { AgentRow } from '../store/store.ts'
import type { Asking } from './controlling.ts'

export interface Suspended {
  readonly agentId: AgentId
  readonly name: string
  /** False: it had been already, or something woke it at once; `note` says which. */
  readonly suspended: boolean
  readonly was: string
  readonly note?: string
}

/** From now on; what is absent stays. */
export interface Changes {
  readonly name?: string
  readonly model?: string
  /** Of its limits those that are others. */
  readonly limits?: AgentLimits
}

export interface Resumed {
  readonly agentId: AgentId
  readonly name: string
  readonly was: string
  /** It had ended, and lives again. */
  readonly revived: boolean
  readonly note?: string
}

/** An agent as the store has it, and whether `resume` would bring it up. */
export interface Persisted {
  readonly row: AgentRow
  readonly model?: string
  readonly state: string
  readonly canResume: boolean
  /** Why not. */
  readonly reason?: string
}

export interface Lifecycle {
  /** Ends an agent's process and keeps its session; resolves when it has gone. Refused: `agent_busy`, `agent_ended`. */
  suspend(caller: Caller, reference: string): Promise<Suspended>
  /**
   * Brings an agent up in its session, under the same id; resolves when it is up, or the wait ends. A live one is left alone, but for
   * what changes. An ended one whose session is kept lives again, under its supervisor or the nearest above that lives.
   * Refused: `agent_busy` (another model), `agent_ended` (it cannot be resumed), `limit_reached`, `exceeds_parent`,
   * `against_policy`, `not_approved`, `invalid_input`, `spawn_failed` in the CLI's own words.
   */
  resume(caller: Caller, reference: string, changes: Changes, wait: Asking & { readonly timeoutMs: number }): Promise<Resumed>
  /** The newest `limit` agents on record that the caller may see, oldest first, and how many there are. */
  persisted(caller: Caller, limit: number): { readonly agents: readonly Persisted[]; readonly total: number }
  /** The agent at the top for this caller, and what makes it that; absent: there is none. */
  mainInstance(caller: Caller): { readonly agentId?: AgentId; readonly because: string }
}
