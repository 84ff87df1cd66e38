/** Interrupting and ending: asked of the agent's own machine, and answered when it is so. */

import { MadroxError } from '../errors.ts'
import type { AgentId } from '../ids.ts'
import type { Caller } from '../messages.ts'
import { agentActor, type Core, isBelow, ledgerActor, rowOf, stateOf, tellAgent } from './core.ts'
import { resolveAgent, resolveLiving } from './directory.ts'
import { addressOf } from './principals.ts'
import type { Ended, InterruptReport } from './facade.ts'

export async function interrupt(core: Core, caller: Caller, reference: string, then: 'hold' | 'continue' | 'clear'): Promise<InterruptReport> {
  const agentId = resolveLiving(core, caller, reference, 'rule')
  const actor = agentActor(core, agentId)
  if (!actor) throw new MadroxError('agent_ended', `Agent "${reference}" has ended.`)
  const was = stateOf(actor.getSnapshot())
  const base = { agentId, name: rowOf(core, agentId).name, was }
  if (was !== 'busy') return { ...base, interrupted: false, note: `It is ${was}, so there is no turn to interrupt; nothing was changed.` }
  const requestId = core.ids.prompt()
  return new Promise(resolve => {
    const done = (report: InterruptReport): void => {
      emitted.unsubscribe()
      changed.unsubscribe()
      resolve(report)
    }
    const emitted = actor.on('interruptSettled', event => {
      if (event.requestId !== requestId) return
      const { interrupted, source, afterMs, cancelledMessageId } = event
      done({ ...base, interrupted, confirmedBy: source, afterMs, ...(cancelledMessageId ? { cancelledMessageId } : {}), ...(interrupted ? {} : { note: 'Its turn had just ended by itself; it now waits for new instructions.' }) })
    })
    // Its process died, or it was ended, or another interrupt was already on its way: no confirmation of ours will come.
    const overtaken = (): void => done({ ...base, interrupted: false, note: `It is ${stateOf(actor.getSnapshot())} now; the interrupt was overtaken.` })
    const changed = actor.subscribe({ next: snapshot => snapshot.context.interrupting?.requestId !== requestId && overtaken(), complete: overtaken })
    tellAgent(core, agentId, { type: 'interruptAsked', requestId, by: addressOf(core, caller), then, at: core.clock.now() })
  })
}

/** Ends the agent and all below it, leaves first; resolves when the last is gone, in the order they went. */
export async function terminate(core: Core, caller: Caller, reference: string, force: boolean): Promise<readonly Ended[]> {
  const top = resolveAgent(core, caller, reference, 'rule')
  const ended = core.store.getAgent(top)
  if (ended?.endedAt !== undefined) return [{ agentId: top, name: ended.name, reason: ended.endReason ?? 'ended', alreadyEnded: true }]
  return endAll(core, [top], force, `terminated by ${caller.kind === 'agent' ? rowOf(core, caller.agentId).name : 'its client'}`)
}

export function endAll(core: Core, tops: readonly AgentId[], force: boolean, reason: string): Promise<readonly Ended[]> {
  const isGone = (id: AgentId): boolean => core.store.getAgent(id)?.endedAt !== undefined
  const left = new Set([...core.rows.keys()].filter(id => !isGone(id) && tops.some(top => id === top || isBelow(core, id, top))))
  if (left.size === 0) return Promise.resolve([])
  const gone: Ended[] = []
  return new Promise(resolve => {
    const subscription = ledgerActor(core).on('agentEnded', told => {
      if (!left.delete(told.agentId)) return
      gone.push({ agentId: told.agentId, name: rowOf(core, told.agentId).name, reason: told.reason, alreadyEnded: false })
      if (left.size > 0) return
      subscription.unsubscribe()
      resolve(gone)
    })
    for (const id of tops) tellAgent(core, id, { type: 'terminateAsked', reason, force, at: core.clock.now() })
  })
}
