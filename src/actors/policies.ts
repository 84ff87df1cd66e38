/**
 * Policies: what people say in conversation ("ask me before spawning", "Haiku only", "at most 5", "stop orchestrating"), kept.
 * One of an owner binds all of its agents; one of an agent binds that agent and all below it, now and later. All that stand above
 * an agent hold for it at once, so what is set lower can only take away. This module owns the record and who may change it.
 */

import { MadroxError } from '../errors.ts'
import type { AgentId, OwnerId } from '../ids.ts'
import type { Address, Caller } from '../messages.ts'
import type { AgentRow } from '../store/store.ts'
import { audit } from './auditing.ts'
import { type Core, callerKey, isBelow, type Limits, lineAbove, nameOf, rowOf } from './core.ts'
import { resolveAgent } from './directory.ts'
import { nearest } from '../nearest.ts'
import { defaultPolicy, type PolicyKey, policyKeys, type PolicyValues, rules } from './policy.ts'
import { agentScope, type Entry, ownerScope, serverScope } from './policy-record.ts'
import type { PolicyChange, PolicySetting, PolicyTold } from './controlling.ts'

/** What one scope says. */
export interface Layer {
  readonly scope: string
  /** The agent at its top; absent: an owner, or the server. */
  readonly agentId?: AgentId
  readonly entries: ReadonlyMap<PolicyKey, Entry>
}

/** What this server was started with stands above everybody's. */
function serverLayer({ maxInstances, maxDepth, maxTotalCost }: Limits): Layer {
  const limit = (key: 'max_instances' | 'max_depth' | 'max_total_cost', value: number): [PolicyKey, Entry] => [key, { scope: serverScope, key, value, setBy: serverScope, at: 0 }]
  return { scope: serverScope, entries: new Map([limit('max_instances', maxInstances), limit('max_depth', maxDepth), limit('max_total_cost', maxTotalCost)]) }
}

/** All that holds for an agent, or for who stands directly under an owner: from the owner's down to the agent's own. */
export function layersOver(core: Core, ownerId: OwnerId, agentId: AgentId | undefined): readonly Layer[] {
  const line = agentId === undefined ? [] : [agentId, ...agentsAbove(core, agentId)].toReversed()
  const owner = { scope: ownerScope(ownerId), entries: core.policies.entriesOf(ownerScope(ownerId)) }
  return [owner, ...line.map(id => ({ scope: agentScope(id), agentId: id, entries: core.policies.entriesOf(agentScope(id)) }))]
}

const agentsAbove = (core: Core, id: AgentId): AgentId[] => [...lineAbove(core, id)].flatMap(address => (address.kind === 'agent' ? [address.id] : []))

/** What comes of those layers for a key, and the entry that says so. */
function effective<Key extends PolicyKey>(layers: readonly Layer[], key: Key): { readonly value: PolicyValues[Key]; readonly entry?: Entry } | undefined {
  const entries = layers.flatMap(layer => layer.entries.get(key) ?? []) as Entry<Key>[] // kept under that key
  let found: { value: PolicyValues[Key]; entry?: Entry } | undefined = defaultPolicy[key] === undefined ? undefined : { value: defaultPolicy[key] as PolicyValues[Key] } // of that key, and defined
  for (const entry of entries) {
    const value = found ? rules[key].meet(found.value, entry.value) : entry.value
    // Who said it first has set it; who only repeats it has not.
    if (!found?.entry || JSON.stringify(value) !== JSON.stringify(found.value)) found = { value, entry }
  }
  return found
}

/** What holds for an agent. */
export function policyOf<Key extends PolicyKey>(core: Core, row: Pick<AgentRow, 'id' | 'ownerId'>, key: Key): PolicyValues[Key] | undefined {
  return effective(layersOver(core, row.ownerId, row.id), key)?.value
}

