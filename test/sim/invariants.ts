/**
 * The promises, as questions asked of a system from outside: after every step, and when all has come to rest. Each looks at what
 * callers were told (the journal), at the record, and at what the system says of itself, and holds them against each other.
 */

import type { AgentId, MessageId } from '../../src/ids.ts'
import type { MessageRow } from '../../src/store/store.ts'
import { keyOf, type Told } from './journal.ts'
import { above } from './rights.ts'
import type { Stage } from './stage.ts'
import { misplaced } from './words.ts'

export interface Invariants {
  afterStep(): void
  /** Nothing is left to happen, and nobody lies any more. */
  atRest(): void
}

export function createInvariants(stage: Stage): Invariants {
  const { durable, journal } = stage
  const known = new Set<MessageId>()
  const recorded = new Map<MessageId, Told>()
  const ended = new Set<AgentId>()

  /** P1: what was accepted is on record. */
  function isOnRecord(id: MessageId): MessageRow | undefined {
    const row = durable.getMessage(id)
    if (!row) journal.breach('P1', `message ${id} was accepted and is not on record`)
    return row
  }

  /** P2: an outcome is recorded once, is what everybody was told, and is made of words said of this message by its agent. */
  function hasOneOutcome(row: MessageRow): void {
    const { id, outcome } = row
    const told = journal.outcomes.get(id)
    if (!outcome) {
      if (told) journal.breach('P2', `message ${id} was told to have ended as ${JSON.stringify(told)} and is open on record`)
      return
    }
    const now: Told = { status: outcome.status, text: outcome.text }
    const before = recorded.get(id)
    if (!before) {
      recorded.set(id, now)
      const why = misplaced(row, now)
      if (why) journal.breach('P2', `message ${id}: ${why}`)
    }
    for (const other of [before, told]) if (other && (other.status !== now.status || other.text !== now.text)) journal.breach('P2', `message ${id} ended as ${JSON.stringify(other)} and now as ${JSON.stringify(now)}`)
  }

  /** P4: an idle agent is handed its replies at once. */
  function leavesNoReplyLying(): void {
    const server = stage.server()
    if (!server?.isAlive()) return
    for (const row of durable.listAgents()) {
      if (row.endedAt !== undefined) continue
      const status = server.system.status({ kind: 'owner', ownerId: row.ownerId }, row.id)
      if (status.detail === 'idle.live' && status.pendingReplies > 0) journal.breach('P4', `${status.name} (${row.id}) is idle and ${status.pendingReplies} replies wait for it`)
    }
  }

  /** At a limit no turn goes on, of the agent or of those below it, and nothing is delivered. */
  function stopsAtLimit(): void {
    const server = stage.server()
    if (!server?.isAlive() || !stage.limits) return
    for (const row of durable.listAgents()) {
      if (row.endedAt !== undefined) continue
      const { name, detail, heldAt } = server.system.status({ kind: 'owner', ownerId: row.ownerId }, row.id)
      if (heldAt && /^(?:idle\.(?:live|deferred|suspended)|busy\.(?!interrupting))/.test(detail)) journal.breach('limits', `${name} (${row.id}) is ${detail} at ${heldAt.map(({ detail: used }) => used).join(', ')}`)
    }
  }

  /** P9: an agent ends for a cause of its own, or of one above it. */
  function endsWithCause(): void {
    for (const { id, endedAt, endReason } of durable.listAgents()) {
      if (endedAt === undefined || ended.has(id)) continue
      ended.add(id)
      const line = [id, ...[...above(durable, id)].flatMap(address => (address.kind === 'agent' ? [address.id] : []))]
      if (!line.some(journal.hasCause)) journal.breach('P9', `${id} ended without a cause of its own: ${endReason}`)
    }
  }

  /** P5 and P1: whatever was seen by an agent that has done its part is answered, and what was not seen is not forgotten. */
  function leavesNothingOpen(): void {
    for (const { id, to, seenAt } of durable.listOpenMessages()) {
      const isDone = seenAt !== undefined && durable.getAgent(to)?.endedAt === undefined
      if (isDone) journal.breach('P5', `message ${id} was seen by ${to}, which rests and has not answered`)
      else journal.breach('P1', `message ${id} to ${to} has no outcome, and nothing is left to happen`)
    }
  }

  /** P4: every outcome somebody is to hear was heard, or waits where it will be. */
  function reachesItsSender(id: MessageId): void {
    const row = durable.getMessage(id)
    if (!row?.outcome || !row.expectsReply) return
    const dead = durable.listDeadLetters().some(letter => letter.kind === 'reply' && letter.reply.messageId === id)
    // A client's may have been waited for by another of its owner's. What came for one that had ended, others have heard, though it live again.
    const isLiving = row.from.kind === 'agent' && durable.getAgent(row.from.id)?.endedAt === undefined && !ended.has(row.from.id)
    const told = isLiving ? journal.wasTold(id, row.from) : journal.wasToldToAnybody(id)
    if (!told && !dead && !hasForgotten(row)) journal.breach('P4', `nobody was told how message ${id} ended, sent by ${keyOf(row.from)}`)
  }
  /** A sender whose driver lied may have been told what it never took in. */
  const hasForgotten = ({ from }: MessageRow): boolean => from.kind === 'agent' && journal.hasLied(from.id)

  function emptiesInboxes(): void {
    for (const row of durable.listAgents()) {
      const waiting = durable.listReplies({ kind: 'agent', id: row.id }).filter(reply => !journal.isUnrecorded(reply.id))
      if (waiting.length > 0) journal.breach('P4', `${waiting.length} replies wait for ${row.id} (${row.state}) and nothing is left to happen`)
    }
  }

  const look = (): void => {
    for (const id of journal.acceptedIds.keys()) known.add(id)
    for (const { id } of durable.listOpenMessages()) known.add(id)
  }
  return {
    afterStep: () => {
      look()
      for (const id of journal.acceptedIds.keys()) isOnRecord(id)
      for (const id of known) {
        const row = durable.getMessage(id)
        if (row) hasOneOutcome(row)
      }
      leavesNoReplyLying()
      stopsAtLimit()
      endsWithCause()
    },
    atRest: () => {
      leavesNothingOpen()
      for (const id of known) reachesItsSender(id)
      emptiesInboxes()
    },
  }
}
