/** What the facade's parts share: the running tree, the store, and typed ways to find an actor. No behaviour of its own. */

import type { Actor, ActorRefFrom, AnyActorLogic, SnapshotFrom } from 'xstate'
import type { Clock } from '../clock.ts'
import { MadroxError } from '../errors.ts'
import type { AgentId, ClientId, IdSource, OwnerId } from '../ids.ts'
import type { AtLimitChoice } from '../limits.ts'
import type { Log } from '../log.ts'
import type { Address, Caller } from '../messages.ts'
import type { Prices } from '../prices.ts'
import type { agentMachine } from '../machines/agent.ts'
import type { AgentContext, AgentEvent } from '../machines/agent-context.ts'
import type { ClientContext, ClientEvent, clientMachine } from '../machines/client.ts'
import { agentKey, clientKey, hands } from '../machines/effects.ts'
import type { Supervision } from '../restarts.ts'
import type { AgentRow, Store } from '../store/store.ts'
import type { AgentLimits, SpawnRequest } from './facade.ts'
import type { createLedger } from './ledger.ts'
import type { Policies } from './policy-record.ts'
import type { Secrets } from './secrets.ts'
import type { Spending } from './spending.ts'

export type AgentActor = ActorRefFrom<typeof agentMachine>
export type LedgerActor = ActorRefFrom<ReturnType<typeof createLedger>>
export type ClientActor = ActorRefFrom<typeof clientMachine>
export type AgentSnapshot = SnapshotFrom<typeof agentMachine>

/** Bounds that hold for everyone. */
export interface Limits {
  /** Living processes, in all: agents that are suspended have none. */
  readonly maxInstances: number
  /** Living agents directly below one agent. */
  readonly maxChildren: number
  /** Levels of agents below a client. */
  readonly maxDepth: number
  /** Messages waiting for one agent. */
  readonly maxMailbox: number
  /** Characters of one message. */
  readonly maxMessageLength: number
  /** USD, of an owner's living trees: see `budgets.ts`. */
  readonly maxTotalCost: number
  /** Of each agent with all below it, beside what it was given at its spawn. None: no such limit. */
  readonly maxTokensPerInstance?: number
  readonly maxMinutesPerInstance?: number
  /** What happens to an agent at a limit of its own, where no policy says it. */
  readonly atLimit: AtLimitChoice
  /** Busy, and nothing told of it for so long: it is stuck. 0: never. */
  readonly stuckMinutes: number
  /** Idle for so long: its process is put away. 0: never. */
  readonly idleMinutes: number
}

export const defaultLimits: Limits = { maxInstances: 10, maxChildren: 20, maxDepth: 8, maxMailbox: 100, maxMessageLength: 1_000_000, maxTotalCost: 100, atLimit: 'end', stuckMinutes: 10, idleMinutes: 60 }

export interface WaitingPrompt {
  readonly id: string
  readonly asked: 'supervisor' | 'person'
  readonly expiresAt: number
}

/** What a spawn under way will have, once its agent exists. */
export interface Grant {
  readonly parent: Address
  readonly limits: AgentLimits
}

export const promptKey = (agentId: AgentId, approvalId: string): string => `${agentId} ${approvalId}`

export interface Core {
  readonly root: Actor<AnyActorLogic>
  readonly store: Store
  readonly clock: Clock
  readonly ids: IdSource
  readonly log: Log
  readonly limits: Limits
  /** How clients treat their agents that die. */
  readonly supervision: Supervision
  readonly prices: Prices
  readonly spending: Spending
  /** Agents in a turn with calls of no known price, whose cost their CLI tells at its end. */
  readonly untold: Set<AgentId>
  readonly policies: Policies
  /** Permission prompts that wait for an answer, by agent and the id its driver gave: what they are answered by. */
  readonly prompts: Map<string, WaitingPrompt>
  /** Agents whose spawn is under way, and which hold their place and their budget already. */
  readonly underway: Map<AgentId, Grant>
  readonly secrets: Secrets
  /** Every agent this system knows; the row as it was inserted, until it is on record that it ended: then what `remembered` leaves. */
  readonly rows: Map<AgentId, AgentRow>
  /** Who stands in whose place: a session that took over another's answers to that one's id, and one taken over answers to its successor's. As on record. */
  readonly aliases: Map<ClientId, ClientId>
  /** The ids that owners without a session will have an address under, once something of theirs is accepted. */
  readonly reserved: Map<OwnerId, ClientId>
}

