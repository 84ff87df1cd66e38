/**
 * Limits of an agent: tokens, cost and time, each counting the agent and all below it. Here it is decided what may be granted
 * at a spawn and noticed when a limit is reached; ending the agent is its machine's. A child that asks for no limit has none
 * of its own: those above it count what it uses all the same.
 *
 * Beside them stands one limit for an owner, `maxTotalCost`: what its living trees have cost so far, ended members included. It
 * ends nobody: spawns and messages are refused until a tree has ended. A tree that ended no longer counts, because nothing can
 * be saved on it any more; nor does what no price is known for, and the refusal says so.
 */

import { MadroxError } from '../errors.ts'
import type { AgentId, OwnerId } from '../ids.ts'
import type { Address } from '../messages.ts'
import type { LimitName } from '../machines/agent-context.ts'
import { agentKey, hands } from '../machines/effects.ts'
import { choosesModel } from '../prices.ts'
import type { AgentRow } from '../store/store.ts'
import { type Core, isEnded, ledgerActor, lineAbove, specOf, tellAgent } from './core.ts'
import type { AgentLimits, SpawnRequest } from './facade.ts'
import { ownCostLimit } from './policy-checks.ts'
import { type Spent, sumOf } from './spending.ts'

type Counted = 'maxTotalTokens' | 'maxCost'

const counted: Readonly<Record<Counted, { readonly parameter: LimitName; used(spent: Spent): number; show(amount: number): string }>> = {
  maxTotalTokens: { parameter: 'max_total_tokens', used: spent => spent.tokens, show: amount => String(amount).replace(/\B(?=(\d{3})+$)/g, ' ') },
  maxCost: { parameter: 'max_cost', used: spent => spent.knownCost, show: amount => `$${Number(amount.toFixed(4))}` },
}

/** What it was given at its spawn, to be shared out below it. */
const limitsOf = (row: AgentRow): AgentLimits => specOf(row).limits ?? {}

/** What holds for it: that, and what this server allows each agent. Those below it are not promised a part of the latter. */
export function boundsOf({ limits: { maxTokensPerInstance, maxMinutesPerInstance } }: Pick<Core, 'limits'>, row: AgentRow): AgentLimits {
  const { maxTotalTokens, timeoutMinutes, ...rest } = limitsOf(row)
  const [tokens, minutes] = [least(maxTotalTokens, maxTokensPerInstance), least(timeoutMinutes, maxMinutesPerInstance)]
  return { ...rest, ...(tokens === undefined ? {} : { maxTotalTokens: tokens }), ...(minutes === undefined ? {} : { timeoutMinutes: minutes }) }
}

const least = (a: number | undefined, b: number | undefined): number | undefined => (a === undefined || b === undefined ? (a ?? b) : Math.min(a, b))

/** When its time is up; undefined: it has no limit. */
export function endsAt(core: Pick<Core, 'limits'>, row: AgentRow): number | undefined {
  const { timeoutMinutes } = boundsOf(core, row)
  return timeoutMinutes === undefined ? undefined : row.createdAt + timeoutMinutes * 60_000
}

/** The agent and those above it, nearest first. */
export function lineOf(core: Core, address: Address): AgentRow[] {
  const agents = address.kind === 'agent' ? [address, ...lineAbove(core, address.id)] : []
  return agents.flatMap(each => (each.kind === 'agent' ? (core.rows.get(each.id) ?? []) : []))
}

/** What the living below it were granted and have not used. */
function promised(core: Core, id: AgentId, of: Counted): number {
  const living = [...core.rows.values()].filter(row => row.parent.id === id && !isEnded(core, row.id))
  const toChild = (row: AgentRow): number => {
    const limit = limitsOf(row)[of]
    return limit === undefined ? promised(core, row.id, of) : Math.max(0, limit - counted[of].used(core.spending.subtree(row.id)))
  }
  const toCome = [...core.underway.values()].flatMap(({ parent, limits }) => (parent.id === id ? [limits[of] ?? 0] : []))
  return [...living.map(toChild), ...toCome].reduce((total, amount) => total + amount, 0)
}

/**
 * A child's limits are at most what its supervisor has left: of the nearest limit above it, less what was used and what others
 * were granted. Its time ends with its supervisor's at the latest.
 *
 * @throws MadroxError `exceeds_parent` naming the parameter; `invalid_input` where its cost could not be told
 */
export function checkBudget(core: Core, { name, limits = {}, model }: Pick<SpawnRequest, 'name' | 'limits' | 'model'>, parent: Address): void {
  const above = lineOf(core, parent)
  const refuse = (parameter: LimitName, row: AgentRow, left: string): never => {
    throw new MadroxError('exceeds_parent', `${parameter} would give "${name}" more than "${row.name}" above it has left: ${left}.`, { remedy: 'Ask for at most that, or for none: what it uses counts there anyway.', data: { parameter } })
  }
  for (const of of ['maxTotalTokens', 'maxCost'] as const) {
    const holder = above.find(row => limitsOf(row)[of] !== undefined)
    const limit = holder && limitsOf(holder)[of]
    if (limits[of] === undefined || !holder || limit === undefined) continue
    const left = Math.max(0, limit - counted[of].used(core.spending.subtree(holder.id)) - promised(core, holder.id, of))
    if (limits[of] > left) refuse(counted[of].parameter, holder, `${counted[of].show(left)} of ${counted[of].show(limit)}`)
  }
  checkAllowed(core, name, limits)
  const timed = above.find(row => endsAt(core, row) !== undefined)
  const leftMs = timed && (endsAt(core, timed) ?? 0) - core.clock.now()
  if (timed && leftMs !== undefined && limits.timeoutMinutes !== undefined && limits.timeoutMinutes * 60_000 > leftMs) {
    refuse('timeout_minutes', timed, `${Math.max(0, Math.floor(leftMs / 6_000) / 10)} minutes`)
  }
  checkPrice(core, model, limits, above)
}

