/**
 * Agents that ended and live again: same id, same session, same workspace, under their supervisor, or the nearest above it that lives.
 * What was open when they ended stays ended, and what is on record of their usage and limits still counts.
 */

import type { Driver } from '../drivers/driver.ts'
import { MadroxError } from '../errors.ts'
import type { AgentId } from '../ids.ts'
import type { Address, Caller } from '../messages.ts'
import type { AgentRow } from '../store/store.ts'
import { audit } from './auditing.ts'
import { refuseAtLimit, watchAgent } from './at-limit.ts'
import { checkAllowed, checkBudget, checkTotalCost, leftOf, reachedBy, withLimits } from './budgets.ts'
import { checkRoom, depthBelow } from './capacity.ts'
import { type AgentSpec, agentActor, callerKey, canonicalAddress, type Core, isEnded, lineAbove, nameOf, remembered, specOf, tellAgent } from './core.ts'
import type { Asking } from './controlling.ts'
import type { Changes } from './lifecycle-words.ts'
import { policyBelow } from './policies.ts'
import { checkSpawnPolicy } from './policy-checks.ts'
import type { ApproveSpawn } from './spawn-approval.ts'
import { bringBackClient } from './principals.ts'
import { recoveredOf, type RecoveryOptions } from './recovery.ts'

/** What must be there for an agent to come back to. */
export interface Resumable {
  readonly drivers: () => ReadonlyMap<string, Driver>
  readonly workspaceExists: (path: string) => boolean
}

export interface Reviving {
  /** Its actor is there when this resolves, and on its way up: whoever asks next finds its place taken. @throws MadroxError `agent_ended` where it cannot be, and as a spawn is refused */
  revive(caller: Caller, id: AgentId, changes: Changes, asking: Asking): Promise<void>
}

export function createReviving(core: Core, options: RecoveryOptions & Resumable & { readonly approve: ApproveSpawn }): Reviving {
  const { drivers, enter } = options
  /** As it would be; refused where it cannot be, or limits or policy say so. */
  function plan(id: AgentId, { name, model, limits = {} }: Changes) {
    const recorded = core.store.getAgent(id)
    const row = recorded && withLimits(recorded, limits)
    const driver = row && drivers().get(row.harness)
    const why = row ? whyNotResumable(core, options, row) : 'it is not on record'
    if (!row || !driver || why !== undefined) throw new MadroxError('agent_ended', `Agent "${row?.name ?? id}" (${id}) has ended and cannot be resumed: ${why}.`, { remedy: 'Spawn another; what it said is still in get_instance_output.', data: { agentId: id } })
    const { parent, parentSource } = supervisorOf(core, row)
    const spec: AgentSpec = { ...specOf(row), ...(model === undefined ? {} : { model }) }
    const next = { name: name ?? row.name, spec, parent, parentSource, state: 'spawning' }
    const ofModel = spec.model === undefined ? {} : { model: spec.model }
    checkAllowed(core, next.name, limits)
    checkBudget(core, { name: next.name, limits: leftOf(core, row), ...ofModel }, parent)
    checkTotalCost(core, row.ownerId)
    refuseAtLimit(core, parent, 'It takes no agents')
    checkSpawnPolicy(core, { harness: row.harness, name: next.name, ...ofModel, parent, ownerId: row.ownerId, depth: depthBelow(core, parent) })
    checkRoom(core, parent)
    return { row, driver, next }
  }
  return {
    revive: async (caller, id, changes, asking) => {
      let planned = plan(id, changes)
      const { next: { name, spec, parent } } = planned
      if (policyBelow(core, planned.row.ownerId, parent, 'spawn_approval') === 'manual') {
        await options.approve({ caller, request: { ...spec, name }, parent, ...asking })
        planned = plan(id, changes) // what holds now decides
      }
      const { row, driver, next } = planned
      core.store.transaction(() => {
        core.store.updateAgent(id, { ...next, endedAt: undefined, endReason: undefined, hold: undefined, atLimit: undefined })
        audit(core.store, { at: core.clock.now(), event: 'agent_revived', agentId: id, data: { parent: next.parent, source: next.parentSource, ended: row.endReason ?? 'ended' } })
        if (changes.limits) audit(core.store, { at: core.clock.now(), event: 'agent_respecified', agentId: id, data: { by: callerKey(core, caller), limits: { ...changes.limits } } })
      })
      enterAgain(core, { ...row, ...next }, driver, enter)
      tellAgent(core, id, { type: 'resumeAsked', at: core.clock.now() })
    },
  }
}

function enterAgain(core: Core, changed: AgentRow, driver: Driver, enter: RecoveryOptions['enter']): void {
  const { endedAt: _, endReason: __, hold: ___, atLimit: ____, ...row } = changed
  core.rows.set(row.id, row)
  if (!enter(row, driver, recoveredOf(core, row))) {
    const endedAt = core.clock.now()
    core.rows.set(row.id, remembered(row, endedAt))
    core.store.updateAgent(row.id, { state: 'terminated', endedAt, endReason: 'its supervisor was ending' })
    throw new MadroxError('agent_ended', `The supervisor of "${row.name}" is ending and takes no more agents.`, { remedy: 'Resume it again when that has ended.' })
  }
  watchAgent(core, row)
}

/** Why an ended agent cannot live again, if it cannot. */
export function whyNotResumable(core: Core, { drivers, workspaceExists }: Resumable, row: AgentRow): string | undefined {
  // Its actor and its process may still be there, whatever its record says.
  if (row.endedAt === undefined || agentActor(core, row.id)) return 'it is ending now'
  const [reached] = reachedBy(core, row)
  if (row.sessionId === undefined) return 'it has no session to return to'
  if (typeof specOf(row).prompt !== 'string') return 'the server that started it kept too little to bring it back'
  if (!drivers().has(row.harness)) return `there is no harness "${row.harness}" here`
  if (!workspaceExists(row.workspace.path)) return `its workspace ${row.workspace.path} is gone`
  return reached && `its limit is reached: ${reached.detail}`
}

/** Its own, if that lives; else the nearest above, agents first, then the client of its line. */
function supervisorOf(core: Core, row: AgentRow): { readonly parent: Address; readonly parentSource: string } {
  const above = [row.parent, ...(row.parent.kind === 'agent' ? lineAbove(core, row.parent.id) : [])]
  const parent = canonicalAddress(core, above.find(address => address.kind === 'client' || (agentActor(core, address.id) !== undefined && !isEnded(core, address.id))) ?? { kind: 'client', id: row.clientId })
  if (parent.kind === 'client') bringBackClient(core, parent.id)
  if (parent.id === row.parent.id) return { parent, parentSource: row.parentSource }
  return { parent, parentSource: `resumed: ${nameOf(core, parent)} is the nearest that lives above ${nameOf(core, row.parent)}, its supervisor before` }
}