/** What holds for agents directly below that address. */
export function policyBelow<Key extends PolicyKey>(core: Core, ownerId: OwnerId, parent: Address, key: Key): PolicyValues[Key] | undefined {
  return effective(layersOver(core, ownerId, parent.kind === 'agent' ? parent.id : undefined), key)?.value
}

/** What the configuration says, and anybody's word goes before. */
const fallback = (core: Core, key: PolicyKey): { readonly value: unknown; readonly entry: Entry } | undefined =>
  key === 'at_limit' ? { value: core.limits.atLimit, entry: { scope: serverScope, key, value: core.limits.atLimit, setBy: serverScope, at: 0 } } : undefined

interface Subject {
  readonly scope: string
  readonly ownerId: OwnerId
  readonly agentId?: AgentId
  readonly name: string
}

/** Whose policy is meant: an owner's own, an agent's own, or that of the agent named. */
function subjectOf(core: Core, caller: Caller, reference: string | undefined): Subject {
  if (reference === undefined && caller.kind !== 'agent') return { scope: ownerScope(caller.ownerId), ownerId: caller.ownerId, name: caller.ownerId }
  const id = reference === undefined && caller.kind === 'agent' ? caller.agentId : resolveAgent(core, caller, reference ?? '', 'see')
  const row = rowOf(core, id)
  return { scope: agentScope(id), ownerId: row.ownerId, agentId: id, name: row.name }
}

const allLayers = (core: Core, { ownerId, agentId }: Subject): readonly Layer[] => [serverLayer(core.limits), ...layersOver(core, ownerId, agentId)]

/** @throws MadroxError as `resolveAgent` refuses */
export function policy(core: Core, caller: Caller, reference?: string): PolicyTold {
  const subject = subjectOf(core, caller, reference)
  const layers = allLayers(core, subject)
  const setting = (value: unknown, entry: Entry | undefined): PolicySetting => ({
    value, setBy: nameOfSetter(core, entry?.setBy), scope: entry ? nameOfScope(core, entry.scope) : 'default',
    ...(entry && entry.at > 0 ? { at: entry.at } : {}), ...(entry?.reason === undefined ? {} : { reason: entry.reason }),
  })
  return {
    scope: { kind: subject.agentId === undefined ? 'owner' : 'agent', id: subject.agentId ?? subject.ownerId, name: subject.name },
    effective: Object.fromEntries(policyKeys.flatMap(key => {
      const found = effective(layers, key) ?? fallback(core, key)
      return found ? [[key, setting(found.value, found.entry)]] : []
    })),
    own: Object.fromEntries([...core.policies.entriesOf(subject.scope).values()].map(entry => [entry.key, setting(entry.value, entry)])),
  }
}

/** As people know them: `agent:…` by its name, a client by its name. */
export function nameOfSetter(core: Core, setBy: string | undefined): string {
  if (setBy === undefined || setBy === serverScope) return setBy === undefined ? 'nobody' : "the server's configuration"
  const [kind = '', id = ''] = setBy.split(/:(.*)/s)
  if (kind === 'agent') return nameOf(core, { kind: 'agent', id: id as AgentId }) // written by callerKey
  return kind === 'client' ? (core.store.listClients().find(row => row.id === id)?.name ?? id) : `the owner ${id}`
}

function nameOfScope(core: Core, scope: string): string {
  return scope.startsWith('agent:') ? nameOfSetter(core, scope) : scope === serverScope ? 'server' : 'owner'
}

/**
 * Changes some keys, or none. `null` takes a key back.
 * @throws MadroxError `exceeds_parent` naming the key that would allow more than what stands above it; `not_allowed`, `invalid_input`
 */
