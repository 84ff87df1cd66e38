/** Reading logs, within rights: the audit and what was said from the store, what was shown from the exported files. And refused calls, for the audit. */

import { auditEvents } from '../audit.ts'
import { MadroxError, wordsOf } from '../errors.ts'
import type { AgentId } from '../ids.ts'
import type { Logs } from '../logs/logs.ts'
import type { Caller } from '../messages.ts'
import { nearest } from '../nearest.ts'
import { redactData } from '../redaction.ts'
import type { AuditRow } from '../store/store.ts'
import { callerKey, type Core, ledgerActor, ownerOf } from './core.ts'
import { isWithin, resolveAgent } from './directory.ts'
import type { AuditTold, LoggedAgent, LogRange, LogReading } from './log-reading.ts'
import { toSaidTold } from './said.ts'
import { toShownLines } from './shown.ts'

export interface LogReadingOptions {
  readonly core: Core
  /** None: nothing is exported. */
  readonly logs: Logs | undefined
  readonly isWritable: () => boolean
}

/** The name of a tool comes from the caller. */
const longestName = 100

export function createLogReading({ core, logs, isWritable }: LogReadingOptions): LogReading {
  const visible = (caller: Caller): AgentId[] => [...core.rows.values()].filter(row => isWithin(core, caller, row, 'see')).map(row => row.id)
  const instanceLog: LogReading['instanceLog'] = (caller, reference, range) =>
    core.store.listAudit({ ...bounded(range), agents: [resolveAgent(core, caller, reference, 'see')] }).map(row => toAuditTold(core, row))
  return {
    instanceLog,
    auditLog: (caller, { agent, event, ...range }) => {
      if (event !== undefined) checkEvent(event)
      const whose = agent === undefined ? (caller.kind === 'agent' ? { agents: visible(caller) } : { ownerId: caller.ownerId }) : { agents: [resolveAgent(core, caller, agent, 'see')] }
      return core.store.listAudit({ ...bounded(range), ...whose, ...(event === undefined ? {} : { event }) }).map(row => toAuditTold(core, row))
    },
    communicationLog: (caller, reference, range) => core.store.listSaid(resolveAgent(core, caller, reference, 'see'), bounded(range)).map(said => redactData(toSaidTold(core, said))),
    terminalLog: async (caller, reference, range) => {
      const id = resolveAgent(core, caller, reference, 'see')
      if (!logs) throw new MadroxError('unavailable', 'No logs are written here, so what was shown before is not kept.', { remedy: 'get_terminal_screen shows what a living agent shows now; get_instance_output has what it said.' })
      return toShownLines((await readable(logs.read(id, 'terminal.log'))) ?? '', range)
    },
    loggedAgents: caller => readable(Promise.all(visible(caller).map(id => toLoggedAgent(core, logs, id)))),
    recordRefusal: (caller, tool, code) => {
      if (!isWritable()) return
      const whose = caller.kind === 'agent' ? { agentId: caller.agentId } : { ownerId: ownerOf(core, caller) }
      ledgerActor(core).send({ type: 'audited', event: { at: core.clock.now(), event: 'call_refused', ...whose, data: { by: callerKey(core, caller), tool: tool.slice(0, longestName), code } } })
    },
  }
}

function checkEvent(event: string): void {
  if (auditEvents.some(known => known === event)) return
  const near = nearest(event, auditEvents)
  throw new MadroxError('invalid_input', `There is no event "${event}".`, { remedy: `${near ? `Did you mean "${near}"? ` : ''}Events: ${auditEvents.join(', ')}.`, data: { event } })
}

const bounded = ({ limit = Number.MAX_SAFE_INTEGER, ...range }: LogRange): LogRange & { readonly limit: number } => ({ ...range, limit })

/** What stands in a row was redacted as it was written, by what was known then. */
const toAuditTold = (core: Core, { at, event, agentId, data }: AuditRow): AuditTold =>
  ({ at, event, data: redactData(data), ...(agentId === undefined ? {} : { agent: { id: agentId, name: core.rows.get(agentId)?.name ?? agentId } }) })

async function toLoggedAgent(core: Core, logs: Logs | undefined, id: AgentId): Promise<LoggedAgent> {
  const files = (await logs?.list(id)) ?? []
  const row = core.store.getAgent(id)
  if (!row) throw new MadroxError('not_found', `There is no agent "${id}" on record.`)
  return {
    id, name: row.name, harness: row.harness, role: row.role, createdAt: row.createdAt, ...(row.endedAt === undefined ? {} : { endedAt: row.endedAt }), ...(row.endReason === undefined ? {} : { endReason: redactData(row.endReason) }),
    ...(logs && files.length > 0 ? { directory: logs.directoryOf(id) } : {}), files,
  }
}

/** A disk that cannot be read is the caller's to know. */
async function readable<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof MadroxError) throw error
    throw new MadroxError('unavailable', `The log files cannot be read: ${wordsOf(error)}.`, { remedy: 'Look at the directory of logs; the audit and what was said can be read all the same.', cause: error })
  }
}
