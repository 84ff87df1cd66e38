/**
 * The hand that exports: what goes on record, what happens to agents and what they show, as lines of files for people and tools. Secrets
 * leave here. It is told after the fact and decides nothing; how and when files are written is the port's, and a disk that fails is nobody's
 * trouble but its own.
 */

import { type AnyActorRef, fromCallback } from 'xstate'
import type { Clock } from '../clock.ts'
import { MadroxError, wordsOf } from '../errors.ts'
import type { AgentId } from '../ids.ts'
import type { Log } from '../log.ts'
import type { LogName, Logs } from '../logs/logs.ts'
import { hands } from '../machines/effects.ts'
import { redact, redactData, redactScreen } from '../redaction.ts'
import type { AgentPatch, AgentRow, Said } from '../store/store.ts'
import type { Happening, Screen } from './facade.ts'
import type { SaidTold } from './log-reading.ts'
import type { Recorded } from './recording.ts'
import { markOf, newLines, toReading } from './shown.ts'

export type ExportingEvent = { readonly type: 'recorded'; readonly recorded: Recorded } | { readonly type: 'happened'; readonly happening: Happening } | { readonly type: 'sweepDue' }

export interface ExportingOptions {
  /** None: nothing is exported. */
  readonly logs: Logs | undefined
  readonly clock: Clock
  readonly log: Log
  /** 0: kept for ever. */
  readonly days: number
  readonly rowOf: (id: string) => AgentRow | undefined
  readonly toTold: (said: Said) => SaidTold
  /** What a living agent shows now. */
  readonly screenOf: (id: AgentId, lines: number) => Promise<Screen>
}

const dayMs = 86_400_000
/** Read of a screen as a turn ends; what scrolled further is lost to the log. */
const readLines = 500

export const createExporting = (options: ExportingOptions) =>
  fromCallback<ExportingEvent>(({ receive, system }) => {
    const { logs, clock, log, days } = options
    if (!logs) return
    const desk = createDesk({ ...options, logs })
    const sweep = (): void => {
      const endedAt = (id: string): number | undefined | 'nobody' => {
        const row = options.rowOf(id)
        return row ? row.endedAt : 'nobody'
      }
      logs.forget(clock.now() - days * dayMs, endedAt).catch((error: unknown) => log.warn('Old logs could not be removed; it is tried again tomorrow.', { reason: wordsOf(error) }))
      const deadlines = system.get(hands.deadlines) as AnyActorRef // lives as long as the system
      deadlines.send({ type: 'setDeadline', key: 'logs', at: { afterMs: dayMs }, notify: hands.exporting, event: { type: 'sweepDue' } })
    }
    receive(event => {
      if (event.type === 'recorded') desk.record(event.recorded)
      else if (event.type === 'happened') desk.happened(event.happening)
      else sweep()
    })
    if (days > 0) sweep()
  })

function createDesk({ logs, clock, log, rowOf, toTold, screenOf }: ExportingOptions & { readonly logs: Logs }) {
  const patches = new Map<AgentId, AgentPatch>()
  /** Of each line of an agent's last reading a mark, by which it is known again. */
  const shown = new Map<AgentId, readonly string[]>()
  const looking = new Set<AgentId>()
  const add = (agentId: AgentId, to: LogName, text: string): void => logs.add({ to, agentId, text })

  const describe = (row: AgentRow): void => {
    const { id, name, harness, role, parent, workspace, createdAt, sessionId, endedAt, endReason } = { ...row, ...patches.get(row.id) }
    const metadata = { id, name, harness, role, parent, workspace, created_at: iso(createdAt), session_id: sessionId ?? null, ended_at: endedAt === undefined ? null : iso(endedAt), end_reason: endReason ?? null }
    logs.add({ to: 'metadata.json', agentId: id, text: `${JSON.stringify(redactData(metadata), undefined, 2)}\n` })
  }
  const updated = (agentId: AgentId, patch: AgentPatch): void => {
    // States come and go, and stand in the log of the agent.
    if (!('sessionId' in patch) && !('endedAt' in patch)) return
    patches.set(agentId, { ...patches.get(agentId), ...patch })
    const row = rowOf(agentId)
    if (row) describe(row)
    if (patch.endedAt === undefined) return
    patches.delete(agentId)
    shown.delete(agentId)
  }
  const said = (what: Said): void => {
    const line = `${JSON.stringify(redactData(toLine(toTold(what))))}\n`
    for (const agentId of partiesOf(what)) add(agentId, 'communication.jsonl', line)
  }
  const look = async (agentId: AgentId): Promise<void> => {
    if (looking.has(agentId)) return
    looking.add(agentId)
    try {
      const { rendering, text } = await screenOf(agentId, readLines)
      const lines = redactScreen(text).split('\n')
      const marks = lines.map(markOf)
      const fresh = lines.slice(lines.length - newLines(shown.get(agentId) ?? [], marks).length)
      // It may have ended while it was looked at, and nothing is kept of those.
      if (rowOf(agentId)?.endedAt === undefined) shown.set(agentId, marks)
      if (fresh.length > 0) add(agentId, 'terminal.log', toReading(clock.now(), rendering, fresh))
    } catch (error) {
      // It has ended meanwhile, or its process does not answer: there is nothing to be seen.
      if (!(error instanceof MadroxError)) log.error('What an agent shows could not be logged.', { agentId, error })
    } finally {
      looking.delete(agentId)
    }
  }

  return {
    record: (recorded: Recorded): void => {
      switch (recorded.type) {
        case 'agentInserted': return describe(recorded.row)
        case 'agentUpdated': return updated(recorded.agentId, recorded.patch)
        case 'said': return said(recorded.said)
        case 'audited': {
          const { at, event, agentId, data } = recorded.row
          logs.add({ to: 'audit', at, text: `${JSON.stringify(redactData({ at: iso(at), event, ...(agentId ? { agent: agentId } : {}), ...data }))}\n` })
          // Told in more detail by what happens to it.
          if (agentId && event !== 'agent_changed') add(agentId, 'instance.log', `${iso(at)} ${event}${redact(toWords(data))}\n`)
        }
      }
    },
    happened: (happening: Happening): void => {
      if (happening.type !== 'changed') return
      const { agentId, at, from, to, event, source, byItself } = happening
      add(agentId, 'instance.log', `${iso(at)} state ${from ?? 'none'} -> ${to} by=${event} source=${source}${byItself ? ' in its wake' : ''}\n`)
      // What it asks stands on the screen too.
      if (event === 'turnEnded' || to === 'busy.awaitingApproval') void look(agentId)
    },
  }
}

const iso = (at: number): string => new Date(at).toISOString()
/** ` key=value`, one line whatever the value. */
const toWords = (data: Readonly<Record<string, unknown>>): string => Object.entries(data).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`).join('')

const toLine = ({ at, kind, messageId, replyId, from, to, text, expectsReply, causedBy, status, via }: SaidTold): Record<string, unknown> =>
  ({ at: iso(at), kind, message_id: messageId, reply_id: replyId, from: from.name, from_id: from.id, to: to.name, to_id: to.id, text, expects_reply: expectsReply, caused_by: causedBy, status, via })

/** The agents that said or heard it. */
function partiesOf(said: Said): readonly AgentId[] {
  const [from, to] = said.kind === 'reply' ? [{ kind: 'agent' as const, id: said.reply.from }, said.reply.to] : [said.message.from, { kind: 'agent' as const, id: said.message.to }]
  return [...new Set([from, to].flatMap(address => (address.kind === 'agent' ? [address.id] : [])))]
}
