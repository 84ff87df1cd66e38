/** What can be seen of agents: their actors' snapshots while they live, their records afterwards. Reads only. */

import { MadroxError } from '../errors.ts'
import { type AgentId, asClientId } from '../ids.ts'
import { type Caller, sameAddress } from '../messages.ts'
import { hands } from '../machines/effects.ts'
import { openMessages } from '../machines/mailbox.ts'
import type { AgentRow, OutputRow } from '../store/store.ts'
import { agentActor, type AgentSnapshot, canonicalClient, type Core, detailOf, isEnded, nameOf, promptKey, rowOf, specOf, stateOf } from './core.ts'
import { heldAt } from './at-limit.ts'
import { boundsOf, endsAt } from './budgets.ts'
import { childrenOf, isWithin, resolveAgent, resolveLiving } from './directory.ts'
import { addressOf } from './principals.ts'
import type { AgentStatus, Screen } from './facade.ts'

export function statusOf(core: Core, id: AgentId): AgentStatus {
  const row = rowOf(core, id)
  const spec = specOf(row)
  const actor = agentActor(core, id)
  const ends = endsAt(core, row)
  const held = actor ? heldAt(core, id) : []
  return {
    id, name: row.name, harness: row.harness, role: row.role, ...(spec.model ? { model: spec.model } : {}),
    cutTurns: Math.max(0, core.store.countUnfinishedTurns(id) - (actor ? turnsNow(actor.getSnapshot()) : 0)),
    parent: { kind: row.parent.kind, id: row.parent.id, name: nameOf(core, row.parent) }, parentSource: row.parentSource, children: childrenOf(core, id),
    workspace: row.workspace, confinement: spec.confinement, toolset: spec.toolset ?? 'supervisor', usage: core.store.usageTotals(id), spent: core.spending.own(id), subtreeSpent: core.spending.subtree(id), limits: boundsOf(core, row), ...(ends === undefined ? {} : { endsAt: ends }), createdAt: row.createdAt,
    ...(held.length > 0 ? { heldAt: held } : {}),
    ...(actor ? living(actor.getSnapshot()) : ended(core, row)), ...(actor ? promptOf(core, actor.getSnapshot()) : {}),
  }
}

type Told = Pick<AgentStatus, 'state' | 'detail' | 'since' | 'source' | 'requestCount' | 'mailbox' | 'openMessages' | 'pendingReplies'> & Partial<AgentStatus>

function living(snapshot: AgentSnapshot): Told {
  const { context } = snapshot
  return {
    state: stateOf(snapshot), detail: detailOf(snapshot), since: context.since, source: context.source, requestCount: context.requestCount, mailbox: context.mailbox.length,
    openMessages: openMessages(context).map(open => open.message.id), pendingReplies: context.inbox.length,
    ...(context.turn?.subject ? { currentMessage: context.turn.subject } : {}), ...(context.currentTool ? { currentTool: context.currentTool.name, currentToolSince: context.currentTool.since, currentToolSource: context.currentTool.source } : {}),
    ...(context.person ? { heldByPerson: { why: context.person.holds, since: context.person.since } } : {}),
    lastFactAt: context.heardAt, ...(context.waits > 0 ? { waits: true } : {}), ...(context.stuckSince === undefined || stateOf(snapshot) !== 'busy' ? {} : { stuckSince: context.stuckSince }),
    ...(context.sessionId ? { sessionId: context.sessionId } : {}), ...(context.pid === undefined ? {} : { pid: context.pid }), ...(context.lastError ? { lastError: context.lastError } : {}),
    ...(context.warnings ? { warnings: context.warnings } : {}),
  }
}

/** The one that waits longest. */
function promptOf(core: Core, { context: { agentId, approvals: [first] } }: AgentSnapshot): Pick<AgentStatus, 'approval'> {
  return first ? { approval: { tool: first.tool, detail: first.detail, ...core.prompts.get(promptKey(agentId, first.approvalId)) } } : {}
}

