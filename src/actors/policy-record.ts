/** Policies as they are on record: key by key, under the scope they bind. What they come to, and who may change them, is `policies.ts`. */

import type { AgentId, OwnerId } from '../ids.ts'
import type { Log } from '../log.ts'
import type { Store } from '../store/store.ts'
import { parseValue, type PolicyKey, policyKeys, type PolicyValues } from './policy.ts'

/** One key as it was set. `scope` names whom it binds. */
export interface Entry<Key extends PolicyKey = PolicyKey> {
  readonly scope: string
  readonly key: Key
  readonly value: PolicyValues[Key]
  readonly setBy: string
  readonly reason?: string
  readonly at: number
}

/** In memory as on record; who changes it writes first. */
export interface Policies {
  entriesOf(scope: string): ReadonlyMap<PolicyKey, Entry>
  keep(entry: Entry): void
  forget(scope: string, key: PolicyKey): void
}

export const ownerScope = (id: OwnerId): string => `owner:${id}`
export const agentScope = (id: AgentId): string => `agent:${id}`
export const serverScope = 'server'

const none: ReadonlyMap<PolicyKey, Entry> = new Map()

export function createPolicies(store: Pick<Store, 'listPolicies'>, log: Log): Policies {
  const scopes = new Map<string, Map<PolicyKey, Entry>>()
  const keep = (entry: Entry): void => {
    const entries = scopes.get(entry.scope) ?? new Map<PolicyKey, Entry>()
    scopes.set(entry.scope, entries.set(entry.key, entry))
  }
  for (const { scope, key: name, value: given, setBy, reason, at } of store.listPolicies()) {
    const key = policyKeys.find(known => known === name)
    const value = key && parseValue(key, given)
    if (key && value !== undefined) keep({ scope, key, value, setBy, at, ...(reason === undefined ? {} : { reason }) })
    else log.error(`the policy ${name} of ${scope} on record means nothing to this version, and does not hold`, { value: given })
  }
  return { keep, entriesOf: scope => scopes.get(scope) ?? none, forget: (scope, key) => void scopes.get(scope)?.delete(key) }
}
