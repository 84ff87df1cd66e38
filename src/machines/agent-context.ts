/** What an agent's machine knows, and every event it can be told. Plain data throughout: a snapshot can be stored. */

import type { DriverFact, FactOf, FactSource, Launch, PersonHold } from '../drivers/driver.ts'
import type { AgentId, MessageId } from '../ids.ts'
import type { LimitName, Reached } from '../limits.ts'
import type { Address, Message } from '../messages.ts'
import type { ChildCrashed, Hold, InboxEvent, RestartDecision, SpawnFailure, SupervisorEvent, TerminateAsked } from './effects.ts'
import type { Mail, Turn } from './mailbox.ts'
import type { RestartPolicy, Supervision } from '../restarts.ts'

export interface AgentInput {
  readonly agentId: AgentId
  readonly name: string
  readonly harness: string
  readonly supervisor: Address
  readonly launch: Launch
  /** Ready also means that its MCP tools were listed. */
  readonly awaitsTools: boolean
  /** What follows when its process dies again. */
  readonly restart: RestartPolicy
  /** Of its own children. */
  readonly supervision: Supervision
  /** A permission prompt of its CLI that nobody answers in this time is denied; none: `approvalMs`. Milliseconds. */
  readonly approvalMs?: number
  /** Busy, and nothing told for so long: it is stuck. None: never. Milliseconds. */
  readonly stuckMs?: number
  /** Idle for so long, and needed by nobody: its process is put away. None: never. Milliseconds. */
  readonly idleMs?: number
  /** What an earlier server's record says of it; absent: it is new. */
  readonly recovered?: Recovered
  readonly at: number
}

/** What an earlier server's record says of an agent. Absent `sessionId`: it was never ready, and is launched anew. */
export interface Recovered extends Mail {
  readonly sessionId?: string
  readonly hasHistory: boolean
  readonly hold?: Hold
  readonly atLimit?: readonly AtLimit[]
  readonly uncertain: readonly Uncertain[]
  readonly requestCount: number
}

/** A message that was handed over, and no word of its turn's end is on record. */
export interface Uncertain {
  readonly messageId: MessageId
  readonly deliveries: number
  /** How the prompts begin that its turns were driven by. */
  readonly markers: readonly string[]
}

export interface AgentContext extends AgentInput, Mail {
  /** When and by what the present state was told. */
  readonly since: number
  readonly source: FactSource | 'command'
  /** Living children, in order of spawning. */
  readonly children: readonly AgentId[]
  /** When it had children restarted, as far as that still counts. */
  readonly restarts: readonly number[]
  /** Its driver's latest fact. */
  readonly heardAt: number
  /** Busy, and nothing was told since then for too long. */
  readonly stuckSince?: number
  /** Calls of its own to Madrox that are held: whoever waits for others tells nothing meanwhile. */
  readonly waits: number
  readonly toolsListed: boolean
  readonly sessionId?: string
  /** A turn was completed in its session: there is something to return to. */
  readonly hasHistory: boolean
  /** It was ready whole, once: what becomes of it from then on is no failed spawn. */
  readonly established: boolean
  /** Messages handed to its CLI under a server that was killed: what became of them is its session's to tell. */
  readonly uncertain: readonly Uncertain[]
  readonly pid?: number
  readonly turn?: Turn
  /** A turn the CLI began by itself while another of ours was on its way or running. */
  readonly aside?: Turn
  /** Prompts submitted so far: makes each one's id its own. */
  readonly prompts: number
  readonly currentTool?: { readonly callId?: string; readonly name: string; readonly since: number; readonly source: FactSource }
  /** Permission prompts of its CLI that are open, oldest first. */
  readonly approvals: readonly Approval[]
  readonly hold?: Hold
  /** Nothing is delivered, and no turn goes on, while any of these is used up: its own, and those of agents above it. */
  readonly atLimit: readonly AtLimit[]
  /** Turns that were cut for that: makes the id of each interrupt its own. */
  readonly cuts: number
  /** Nothing is delivered because of a person at its terminal. */
  readonly person?: { readonly holds: PersonHold; readonly since: number }
  /** Without `by`: a limit did it. */
  readonly interrupting?: { readonly requestId: string; readonly by?: Address; readonly then: AfterInterrupt; readonly at: number; readonly cut?: boolean; readonly cancelled?: MessageId }
  /** How often its process was brought back since it last completed a turn. */
  readonly revivals: number
  readonly requestCount: number
  readonly background: readonly string[]
  readonly ending?: Ending
  readonly lastError?: string
  /** What its CLI runs without, as it told when it became ready. */
  readonly warnings?: readonly string[]
}

/** A permission prompt of the CLI, by the id its driver gave it. */
export interface Approval {
  readonly approvalId: string
  readonly tool: string
  readonly detail: string
}

export interface Ending {
  readonly reason: string
  readonly force: boolean
  readonly processGone: boolean
  /** Nobody asked for it: the supervisor is told. */
  readonly unasked: boolean
  readonly spawnFailure?: SpawnFailure
}

/** To a supervisor, be it an agent or a client: one more child. */
export type SpawnAsked = { readonly type: 'spawnAsked'; readonly input: AgentInput }

