/** Who will be the supervisor. The strategies in their order; which one spoke, and on what evidence, is kept with the agent. */

import { MadroxError } from '../errors.ts'
import type { Caller } from '../messages.ts'
import type { AgentRow } from '../store/store.ts'
import { agentActor, agentContext, type Core, isEnded, stateOf } from './core.ts'
import { resolveLiving } from './directory.ts'
import type { ParentFound } from './facade.ts'
import { addressOf } from './principals.ts'

/** An agent of this name may stand directly under its owner, whoever asks. */
export const rootName = 'main-orchestrator'

export function resolveParent(core: Core, caller: Caller, parent?: string, name?: string): ParentFound {
  if (parent !== undefined) return { address: { kind: 'agent', id: resolveLiving(core, caller, parent, 'see').id }, source: 'parent_instance_id: given' }
  if (caller.kind === 'agent') return { address: addressOf(core, caller), source: 'credential: the calling agent' }
  if (caller.kind === 'client') return { address: addressOf(core, caller), source: 'session: the calling client' }
  if (name === rootName) return { address: addressOf(core, caller), source: `name: ${rootName} stands under its owner` }
  return mostRecentlyActive(core, caller.ownerId)
}

function mostRecentlyActive(core: Core, ownerId: string): ParentFound {
  const living = [...core.rows.values()].filter(row => row.ownerId === ownerId && !isEnded(core, row.id))
  const byActivity = living.toSorted((a, b) => lastActive(core, b) - lastActive(core, a))
  const busy = byActivity.find(row => {
    const actor = agentActor(core, row.id)
    return actor !== undefined && stateOf(actor.getSnapshot()) === 'busy'
  })
  if (busy) return { address: { kind: 'agent', id: busy.id }, source: `busy: ${busy.name} is the most recently active busy agent` }
  const used = byActivity.find(row => (agentContext(core, row.id)?.requestCount ?? 0) > 0)
  if (used) return { address: { kind: 'agent', id: used.id }, source: `recent: ${used.name} is the most recently active agent with a request` }
  throw new MadroxError('parent_unknown', 'Nobody can be this agent\'s supervisor: the call names none, comes from no session, and no agent is busy or has had a request.', {
    remedy: `Give parent_instance_id, call from an MCP session, or name the agent "${rootName}".`,
  })
}

const lastActive = (core: Core, row: AgentRow): number => agentContext(core, row.id)?.since ?? row.createdAt
