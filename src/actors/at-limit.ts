/**
 * What happens when a limit is reached: by policy the agent is ended, or interrupted and held until the limit is raised. A limit
 * counts what all below the agent use, so they are held with it. The record says at which limits of its own an agent is held; who is
 * held at those of others follows from the tree.
 */

import { MadroxError } from '../errors.ts'
import type { AgentId } from '../ids.ts'
import type { AtLimitChoice, HeldAt, LimitName, Reached } from '../limits.ts'
import type { AtLimit } from '../machines/agent-context.ts'
import { agentKey, hands } from '../machines/effects.ts'
import type { Address } from '../messages.ts'
import type { AgentRow } from '../store/store.ts'
import { endsAt, lineOf, reachedBy, serversOwn, type UsedUp } from './budgets.ts'
import { livingBelow } from './control.ts'
import { agentActor, agentContext, type Core, isEnded, ledgerActor, tellAgent } from './core.ts'
import { policyOf } from './policies.ts'

/** Its own first; none: it is not held. */
export const heldAt = (core: Core, id: AgentId): readonly HeldAt[] =>
  lineOf(core, { kind: 'agent', id }).flatMap(row => (row.atLimit ?? []).map(reached => ({ ...reached, agentId: row.id, name: row.name })))

/** As its machine has them. */
export const toAtLimit = (id: AgentId, held: readonly HeldAt[]): readonly AtLimit[] =>
  held.map(({ limit, detail, agentId, name }) => ({ limit, detail, ...(agentId === id ? {} : { of: name }) }))

const choiceFor = (core: Core, row: AgentRow): AtLimitChoice => policyOf(core, row, 'at_limit') ?? core.limits.atLimit

/** From now on each call that goes on record is counted, and held against the limits of its agent and of those above it. `tellsCost`: its CLI says at a turn's end what that cost. */
export function watchLimits(core: Core, tellsCost: (harness: string) => boolean): void {
  const judgeLine = (id: AgentId): void => {
    for (const row of lineOf(core, { kind: 'agent', id })) judge(core, row.id)
  }
  const isAwaited = (id: AgentId): boolean => {
    const context = agentContext(core, id)
    return tellsCost(core.rows.get(id)?.harness ?? '') && (context?.turn ?? context?.aside) !== undefined
  }
  const ledger = ledgerActor(core)
  ledger.on('usageCounted', ({ call }) => {
    core.spending.count(call)
    if (call.costUsd === undefined && !core.prices.isKnown(call.model) && isAwaited(call.agentId)) core.untold.add(call.agentId)
    judgeLine(call.agentId)
  })
  ledger.on('costTold', ({ agentId }) => {
    core.spending.recount(agentId)
    judgeLine(agentId)
  })
  // What was not told by then stays unknown.
  const giveUp = (agentId: AgentId): void => {
    if (core.untold.delete(agentId)) judgeLine(agentId)
  }
  ledger.on('turnOver', ({ agentId }) => giveUp(agentId))
  ledger.on('agentEnded', ({ agentId }) => giveUp(agentId))
}

/** The agent is there, new or brought back: by its record alone, its time ends when it ends, and what it has used counts. */
export function watchAgent(core: Core, row: AgentRow): void {
  agentActor(core, row.id)?.on('timeUp', ({ at }) => judge(core, row.id, { now: Math.max(at, core.clock.now()) }))
  watchTime(core, row)
  judge(core, row.id)
  const held = heldAt(core, row.id)
  // One of those above it reached its limit while it was being made.
  if (held.length > 0) tellAgent(core, row.id, { type: 'limitsTold', atLimit: toAtLimit(row.id, held), at: core.clock.now() })
}

function watchTime(core: Core, row: AgentRow): void {
  const at = endsAt(core, row)
  if (at !== undefined) core.root.system.get(hands.deadlines)?.send({ type: 'setDeadline', key: `${row.id}:time`, at, notify: agentKey(row.id), event: { type: 'timeUp' } })
}

/** Its limits are others from now on. */
export function limitsChanged(core: Core, row: AgentRow): void {
  watchTime(core, row)
  judge(core, row.id, { anew: true })
}

