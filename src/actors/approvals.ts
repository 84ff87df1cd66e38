/**
 * What waits for somebody's yes: spawns that a policy has a person asked about first, and permission prompts of agents' CLIs. Who
 * is asked, who may answer, and that an answer counts once. Without one it is a no: at the deadline, when the server ends, and, for
 * what an earlier server left open, when the next one starts.
 */

import { MadroxError, wordsOf } from '../errors.ts'
import type { AgentId, ClientId } from '../ids.ts'
import type { Address, Caller } from '../messages.ts'
import type { ApprovalRow, Settlement } from '../store/policy-store.ts'
import { audit } from './auditing.ts'
import { callerKey, type Core, nameOf } from './core.ts'
import type { ApprovalAnswer, ApprovalTold, Person, PersonAnswer } from './controlling.ts'
import { isWithin } from './directory.ts'
import { createPersons } from './persons.ts'
import { nameOfSetter } from './policies.ts'
import { isStanding } from './principals.ts'

/** What is kept of a request, in words and names. */
export interface Request {
  readonly text: string
  /** Who wants it: an agent, or a client. */
  readonly by: Address & { readonly name: string }
  readonly asked: 'supervisor' | 'person' | 'policy'
  readonly tool?: string
  readonly detail?: string
}

/** Why that agent may not say yes: it would give away more than it has. Undefined: it may. */
export type Exceeds = (answerer: AgentId) => string | undefined

interface Open {
  readonly row: ApprovalRow
  readonly request: Request
  readonly exceeds: Exceeds
  readonly over: AbortController
  readonly timer: unknown
  readonly onSettled: (settlement: Settlement) => void
}

export interface Opening {
  readonly kind: ApprovalRow['kind']
  readonly agentId?: AgentId
  readonly clientId: ClientId
  readonly request: Request
  readonly expiresAt: number
  readonly exceeds?: Exceeds
  /** Once: it was answered, nobody did in time, or nobody waits any more. */
  readonly onSettled: (settlement: Settlement) => void
}

/** Of those that were settled, how many of the newest are looked through. */
const lookedThrough = 1_000

/** By nobody. */
const madrox = 'madrox'
/** By the rights an agent has. */
export const byPolicy = 'policy'
const wordFor = (core: Core, by: string): string => (by === madrox || by === byPolicy ? by : nameOfSetter(core, by))

