/** Room for agents: how many processes may live at once, how many children one agent may have, how deep a tree may grow. */

import { MadroxError } from '../errors.ts'
import type { AgentId } from '../ids.ts'
import type { Address } from '../messages.ts'
import { agentActor, type Core, detailOf, isEnded, lineAbove, stateOf } from './core.ts'
import { childrenOf } from './directory.ts'

/** Put away, or brought back from the record and not yet needed: its process is gone, and its session is kept. */
export function isSuspended(core: Core, id: AgentId): boolean {
  const actor = agentActor(core, id)
  const detail = actor && detailOf(actor.getSnapshot())
  return detail !== undefined && (detail.startsWith('idle.suspended') || detail === 'interrupted.suspended')
}

function hasProcess(core: Core, id: AgentId): boolean {
  const actor = agentActor(core, id)
  return actor !== undefined && stateOf(actor.getSnapshot()) !== 'terminated' && !isSuspended(core, id)
}

/** The level on which an agent below that one stands; directly below a client: 1. */
export const depthBelow = (core: Core, parent: Address): number => (parent.kind === 'client' ? 1 : [parent, ...lineAbove(core, parent.id)].length)

/** Room for one more, below that address. @throws MadroxError `limit_reached` */
export function checkRoom(core: Core, parent: Address): void {
  const { maxChildren, maxDepth } = core.limits
  checkProcesses(core)
  const depth = depthBelow(core, parent)
  if (depth > maxDepth) throw new MadroxError('limit_reached', `The agent would stand ${depth} levels deep and the limit is ${maxDepth}.`, { remedy: 'Spawn it from an agent higher up.', data: { limit: maxDepth } })
  if (parent.kind === 'client') return
  const children = childrenOf(core, parent.id).length + [...core.underway.values()].filter(each => each.parent.id === parent.id).length + 1
  if (children > maxChildren) throw new MadroxError('limit_reached', `Its supervisor would have ${children} agents and the limit is ${maxChildren}.`, { remedy: 'Terminate one of them, or spawn it below one of them.', data: { limit: maxChildren } })
}

/** Those on their way have a place already. */
export const livingProcesses = (core: Core): number => [...core.rows.values()].filter(row => !isEnded(core, row.id) && hasProcess(core, row.id)).length + core.underway.size

function checkProcesses(core: Core): void {
  const { maxInstances } = core.limits
  const living = livingProcesses(core)
  if (living < maxInstances) return
  throw new MadroxError('limit_reached', `${living} agents have a living process and the limit is ${maxInstances}.`, {
    remedy: 'Terminate or suspend some (terminate_instance, suspend_instance), or start the server with a higher MAX_INSTANCES.', data: { limit: maxInstances },
  })
}

/** A word for a suspended agent wakes it. @throws MadroxError `limit_reached` where there is no room for its process */
export function checkRoomToWake(core: Core, id: AgentId): void {
  if (isSuspended(core, id)) checkProcesses(core)
}
