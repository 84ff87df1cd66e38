/**
 * How long an agent has been still, as decisions. One that is busy and of which its driver tells nothing for long is stuck, which
 * is told once and changes nothing else. One that has had nothing to do for long, and that nobody needs, is put away.
 *
 * Nothing here looks again and again: a deadline is set when the stillness begins, and anew by the event that ends what excused it.
 */

import type { AnyActorRef, AnyMachineSnapshot } from 'xstate'
import type { Audited } from '../audit.ts'
import type { DriverFact } from '../drivers/driver.ts'
import { type AgentContext, type AgentEvent, graceMs, stopMs } from './agent-context.ts'
import { type AgentDecision, type CommandOf, deadline, type DeadlineOf, dispatch, mailOf, record, timeOf } from './agent-effects.ts'
import type { Effect } from './effects.ts'
import { openMessages } from './mailbox.ts'
import type { Children } from './supervision.ts'

/** What somebody who looks at its screen is shown is no word of the agent's own. */
const isFact = (event: AgentEvent): event is DriverFact => 'agentId' in event && 'source' in event && event.type !== 'screenRead'

/** Its driver tells something of it: it is not stuck, or no longer. */
export function noteFact(c: AgentContext, event: AgentEvent): AgentDecision {
  if (!isFact(event)) return {}
  const context = { heardAt: event.at, stuckSince: undefined }
  if (c.stuckSince === undefined) return { context }
  return { context, effects: [audited({ at: event.at, event: 'agent_unstuck', agentId: c.agentId, data: { fact: event.type } }), ...watchFrom(c, event.at)] }
}

const audited = (event: Audited): Effect => record({ type: 'audited', event })
const watchFrom = (c: AgentContext, at: number): Effect[] => (c.stuckMs === undefined ? [] : [deadline(c, 'still', at + c.stuckMs, { type: 'stillnessDue' })])

/** It works, from the time its state was told. */
export const watch = (c: AgentContext): AgentDecision => ({ context: { stuckSince: undefined }, effects: watchFrom(c, c.since) })

export const waitBegan = (c: AgentContext): AgentDecision => ({ context: { waits: c.waits + 1 } })
export const waitEnded = (c: AgentContext, { at }: CommandOf<'waitEnded'>): AgentDecision => ({ context: { waits: Math.max(0, c.waits - 1) }, effects: watchFrom(c, at) })

/** Nothing was told since the deadline was set, unless a fact moved it on. Who waits for others is not stuck: the end of the wait asks again. */
export function judgeStillness(c: AgentContext, { at }: DeadlineOf<'stillnessDue'>): AgentDecision {
  if (c.stuckMs === undefined || c.waits > 0) return {}
  if (at < c.heardAt + c.stuckMs) return { effects: watchFrom(c, c.heardAt) }
  const since = Math.max(c.heardAt, c.since)
  const minutes = Math.round((at - since) / 6_000) / 10
  const text = `${c.name} is busy, and nothing was heard of it for ${minutes} minutes${c.currentTool ? ` (in ${c.currentTool.name})` : ''}: it may be stuck. Look at get_terminal_screen; interrupt_instance stops its turn, terminate_instance ends it.`
  return {
    context: { stuckSince: since },
    effects: [record({ type: 'noticeGiven', agentId: c.agentId, text, at }), audited({ at, event: 'agent_stuck', agentId: c.agentId, data: { since, ...(c.currentTool ? { tool: c.currentTool.name } : {}) } })],
  }
}

/** It rests, and those above it may too. */
export const rest = (c: AgentContext): AgentDecision => ({ effects: restFrom(c, c.since) })
/** What may have kept it is over: it is asked again after as long. Before its time is up, it will be asked anyway. */
export function restAgain(c: AgentContext, event: AgentEvent): AgentDecision {
  const at = timeOf(c, event)
  return { effects: c.idleMs === undefined || at < c.since + c.idleMs ? [] : restFrom(c, at) }
}

const restFrom = (c: AgentContext, at: number): Effect[] => (c.idleMs === undefined ? [] : [deadline(c, 'idle', at + c.idleMs, { type: 'idleLong' })])

/** Kept up while a message is open, its own background work runs, a person holds it, or a child of its works and may need it: the end of each asks again. */
export function considerSuspending(c: AgentContext, { at }: DeadlineOf<'idleLong'>, childrenOf: Children): AgentDecision {
  if (c.idleMs === undefined) return {}
  if (at < c.since + c.idleMs) return { effects: restFrom(c, c.since) }
  const needed = openMessages(mailOf(c)).length > 0 || c.background.length > 0 || c.person !== undefined || Object.values(childrenOf()).some(isAtWork)
  return needed ? {} : { effects: [{ to: 'self', event: { type: 'suspendAsked', why: 'idle', at } }] }
}

function isAtWork(child: AnyActorRef | undefined): boolean {
  const { status, value } = (child?.getSnapshot() ?? {}) as Partial<AnyMachineSnapshot> // children of supervisors are agents
  return status === 'active' && typeof value === 'object' && ('busy' in value || 'spawning' in value)
}

/** Put away while nothing is to be done; its session is kept. */
export const suspend = (c: AgentContext, { why, at }: CommandOf<'suspendAsked'>): AgentDecision => ({
  effects: [
    dispatch(c, { type: 'stopAgent', mode: 'graceful', graceMs }),
    deadline(c, 'stop', { afterMs: stopMs }, { type: 'stopExpired' }),
    audited({ at, event: 'agent_suspended', agentId: c.agentId, data: { why } }),
  ],
})

/** It does not go politely. It has done nothing to be ended for, so its end is waited for. */
export const forceSuspension = (c: AgentContext): AgentDecision => ({ effects: [dispatch(c, { type: 'stopAgent', mode: 'force', graceMs })] })

/** How it is called and launched from now on; a process that runs goes on as it was started. */
export const respecify = (_: AgentContext, { name, launch }: CommandOf<'respecified'>): AgentDecision => ({ context: { name, launch } })
