/** Looking into the inboxes of an owner's sessions from outside of them: what waits there is shown, and stays. */

import { MadroxError } from '../errors.ts'
import type { ClientId } from '../ids.ts'
import type { Caller, Reply } from '../messages.ts'
import { clientActor, type Core } from './core.ts'
import type { WaitOptions } from './facade.ts'
import { inboxOf, untilMail } from './inboxes.ts'
import { addressOf, standFor } from './principals.ts'

/**
 * What waits for the caller and for its owner's open sessions that stand in `directory` or above it, oldest first; waits for the
 * first. A session may be opened meanwhile: it is looked into from the next look on.
 */
export async function lookIntoSessions(core: Core, caller: Caller, directory: string, { limit, wait }: { readonly limit?: number; readonly wait: WaitOptions }): Promise<readonly Reply[]> {
  if (caller.kind === 'agent') throw new MadroxError('not_allowed', 'Sessions are their owner\'s to look into, and you are an agent.', { remedy: 'Leave instance_id out: your own replies come to you.' })
  if (wait.timeoutMs > 0) standFor(core, caller)
  const deadlineAt = core.clock.now() + wait.timeoutMs
  for (;;) {
    const ids = sessionsAt(core, caller, directory)
    const replies = ids.flatMap(id => inboxOf(core, { kind: 'client', id })).toSorted((a, b) => a.at - b.at)
    const leftMs = deadlineAt - core.clock.now()
    if (replies.length > 0 || leftMs <= 0 || wait.signal?.aborted) return replies.slice(0, limit)
    await untilAny(core, ids, { ...wait, timeoutMs: leftMs })
    if (core.root.getSnapshot().status !== 'active') return [] // Madrox is shutting down, and its store with it
  }
}

function sessionsAt(core: Core, caller: Caller & { readonly kind: 'client' | 'owner' }, directory: string): readonly ClientId[] {
  const own = addressOf(core, caller)
  const stands = (root: string | undefined): boolean => root !== undefined && (directory === root || directory.startsWith(root.replace(/\/?$/, '/')))
  const open = core.store.listClients().filter(({ id, ownerId, root }) => ownerId === caller.ownerId && stands(root) && clientActor(core, id)?.getSnapshot().matches('connected'))
  return [...new Set([...(own.kind === 'client' ? [own.id] : []), ...open.map(({ id }) => id)])]
}

async function untilAny(core: Core, ids: readonly ClientId[], wait: WaitOptions): Promise<void> {
  const over = new AbortController()
  const signal = wait.signal ? AbortSignal.any([wait.signal, over.signal]) : over.signal
  await Promise.race(ids.map(id => untilMail(core, { kind: 'client', id }, { ...wait, signal })))
  over.abort()
}
