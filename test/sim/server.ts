/** One life of the server: the real system on a store, a clock and a driver of this world, until it dies at a write. */

import type { DriverCommand, DriverFact } from '../../src/drivers/driver.ts'
import { createSystem, type MadroxSystem } from '../../src/actors/system.ts'
import { wordsOf } from '../../src/errors.ts'
import { asReplyId, type IdSource, type ReplyId } from '../../src/ids.ts'
import { silentLog } from '../../src/log.ts'
import type { Caller, Reply } from '../../src/messages.ts'
import { createToolTable } from '../../src/tools/table.ts'
import { callTool, type ToolOutcome } from '../../src/tools/tool.ts'
import { sentIn } from './hearing.ts'
import type { Stage } from './stage.ts'
import { createCrashingStore, type Fate } from './store.ts'

export interface CallManner {
  readonly callKey?: string
  readonly signal?: AbortSignal
  /** Asked when the answer is there: does it leave? */
  readonly leaves?: () => boolean
}

export interface Server {
  readonly system: MadroxSystem
  isAlive(): boolean
  /** What a driver of it says. */
  hear(fact: DriverFact): void
  /** What a transport does. `undefined`: the answer never came, for it broke on the way or the server died. */
  call(caller: Caller, tool: string, args: Readonly<Record<string, unknown>>, manner?: CallManner): Promise<ToolOutcome | undefined>
}

export interface ServerOptions {
  readonly stage: Stage
  readonly ids: IdSource
  readonly fateOf: (write: string) => Fate
  readonly onDeath: (where: string) => void
  readonly dispatch: (server: Server, command: DriverCommand) => void
}

export const harness = 'sim'
const home = '/sim'

/** @throws what kept it from starting: its own death, or a disk that takes nothing */
export function createServer({ stage, ids, fateOf, onDeath, dispatch }: ServerOptions): Server {
  const { agenda, durable } = stage
  const tools = createToolTable()
  const underway = new Set<() => void>()
  let alive = true
  let system: MadroxSystem | undefined
  let emit: (fact: DriverFact) => void = () => {}
  const isAlive = (): boolean => alive
  const crash = (where: string): void => {
    alive = false
    onDeath(where)
    for (const lose of underway) lose()
  }
  const store = createCrashingStore({ durable, fateOf, isAlive, crash })
  const clock = agenda.clockFor(isAlive)
  /** It waits for the disk: should the server die before, the next one hands it out again. */
  const unread = (): readonly Reply[] => [...durable.listClients().map(row => ({ kind: 'client' as const, id: row.id })), ...durable.listAgents().map(row => ({ kind: 'agent' as const, id: row.id }))].flatMap(address => durable.listReplies(address))
  const isUnread = (id: ReplyId): boolean => unread().some(reply => reply.id === id)
  /** A refused spawn, alone or in a batch, tells what became of its first message, whose id nobody was given. */
  const tellRefused = (outcome: ToolOutcome): void => {
    const refused = outcome.ok ? outcome.data?.['errors'] : [outcome.error]
    if (!Array.isArray(refused) || refused.length === 0) return
    const named = new Set(sentIn(outcome).map(sent => sent['message_id']))
    const meant = unread().filter(reply => outcome.replies?.includes(reply.id) && !named.has(reply.messageId))
    for (const { messageId, to, status, text } of meant.slice(0, refused.length)) if (messageId !== undefined && status !== undefined) stage.journal.told(messageId, { status, text }, to)
  }
  const settleReplies = (caller: Caller, replies: readonly string[], left: boolean): void => {
    const by = caller.kind === 'agent' ? caller.agentId : caller.kind === 'client' ? caller.clientId : caller.ownerId
    const replyIds = replies.map(asReplyId)
    try {
      if (!left) return server.system.releaseReplies(replyIds)
      stage.journal.handedOut(replyIds, by)
      server.system.consumeReplies(replyIds)
      const waiting = new Set(replyIds.filter(id => isUnread(id)))
      stage.journal.consumed(replyIds.filter(id => !waiting.has(id)), by)
      stage.journal.unrecorded([...waiting])
    } catch (error) {
      stage.trace.note('transport', wordsOf(error))
    }
  }

  const server: Server = {
    get system() {
      if (!system) throw new Error('The server is still starting.')
      return system
    },
    isAlive,
    hear: fact => {
      if (alive) emit(fact)
    },
    call: (caller, tool, args, { callKey, signal = new AbortController().signal, leaves = () => true } = {}) =>
      new Promise(resolve => {
        const lose = (): void => resolve(undefined)
        underway.add(lose)
        const context = { system: server.system, caller, signal, progress: () => {}, now: () => clock.now(), ...(callKey ? { callKey } : {}) }
        void callTool(tools, tool, args, context).then(outcome => {
          underway.delete(lose)
          if (!alive) return
          const left = leaves() && !signal.aborted
          if (left) tellRefused(outcome)
          if (outcome.replies) settleReplies(caller, outcome.replies, left)
          resolve(left ? outcome : undefined)
        })
      }),
  }
  // Agents that are brought back are started from in here.
  const start = (): MadroxSystem => createSystem({
    store, clock, ids, log: silentLog, home, marker: {}, endpoint: () => 'http://sim.invalid/mcp',
    limits: { atLimit: 'interrupt', maxInstances: 9, maxDepth: 4, maxMailbox: stage.weather().mailbox, idleMinutes: 0.5, stuckMinutes: 1 },
    workspaceExists: () => true,
    prepareWorkspace: async request => ({ kind: 'isolated', path: `${request.base}/${request.agentId}` }),
    connectDrivers: tell => {
      emit = tell
      return new Map([[harness, { harness, speaksMcp: true, dispatch: command => alive && dispatch(server, command), close: () => Promise.resolve() }]])
    },
    callTool: () => Promise.reject(new Error('These agents reach Madrox by MCP.')),
  })
  try {
    system = start()
  } catch (error) {
    alive = false
    throw error
  }
  return server
}
