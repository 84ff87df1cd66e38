/** The questions the agent's chart asks of its context before it takes a transition, by the names it asks them under. */

import type { FactOf } from '../drivers/driver.ts'
import { type AgentContext, type AgentEvent, maxRevivals } from './agent-context.ts'
import { isOwnTurnBegunSince } from './agent-interrupts.ts'
import { isAtLimit, isHeld } from './agent-limits.ts'
import { hasWork } from './agent-mail.ts'
import { recallId } from './agent-recovery.ts'

interface Asked {
  readonly context: AgentContext
  readonly event: AgentEvent
}

export const guards = {
  /** And nobody is at its keyboard. */
  mayDeliver: ({ context }: Asked) => hasWork(context) && context.person === undefined,
  toolsListed: ({ context }: Asked) => context.toolsListed,
  released: ({ context }: Asked) => !isHeld(context),
  held: ({ context }: Asked) => isHeld(context),
  atLimit: ({ context }: Asked) => isAtLimit(context),
  /** Whatever brought it to work: no turn goes on at a limit. */
  runsAtLimit: ({ context }: Asked) => isAtLimit(context) && context.interrupting === undefined,
  endsOurTurn: ({ context, event }: Asked) => event.type === 'turnEnded' && endsOurTurn(context, event),
  awaitsApproval: ({ context }: Asked) => context.turn !== undefined && context.approvals.length > 0,
  inTurn: ({ context }: Asked) => context.turn !== undefined,
  leavesAside: ({ context, event }: Asked) => event.type === 'turnEnded' && endsOurTurn(context, event) && context.aside !== undefined,
  endsAside: ({ context, event }: Asked) => event.type === 'turnEnded' && event.turnId === context.aside?.turnId,
  failsSpawn: ({ context, event }: Asked) => event.type === 'turnEnded' && endsOurTurn(context, event) && event.cause === 'model_rejected' && !context.hasHistory,
  beginsAnother: ({ context, event }: Asked) => event.type === 'turnStarted' && event.turnId !== context.turn?.turnId,
  answersOurPrompt: ({ context, event }: Asked) => answersOurPrompt(context, event),
  leavesPromptAside: ({ context, event }: Asked) => answersOurPrompt(context, event) && context.aside !== undefined,
  returnsReplies: ({ context, event }: Asked) => answersOurPrompt(context, event) && context.turn?.work?.kind === 'replies',
  isLastApproval: ({ context, event }: Asked) => event.type === 'approvalResolved' && context.approvals.length === 1 && context.approvals[0]?.approvalId === event.approvalId,
  isOurInterrupt: ({ context, event }: Asked) => 'requestId' in event && event.requestId === context.interrupting?.requestId,
  canRevive: ({ context, event }: Asked) => event.type === 'exited' && !event.expected && context.established && context.revivals < maxRevivals,
  /** By its restart policy; its supervisor may still refuse. */
  wantsRestart: ({ context, event }: Asked) => context.established && context.restart !== 'temporary' && isMendable(event) && (context.restart === 'permanent' || isAbnormal(event)),
  /** Not while it works in the background, nor under a person's hands, nor without a session to return to. */
  maySuspend: ({ context }: Asked) => context.background.length === 0 && context.person === undefined && context.sessionId !== undefined,
  isTemporary: ({ context }: Asked) => context.restart === 'temporary',
  isHeldOnRecord: ({ context }: Asked) => context.recovered !== undefined && context.sessionId !== undefined && isHeld(context),
  isOnRecord: ({ context }: Asked) => context.recovered !== undefined && context.sessionId !== undefined,
  wakes: ({ context }: Asked) => !isAtLimit(context) && (hasWork(context) || context.uncertain.length > 0),
  mustRecall: ({ context }: Asked) => context.toolsListed && context.uncertain.length > 0,
  isOurRecall: ({ context, event }: Asked) => 'requestId' in event && event.requestId === recallId(context),
  continues: ({ context }: Asked) => context.interrupting?.then === 'continue' && !isAtLimit(context),
  /** One that began by itself while the interrupt was on its way. */
  ownTurnGoesOn: ({ context }: Asked) => context.aside !== undefined || isOwnTurnBegunSince(context),
  turnGoesOn: ({ context }: Asked) => context.aside !== undefined || context.turn?.turnId !== undefined,
  /** A CLI that died in its first turn may have saved nothing yet; then a new session loses nothing. */
  hasNothingToReturnTo: ({ context, event }: Asked) => event.type === 'startFailed' && event.code === 'session_unknown' && !context.hasHistory,
  wasWoken: ({ context }: Asked) => context.revivals === 0,
  forces: ({ event }: Asked) => event.type === 'terminateAsked' && event.force,
}

/** A start that failed for a reason that time does not mend is not tried again. */
const isMendable = (event: AgentEvent): boolean =>
  (event.type === 'exited' && !event.expected) || (event.type === 'startFailed' && (event.code === 'exited' || event.code === 'timeout' || event.code === 'session_locked'))
const isAbnormal = (event: AgentEvent): boolean => event.type !== 'exited' || event.signal !== undefined || event.code !== 0

export function endsOurTurn({ turn }: AgentContext, { turnId, promptId }: FactOf<'turnEnded'>): boolean {
  return turn !== undefined && (turnId === turn.turnId || (promptId !== undefined && promptId === turn.promptId))
}

/** What became of the prompt that is on its way: heard once. */
function answersOurPrompt({ turn }: AgentContext, event: AgentEvent): boolean {
  return turn?.promptId !== undefined && turn.turnId === undefined && 'promptId' in event && event.promptId === turn.promptId
}
