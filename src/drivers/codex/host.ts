/**
 * One app-server process and the agents whose threads live in it. Owns the routing of what the server says to the thread it
 * says it of, and the end of the process when its last agent has gone.
 */

import type { Log } from '../../log.ts'
import { approvalRequestSchema, knownNotifications, notificationSchema, type ThreadNotification } from './protocol.ts'
import type { RequestId } from './rpc.ts'
import type { AppServer, AppServerOptions, ServerExit } from './server.ts'
import type { Thread } from './thread.ts'

export interface Host {
  readonly server: AppServer
  readonly residents: ReadonlySet<Resident>
  join(resident: Resident): void
  /** Routes from now on what is said of the thread to it. */
  house(resident: Resident, thread: Thread): void
  /** Forgets the resident, and ends the process with the last one. Resolves when nothing of either is left. */
  leave(resident: Resident, graceMs: number): Promise<void>
}

export interface Resident {
  /** The thread was closed by the server itself. */
  onThreadClosed(): void
  onServerExit(exit: ServerExit): void
}

export interface HostOptions {
  readonly start: (hear: Pick<AppServerOptions, 'onNotification' | 'onRequest'>) => AppServer
  /** The process is ending or gone: new agents need another. */
  readonly onOver: () => void
  readonly log: Log
}

const earlyLimit = 1_000

export function createHost({ start, onOver, log }: HostOptions): Host {
  const residents = new Set<Resident>()
  const threads = new Map<string, { readonly resident: Resident; readonly thread: Thread }>()
  /** What is said of a thread between the answer that opened it and its housing: the two may come in one piece. */
  const early: ThreadNotification[] = []
  const server = start({
    onNotification: (method, message) => hearNotification(method, message),
    onRequest: (id, method, message) => hearRequest(id, method, message),
  })

  const hearNotification = (method: string, message: unknown): void => {
    if (!knownNotifications.has(method)) return
    const notification = notificationSchema.safeParse(message)
    if (!notification.success) return log.warn(`codex said ${method} in a form this driver does not know.`, { error: notification.error.message })
    const housed = threads.get(notification.data.params.threadId)
    if (!housed) return void (threads.size < residents.size && early.length < earlyLimit && early.push(notification.data))
    housed.thread.accept(notification.data)
    if (method === 'thread/closed') housed.resident.onThreadClosed()
  }

  const hearRequest = (id: RequestId, method: string, message: unknown): void => {
    const request = approvalRequestSchema.safeParse(message)
    const housed = request.success ? threads.get(request.data.params.threadId) : undefined
    if (request.success && housed) return housed.thread.hold(id, request.data)
    // Left unanswered, it would hold its turn for ever where nobody sees it.
    log.warn(`codex asked ${method}, which nobody here can answer; refused.`)
    server.rpc.refuse(id, 'Madrox does not answer this request.')
  }

  void server.exited.then(exit => {
    onOver()
    for (const resident of residents) resident.onServerExit(exit)
  })

  return {
    server,
    residents,
    join: resident => void residents.add(resident),
    house(resident, thread) {
      threads.set(thread.id, { resident, thread })
      for (const notification of early) if (notification.params.threadId === thread.id) thread.accept(notification)
      if (threads.size >= residents.size) early.length = 0
    },
    async leave(resident, graceMs) {
      if (!residents.delete(resident)) return
      for (const [threadId, housed] of threads) if (housed.resident === resident) threads.delete(threadId)
      if (residents.size > 0) return
      onOver()
      await server.close(graceMs)
    },
  }
}
