/** Inboxes: where answers wait that nobody waited for. They are handed out once, and come back if the answer that carried them did not leave. */

import type { AnyActorRef } from 'xstate'
import type { ReplyId } from '../ids.ts'
import type { Address, Caller, Reply } from '../messages.ts'
import { addressKey } from '../machines/effects.ts'
import { agentContext, clientContext, type Core, tellAgent, tellClient } from './core.ts'
import { resolveAgent } from './directory.ts'
import type { Collected, WaitOptions } from './facade.ts'
import { addressOf, standFor } from './principals.ts'
import { withinTurn } from './turns.ts'

/** As its actor holds it; without an actor, as the store does. */
export function inboxOf(core: Core, address: Address): readonly Reply[] {
  const context = address.kind === 'agent' ? agentContext(core, address.id) : clientContext(core, address.id)
  return context?.inbox ?? core.store.listReplies(address)
}

/** Takes them out of the inbox for an answer that is on its way out. */
export function claim(core: Core, address: Address, replies: readonly Reply[]): void {
  const event = { type: 'repliesClaimed' as const, ids: replies.map(known => known.id), messageIds: replies.flatMap(known => (known.messageId ? [known.messageId] : [])), at: core.clock.now() }
  if (address.kind === 'agent') tellAgent(core, address.id, event)
  else tellClient(core, address.id, event)
}

/** The answer that carried them did not leave: back into their inboxes, as if they had just come. */
export function releaseReplies(core: Core, ids: readonly ReplyId[]): void {
  const wanted = new Set(ids)
  for (const address of knownAddresses(core)) {
    for (const known of core.store.listReplies(address)) {
      if (wanted.has(known.id)) actorAt(core, address)?.send({ type: 'replyArrived', reply: known, at: core.clock.now() })
    }
  }
}

const knownAddresses = (core: Core): Address[] => [...core.store.listClients().map(row => ({ kind: 'client' as const, id: row.id })), ...[...core.rows.keys()].map(id => ({ kind: 'agent' as const, id }))]

/** One's own are claimed, and waited for if there are none yet; another's are only looked at. */
export async function collectReplies(core: Core, caller: Caller, { of, limit, wait }: { of?: string; limit?: number; wait: WaitOptions }): Promise<Collected> {
  const own = addressOf(core, caller)
  const other = of === undefined ? undefined : resolveAgent(core, caller, of, 'see')
  if (other && !(own.kind === 'agent' && own.id === other)) return { replies: inboxOf(core, { kind: 'agent', id: other }).slice(0, limit), peeked: true }
  if (wait.timeoutMs > 0) standFor(core, caller) // there is to be somebody to whom replies can come
  return { replies: await withinTurn(core, caller, wait, within => takeReplies(core, own, limit, within)), peeked: false }
}

/** Found and claimed in one step: somebody else who waits here may be handed what came, and then the wait goes on. */
async function takeReplies(core: Core, own: Address, limit: number | undefined, wait: WaitOptions): Promise<readonly Reply[]> {
  const deadlineAt = core.clock.now() + wait.timeoutMs
  const leftMs = (): number => deadlineAt - core.clock.now()
  while (inboxOf(core, own).length === 0 && actorAt(core, own) && leftMs() > 0 && !wait.signal?.aborted) await untilMail(core, own, { ...wait, timeoutMs: leftMs() })
  if (wait.signal?.aborted) return []
  const replies = inboxOf(core, own).slice(0, limit)
  claim(core, own, replies)
  return replies
}

const actorAt = (core: Core, address: Address): AnyActorRef | undefined => core.root.system.get(addressKey(address)) // untyped; the keys are minted in one place

export function untilMail(core: Core, address: Address, { signal, timeoutMs }: WaitOptions): Promise<void> {
  const actor = actorAt(core, address)
  if (!actor) return Promise.resolve()
  return new Promise(resolve => {
    const done = (): void => {
      subscription.unsubscribe()
      core.clock.clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = core.clock.setTimeout(done, timeoutMs)
    const subscription = actor.subscribe({ next: () => inboxOf(core, address).length > 0 && done(), error: done, complete: done })
    signal?.addEventListener('abort', done, { once: true })
    if (signal?.aborted) done()
  })
}
