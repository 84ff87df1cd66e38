/**
 * The judge's own record: what callers were told, and what gave agents cause to end. It is kept from what crosses the system's
 * borders, never from the store, so that what the system says and what it has on record can be held against each other.
 */

import type { AgentId, MessageId, ReplyId } from '../../src/ids.ts'
import type { Address, OutcomeStatus } from '../../src/messages.ts'

/** The promises of `docs/architecture.md` that a simulation can break. `limits`: an agent works at its limit; `rest`: it never comes to rest, or fails in a way no promise names. */
export type Promised = 'P1' | 'P2' | 'P4' | 'P5' | 'P7' | 'P9' | 'limits' | 'rest'

export interface Breach {
  readonly promise: Promised
  readonly what: string
}

export interface Told {
  readonly status: OutcomeStatus
  readonly text: string
}

export const keyOf = (address: Address): string => `${address.kind} ${address.id}`

export interface Journal {
  readonly breaches: readonly Breach[]
  breach(promise: Promised, what: string): void

  /** Somebody heard that this message is accepted. */
  accepted(id: MessageId, to: AgentId): void
  /** Somebody heard how this message ended. */
  told(id: MessageId, outcome: Told, to: Address): void
  /** A call of this key gave this result: the same, however often it is made. */
  keyed(caller: Address, key: string, result: string): void
  /** An answer to this caller that carried these left, and that is on record. What an agent that ends was just handed may go to its heir as well. */
  consumed(ids: readonly ReplyId[], by: string): void
  handedOut(ids: readonly ReplyId[], by: string): void
  /** The answer left, and the disk would not take it: handed out again by the next server, and till then lying where it was. */
  unrecorded(ids: readonly ReplyId[]): void
  isUnrecorded(id: ReplyId): boolean

  readonly acceptedIds: ReadonlyMap<MessageId, AgentId>
  readonly outcomes: ReadonlyMap<MessageId, Told>
  wasTold(id: MessageId, to: Address): boolean
  wasToldToAnybody(id: MessageId): boolean

  /** Something happened that may end this agent, and with it all below it. */
  gaveCause(id: AgentId, why: string): void
  /** The server died: with it go the processes of all agents. */
  serverDied(living: readonly AgentId[]): void
  hasCause(id: AgentId): boolean
  /** Its driver broke the contract: what it works on may end with it alone. */
  lied(id: AgentId): void
  hasLied(id: AgentId): boolean
}

export function createJournal(note: (kind: string, what: unknown) => void): Journal {
  const breaches: Breach[] = []
  const acceptedIds = new Map<MessageId, AgentId>()
  const outcomes = new Map<MessageId, Told>()
  const audience = new Map<MessageId, Set<string>>()
  const keys = new Map<string, string>()
  const spent = new Map<ReplyId, string>()
  const loose = new Set<ReplyId>()
  const causes = new Map<AgentId, string>()
  const liars = new Set<AgentId>()
  const breach = (promise: Promised, what: string): void => {
    breaches.push({ promise, what })
    note('BREACH', `${promise}: ${what}`)
  }
  return {
    breaches, breach, acceptedIds, outcomes,
    accepted: (id, to) => {
      const before = acceptedIds.get(id)
      if (before !== undefined && before !== to) breach('P2', `message ${id} was accepted for ${before} and for ${to}`)
      acceptedIds.set(id, to)
    },
    told: (id, outcome, to) => {
      const before = outcomes.get(id)
      if (before && (before.status !== outcome.status || before.text !== outcome.text)) breach('P2', `message ${id} was told to have ended as ${JSON.stringify(before)} and as ${JSON.stringify(outcome)}`)
      outcomes.set(id, before ?? outcome)
      audience.set(id, (audience.get(id) ?? new Set()).add(keyOf(to)))
    },
    keyed: (caller, key, result) => {
      const name = `${keyOf(caller)} ${key}`
      const before = keys.get(name)
      if (before !== undefined && before !== result) breach('P2', `the call ${name} gave ${before} and, repeated, ${result}`)
      keys.set(name, result)
    },
    handedOut: (ids, by) => {
      for (const id of ids) if (spent.get(id) === by) breach('P2', `reply ${id} was handed out again after its answer had left`)
    },
    consumed: (ids, by) => {
      for (const id of ids) spent.set(id, by)
    },
    unrecorded: ids => {
      for (const id of ids) loose.add(id)
    },
    isUnrecorded: id => loose.has(id),
    wasTold: (id, to) => audience.get(id)?.has(keyOf(to)) ?? false,
    wasToldToAnybody: id => audience.has(id),
    gaveCause: (id, why) => void (causes.has(id) || causes.set(id, why)),
    serverDied: living => {
      for (const id of living) causes.set(id, 'the server died')
    },
    hasCause: id => causes.has(id),
    lied: id => {
      liars.add(id)
      causes.set(id, 'its driver lied')
    },
    hasLied: id => liars.has(id),
  }
}
