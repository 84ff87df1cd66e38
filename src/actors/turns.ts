/**
 * A wait inside an agent's turn lasts as long as that turn. A CLI whose turn was cut need not say that it dropped the call, and
 * an answer handed to a call nobody reads any more would be lost instead of going to the inbox.
 */

import type { AgentId } from '../ids.ts'
import type { Caller } from '../messages.ts'
import { agentActor, type Core, tellAgent } from './core.ts'
import type { WaitOptions } from './facade.ts'

/** Runs `work` with a wait that also ends when the caller's present turn does. A client's, and one outside any turn, is left alone. The agent is told that it waits. */
export async function withinTurn<T>(core: Core, caller: Caller, wait: WaitOptions, work: (wait: WaitOptions) => Promise<T>): Promise<T> {
  if (caller.kind !== 'agent' || wait.timeoutMs <= 0) return work(wait)
  tellAgent(core, caller.agentId, { type: 'waitBegan', at: core.clock.now() })
  try {
    return await whileTurnLasts(core, caller.agentId, wait, work)
  } finally {
    tellAgent(core, caller.agentId, { type: 'waitEnded', at: core.clock.now() })
  }
}

async function whileTurnLasts<T>(core: Core, agentId: AgentId, wait: WaitOptions, work: (wait: WaitOptions) => Promise<T>): Promise<T> {
  const actor = agentActor(core, agentId)
  const { turn, aside } = actor?.getSnapshot().context ?? {}
  const turnId = turn?.turnId ?? aside?.turnId
  if (!actor || turnId === undefined) return work(wait)
  const over = new AbortController()
  const subscription = actor.subscribe({
    next: ({ context }) => {
      if (context.turn?.turnId !== turnId && context.aside?.turnId !== turnId) over.abort()
    },
    error: () => over.abort(), // its actor failed: told to its supervisor, and no reason to end the process
    complete: () => over.abort(),
  })
  try {
    return await work({ ...wait, signal: wait.signal ? AbortSignal.any([wait.signal, over.signal]) : over.signal })
  } finally {
    subscription.unsubscribe()
  }
}
