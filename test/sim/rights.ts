/** Who may do what to whom, told apart from the code it judges: by the tree on record alone. */

import type { AgentId, MessageId } from '../../src/ids.ts'
import { type Address, sameAddress } from '../../src/messages.ts'
import type { Store } from '../../src/store/store.ts'

/** `see`: one's subtree and oneself. `rule`: below oneself. `address`: below, one's supervisor, and peers. A client: all agents of its owner. */
export type Verb = 'see' | 'rule' | 'address'

export function* above(store: Store, id: AgentId): Generator<Address> {
  for (let row = store.getAgent(id); row; row = row.parent.kind === 'agent' ? store.getAgent(row.parent.id) : undefined) yield row.parent
}

export function permits(store: Store, by: Address, verb: Verb, target: AgentId): boolean {
  const row = store.getAgent(target)
  if (!row) return false
  if (by.kind === 'client') return store.getClient(by.id)?.ownerId === row.ownerId
  if (by.id === target) return verb === 'see'
  if ([...above(store, target)].some(address => sameAddress(address, by))) return true
  const own = store.getAgent(by.id)
  return verb === 'address' && own !== undefined && (sameAddress(own.parent, { kind: 'agent', id: target }) || sameAddress(own.parent, row.parent))
}

export function mayWaitFor(store: Store, by: Address, id: MessageId): boolean {
  const from = store.getMessage(id)?.from
  if (!from) return false
  if (sameAddress(from, by)) return true
  const owner = by.kind === 'client' ? store.getClient(by.id)?.ownerId : undefined
  return from.kind === 'client' && owner !== undefined && store.getClient(from.id)?.ownerId === owner
}