export function createApprovals(core: Core) {
  const persons = createPersons(core)
  const open = new Map<string, Open>()
  const watchers = new Set<{ readonly caller: Caller; readonly listener: () => void }>()
  let closed: string | undefined
  denyLeftOvers(core)

  const tellWatchers = (row: ApprovalRow): void => {
    for (const watcher of watchers) {
      try {
        if (maySee(core, watcher.caller, row)) watcher.listener()
      } catch (error) {
        watchers.delete(watcher)
        core.log.error('a watcher of approvals failed, and is told no more', { reason: wordsOf(error) })
      }
    }
  }

  const settle = (id: string, decision: Settlement['decision'], by: string, reason?: string): boolean => {
    const found = open.get(id)
    if (!found) return false
    const settlement: Settlement = { decision, by, at: core.clock.now(), ...(reason === undefined ? {} : { reason }) }
    // A yes is on record before anything comes of it; a no is one, whatever the disk says.
    if (decision === 'allow') record(core, found.row, settlement)
    else attempt(core, () => record(core, found.row, settlement))
    open.delete(id)
    core.clock.clearTimeout(found.timer)
    found.over.abort()
    tellWatchers(found.row)
    found.onSettled(settlement)
    return true
  }

  function begin({ request, onSettled, exceeds = () => undefined, ...opening }: Opening): Open {
    const id = core.ids.prompt()
    const at = core.clock.now()
    const ownerId = opening.agentId === undefined ? core.store.getClient(opening.clientId)?.ownerId : core.rows.get(opening.agentId)?.ownerId
    if (ownerId === undefined) throw new MadroxError('internal', 'Nobody is on record whose agents these are.')
    const row: ApprovalRow = { id, ...opening, ownerId, request, askedAt: at }
    const write = (): void => core.store.transaction(() => {
      core.store.addApproval(row)
      audit(core.store, { at, event: 'answer_asked', ...whose(row), data: { approval: id, kind: row.kind, by: `${request.by.kind}:${request.by.id}`, asked: request.asked } })
    })
    // A spawn that cannot be put on record is refused anyway; an open dialog is there all the same.
    if (row.kind === 'spawn') write()
    else attempt(core, write)
    const waitMs = Math.max(0, opening.expiresAt - at)
    const timer = core.clock.setTimeout(() => settle(id, 'deny', madrox, `nobody answered within ${Math.round(waitMs / 1000)} seconds`), waitMs)
    const begun: Open = { row, request, exceeds, over: new AbortController(), timer, onSettled }
    open.set(id, begun)
    tellWatchers(row)
    if (closed !== undefined) settle(id, 'deny', madrox, closed)
    return begun
  }

  const told = (row: ApprovalRow, settled = row.settled): ApprovalTold => {
    const { text, by, asked, tool, detail } = row.request as Request // written by `begin`
    return {
      id: row.id, kind: row.kind, by, text, asked, askedAt: row.askedAt, expiresAt: row.expiresAt, ...(tool === undefined ? {} : { tool }), ...(detail === undefined ? {} : { detail }),
      ...(settled ? { settled: { ...settled, by: wordFor(core, settled.by) } } : {}),
    }
  }

  function answered(row: ApprovalRow, { decision, message }: PersonAnswer, by = `client:${row.clientId}`): void {
    try {
      settle(row.id, decision, by, message)
    } catch (error) {
      settle(row.id, 'deny', madrox, `the yes could not be put on record: ${wordsOf(error)}`)
    }
  }

  function answer(caller: Caller, { id, decision, message }: ApprovalAnswer): ApprovalTold {
    const found = open.get(id)
    if (!found || !maySee(core, caller, found.row)) throw notOpen(core, caller, id)
    checkMayAnswer(core, caller, found)
    checkMayAllow(caller, decision, found)
    const by = callerKey(core, caller)
    settle(id, decision, by, message)
    return told(found.row, { decision, by, at: core.clock.now(), ...(message === undefined ? {} : { reason: message }) })
  }

  return {
    begin,
    settle,
    answer,
    list: (caller: Caller, { settled }: { readonly settled?: number } = {}): readonly ApprovalTold[] => {
      const seen = (rows: readonly ApprovalRow[]): ApprovalRow[] => rows.filter(row => maySee(core, caller, row))
      const earlier = settled === undefined || settled === 0 ? [] : seen(core.store.listApprovals({ settled: lookedThrough })).slice(-settled)
      return [...earlier, ...seen([...open.values()].map(({ row }) => row))].map(row => told(row))
    },
    watch: (caller: Caller, listener: () => void): (() => void) => {
      const watcher = { caller, listener }
      watchers.add(watcher)
      return () => void watchers.delete(watcher)
    },
    personAt: persons.personAt,
    personOf: persons.personOf,
    /** Puts it to that person; `unasked`: it could not be. */
    ask: ({ row, request, over }: Open, person: Person, unasked: () => void) =>
      persons.put(person, { text: request.text, expiresAt: row.expiresAt, over: over.signal, unasked, answered: given => answered(row, given) }),
    /** By its agent's own rights, and no one is asked. */
    decide: ({ row }: Open, { decision, reason }: { readonly decision: 'allow' | 'deny'; readonly reason: string }) => answered(row, { decision, message: reason }, byPolicy),
    /** Nobody will answer any more. */
    endAll: (why: string): void => {
      closed = why
      for (const id of open.keys()) settle(id, 'deny', madrox, why)
    },
  }
}

export type Approvals = ReturnType<typeof createApprovals>

