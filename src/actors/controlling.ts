/** The facade's words for policies and approvals. Types only. */

import type { ClientId } from '../ids.ts'
import type { Address, Caller } from '../messages.ts'
import type { PolicyKey, PolicyValues } from './policy.ts'

/** One key: its value, and where it comes from. */
export interface PolicySetting {
  readonly value: unknown
  /** In words: `nobody`, `the server's configuration`, or the name of the caller that set it. */
  readonly setBy: string
  /** Whom it binds: `default`, `server`, `owner`, or the name of the agent at the top of what it binds. */
  readonly scope: string
  readonly at?: number
  readonly reason?: string
}

export interface PolicyTold {
  readonly scope: { readonly kind: 'owner' | 'agent'; readonly id: string; readonly name: string }
  /** What comes of all that stands above, and of its own. */
  readonly effective: Readonly<Partial<Record<PolicyKey, PolicySetting>>>
  /** What was set for it in particular. */
  readonly own: Readonly<Partial<Record<PolicyKey, PolicySetting>>>
}

export interface PolicyChange {
  /** An instance reference; none: the caller's own, which is an owner's or an agent's. */
  readonly of?: string
  /** `null` takes a key back. */
  readonly changes: { readonly [Key in PolicyKey]?: PolicyValues[Key] | null }
  readonly reason?: string
}

/** What a person is asked. */
export interface Question {
  readonly text: string
  /** Nobody waits for an answer longer. Milliseconds since the epoch. */
  readonly expiresAt: number
}

export interface PersonAnswer {
  readonly decision: 'allow' | 'deny'
  readonly message?: string
}

/** A person at the other end of a session. */
export interface Person {
  /** False: its client takes no questions. */
  able(): boolean
  /** Resolves with nothing where the question could not be put, or `signal` took it back. */
  ask(question: Question, signal: AbortSignal): Promise<PersonAnswer | undefined>
}

/** What a call that may have to ask first brings along. */
export interface Asking {
  /** The call was cancelled: the question is taken back. */
  readonly signal?: AbortSignal
  readonly progress?: (message: string) => void
  /** Whoever sits where the call came from. */
  readonly person?: Person
}

/** Something that waits, or waited, for somebody's yes. */
export interface ApprovalTold {
  readonly id: string
  readonly kind: 'spawn' | 'permission'
  /** Who wants it. */
  readonly by: Address & { readonly name: string }
  /** In words. */
  readonly text: string
  /** Who is to answer. */
  readonly asked: 'supervisor' | 'person' | 'policy'
  readonly askedAt: number
  readonly expiresAt: number
  /** Of a permission: what the CLI asks about. */
  readonly tool?: string
  readonly detail?: string
  readonly settled?: { readonly decision: 'allow' | 'deny' | 'gone'; readonly by: string; readonly reason?: string; readonly at: number }
}

export interface ApprovalAnswer {
  readonly id: string
  readonly decision: 'allow' | 'deny'
  readonly message?: string
}

export interface PolicyControl {
  /** What holds for an agent and all below it; none named: for the caller, which is its owner where it is no agent. */
  policy(caller: Caller, of?: string): PolicyTold
  /**
   * Changes some keys of it, all or none. Refused: `exceeds_parent` (more than what stands above allows; or an agent loosens what it
   * or somebody above it has set), `not_allowed`, `not_found`, `invalid_input`.
   */
  setPolicy(caller: Caller, change: PolicyChange): PolicyTold
  /** Called behind each such change: what was allowed may be allowed no more, or again. */
  onPolicyChanged(listener: () => void): void
  /** What waits for an answer and concerns agents the caller may see, or its own calls; `settled`: also the newest so many of what was settled. */
  approvals(caller: Caller, options?: { readonly settled?: number }): readonly ApprovalTold[]
  /** Called whenever what `approvals` gives that caller has changed, until what is returned is called. */
  onApprovals(caller: Caller, listener: () => void): () => void
  /** Refused: `not_found`, `not_allowed` (who wants it never answers; a person's question is answered by no agent), `already_settled`. */
  answerApproval(caller: Caller, answer: ApprovalAnswer): ApprovalTold
  /** From now on that client's person can be asked, until what is returned is called. */
  personAt(clientId: ClientId, person: Person): () => void
}
