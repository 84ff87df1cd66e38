/**
 * Who calls: credentials of agents, sessions of clients, and the owners behind them. A session is an address; its owner is the
 * principal. A client that lost its session keeps its agents and its inbox until the same owner, name and root return.
 */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { MadroxError } from '../errors.ts'
import { type AgentId, asOwnerId, type ClientId, localOwner, type OwnerId } from '../ids.ts'
import type { Address, Caller } from '../messages.ts'
import { tokenPrefix } from '../redaction.ts'
import type { ClientRow, Store } from '../store/store.ts'
import { audit } from './auditing.ts'
import { type Core, canonicalClient, clientActor, clientContext, isEnded, tellClient } from './core.ts'
import type { Connection, ConnectRequest } from './facade.ts'

const digest = (token: string): Buffer => createHash('sha256').update(token).digest()

/** Credentials. Agents' live as long as their agents; owners' come from configuration. Only digests are kept. */
export class Credentials {
  readonly #agents = new Map<string, AgentId>()
  readonly #owners: readonly { readonly digest: Buffer; readonly ownerId: OwnerId }[]

  constructor(ownerTokens: Readonly<Record<string, string>>) {
    this.#owners = Object.entries(ownerTokens).map(([name, token]) => ({ digest: digest(token), ownerId: asOwnerId(name) }))
  }

  get hasOwners(): boolean {
    return this.#owners.length > 0
  }

  issue(agentId: AgentId): string {
    const token = tokenPrefix + randomBytes(32).toString('base64url')
    this.#agents.set(digest(token).toString('hex'), agentId)
    return token
  }