function record(core: Core, row: ApprovalRow, settlement: Settlement): void {
  core.store.transaction(() => {
    core.store.settleApproval(row.id, settlement)
    audit(core.store, { at: settlement.at, event: 'answer_settled', ...whose(row), data: { approval: row.id, kind: row.kind, decision: settlement.decision, by: settlement.by, ...(settlement.reason === undefined ? {} : { reason: settlement.reason }) } })
  })
}

const whose = ({ agentId, ownerId }: ApprovalRow): Pick<ApprovalRow, 'agentId'> | Pick<ApprovalRow, 'ownerId'> => (agentId ? { agentId } : { ownerId })

/** What does not depend on being written. */
function attempt(core: Core, write: () => void): void {
  try {
    write()
  } catch (error) {
    core.log.error('an approval could not be put on record', { reason: wordsOf(error) })
  }
}

/** The calls and dialogs they were for ended with the server that was asked. */
function denyLeftOvers(core: Core): void {
  attempt(core, () => {
    for (const row of core.store.listApprovals()) record(core, row, { decision: 'deny', by: madrox, reason: 'the server was started again before it was answered', at: core.clock.now() })
  })
}

/** Of one's own agents, and one's own calls. */
function maySee(core: Core, caller: Caller, row: ApprovalRow): boolean {
  const agent = row.agentId === undefined ? undefined : core.rows.get(row.agentId)
  return agent ? isWithin(core, caller, agent, 'see') : caller.kind !== 'agent' && caller.ownerId === row.ownerId
}

function checkMayAnswer(core: Core, caller: Caller, { row, request }: Open): void {
  const refuse = (why: string, remedy: string): never => {
    throw new MadroxError('not_allowed', why, { remedy, data: { approval_id: row.id } })
  }
  const wantsIt = caller.kind === 'owner' ? isStanding(core, caller.ownerId, request.by) : callerKey(core, caller) === `${request.by.kind}:${request.by.id}`
  if (wantsIt) refuse('Who wants something does not allow it to itself.', row.agentId === undefined ? 'Let a person answer: in the dialog of the client, from the command line, or in another session.' : 'Wait: those above you are asked.')
  if (caller.kind === 'agent' && request.asked === 'person') refuse('A person is asked, and no agent answers for one.', 'Wait, or go on with other work.')
}

/** What confines an agent confines what it may allow: its agents would be its way out. */
function checkMayAllow(caller: Caller, decision: ApprovalAnswer['decision'], { row, exceeds }: Open): void {
  const why = caller.kind === 'agent' && decision === 'allow' ? exceeds(caller.agentId) : undefined
  if (why !== undefined) throw new MadroxError('exceeds_parent', `Allowing that would give away more than you have: ${why}`, { remedy: 'Deny it, saying what to do instead, or leave it to those above you.', data: { approval_id: row.id } })
}

function notOpen(core: Core, caller: Caller, id: string): MadroxError {
  const row = core.store.listApprovals({ settled: lookedThrough }).find(known => known.id === id)
  if (row?.settled && maySee(core, caller, row)) {
    const { decision, by, reason } = row.settled
    return new MadroxError('already_settled', `That was settled before: ${decision} by ${wordFor(core, by)}${reason === undefined ? '' : ` (${reason})`}.`, { remedy: 'It stands; list_approvals shows what still waits.', data: { approval_id: id, decision } })
  }
  return new MadroxError('not_found', `Nothing that you may answer waits under "${id}".`, { remedy: 'list_approvals shows what waits, with ids.', data: { approval_id: id } })
}

/** The client whose person answers for what stands under that address. */
export const clientAbove = (core: Core, address: Address): ClientId | undefined => (address.kind === 'client' ? address.id : core.rows.get(address.id)?.clientId)

/** Words of an agent's, for a person to read: on one line, without what a terminal would take for commands, and not endless. */
export function plain(text: string, longest: number): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim()
  return line.length > longest ? `${line.slice(0, longest)}…` : line
}

export const named = (core: Core, address: Address): Address & { readonly name: string } => ({ ...address, name: nameOf(core, address) })
