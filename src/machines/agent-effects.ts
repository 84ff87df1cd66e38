/** What an agent's decisions are made of: effects that name the agent, and decisions put together. */

import type { DriverCommand } from '../drivers/driver.ts'
import type { MessageId } from '../ids.ts'
import type { Outcome } from '../messages.ts'
import { type AgentCommand, type AgentContext, type AgentDeadline, type AgentEmitted, type AgentEvent, quietMs } from './agent-context.ts'
import type { Decision } from './decision.ts'
import { agentKey, type Due, type Effect, type LedgerEvent } from './effects.ts'
import { type Mail, type OpenMessage, quietMessages } from './mailbox.ts'

export type AgentDecision = Decision<AgentContext, AgentEmitted>
export type CommandOf<Type extends AgentCommand['type']> = Extract<AgentCommand, { type: Type }>
export type DeadlineOf<Type extends AgentDeadline['type']> = Extract<AgentDeadline, { type: Type }>

export const mailOf = ({ mailbox, inbox, open }: AgentContext): Mail => ({ mailbox, inbox, open })

// A distributive Omit: each command keeps its own fields.
type WithoutAgent<C> = C extends unknown ? Omit<C, 'agentId'> : never
export const dispatch = (c: AgentContext, command: WithoutAgent<DriverCommand>): Effect =>
  ({ to: 'drivers', event: { type: 'dispatch', harness: c.harness, command: { ...command, agentId: c.agentId } as DriverCommand } }) // one arm of the union plus its agentId is that arm
export const record = (event: LedgerEvent): Effect => ({ to: 'ledger', event })
export const settle = (c: AgentContext, messageId: MessageId, outcome: Outcome): Effect => record({ type: 'messageSettled', agentId: c.agentId, messageId, outcome })
export const deadline = (c: AgentContext, name: string, at: Due, event: { readonly type: string; readonly messageId?: MessageId; readonly requestId?: string; readonly approvalId?: string }): Effect =>
  ({ to: 'deadlines', event: { type: 'setDeadline', key: `${c.agentId}:${name}`, at, notify: agentKey(c.agentId), event } })
export const clear = (c: AgentContext, name: string): Effect => ({ to: 'deadlines', event: { type: 'clearDeadline', key: `${c.agentId}:${name}` } })

/** One after the other: what the later says of the context stands. */
export const both = (...decisions: readonly AgentDecision[]): AgentDecision => ({
  context: Object.assign({}, ...decisions.map(({ context }) => context)) as AgentDecision['context'], // each is a part of it
  effects: decisions.flatMap(({ effects }) => effects ?? []),
  emits: decisions.flatMap(({ emits }) => emits ?? []),
})

/** When the event happened; those between actors may carry no time. */
export const timeOf = (c: AgentContext, event: AgentEvent): number => ('at' in event && typeof event.at === 'number' ? event.at : c.since)

export const noTurn = { turn: undefined, currentTool: undefined, approvals: [] } satisfies Partial<AgentContext>

/** Of the messages nothing works on: not those whose fate is still to be asked of the session. */
export const quietOf = (c: AgentContext): OpenMessage[] => quietMessages(mailOf(c)).filter(({ message }) => !c.uncertain.some(({ messageId }) => messageId === message.id))

/** A decision after which no turn runs: what has nothing left to wait for is given a last chance to be worked on. */
export function thenQuiet(c: AgentContext, decision: AgentDecision, at: number): AgentDecision {
  const after = { ...c, ...decision.context }
  if (after.turn) return decision
  return { ...decision, effects: [...(decision.effects ?? []), ...quietOf(after).map(({ message: { id } }) => deadline(c, `quiet:${id}`, at + quietMs, { type: 'quietPassed', messageId: id }))] }
}
