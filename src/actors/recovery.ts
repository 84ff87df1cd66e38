/**
 * The tree as an earlier system left it, rebuilt from the store: parents before children, each with its queue, its open messages
 * and its inbox. Those with work, or with a message whose fate is uncertain, resume their sessions by themselves; the others
 * rest, suspended, until somebody needs them. What cannot be brought back is ended, on record, with the reason.
 */

import type { Driver } from '../drivers/driver.ts'
import type { MessageId } from '../ids.ts'
import { type Reply, sameAddress } from '../messages.ts'
import type { Recovered, Uncertain } from '../machines/agent-context.ts'
import type { Mail, OpenMessage } from '../machines/mailbox.ts'
import { type AgentRow, type MessageRow, toMessage } from '../store/store.ts'
import { audit } from './auditing.ts'
import { heldAt, toAtLimit, watchAgent } from './at-limit.ts'
import { agentActor, type Core, ledgerActor, lineAbove, specOf } from './core.ts'
import { bringBackClient } from './principals.ts'

export interface RecoveryOptions {
  readonly drivers: () => ReadonlyMap<string, Driver>
  /** Into the tree, under its supervisor's actor. False: that takes no more. */
  readonly enter: (row: AgentRow, driver: Driver, recovered: Recovered) => boolean
}

/** In order of creation, which is parents first. */
export function recover(core: Core, { drivers, enter }: RecoveryOptions): void {
  const open = [...core.rows.values()].filter(row => row.endedAt === undefined)
  const lost: { readonly row: AgentRow; readonly why: string }[] = []
  for (const row of open) {
    if (row.parent.kind === 'client') bringBackClient(core, row.parent.id)
    const driver = drivers().get(row.harness)
    const why = whyLost(core, row, driver)
    if (why === undefined && driver && enter(row, driver, recoveredOf(core, row))) {
      audit(core.store, { at: core.clock.now(), event: 'agent_recovered', agentId: row.id, data: {} })
      watchAgent(core, row)
    } else lost.push({ row, why: why ?? 'its supervisor takes no more agents' })
  }
  // Leaves first, as everything ends.
  for (const { row, why } of lost.toReversed()) ledgerActor(core).send({ type: 'agentEnded', agentId: row.id, reason: why, unasked: true, at: core.clock.now() })
}

function whyLost(core: Core, row: AgentRow, driver: Driver | undefined): string | undefined {
  if (row.state === 'terminated') return 'it was being ended when the server it ran under stopped'
  if (!driver) return `there is no harness "${row.harness}" here`
  if (row.parent.kind === 'agent' && !agentActor(core, row.parent.id)) return 'its supervisor has ended'
  return typeof specOf(row).prompt === 'string' ? undefined : 'the server that started it kept too little to bring it back'
}

/** What is on record for it to go on with. */
export function recoveredOf(core: Core, row: AgentRow): Recovered {
  const inbox = core.store.listReplies({ kind: 'agent', id: row.id })
  const messages = core.store.listOpenMessages(row.id)
  const release = row.hold && releasing(core, row, row.hold, messages)
  const { accepted, worked } = core.store.countMessages(row.id)
  return {
    ...mailOf(core, row, { messages, inbox, release }), uncertain: messages.filter(message => wasHanded(message) && !message.rested).map(message => toUncertain(core, message)),
    hasHistory: worked > 0, requestCount: accepted, ...(row.sessionId ? { sessionId: row.sessionId } : {}), ...(row.hold && !release ? { hold: row.hold } : {}), atLimit: toAtLimit(row.id, heldAt(core, row.id)),
  }
}

const wasHanded = (message: MessageRow): boolean => (message.handedAt ?? message.deliveredAt ?? message.seenAt) !== undefined

interface Found {
  readonly messages: readonly MessageRow[]
  readonly inbox: readonly Reply[]
  readonly release: MessageId | undefined
}

/** The word that ends a hold goes ahead of what waited. */
function mailOf(core: Core, row: AgentRow, { messages, inbox, release }: Found): Mail {
  const queued = messages.filter(message => !wasHanded(message)).map(message => ({ message: toMessage(message), deliveries: 0, ...(message.id === release ? { ahead: true } : {}) }))
  const open = messages.filter(wasHanded).map((message): [MessageId, OpenMessage] => [
    message.id,
    { message: toMessage(message), settled: false, tasks: tasksOut(core, row, message, inbox), background: [], ...(message.rested?.lastText === undefined ? {} : { lastText: message.rested.lastText }) },
  ])
  return { mailbox: [...queued.filter(each => each.ahead), ...queued.filter(each => !each.ahead)], inbox, open: Object.fromEntries(open) }
}

/** The word that ended the hold, if it was accepted and the server was killed before that was on record. */
function releasing(core: Core, row: AgentRow, hold: NonNullable<AgentRow['hold']>, messages: readonly MessageRow[]): MessageId | undefined {
  const above = [hold.by, ...lineAbove(core, row.id)]
  // Every client that could write to it is its owner's, and may.
  return messages.find(message => !wasHanded(message) && message.acceptedAt > hold.at && (message.from.kind === 'client' || above.some(address => sameAddress(address, message.from))))?.id
}

/** What was sent for it and has not come back to it: without an outcome, or with one that still lies in the inbox. */
const tasksOut = (core: Core, row: AgentRow, { id }: MessageRow, inbox: readonly Reply[]): MessageId[] =>
  core.store.listCausedBy(id)
    .filter(task => task.expectsReply && task.from.kind === 'agent' && task.from.id === row.id && (!task.outcome || inbox.some(reply => reply.messageId === task.id)))
    .map(task => task.id)

const toUncertain = (core: Core, { id, deliveries }: MessageRow): Uncertain =>
  ({ messageId: id, deliveries, markers: [`[MSG:${id}]`, ...core.store.listCausedBy(id).map(task => `[REPLY:${task.id} `)] })