// `system.get` is untyped; the keys are minted in one place (effects.ts), so what they name is known.
export const agentActor = (core: Core, id: AgentId): AgentActor | undefined => core.root.system.get(agentKey(id)) as AgentActor | undefined
export const clientActor = (core: Core, id: ClientId): ClientActor | undefined => core.root.system.get(clientKey(id)) as ClientActor | undefined
export const ledgerActor = (core: Core): LedgerActor => core.root.system.get(hands.ledger) as LedgerActor

export const agentContext = (core: Core, id: AgentId): AgentContext | undefined => agentActor(core, id)?.getSnapshot().context
export const clientContext = (core: Core, id: ClientId): ClientContext | undefined => clientActor(core, id)?.getSnapshot().context
export const tellAgent = (core: Core, id: AgentId, event: AgentEvent): void => agentActor(core, id)?.send(event)
export const tellClient = (core: Core, id: ClientId, event: ClientEvent): void => clientActor(core, id)?.send(event)

/** `spawning`, `idle`, …: the top of a state value. */
export const stateOf = (snapshot: AgentSnapshot): string => (typeof snapshot.value === 'string' ? snapshot.value : (Object.keys(snapshot.value)[0] ?? 'unknown'))
/** `busy.awaitingApproval`: the whole of it. */
export function detailOf(snapshot: AgentSnapshot): string {
  const path = (value: unknown): string => (typeof value === 'object' && value !== null ? Object.entries(value).map(([key, inner]) => `${key}.${path(inner)}`)[0] ?? '' : String(value))
  return path(snapshot.value)
}

export const isEnded = (core: Core, id: AgentId): boolean => {
  const actor = agentActor(core, id)
  return !actor || stateOf(actor.getSnapshot()) === 'terminated'
}

/** Follows take-overs to the client that stands there now. */
export function canonicalClient({ aliases }: Pick<Core, 'aliases'>, id: ClientId): ClientId {
  const next = aliases.get(id)
  return next === undefined ? id : canonicalClient({ aliases }, next)
}

/** Where what was meant for that address goes now, its end apart. */
export const canonicalAddress = (core: Core, address: Address): Address => (address.kind === 'client' ? { kind: 'client', id: canonicalClient(core, address.id) } : address)

/** The caller's name in records: `agent:…`, `client:…`, `owner:…`. */
export const callerKey = (core: Core, caller: Caller): string =>
  caller.kind === 'agent' ? `agent:${caller.agentId}` : caller.kind === 'client' ? `client:${canonicalClient(core, caller.clientId)}` : `owner:${caller.ownerId}`

/** Whose call it is. */
export const ownerOf = (core: Core, caller: Caller): OwnerId => (caller.kind === 'agent' ? rowOf(core, caller.agentId).ownerId : caller.ownerId)

export const nameOf = (core: Core, address: Address): string =>
  address.kind === 'agent' ? (core.rows.get(address.id)?.name ?? address.id) : (core.store.getClient(address.id)?.name ?? address.id)

export function rowOf(core: Core, id: AgentId): AgentRow {
  const row = core.rows.get(id)
  if (!row) throw new MadroxError('not_found', `There is no agent "${id}".`)
  return row
}

/** What is kept of a request: to compare children's with, and to bring the agent back by. */
export interface AgentSpec extends Omit<SpawnRequest, 'parent' | 'callKey' | 'firstMessage'> {
  /** The role's, as it read when the agent was spawned, or what replaced it. */
  readonly prompt: string
}
export const specOf = (row: AgentRow): AgentSpec => row.spec as AgentSpec // written at its spawn, from a parsed request

/** What is kept in memory of an agent that has ended. What it was told and given for a start is long, and in the store. */
export function remembered(row: AgentRow, endedAt: number): AgentRow {
  const { prompt: _, systemPrompt: __, script: ___, mcpServers: ____, ...spec } = specOf(row)
  return { ...row, spec, endedAt }
}

/** From the agent's supervisor upward: agents first, then its client. */
export function* lineAbove(core: Core, id: AgentId): Generator<Address> {
  for (let row = core.rows.get(id); row; row = row.parent.kind === 'agent' ? core.rows.get(row.parent.id) : undefined) yield row.parent
}

export const isBelow = (core: Core, id: AgentId, ancestor: AgentId): boolean => [...lineAbove(core, id)].some(address => address.kind === 'agent' && address.id === ancestor)