/** What an interrupted agent does next: wait for the interrupter's word, go on with its queue, or drop the queue and wait. */
export type AfterInterrupt = 'hold' | 'continue' | 'clear'

/** A limit it is held at. */
export interface AtLimit extends Pick<Reached, 'limit' | 'detail'> {
  /** Whose it is, where it is another's: one above. */
  readonly of?: string
}

export type AgentCommand =
  | { readonly type: 'messageAccepted'; readonly message: Message; readonly fromAncestor: boolean; readonly at: number }
  /** This agent sent a message in the course of `subject`. */
  | { readonly type: 'taskSent'; readonly subject: MessageId; readonly messageId: MessageId }
  /** It is not to be worked on any more, if its turn has not come. */
  | { readonly type: 'messageWithdrawn'; readonly messageId: MessageId; readonly reason: string; readonly at: number }
  | { readonly type: 'replyGiven'; readonly messageId: MessageId; readonly text: string; readonly at: number }
  | { readonly type: 'interruptAsked'; readonly requestId: string; readonly by: Address; readonly then: AfterInterrupt; readonly at: number }
  | { readonly type: 'approvalAnswered'; readonly approvalId: string; readonly decision: 'allow' | 'deny'; readonly message?: string; readonly at: number }
  /** Used up by it and those below it; `detail` says which, and how much. */
  | { readonly type: 'limitReached'; readonly limit: LimitName; readonly detail: string; readonly at: number }
  /** It is held at these from now on, and at no others. */
  | { readonly type: 'limitsTold'; readonly atLimit: readonly AtLimit[]; readonly at: number }
  | { readonly type: 'suspendAsked'; readonly why: 'asked' | 'idle'; readonly at: number }
  /** To come up: from suspension, or anew where how it is launched has changed. */
  | { readonly type: 'resumeAsked'; readonly at: number }
  /** How it is called and launched from now on. */
  | { readonly type: 'respecified'; readonly name: string; readonly launch: Launch }
  | { readonly type: 'waitBegan'; readonly at: number }
  | { readonly type: 'waitEnded'; readonly at: number }
  | TerminateAsked
  | RestartDecision
  | SpawnAsked
  | { readonly type: 'toolsListed'; readonly at: number }

/** From the deadlines; each is set by a decision of this machine and carries the time it fell due. */
export type AgentDeadline =
  | { readonly type: 'handshakeExpired'; readonly at: number }
  | { readonly type: 'deliveryRetried'; readonly at: number }
  | { readonly type: 'approvalExpired'; readonly approvalId: string; readonly at: number }
  | { readonly type: 'quietPassed'; readonly messageId: MessageId; readonly at: number }
  | { readonly type: 'messageExpired'; readonly messageId: MessageId; readonly at: number }
  | { readonly type: 'stopExpired'; readonly at: number }
  | { readonly type: 'restartDue'; readonly at: number }
  | { readonly type: 'recallExpired'; readonly requestId: string; readonly at: number }
  | { readonly type: 'interruptExpired'; readonly requestId: string; readonly at: number }
  | { readonly type: 'idleLong'; readonly at: number }
  /** Set by who watches its limits: they are looked at. */
  | { readonly type: 'timeUp'; readonly at: number }
  | { readonly type: 'stillnessDue'; readonly at: number }

export type AgentEvent = DriverFact | AgentCommand | AgentDeadline | InboxEvent | SupervisorEvent | ChildCrashed

/** What an agent's actor tells whoever listens to it (the facade's calls). */
export type AgentEmitted =
  /** `notTaken`: the CLI went on as if nothing had been said. */
  | { readonly type: 'interruptSettled'; readonly requestId: string; readonly how: 'cut' | 'endedBefore' | 'notTaken'; readonly source: string; readonly afterMs: number; readonly cancelledMessageId?: MessageId }
  | { readonly type: 'timeUp'; readonly at: number }
  | { readonly type: 'screenRead'; readonly requestId: string; readonly rendering: FactOf<'screenRead'>['rendering']; readonly text: string }

/** A message is delivered at most this often; cut off each time, it is given up as poison. */
export const maxDeliveries = 3
/** A process that died is brought back this often without a completed turn in between. */
export const maxRevivals = 1
/** A turn of its own follows the end of background work within this time, or none does. Milliseconds. */
export const quietMs = 5_000
/** A refused delivery is tried again after this time, should no fact come first. Milliseconds. */
export const retryMs = 1_000
/** The CLI is up; its tools must be listed by then. Milliseconds. */
export const handshakeMs = 60_000
/** A driver that has not interrupted by then has not. Milliseconds. */
export const interruptMs = 60_000
/** How long a permission prompt waits for its answer. Milliseconds. */
export const approvalMs = 600_000
/** A no that was due and did not come by then is said by the agent's own machine. Milliseconds. */
export const answerMs = 5_000
/** A driver that has not told by then what became of a turn does not know. Milliseconds. */
export const recallMs = 10_000
/** Time to end politely before force. Milliseconds. */
export const graceMs = 5_000
/** A driver that has not reported its process gone by then is no longer waited for. Milliseconds. */
export const stopMs = 30_000
