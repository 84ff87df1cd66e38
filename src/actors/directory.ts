/** Finding agents by what callers call them, and within what callers may see. Rights are decided here, once. */

import { MadroxError } from '../errors.ts'
import type { AgentId } from '../ids.ts'
import type { Caller } from '../messages.ts'
import type { AgentRow } from '../store/store.ts'
import { type AgentActor, agentActor, type Core, isBelow, isEnded, nameOf } from './core.ts'
import { nearest } from '../nearest.ts'

/** `see`: one's own subtree, oneself included. `rule`: below oneself only. `address`: those, one's supervisor and peers. */
export type Scope = 'see' | 'rule' | 'address'

/** An owner has rights over all agents of all its clients; an agent over its subtree, and a word with parent and peers. */
export function isWithin(core: Core, caller: Caller, row: AgentRow, scope: Scope): boolean {
  if (caller.kind !== 'agent') return row.ownerId === caller.ownerId
  if (row.id === caller.agentId) return scope === 'see'
  if (isBelow(core, row.id, caller.agentId)) return true
  return scope === 'address' && isParentOrPeer(core, caller.agentId, row)
}

function isParentOrPeer(core: Core, self: AgentId, row: AgentRow): boolean {
  const own = core.rows.get(self)
  if (!own) return false
  return (own.parent.kind === 'agent' && own.parent.id === row.id) || (own.parent.kind === row.parent.kind && own.parent.id === row.parent.id)
}

const shortestPrefix = 6

/** An id, a name that only one living agent bears, or the unique beginning of an id (at least six characters). */
export function resolveAgent(core: Core, caller: Caller, reference: string, scope: Scope): AgentId {
  const known = [...core.rows.values()]
  const visible = known.filter(row => isWithin(core, caller, row, scope))
  const found = match(core, visible, reference)
  if (found) return found
  // Saying "not allowed" of what exists elsewhere is only for those who may know that it exists: other owners' agents do not.
  const elsewhere = caller.kind === 'agent' ? match(core, known.filter(row => row.ownerId === core.rows.get(caller.agentId)?.ownerId), reference) : undefined
  const own = caller.kind === 'agent' ? core.rows.get(caller.agentId) : undefined
  if (own?.parent.kind === 'client' && (reference === own.parent.id || reference === nameOf(core, own.parent))) {
    throw new MadroxError('not_allowed', `Your supervisor "${reference}" is no agent, so it has no mailbox.`, { remedy: 'Say or ask it in your reply: reply_to_caller, or your last words.', data: { reference } })
  }
  if (elsewhere) {
    throw new MadroxError('not_allowed', `Agent "${reference}" is not within your rights: an agent acts on those below it, and may message its supervisor and peers.`, {
      remedy: 'Ask your supervisor, by send_to_instance or in your reply.', data: { reference },
    })
  }
  throw notFound(core, visible, reference)
}

function match(core: Core, rows: readonly AgentRow[], reference: string): AgentId | undefined {
  const exact = rows.find(row => row.id === reference)
  if (exact) return exact.id
  const named = rows.filter(row => row.name === reference)
  const living = named.filter(row => !isEnded(core, row.id))
  const candidates = [living, named, reference.length >= shortestPrefix ? rows.filter(row => row.id.startsWith(reference)) : []].find(group => group.length > 0) ?? []
  if (candidates.length > 1) {
    throw new MadroxError('ambiguous_reference', `"${reference}" fits ${candidates.length} agents: ${candidates.map(row => `${row.name} (${row.id})`).join(', ')}.`, {
      remedy: 'Use the id.', data: { reference, candidates: candidates.map(row => row.id) },
    })
  }
  return candidates[0]?.id
}

function notFound(core: Core, visible: readonly AgentRow[], reference: string): MadroxError {
  const living = visible.filter(row => !isEnded(core, row.id)).map(row => row.name)
  const near = nearest(reference, living)
  return new MadroxError('not_found', `There is no agent "${reference}" that you may see.`, {
    remedy: near ? `Did you mean "${near}"? get_instance_tree shows them all.` : living.length > 0 ? 'get_instance_tree shows them all.' : 'You have none now; spawn one first.',
    data: { reference },
  })
}

/** The agent, alive; or an error that says how it ended. */
export function resolveLiving(core: Core, caller: Caller, reference: string, scope: Scope): { readonly id: AgentId; readonly actor: AgentActor } {
  const id = resolveAgent(core, caller, reference, scope)
  const actor = agentActor(core, id)
  if (actor && !isEnded(core, id)) return { id, actor }
  const row = core.store.getAgent(id)
  throw new MadroxError('agent_ended', `Agent "${row?.name ?? reference}" (${id}) has ended: ${row?.endReason ?? 'it is ending now'}.`, {
    remedy: 'Spawn another; what it said is still in get_instance_output.', data: { agentId: id },
  })
}

export const childrenOf = (core: Core, id: AgentId): AgentId[] => [...core.rows.values()].filter(row => row.parent.kind === 'agent' && row.parent.id === id && !isEnded(core, row.id)).map(row => row.id)
