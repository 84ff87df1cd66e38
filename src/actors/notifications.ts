/**
 * What a policy has a client told of its agents: spawns, ends, errors, and a cost that was reached. They come as notices in its
 * inbox, marked, and are bounded: a client that does not look finds the first so many, and how many were left out.
 */

import type { AgentId, ClientId, OwnerId } from '../ids.ts'
import type { Reply } from '../messages.ts'
import type { AgentRow } from '../store/store.ts'
import { canonicalClient, type Core, ledgerActor } from './core.ts'
import { inboxOf } from './inboxes.ts'
import { type Layer, layersOver } from './policies.ts'
import type { PolicyValues } from './policy.ts'
import { topsOf } from './policy-checks.ts'
import { sumOf } from './spending.ts'

type What = 'spawn' | 'end' | 'error' | 'cost'
type Wanted = PolicyValues['notifications']

/** How a notification begins. */
const mark = (what: What): string => `[notification: ${what}] `
const isNotification = ({ kind, text }: Reply): boolean => kind === 'notice' && text.startsWith('[notification: ')

/** Unread ones that one inbox holds. */
export const maxUnread = 50

export function createNotifications(core: Core): { readonly spawned: (row: AgentRow) => void } {
  const leftOut = new Map<ClientId, number>()
  const reached = new Set<string>()

  const give = (row: AgentRow, what: What, text: string): void => {
    const to = { kind: 'client', id: canonicalClient(core, row.clientId) } as const
    if (inboxOf(core, to).filter(isNotification).length >= maxUnread) return void leftOut.set(to.id, (leftOut.get(to.id) ?? 0) + 1)
    const missing = leftOut.get(to.id) ?? 0
    leftOut.delete(to.id)
    const more = missing > 0 ? ` (${missing} earlier notifications were left out: ${maxUnread} lay unread.)` : ''
    ledgerActor(core).send({ type: 'noticeGiven', agentId: row.id, to, text: `${mark(what)}${text}${more}`, at: core.clock.now() })
  }
  const tell = (id: AgentId, what: Exclude<What, 'cost'>, text: string): void => {
    const row = core.rows.get(id)
    if (row && wantedFor(core, row).some(({ wanted }) => wanted[what])) give(row, what, text)
  }
  /** Once for each amount that was set. `silently`: it was reached before, and told then. */
  const checkCost = (row: AgentRow, silently: boolean): void => {
    for (const { wanted: { cost }, layer } of wantedFor(core, row)) {
      const key = `${layer.scope} ${cost}`
      if (cost === undefined || reached.has(key)) continue
      const spent = costOf(core, layer, row.ownerId)
      if (spent < cost) continue
      reached.add(key)
      const whose = layer.agentId === undefined ? 'Your living agents' : `"${core.rows.get(layer.agentId)?.name ?? layer.agentId}" and those below it`
      if (!silently) give(row, 'cost', `${whose} have cost $${Number(spent.toFixed(4))}; you asked to hear of $${cost}.`)
    }
  }

  for (const row of core.rows.values()) if (row.endedAt === undefined) checkCost(row, true)
  const ledger = ledgerActor(core)
  const nameOf = (id: AgentId): string => core.rows.get(id)?.name ?? id
  ledger.on('agentEnded', ({ agentId, reason, unasked }) => {
    tell(agentId, 'end', `${nameOf(agentId)} has ended: ${reason}.`)
    if (unasked) tell(agentId, 'error', `${nameOf(agentId)} ended, and nobody asked it to: ${reason}.`)
  })
  ledger.on('messageFailed', ({ agentId, text }) => tell(agentId, 'error', `A message to ${nameOf(agentId)} failed: ${text}`))
  ledger.on('usageCounted', ({ call }) => {
    const row = core.rows.get(call.agentId)
    if (row) checkCost(row, false)
  })
  return { spawned: row => tell(row.id, 'spawn', `${row.name} (${row.harness}, ${row.role}) was spawned.`) }
}

/** What is wanted of that agent, scope by scope. */
function wantedFor(core: Core, row: AgentRow): { readonly layer: Layer; readonly wanted: Wanted }[] {
  return layersOver(core, row.ownerId, row.id).flatMap(layer => {
    const entry = layer.entries.get('notifications')
    return entry ? [{ layer, wanted: entry.value as Wanted }] : [] // kept under that key
  })
}

const costOf = (core: Core, { agentId }: Layer, ownerId: OwnerId): number =>
  sumOf((agentId === undefined ? topsOf(core, ownerId) : [agentId]).map(id => core.spending.subtree(id))).knownCost