  revoke(agentId: AgentId): void {
    for (const [key, id] of this.#agents) if (id === agentId) this.#agents.delete(key)
  }

  find(token: string): Caller | undefined {
    const given = digest(token)
    const agentId = this.#agents.get(given.toString('hex'))
    if (agentId) return { kind: 'agent', agentId }
    const owner = this.#owners.find(known => timingSafeEqual(known.digest, given))
    return owner && { kind: 'owner', ownerId: owner.ownerId }
  }
}

export function authenticate(core: Core, credentials: Credentials, token: string | undefined, connection: Connection): Caller {
  if (token === undefined) {
    // Where a token is set it is asked of everyone: an agent's sandboxed shell reaches loopback too.
    if (connection === 'loopback' && !credentials.hasOwners) return { kind: 'owner', ownerId: localOwner }
    throw new MadroxError('unauthenticated', 'The call shows no token, and this server asks for one.', { remedy: 'Send "Authorization: Bearer <token>".' })
  }
  const caller = credentials.find(token)
  if (!caller) throw new MadroxError('unauthenticated', 'The token was not issued by this server, or its agent has ended.', { remedy: 'Use the token this server was started with; on loopback, none is needed.' })
  if (caller.kind === 'agent' && isEnded(core, caller.agentId)) throw new MadroxError('unauthenticated', 'The agent this token belongs to has ended.', { data: { agentId: caller.agentId } })
  return caller
}

const isConnected = (core: Core, id: ClientId): boolean => clientActor(core, id)?.getSnapshot().matches('connected') ?? false

/** Clients of that owner, name and root without a session or a successor, oldest first. */
function findLost(core: Core, { ownerId, name, root }: ConnectRequest): ClientRow[] {
  return core.store.listClients().filter(row => row.ownerId === ownerId && row.name === name && row.root === root && !isConnected(core, row.id) && !core.aliases.has(row.id))
}

export function connectClient(core: Core, request: ConnectRequest, id?: ClientId): ClientId {
  const lost = findLost(core, request)
  const row: ClientRow = lost.at(-1) ?? { id: id ?? core.ids.client(), ownerId: request.ownerId, name: request.name, ...(request.root ? { root: request.root } : {}), connectedAt: core.clock.now() }
  const { disconnectedAt: _, ...returning } = row
  core.store.transaction(() => {
    core.store.saveClient({ ...returning, connectedAt: core.clock.now() })
    const { id: client, ownerId, name, root } = row
    audit(core.store, { at: core.clock.now(), event: 'client_connected', ownerId, data: { client, name, ...(root ? { root } : {}), returning: lost.length > 0 } })
  })
  ensureActor(core, row)
  tellClient(core, row.id, { type: 'sessionOpened' })
  for (const earlier of lost.slice(0, -1)) succeed(core, earlier.id, row.id)
  return row.id
}

/** What waits for `lost`, and what comes for it later, goes to its successor. What an answer is carrying out comes back only if that did not leave. */
function succeed(core: Core, lost: ClientId, successor: ClientId): void {
  const to = { kind: 'client', id: successor } as const
  const waiting = clientContext(core, lost)?.inbox ?? core.store.listReplies({ kind: 'client', id: lost })
  core.store.transaction(() => {
    stepAside(core, lost, successor)
    core.store.redirectReplies({ kind: 'client', id: lost }, to)
  })
  core.aliases.set(lost, successor)
  for (const reply of waiting) tellClient(core, successor, { type: 'replyArrived', reply: { ...reply, to }, at: core.clock.now() })
}

function stepAside(core: Core, id: ClientId, successor: ClientId): void {
  const row = core.store.getClient(id)
  if (!row) return
  core.store.saveClient({ ...row, successor })
  audit(core.store, { at: core.clock.now(), event: 'client_succeeded', ownerId: row.ownerId, data: { client: id, successor } })
}

/** Who stood in whose place when an earlier system went. */
export const aliasesOnRecord = (store: Store): Core['aliases'] => new Map(store.listClients().flatMap(({ id, successor }) => (successor ? [[id, successor]] : [])))

/** Without a session, for agents of an earlier server: their supervisor, and their replies' address. */
export function bringBackClient(core: Core, id: ClientId): void {
  const row = core.store.getClient(id)
  if (!row || clientActor(core, id)) return
  ensureActor(core, row)
  tellClient(core, id, { type: 'sessionLost' })
}

function ensureActor(core: Core, row: ClientRow): void {
  if (clientActor(core, row.id)) return
  const inbox = core.store.listReplies({ kind: 'client', id: row.id })
  core.root.send({ type: 'clientArrived', input: { clientId: row.id, ownerId: row.ownerId, name: row.name, inbox, supervision: core.supervision, ...(row.root ? { root: row.root } : {}) } })
}

/**
 * The root of a session is learned. Where a lost client of that root is known, the new session takes its place: under its id if
 * it has done nothing yet, else by taking over what waits in its inbox.
 */
export function locateClient(core: Core, clientId: ClientId, root: string): void {
  const own = canonicalClient(core, clientId)
  const row = core.store.getClient(own)
  if (!row || row.root === root) return
  const lost = findLost(core, { ownerId: row.ownerId, name: row.name, root })
  if (lost.length > 0 && isUnused(core, own)) {
    const found = connectClient(core, { ownerId: row.ownerId, name: row.name, root })
    stepAside(core, own, found)
    core.aliases.set(own, found)
    tellClient(core, own, { type: 'sessionLost' })
    return
  }
  for (const earlier of lost) succeed(core, earlier.id, own)
  core.store.saveClient({ ...row, root })
  tellClient(core, own, { type: 'located', root })
}

function isUnused(core: Core, id: ClientId): boolean {
  const context = clientContext(core, id)
  return context !== undefined && context.children.length === 0 && context.inbox.length === 0 && ![...core.rows.values()].some(row => row.clientId === id)
}

export function disconnectClient(core: Core, clientId: ClientId): void {
  const id = canonicalClient(core, clientId)
  tellClient(core, id, { type: 'sessionLost' }) // it is gone, whether or not that can be recorded
  const row = core.store.getClient(id)
  if (row) core.store.saveClient({ ...row, disconnectedAt: core.clock.now() })
  if (row) audit(core.store, { at: core.clock.now(), event: 'client_disconnected', ownerId: row.ownerId, data: { client: id, name: row.name } })
}

/**
 * Where the caller's replies go. An owner without a session has one standing client of its own, which comes to be with the first thing that
 * is accepted from it (`standFor`): until then it is an id that nobody else has.
 */
export function addressOf(core: Core, caller: Caller): Address {
  if (caller.kind === 'agent') return { kind: 'agent', id: caller.agentId }
  if (caller.kind === 'client') return { kind: 'client', id: canonicalClient(core, caller.clientId) }
  const standing = findStanding(core, caller.ownerId)
  if (standing) ensureActor(core, standing)
  const known = standing?.id ?? core.reserved.get(caller.ownerId)
  const id = known ?? core.ids.client()
  if (known === undefined) core.reserved.set(caller.ownerId, id)
  return { kind: 'client', id }
}

/** The caller's address, on record and with an actor: for what is accepted, never for what may yet be refused. */
export function standFor(core: Core, caller: Caller): Address {
  const address = addressOf(core, caller)
  if (caller.kind !== 'owner' || address.kind !== 'client') return address
  if (!core.store.getClient(address.id)) connectClient(core, { ownerId: caller.ownerId, name: standingName }, address.id)
  return address
}

/** Whose client that is; also of one that is on no record yet. */
export const ownerOfClient = (core: Core, id: ClientId): OwnerId | undefined =>
  core.store.getClient(id)?.ownerId ?? [...core.reserved].find(([, reserved]) => reserved === id)?.[0]

const standingName = 'owner'
const findStanding = (core: Core, ownerId: OwnerId): ClientRow | undefined => core.store.listClients().find(row => row.ownerId === ownerId && row.name === standingName)

/** It is the one where an owner's calls without a session come from. */
export const isStanding = (core: Core, ownerId: OwnerId, { kind, id }: Address): boolean => {
  const row = kind === 'client' ? core.store.getClient(id) : undefined
  return row?.ownerId === ownerId && row.name === standingName
}
