/** Interrupting and ending: asked of the agent's own machine, and answered when it is so. */

import type { AgentId } from '../ids.ts'
import type { Caller } from '../messages.ts'
import type { AfterInterrupt } from '../machines/agent-context.ts'
import { agentActor, callerKey, type Core, isBelow, ledgerActor, rowOf, stateOf, tellAgent } from './core.ts'
import { resolveAgent, resolveLiving } from './directory.ts'
import { standFor } from './principals.ts'
import type { Ended, InterruptReport } from './facade.ts'

export async function interrupt(core: Core, caller: Caller, reference: string, then: AfterInterrupt): Promise<InterruptReport> {
  const { id: agentId, actor } = resolveLiving(core, caller, reference, 'rule')
  const was = stateOf(actor.getSnapshot())
  const by = callerKey(core, caller)
  ledgerActor(core).send({ type: 'audited', event: { at: core.clock.now(), event: 'interrupt_asked', agentId, data: { by, then, was } } })
  const base = { agentId, name: rowOf(core, agentId).name, was }
  if (was !== 'busy') return { ...base, interrupted: false, note: `It is ${was}, so there is no turn to interrupt; nothing was changed.` }
  // One interrupt at a time: who asks meanwhile hears of the one under way.
  const underway = actor.getSnapshot().context.interrupting?.requestId
  const requestId = underway ?? core.ids.prompt()
  return new Promise(resolve => {
    const done = (report: InterruptReport): void => {
      const { interrupted, confirmedBy, afterMs, cancelledMessageId } = report
      ledgerActor(core).send({ type: 'audited', event: { at: core.clock.now(), event: 'interrupt_settled', agentId, data: { by, interrupted, ...(confirmedBy ? { confirmed_by: confirmedBy } : {}), ...(afterMs === undefined ? {} : { after_ms: afterMs }), ...(cancelledMessageId ? { cancelled: cancelledMessageId } : {}) } } })
      emitted.unsubscribe()
      changed.unsubscribe()
      resolve(report)
    }
    const emitted = actor.on('interruptSettled', event => {
      if (event.requestId !== requestId) return
      const { how, source, afterMs, cancelledMessageId } = event
      done({ ...base, interrupted: how === 'cut', confirmedBy: source, afterMs, ...(cancelledMessageId ? { cancelledMessageId } : {}), ...(how === 'cut' ? {} : { note: notes[how](then) }) })
    })
    // It was ended meanwhile: no confirmation will come.
    const overtaken = (): void => done({ ...base, interrupted: false, note: `It is ${stateOf(actor.getSnapshot())} now; the interrupt was overtaken.` })
    // Without a word for it, XState throws a crash nobody waited for at the whole process.
    const crashed = (): void => done({ ...base, interrupted: false, note: 'Its actor failed, and it has ended.' })
    const changed = actor.subscribe({ next: snapshot => snapshot.context.interrupting?.requestId !== requestId && overtaken(), error: crashed, complete: overtaken })
    if (!underway) tellAgent(core, agentId, { type: 'interruptAsked', requestId, by: standFor(core, caller), then, at: core.clock.now() })
  })
}

const notes = {
  endedBefore: (then: string) => `Its turn had just ended by itself; it ${then === 'continue' ? 'goes on with its queue' : 'now waits for new instructions'}.`,
  notTaken: () => 'Its CLI did not take the interrupt and goes on. Look at get_terminal_screen, or terminate_instance.',
}

/** Ends the agent and all below it, leaves first; resolves when the last is gone, in the order they went. */
export async function terminate(core: Core, caller: Caller, reference: string, force: boolean): Promise<readonly Ended[]> {
  const top = resolveAgent(core, caller, reference, 'rule')
  const { name, endedAt } = rowOf(core, top)
  if (endedAt !== undefined) return [{ agentId: top, name, reason: core.store.getAgent(top)?.endReason ?? 'ended', alreadyEnded: true }]
  // Nobody below an agent outlives it, crashed ones excepted: those are still to be waited for.
  if (livingBelow(core, [top]).length === 0) return [{ agentId: top, name, reason: 'its end is not yet on record: the store cannot be written', alreadyEnded: true }]
  ledgerActor(core).send({ type: 'audited', event: { at: core.clock.now(), event: 'end_asked', agentId: top, data: { by: callerKey(core, caller), force } } })
  return endAll(core, [top], force, `terminated by ${caller.kind === 'agent' ? rowOf(core, caller.agentId).name : 'its client'}`)
}

/** Those and all below them that have yet to end. One without an actor has, whatever the store could record of it. Nothing is read: a damaged store keeps nobody alive. */
export const livingBelow = (core: Core, tops: readonly AgentId[]): AgentId[] =>
  [...core.rows.values()].filter(({ id, endedAt }) => endedAt === undefined && agentActor(core, id) && tops.some(top => id === top || isBelow(core, id, top))).map(({ id }) => id)

export function endAll(core: Core, tops: readonly AgentId[], force: boolean, reason: string): Promise<readonly Ended[]> {
  const left = new Set(livingBelow(core, tops))
  if (left.size === 0) return Promise.resolve([])
  const gone: Ended[] = []
  return new Promise(resolve => {
    const finish = (agentId: AgentId, reason: string): void => {
      if (!left.delete(agentId)) return
      gone.push({ agentId, name: rowOf(core, agentId).name, reason, alreadyEnded: false })
      if (left.size > 0) return
      for (const subscription of subscriptions) subscription.unsubscribe()
      resolve(gone)
    }
    const subscriptions = [
      ledgerActor(core).on('agentEnded', told => finish(told.agentId, told.reason)),
      // It is gone all the same; its end is written as soon as the store can.
      ledgerActor(core).on('writeFailed', ({ event }) => event.type === 'agentEnded' && finish(event.agentId, `${event.reason} (not yet on record: the store cannot be written)`)),
    ]
    for (const id of tops) tellAgent(core, id, { type: 'terminateAsked', reason, force, at: core.clock.now() })
  })
}
