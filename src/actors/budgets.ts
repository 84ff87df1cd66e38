/**
 * Limits of an agent: tokens, cost and time, each counting the agent and all below it. Here it is decided what may be granted, at a
 * spawn and later, and told which are used up; what happens then is `at-limit.ts`'s. A child that asks for no limit has none
 * of its own: those above it count what it uses all the same.
 *
 * Beside them stands one limit for an owner, `maxTotalCost`: what its living trees have cost so far, ended members included. It
 * ends nobody: spawns and messages are refused until a tree has ended. A tree that ended no longer counts, because nothing can
 * be saved on it any more; nor does what no price is known for, and the refusal says so.
 */

import { MadroxError } from '../errors.ts'
import type { AgentId, OwnerId } from '../ids.ts'
import type { Address } from '../messages.ts'
import type { LimitName } from '../limits.ts'
import { choosesModel } from '../prices.ts'
import type { AgentRow } from '../store/store.ts'
import { type Core, isEnded, lineAbove, specOf } from './core.ts'
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

/** What the living below it, one of them left out, were granted and have not used. */
function promised(core: Core, id: AgentId, of: Counted, except?: AgentId): number {
  const living = [...core.rows.values()].filter(row => row.parent.id === id && row.id !== except && !isEnded(core, row.id))
  const toChild = (row: AgentRow): number => {
    const limit = limitsOf(row)[of]
    return limit === undefined ? promised(core, row.id, of, except) : Math.max(0, limit - counted[of].used(core.spending.subtree(row.id)))
  }
  const toCome = [...core.underway.values()].flatMap(({ parent, limits }) => (parent.id === id ? [limits[of] ?? 0] : []))
  return [...living.map(toChild), ...toCome].reduce((total, amount) => total + amount, 0)
}

/**
 * A child's limits are at most what its supervisor has left: of the nearest limit above it, less what was used and what others
 * were granted. Its time ends with its supervisor's at the latest. `except`: it is there already, and what it was granted is its own.
 *
 * @throws MadroxError `exceeds_parent` naming the parameter; `invalid_input` where its cost could not be told
 */
export function checkBudget(core: Core, { name, limits = {}, model }: Pick<SpawnRequest, 'name' | 'limits' | 'model'>, parent: Address, except?: AgentId): void {
  const above = lineOf(core, parent)
  const refuse = (parameter: LimitName, row: AgentRow, left: string): never => {
    throw new MadroxError('exceeds_parent', `${parameter} would give "${name}" more than "${row.name}" above it has left: ${left}.`, { remedy: 'Ask for at most that, or for none: what it uses counts there anyway.', data: { parameter } })
  }
  for (const of of ['maxTotalTokens', 'maxCost'] as const) {
    const holder = above.find(row => limitsOf(row)[of] !== undefined)
    const limit = holder && limitsOf(holder)[of]
    if (limits[of] === undefined || !holder || limit === undefined) continue
    const left = Math.max(0, limit - counted[of].used(core.spending.subtree(holder.id)) - promised(core, holder.id, of, except))
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
export function checkAllowed({ limits: { maxTokensPerInstance = Infinity, maxMinutesPerInstance = Infinity } }: Core, name: string, { maxTotalTokens = 0, timeoutMinutes = 0 }: AgentLimits): void {
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

/** What it has left of its own limits: as much is asked of those above it. */
export function leftOf(core: Core, row: AgentRow): AgentLimits {
  const { maxTotalTokens, maxCost, timeoutMinutes } = limitsOf(row)
  const used = core.spending.subtree(row.id)
  return {
    ...(maxTotalTokens === undefined ? {} : { maxTotalTokens: Math.max(0, maxTotalTokens - used.tokens) }),
    ...(maxCost === undefined ? {} : { maxCost: Math.max(0, maxCost - used.knownCost) }),
    ...(timeoutMinutes === undefined ? {} : { timeoutMinutes: Math.max(0, ((endsAt(core, row) ?? 0) - core.clock.now()) / 60_000) }),
  }
}

/** Its row, were these its limits. */
export const withLimits = (row: AgentRow, limits: AgentLimits): AgentRow => ({ ...row, spec: { ...specOf(row), limits: { ...limitsOf(row), ...limits } } })

/**
 * Other limits for an agent that is there: what they would leave it is asked of those above it, as at a spawn.
 * @throws MadroxError as `checkBudget`
 */
export function checkLimits(core: Core, row: AgentRow, limits: AgentLimits): void {
  checkAllowed(core, row.name, limits)
  const left = leftOf(core, withLimits(row, limits))
  const asked = Object.fromEntries(Object.entries(left).filter(([key]) => key in limits)) as AgentLimits // some of its keys
  const { model } = specOf(row)
  if (Object.keys(asked).length > 0) checkBudget(core, { name: row.name, limits: asked, ...(model === undefined ? {} : { model }) }, row.parent, row.id)
}

/** One that is used up; `detail` says how much, in words. */
export interface UsedUp {
  readonly limit: LimitName
  readonly detail: string
  /** It is not known what was used, because what these models cost is not. */
  readonly unknownModels?: readonly string[]
}

/** Of its limits those that are used up at that time. */
export function reachedBy(core: Core, row: AgentRow, now = core.clock.now()): readonly UsedUp[] {
  const limits = boundsOf(core, row)
  const spent = core.spending.subtree(row.id)
  const ends = endsAt(core, row)
  return [
    ...(['maxTotalTokens', 'maxCost'] as const).flatMap(of => reachedOf(core, row, { of, limit: limits[of], spent })),
    ...(ends !== undefined && ends <= now ? [{ limit: 'timeout_minutes' as const, detail: `timeout_minutes ${limits.timeoutMinutes}` }] : []),
  ]
}

function reachedOf(core: Core, row: AgentRow, { of, limit, spent }: { readonly of: Counted; readonly limit: number | undefined; readonly spent: Spent }): readonly UsedUp[] {
  if (limit === undefined) return []
  const { parameter, used, show } = counted[of]
  const unknownModels = of === 'maxCost' && spent.unknownModels.length > 0 ? unknownBelow(core, row.id) : []
  if (unknownModels.length > 0) return [{ limit: parameter, detail: `${parameter} ${show(limit)} (what ${unknownModels.join(', ')} costs is not known, so neither is what it and its agents have cost)`, unknownModels }]
  return used(spent) >= limit ? [{ limit: parameter, detail: `${parameter} ${show(limit)} (${show(used(spent))} used by it and its agents)` }] : []
}

/** Not those of turns whose cost is still to be told. */
function unknownBelow(core: Core, id: AgentId): readonly string[] {
  const own = core.untold.has(id) ? [] : core.spending.own(id).unknownModels
  const below = [...core.rows.values()].flatMap(row => (row.parent.kind === 'agent' && row.parent.id === id ? unknownBelow(core, row.id) : []))
  return [...new Set([...own, ...below])]
}

/** The variable that says so, where it is the server that allows no more. */
export function serversOwn(core: Pick<Core, 'limits'>, row: AgentRow, limit: LimitName): string | undefined {
  const bounds = boundsOf(core, row)
  if (limit === 'max_total_tokens') return bounds.maxTotalTokens === core.limits.maxTokensPerInstance ? 'MADROX_MAX_TOKENS_PER_INSTANCE' : undefined
  return limit === 'timeout_minutes' && bounds.timeoutMinutes === core.limits.maxMinutesPerInstance ? 'MADROX_MAX_MINUTES_PER_INSTANCE' : undefined
}