/** Those that run or are being handed over: neither is cut. */
const turnsNow = ({ context: { turn, aside } }: AgentSnapshot): number => (turn ? 1 : 0) + (aside ? 1 : 0)

function ended(core: Core, { id }: AgentRow): Told {
  const row = core.store.getAgent(id)
  return {
    state: 'terminated', detail: 'terminated.final', since: row?.endedAt ?? 0, source: 'store', requestCount: core.store.countMessages(id).accepted, mailbox: 0, openMessages: [], pendingReplies: 0,
    ...(row?.endedAt === undefined ? {} : { endedAt: row.endedAt }), ...(row?.endReason ? { endReason: row.endReason } : {}), ...(row?.sessionId ? { sessionId: row.sessionId } : {}),
  }
}

export function list(core: Core, caller: Caller, options: { ended?: boolean } = {}): readonly AgentStatus[] {
  return [...core.rows.values()]
    .filter(row => isWithin(core, caller, row, 'see') && (options.ended || agentActor(core, row.id) !== undefined))
    .map(row => statusOf(core, row.id))
}

export function children(core: Core, caller: Caller, parent?: string): readonly AgentStatus[] {
  if (parent === undefined && caller.kind !== 'agent') {
    const own = caller.kind === 'client' ? addressOf(core, caller).id : undefined
    return list(core, caller).filter(status => !isEnded(core, status.id) && status.parent?.kind === 'client' && (own === undefined || canonicalClient(core, asClientId(status.parent.id)) === own))
  }
  const id = parent === undefined && caller.kind === 'agent' ? caller.agentId : resolveAgent(core, caller, parent ?? '', 'see')
  return childrenOf(core, id).map(child => statusOf(core, child))
}

export function peers(core: Core, caller: Caller, reference: string): readonly AgentStatus[] {
  const own = rowOf(core, resolveAgent(core, caller, reference, 'see'))
  return [...core.rows.values()].filter(row => row.id !== own.id && sameAddress(row.parent, own.parent) && !isEnded(core, row.id)).map(row => statusOf(core, row.id))
}

export function output(core: Core, caller: Caller, reference: string, options: { limit: number; since?: number }): readonly OutputRow[] {
  return core.store.listOutput(resolveAgent(core, caller, reference, 'see'), options)
}

/** A driver that has not shown its screen by then does not. Milliseconds. */
const screenMs = 5_000

/** Asked of the driver; an agent whose process is gone shows nothing. */
export function screen(core: Core, caller: Caller, reference: string, lines?: number): Promise<Screen> {
  return screenOf(core, resolveLiving(core, caller, reference, 'see').id, lines)
}

/** Of an agent whoever asks may see. */
export function screenOf(core: Core, id: AgentId, lines?: number): Promise<Screen> {
  const actor = agentActor(core, id)
  const failure = (): MadroxError => new MadroxError('unavailable', `The screen of "${rowOf(core, id).name}" could not be read: its process does not answer.`, { remedy: 'Look at get_instance_status.' })
  if (!actor) return Promise.reject(failure())
  const requestId = core.ids.prompt()
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      read.unsubscribe()
      gone.unsubscribe()
      core.clock.clearTimeout(timer)
      settle()
    }
    const read = actor.on('screenRead', event => event.requestId === requestId && finish(() => resolve({ rendering: event.rendering, text: event.text })))
    const noAnswer = (): void => finish(() => reject(failure()))
    const gone = actor.subscribe({ error: noAnswer, complete: noAnswer })
    const timer = core.clock.setTimeout(noAnswer, screenMs)
    core.root.system.get(hands.drivers)?.send({ type: 'dispatch', harness: rowOf(core, id).harness, command: { type: 'readScreen', agentId: id, requestId, ...(lines === undefined ? {} : { lines }) } })
  })
}
