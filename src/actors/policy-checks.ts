/** What policy says to a spawn, or to a model for an agent that is there. Each scope's limits count that scope: an owner's all its agents, an agent's those below it. */

import { MadroxError } from '../errors.ts'
import type { AgentId, OwnerId } from '../ids.ts'
import { type Address, sameAddress } from '../messages.ts'
import type { AgentRow } from '../store/store.ts'
import { type Core, isBelow, isEnded } from './core.ts'
import { type Layer, layersOver, nameOfSetter, show } from './policies.ts'
import { fits, type PolicyKey, type PolicyValues } from './policy.ts'
import { type Entry, ownerScope } from './policy-record.ts'
import { sumOf } from './spending.ts'

export interface Wanted {
  readonly harness: string
  readonly name: string
  readonly model?: string
  readonly parent: Address
  readonly ownerId: OwnerId
  /** Levels below its client. */
  readonly depth: number
}

const entryOf = <Key extends PolicyKey>(layer: Layer, key: Key): Entry<Key> | undefined => layer.entries.get(key) as Entry<Key> | undefined // kept under that key

/** @throws MadroxError `against_policy` or `limit_reached`, naming the key and who set it */
export function checkSpawnPolicy(core: Core, wanted: Wanted): void {
  for (const layer of layersOver(core, wanted.ownerId, wanted.parent.kind === 'agent' ? wanted.parent.id : undefined)) {
    const off = entryOf(layer, 'orchestration')
    if (off?.value === 'off') {
      throw against(core, off, `No agents are to be spawned: ${said(core, off)} switched orchestration off${off.reason === undefined ? '' : ` (${off.reason})`}`, 'Do the work without further agents, or ask for set_policy with orchestration "on".')
    }
    const harnesses = entryOf(layer, 'allowed_harnesses')
    if (harnesses && !harnesses.value.includes(wanted.harness)) throw against(core, harnesses, `The harness "${wanted.harness}" is not allowed: ${said(core, harnesses)} allows ${show(harnesses.value)}`, `Use one of ${show(harnesses.value)}.`)
    checkModel(core, layer, wanted)
    checkCounts(core, layer, wanted)
    checkCost(core, layer, wanted.ownerId)
  }
}

/** Harnesses that call no model. */
const modelless = ['scripted', 'scripted-pty']

/** For an agent that goes on with another model. @throws MadroxError `against_policy` */
export function checkModelPolicy(core: Core, row: Pick<AgentRow, 'id' | 'ownerId' | 'harness' | 'name'>, model: string | undefined): void {
  for (const layer of layersOver(core, row.ownerId, row.id)) checkModel(core, layer, { harness: row.harness, ...(model === undefined ? {} : { model }) })
}

function checkModel(core: Core, layer: Layer, { harness, model }: Pick<Wanted, 'harness' | 'model'>): void {
  const models = entryOf(layer, 'allowed_models')
  if (!models || (model === undefined && modelless.includes(harness))) return
  // What the CLI would take by itself is its own affair, and known when it is too late.
  if (model === undefined) throw against(core, models, `The spawn names no model, and ${said(core, models)} allows ${show(models.value)} only`, 'Name one of them as model.')
  if (!models.value.some(pattern => fits(pattern, model))) throw against(core, models, `The model "${model}" is not allowed: ${said(core, models)} allows ${show(models.value)}`, `Use one of ${show(models.value)}.`)
}

/** Living agents, and those on their way: of an owner all, of an agent those below it. */
function checkCounts(core: Core, layer: Layer, { name, parent, ownerId, depth }: Wanted): void {
  const underway = [...core.underway.values()].map(grant => grant.parent)
  const instances = entryOf(layer, 'max_instances')
  const inScope = (address: Address): boolean => layer.agentId === undefined ? ownerOf(core, address) === ownerId : address.kind === 'agent' && (address.id === layer.agentId || isBelow(core, address.id, layer.agentId))
  if (instances) {
    const living = [...core.rows.values()].filter(row => !isEnded(core, row.id) && inScope(row.parent)).length + underway.filter(inScope).length
    if (living >= instances.value) throw reached(core, instances, `${living} agents are alive`)
  }
  const levels = entryOf(layer, 'max_depth')
  if (levels && depth > levels.value) throw reached(core, levels, `"${name}" would stand ${depth} levels deep`)
  const children = entryOf(layer, 'max_children')
  if (!children) return
  const siblings = [...core.rows.values()].filter(row => sameAddress(row.parent, parent) && !isEnded(core, row.id)).length + underway.filter(address => sameAddress(address, parent)).length
  if (siblings >= children.value) throw reached(core, children, `its supervisor has ${siblings} agents`)
}

const ownerOf = (core: Core, address: Address): OwnerId | undefined => (address.kind === 'agent' ? core.rows.get(address.id)?.ownerId : core.store.getClient(address.id)?.ownerId)

function checkCost(core: Core, layer: Layer, ownerId: OwnerId): void {
  const limit = entryOf(layer, 'max_total_cost')
  if (!limit) return
  const tops = layer.agentId === undefined ? topsOf(core, ownerId) : [layer.agentId]
  const { knownCost, unknownModels } = sumOf(tops.map(id => core.spending.subtree(id)))
  const unknown = unknownModels.length > 0 ? `, not counting ${unknownModels.join(', ')}, whose price is not known` : ''
  if (knownCost >= limit.value) throw reached(core, limit, `the living agents have cost $${Number(knownCost.toFixed(4))}${unknown}`)
}

/** Of an owner's living trees. */
export const topsOf = (core: Core, ownerId: OwnerId): AgentId[] => [...core.rows.values()].filter(row => row.ownerId === ownerId && row.parent.kind === 'client' && !isEnded(core, row.id)).map(row => row.id)

/** The owner's own limit of what its living trees may cost, beside the server's. */
export const ownCostLimit = (core: Core, ownerId: OwnerId): number | undefined => core.policies.entriesOf(ownerScope(ownerId)).get('max_total_cost')?.value as PolicyValues['max_total_cost'] | undefined // kept under that key

const said = (core: Core, entry: Entry): string => nameOfSetter(core, entry.setBy)

const against = (core: Core, entry: Entry, message: string, remedy: string): MadroxError => new MadroxError('against_policy', `${message}.`, { remedy, data: { parameter: entry.key, value: entry.value, set_by: said(core, entry) } })

const reached = (core: Core, entry: Entry, what: string): MadroxError =>
  new MadroxError('limit_reached', `${what.charAt(0).toUpperCase()}${what.slice(1)}, and ${said(core, entry)} set ${entry.key} to ${show(entry.value)}.`, { remedy: 'Terminate some that are no longer needed, or ask for a higher limit by set_policy.', data: { parameter: entry.key, limit: entry.value, set_by: said(core, entry) } })
