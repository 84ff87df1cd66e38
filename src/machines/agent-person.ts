/** A person at the agent's terminal, as decisions: while one has control, or has left text in its input box, nothing is delivered. */

import type { FactOf } from '../drivers/driver.ts'
import type { AgentContext } from './agent-context.ts'
import { type AgentDecision, record } from './agent-effects.ts'

/** One who is at the keyboard will leave it; text that was left may stay for ever, so the supervisor hears of it. */
export const controlChanged = (c: AgentContext, { holds, at }: FactOf<'controlChanged'>): AgentDecision => {
  if (holds === c.person?.holds) return {}
  const text = `A person left unsent text in the input box of ${c.name}: messages to it wait until a person submits or clears it (madrox attach ${c.name}).`
  return {
    context: { person: holds && { holds, since: at } },
    effects: holds === 'unsent_text' ? [record({ type: 'noticeGiven', agentId: c.agentId, at, text })] : [],
  }
}
