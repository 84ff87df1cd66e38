/**
 * An agent held at a limit, as decisions: told at which, cut, let go when none is left. What is used up, and whether that ends an agent
 * or stops it, is decided outside; here it is only that nothing is delivered to one that is stopped, and no turn of it goes on.
 */

import type { AgentContext } from './agent-context.ts'
import type { AgentDecision, CommandOf, DeadlineOf } from './agent-effects.ts'

export const isAtLimit = ({ atLimit }: Pick<AgentContext, 'atLimit'>): boolean => atLimit.length > 0

/** By whoever interrupted it, or at a limit. */
export const isHeld = (c: AgentContext): boolean => c.hold !== undefined || isAtLimit(c)

export const told = (_: AgentContext, { atLimit }: CommandOf<'limitsTold'>): AgentDecision => ({ context: { atLimit } })

export const timeUp = (_: AgentContext, { at }: DeadlineOf<'timeUp'>): AgentDecision => ({ emits: [{ type: 'timeUp', at }] })

/** In an outcome: why the turn was cut. Empty: not for a limit. */
export const whyHeld = (c: Pick<AgentContext, 'atLimit'>): string => (isAtLimit(c) ? `: ${c.atLimit.map(({ detail, of }) => `limit reached${of === undefined ? '' : ` by "${of}" above it`}: ${detail}`).join('; ')}` : '')