/** @throws MadroxError `limit_reached` where it asks for more than this server allows any agent */
function checkAllowed({ limits: { maxTokensPerInstance = Infinity, maxMinutesPerInstance = Infinity } }: Core, name: string, { maxTotalTokens = 0, timeoutMinutes = 0 }: AgentLimits): void {
  const refuse = (parameter: LimitName, limit: number): never => {
    throw new MadroxError('limit_reached', `${parameter} would give "${name}" more than this server allows an agent: ${limit}.`, { remedy: 'Ask for at most that, or for none: that holds anyway.', data: { parameter, limit } })
  }
  if (maxTotalTokens > maxTokensPerInstance) refuse('max_total_tokens', maxTokensPerInstance)
  if (timeoutMinutes > maxMinutesPerInstance) refuse('timeout_minutes', maxMinutesPerInstance)
}

/** @throws MadroxError `invalid_input` where there is a cost to keep, and what this model costs is not known */
export function checkPrice(core: Core, model: string | undefined, limits: AgentLimits, above: readonly AgentRow[]): void {
  const costLimited = limits.maxCost !== undefined || above.some(row => limitsOf(row).maxCost !== undefined)
  if (costLimited && model !== undefined && !choosesModel(model) && !core.prices.isKnown(model)) {
    throw new MadroxError('invalid_input', `What the model "${model}" costs is not known, and there is a max_cost to keep.`, { remedy: 'Add its price to prices.json in the home of the server and start it again, or choose another model or max_total_tokens.', data: { model } })
  }
}

/** @throws MadroxError `limit_reached` where the living trees of this owner have cost what they may */
export function checkTotalCost(core: Core, ownerId: OwnerId): void {
  const tops = [...core.rows.values()].filter(row => row.ownerId === ownerId && row.parent.kind === 'client' && !isEnded(core, row.id))
  const { knownCost, unknownModels } = sumOf(tops.map(row => core.spending.subtree(row.id)))
  const maxTotalCost = Math.min(core.limits.maxTotalCost, ownCostLimit(core, ownerId) ?? Number.POSITIVE_INFINITY)
  if (knownCost < maxTotalCost) return
  const { show } = counted.maxCost
  const unknown = unknownModels.length > 0 ? `, not counting ${unknownModels.join(', ')}, whose price is not known` : ''
  throw new MadroxError('limit_reached', `Your living agents and those that ended below them have cost ${show(knownCost)}${unknown}, and the limit is ${show(maxTotalCost)}.`, {
    remedy: `Terminate a team that is no longer needed, or ${maxTotalCost < core.limits.maxTotalCost ? 'set a higher max_total_cost by set_policy' : 'start the server with a higher MADROX_MAX_TOTAL_COST'}.`, data: { limit: maxTotalCost, cost: knownCost },
  })
}

/** From now on each call that goes on record is counted, and held against the limits of its agent and of those above it. */
export function watchLimits(core: Core): void {
  ledgerActor(core).on('usageCounted', ({ call }) => {
    core.spending.count(call)
    for (const row of lineOf(core, { kind: 'agent', id: call.agentId })) hold(core, row)
  })
  ledgerActor(core).on('costTold', ({ agentId }) => {
    core.spending.recount(agentId)
    for (const row of lineOf(core, { kind: 'agent', id: agentId })) hold(core, row)
  })
}

function hold(core: Core, row: AgentRow): void {
  const reached = isEnded(core, row.id) ? undefined : reachedBy(core, row)
  if (reached) tellAgent(core, row.id, { type: 'limitReached', ...reached, at: core.clock.now() })
}

/** The agent is there, new or brought back: by its record alone, its time ends when it ends, and what it has used counts. */
export function watchAgent(core: Core, row: AgentRow): void {
  hold(core, row)
  const at = endsAt(core, row)
  if (at === undefined) return
  const event = { type: 'limitReached', limit: 'timeout_minutes', detail: `timeout_minutes ${boundsOf(core, row).timeoutMinutes}` }
  core.root.system.get(hands.deadlines)?.send({ type: 'setDeadline', key: `${row.id}:time`, at, notify: agentKey(row.id), event })
}

/** Of tokens and cost; its time has a deadline of its own. */
export function reachedBy(core: Core, row: AgentRow): { readonly limit: LimitName; readonly detail: string } | undefined {
  const limits = boundsOf(core, row)
  const spent = core.spending.subtree(row.id)
  for (const of of ['maxTotalTokens', 'maxCost'] as const) {
    const limit = limits[of]
    if (limit === undefined) continue
    const { parameter, used, show } = counted[of]
    if (of === 'maxCost' && spent.unknownModels.length > 0) return { limit: parameter, detail: `${parameter} ${show(limit)} (what ${spent.unknownModels.join(', ')} costs is not known, so neither is what it and its agents have cost)` }
    if (used(spent) >= limit) return { limit: parameter, detail: `${parameter} ${show(limit)} (${show(used(spent))} used by it and its agents)` }
  }
  return undefined
}