export function setPolicy(core: Core, caller: Caller, { of, changes, reason, harnesses }: PolicyChange & { readonly harnesses: readonly string[] }): PolicyTold {
  const subject = subjectOf(core, caller, of)
  const wanted = Object.entries(changes) as [PolicyKey, unknown][] // parsed by the schema of the fields
  checkHarnesses(changes.allowed_harnesses ?? undefined, harnesses)
  const above = allLayers(core, subject).filter(layer => layer.scope !== subject.scope)
  for (const [key, value] of wanted) checkChange(core, caller, subject, above, key, value)
  const at = core.clock.now()
  const setBy = callerKey(core, caller)
  const noted = reason === undefined ? {} : { reason }
  const entries = wanted.map(([key, value]) => ({ scope: subject.scope, key, value, setBy, at, ...noted }))
  core.store.transaction(() => {
    audit(core.store, { at, event: 'policy_changed', ...(subject.agentId ? { agentId: subject.agentId } : { ownerId: subject.ownerId }), data: { scope: subject.scope, by: setBy, changes, ...noted } })
    for (const entry of entries) {
      if (entry.value === null) core.store.removePolicy(entry.scope, entry.key)
      else core.store.putPolicy(entry)
    }
  })
  // What could not be written does not hold.
  for (const entry of entries) {
    if (entry.value === null) core.policies.forget(entry.scope, entry.key)
    else core.policies.keep(entry as Entry) // parsed by its key's schema, and not null
  }
  return policy(core, caller, of)
}

function checkHarnesses(wanted: readonly string[] | undefined, known: readonly string[]): void {
  const unknown = wanted?.find(name => !known.includes(name))
  if (unknown === undefined) return
  const near = nearest(unknown, known)
  throw new MadroxError('invalid_input', `allowed_harnesses names "${unknown}", and there is no such harness.`, { remedy: `${near ? `Did you mean "${near}"? ` : ''}Harnesses: ${known.join(', ')}.`, data: { parameter: 'allowed_harnesses' } })
}

function checkChange(core: Core, caller: Caller, subject: Subject, above: readonly Layer[], key: PolicyKey, value: unknown): void {
  const refuse = (why: string, remedy: string): never => {
    throw new MadroxError('exceeds_parent', `${key} cannot be loosened: ${why}.`, { remedy, data: { parameter: key } })
  }
  if (caller.kind === 'agent' && key === 'notifications') throw new MadroxError('not_allowed', 'notifications are sent to a client, and only that sets them.', { remedy: 'Ask your client to set them.', data: { parameter: key } })
  const bound = effective(above, key)
  if (caller.kind === 'agent' && key === 'at_limit' && !bound && value !== null && !isWithin(key, value, core.limits.atLimit)) {
    refuse(`the server's configuration says ${core.limits.atLimit} where nobody has said otherwise`, 'Ask your client to set it.')
  }
  if (value !== null && bound?.entry && !isWithin(key, value, bound.value)) {
    refuse(`${nameOfSetter(core, bound.entry.setBy)} allows ${show(bound.value)} at most, above "${subject.name}"`, 'Ask for at most that.')
  }
  const own = core.policies.entriesOf(subject.scope).get(key)
  if (caller.kind !== 'agent' || !own || mayLoosen(core, caller.agentId, subject, own)) return
  if (value === null || !isWithin(key, value, own.value)) refuse(`${nameOfSetter(core, own.setBy)} set it to ${show(own.value)} for "${subject.name}"`, 'An agent may tighten policy, and only those above it loosen it again.')
}

/** What an agent, or one below it, has set lower down. Of itself an agent loosens nothing. */
function mayLoosen(core: Core, agentId: AgentId, subject: Subject, own: Entry): boolean {
  if (subject.agentId === undefined || subject.agentId === agentId || !own.setBy.startsWith('agent:')) return false
  const setter = own.setBy.slice('agent:'.length) as AgentId // written by callerKey
  return setter === agentId || isBelow(core, setter, agentId)
}

const isWithin = <Key extends PolicyKey>(key: Key, value: unknown, above: PolicyValues[Key]): boolean => rules[key].within(value as PolicyValues[Key], above) // parsed by its key's schema

export const show = (value: unknown): string => (Array.isArray(value) ? value.join(', ') : typeof value === 'string' ? value : JSON.stringify(value))
