/**
 * One app-server process and the agents whose threads live in it. Owns the routing of what the server says to the thread it
 * says it of, and the end of the process when its last agent has gone.
 */

import { z } from 'zod'
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
  /** Lets it hear all that is said and asked of the thread, as it was said; the returned function ends that. */
  follow(threadId: string, ear: Ear): () => void
  /** Forgets the resident, and ends the process with the last one. Resolves when nothing of either is left. */
  leave(resident: Resident, graceMs: number): Promise<void>
}

export interface Resident {
  /** The thread was closed by the server itself. */
  onThreadClosed(): void
  onServerExit(exit: ServerExit): void
}

/** Of who shows a thread to people. */
export interface Ear {
  tell(message: unknown): void
  ask(message: unknown): void
}

export interface HostOptions {
  readonly start: (hear: Pick<AppServerOptions, 'onNotification' | 'onRequest'>) => AppServer
  /** The process is ending or gone: new agents need another. */
  readonly onOver: () => void
  readonly log: Log
}

const earlyLimit = 1_000
const ofThread = z.object({ params: z.object({ threadId: z.string() }) })

export function createHost({ start, onOver, log }: HostOptions): Host {
  const residents = new Set<Resident>()
  const threads = new Map<string, { readonly resident: Resident; readonly thread: Thread }>()
  const ears = new Map<string, Set<Ear>>()
  /** What is said of a thread between the answer that opened it and its housing: the two may come in one piece. */
  const early: ThreadNotification[] = []
  const server = start({
    onNotification: (method, message) => hearNotification(method, message),
    onRequest: (id, method, message) => hearRequest(id, method, message),
  })

  const hearNotification = (method: string, message: unknown): void => {
    const subject = ofThread.safeParse(message).data?.params.threadId
    for (const ear of ears.get(subject ?? '') ?? []) ear.tell(message)
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
    if (request.success && housed) {
      housed.thread.hold(id, request.data)
      for (const ear of ears.get(housed.thread.id) ?? []) ear.ask(message)
      return
    }
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
    follow(threadId, ear) {
      const following = ears.get(threadId) ?? new Set()
      ears.set(threadId, following.add(ear))
      return () => {
        following.delete(ear)
        if (following.size === 0 && ears.get(threadId) === following) ears.delete(threadId)
      }
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