/** Policy is another: who is held may have to be ended. */
export function judgeAll(core: Core): void {
  for (const id of core.rows.keys()) judge(core, id)
}

/** `anew`: what it is held at is put in the words of now. */
function judge(core: Core, id: AgentId, { now = core.clock.now(), anew = false }: { readonly now?: number; readonly anew?: boolean } = {}): void {
  const row = core.rows.get(id)
  if (!row || isEnded(core, id)) return
  const reached = reachedBy(core, row, now)
  const held = row.atLimit ?? []
  const [first] = reached
  if (!first && held.length === 0) return
  if (first && choiceFor(core, row) === 'end') return tellAgent(core, id, { type: 'limitReached', limit: first.limit, detail: first.detail, at: now })
  const fresh = reached.filter(({ limit }) => !held.some(known => known.limit === limit)).map(({ limit, detail }) => ({ limit, detail, at: now }))
  const lifted = held.filter(({ limit }) => !reached.some(known => known.limit === limit))
  if (fresh.length === 0 && lifted.length === 0 && !anew) return
  const kept = held.flatMap(known => reached.flatMap(({ limit, detail }) => (limit === known.limit ? [{ ...known, ...(anew ? { detail } : {}) }] : [])))
  holdAt(core, row, { reached: [...kept, ...fresh], fresh, lifted: lifted.map(({ limit }) => limit), at: now })
}

interface Change {
  readonly reached: readonly Reached[]
  readonly fresh: readonly Reached[]
  readonly lifted: readonly LimitName[]
  readonly at: number
}

/** Stopped first, then put on record: what goes on spending does not wait for the disk. */
function holdAt(core: Core, row: AgentRow, change: Change): void {
  const { atLimit: _, ...rest } = row
  core.rows.set(row.id, change.reached.length > 0 ? { ...rest, atLimit: change.reached } : rest)
  for (const id of livingBelow(core, [row.id])) tellAgent(core, id, { type: 'limitsTold', atLimit: toAtLimit(id, heldAt(core, id)), at: change.at })
  const notice = change.fresh.length > 0 ? { notice: noticeOf(core, row, change.fresh) } : {}
  ledgerActor(core).send({ type: 'limitsHeld', agentId: row.id, ...change, ...notice })
}

function noticeOf(core: Core, row: AgentRow, fresh: readonly Reached[]): string {
  const what = `${row.name} has reached its limit: ${fresh.map(({ detail }) => detail).join('; ')}. Its turn is interrupted, as are those of agents below it, and nothing is delivered to any of them.`
  return `${what} You can ${fresh.map(({ limit }) => wayOut(core, row, limit)).join(' and ')}, end it (terminate_instance ${row.id}), or leave it as it is.`
}

/** What lets it go on. */
function wayOut(core: Core, row: AgentRow, limit: LimitName): string {
  const unknown = reachedBy(core, row).find((each): each is UsedUp & { unknownModels: readonly string[] } => each.limit === limit && each.unknownModels !== undefined)
  if (unknown) return `add the price of ${unknown.unknownModels.join(', ')} to prices.json in the home of the server and start it again`
  const variable = serversOwn(core, row, limit)
  return variable ? `start the server with a higher ${variable}` : `raise it (resume_instance ${row.id} with a higher ${limit})`
}

/** @throws MadroxError `limit_reached` where nothing can be delivered to that agent, nor begun below it, until a limit is raised */
export function refuseAtLimit(core: Core, address: Address, what: string): void {
  if (address.kind === 'client') return
  const held = heldAt(core, address.id)
  const [first] = held
  const holder = first && core.rows.get(first.agentId)
  if (!first || !holder) return
  const name = core.rows.get(address.id)?.name ?? address.id
  const why = first.agentId === address.id ? `"${name}" is held at its limit` : `"${name}" is held, because "${first.name}" above it is at its limit`
  throw new MadroxError('limit_reached', `${why}: ${first.detail}. ${what}.`, {
    remedy: `Whoever supervises "${first.name}" can ${wayOut(core, holder, first.limit)}, or end it (terminate_instance ${first.agentId}).`, data: { parameter: first.limit, agentId: first.agentId },
  })
}
