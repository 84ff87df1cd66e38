/**
 * The facade's words: what tools and transports say to the actor system and hear from it. Types only; `system.ts` builds what
 * they promise.
 */

import type { Confinement, FactOf, PersonHold } from '../drivers/driver.ts'
import type { MadroxError } from '../errors.ts'
import type { AgentId, ClientId, MessageId, OwnerId, ReplyId } from '../ids.ts'
import type { AgentLimits, HeldAt } from '../limits.ts'
import type { Address, Caller, DeadLetter, OutcomeStatus, Reply } from '../messages.ts'
import type { AfterInterrupt } from '../machines/agent-context.ts'
import type { RestartPolicy, Supervision } from '../restarts.ts'
import type { OutputRow, UsageTotals } from '../store/store.ts'
import type { Catalogue } from './catalogue.ts'
import type { Asking, PolicyControl } from './controlling.ts'
import type { ChangeReading } from './change-reading.ts'
import type { FileReading } from './file-reading.ts'
import type { Coordination } from './coordination.ts'
import type { Health } from './health.ts'
import type { Lifecycle } from './lifecycle-words.ts'
import type { LogReading } from './log-reading.ts'
import type { LoginAudit } from './login-audit.ts'
import type { MetricsReading } from './metrics-reading.ts'
import type { ServersAsked } from './servers.ts'
import type { Spent } from './spending.ts'
import type { SummaryReading } from './summary-reading.ts'
import type { Attaching } from './terminals.ts'

export type { AgentLimits, HeldAt } from '../limits.ts'
export type { Attaching, Attachment, TerminalEvent, Viewer } from './terminals.ts'

export interface ParentFound {
  readonly address: Address
  /** The strategy, and its evidence. */
  readonly source: string
}

/** Ends a wait early. Aborting never touches the work waited for. */
export interface WaitOptions {
  readonly signal?: AbortSignal
  readonly timeoutMs: number
}

/** Which tools an agent is shown: a leaf's are those of one that has no agents of its own. Rights are another matter. */
export type AgentToolset = 'leaf' | 'supervisor'

export interface SpawnRequest {
  readonly harness: string
  readonly name: string
  readonly role: string
  /** Replaces the role's prompt. */
  readonly systemPrompt?: string
  readonly model?: string
  readonly profile?: string
  /** An instance reference, or what `resolveParent` found; none: the caller, or as `resolveParent` finds. */
  readonly parent?: string | ParentFound
  /** `auto`, `isolated`, `shared`, `worktree`, or an absolute path within rights. */
  readonly workspace: string
  readonly confinement: Confinement
  /** Definitions, and names of presets. */
  readonly mcpServers: ServersAsked
  readonly inheritMcp: boolean
  readonly toolset?: AgentToolset
  /** What follows when its process dies a second time without a completed turn in between; default `transient`. */
  readonly restart?: RestartPolicy
  /** How it treats its own children that die. */
  readonly supervision?: Supervision
  readonly limits?: AgentLimits
  readonly script?: unknown
  /** What it will be sent first: refused before anything exists, where it could not be sent. */
  readonly firstMessage?: string
  readonly callKey?: string
}

export interface Spawned {
  readonly agentId: AgentId
  /** False: the same call was made before, and this is its agent. */
  readonly fresh: boolean
}

export interface SendRequest {
  readonly to: string
  readonly text: string
  readonly expectsReply: boolean
  /** Its answer is waited for next: where that wait would close a circle, nothing is sent. */
  readonly toBeWaitedFor?: boolean
  readonly expiresAt?: number
  readonly callKey?: string
}

/** `accepted`: not waited for. `pending`: the wait ended, the message is open. Otherwise its outcome. */
export interface SendReport {
  readonly status: 'accepted' | 'pending' | OutcomeStatus
  readonly messageId: MessageId
  readonly agentId: AgentId
  readonly response?: string
  readonly via?: 'reply_to_caller' | 'turn_end'
  /** What the agent's turns used from seeing the message to answering it; absent while the turn that answered still runs. */
  readonly usage?: UsageTotals
  /** Place in the mailbox while not yet delivered: 1 is next. */
  readonly position?: number
  readonly waitedMs?: number
  /** What this report hands out; consumed by `consumeReplies` when the answer has left. */
  readonly replies: readonly ReplyId[]
}

/** `peeked`: another's, which are only shown. */
export interface Collected {
  readonly replies: readonly Reply[]
  readonly peeked: boolean
}

/** A dead letter as told: an address with the name of who has it. */
export interface DeadLetterTold extends Pick<DeadLetter, 'kind' | 'at' | 'reason' | 'resent'> {
  readonly id: MessageId | ReplyId
  readonly from: Address & { readonly name: string }
  readonly to: Address & { readonly name: string }
  readonly text: string
  /** The message's outcome; of a reply, the one it tells. */
  readonly status?: OutcomeStatus
  /** The message a reply answers. */
  readonly messageId?: MessageId
}

export interface ResendRequest {
  readonly id: string
  /** An agent that is to have it; none: a message goes to the agent it was for, a reply to the caller. */
  readonly to?: string
  readonly callKey?: string
}

/** A dead letter, and the message or reply it was sent again as. */
export interface Resent {
  readonly kind: DeadLetter['kind']
  readonly id: MessageId | ReplyId
  readonly as: MessageId | ReplyId
  readonly to: Address & { readonly name: string }
  readonly expectsReply: boolean
}

export interface InterruptReport {
  readonly agentId: AgentId
  readonly name: string
  readonly interrupted: boolean
  readonly was: string
  readonly cancelledMessageId?: MessageId
  readonly confirmedBy?: string
  readonly afterMs?: number
  readonly note?: string
}

export interface Ended {
  readonly agentId: AgentId
  readonly name: string
  readonly reason: string
  readonly alreadyEnded: boolean
}

/** One agent, as told: every state carries since when and by what fact. */
export interface AgentStatus {
  readonly id: AgentId
  readonly name: string
  readonly harness: string
  readonly role: string
  readonly model?: string
  readonly state: string
  /** The machine's inner state: `idle.suspended`, `busy.awaitingApproval`, … */
  readonly detail: string
  readonly since: number
  readonly source: string
  readonly parent?: { readonly kind: 'agent' | 'client'; readonly id: string; readonly name: string }
  readonly parentSource: string
  readonly children: readonly AgentId[]
  readonly workspace: { readonly kind: string; readonly path: string; readonly branch?: string; readonly repository?: string }
  readonly confinement: Confinement
  readonly toolset: AgentToolset
  readonly requestCount: number
  readonly mailbox: number
  readonly openMessages: readonly MessageId[]
  readonly currentMessage?: MessageId
  readonly currentTool?: string
  /** Nothing is delivered: a person has control of its terminal, or has left text in its input box. */
  readonly heldByPerson?: { readonly why: PersonHold; readonly since: number }
  readonly currentToolSince?: number
  readonly currentToolSource?: string
  /** When its driver last told anything of it. */
  readonly lastFactAt?: number
  /** A call of its own to Madrox is held: it waits for others. */
  readonly waits?: boolean
  /** Busy, and nothing was told of it since then, for too long. */
  readonly stuckSince?: number
  /** The permission prompt of its CLI that waits longest; `id`: to answer it by. */
  readonly approval?: { readonly tool: string; readonly detail: string; readonly id?: string; readonly asked?: 'supervisor' | 'person'; readonly expiresAt?: number }
  readonly usage: UsageTotals
  /** Its own, and with all that is or was below it. */
  readonly spent: Spent
  readonly subtreeSpent: Spent
  readonly limits: AgentLimits
  /** When its time is up. */
  readonly endsAt?: number
  /** It is held at these, its own and those of agents above it. */
  readonly heldAt?: readonly HeldAt[]
  readonly createdAt: number
  readonly endedAt?: number
  readonly endReason?: string
  readonly sessionId?: string
  readonly pid?: number
  readonly lastError?: string
  /** What it was asked to have and runs without. */
  readonly warnings?: readonly string[]
  readonly pendingReplies: number
  /** Turns that were cut: what their last model call spent may have been reported by nobody, and then is not in `usage`. */
  readonly cutTurns: number
}

/** What an agent shows: its terminal, or a transcript in the place of one. */
export interface Screen {
  readonly rendering: FactOf<'screenRead'>['rendering']
  readonly text: string
}

/**
 * Something that happened to an agent. `id` names it to `inspect`; `at` in milliseconds since the epoch. Of the event behind a
 * change only type and source are told, never what it carries.
 */
export type Happening = { readonly id: string; readonly at: number; readonly agentId: AgentId; readonly name: string } & (
  | { readonly type: 'spawned'; readonly harness: string; readonly parent: Address }
  /** Its machine went from one state to another, inner states included; the first has no `from`. `byItself`: in the wake of that event. */
  | { readonly type: 'changed'; readonly from?: string; readonly to: string; readonly event: string; readonly source: string; readonly byItself?: boolean }
  | { readonly type: 'ended' }
)

/** Called while actors are at work: a status read now may be older than what is told. Must return at once. */
export interface Watcher {
  readonly happened: (happening: Happening) => void
  /** The agent was told something, its mailbox or tool may be another: it is worth looking at anew. */
  readonly touched: (agentId: AgentId) => void
  /** It bears another name from now on; `touched` is told as well. */
  readonly renamed?: (agentId: AgentId) => void
}

export interface Watch {
  /** What is kept of the time before, oldest first. */
  readonly past: readonly Happening[]
  /** False: there was more in between that is kept no longer, or all of it was another run of Madrox. */
  readonly complete: boolean
  stop(): void
}

/** Whether a caller sits on this machine. */
export type Connection = 'loopback' | 'remote'

export interface ConnectRequest {
  readonly ownerId: OwnerId
  readonly name: string
  /** Absolute path of the client's first root or working directory, when known. */
  readonly root?: string
}

/**
 * Calls that take a reference to an agent refuse with `MadroxError`: `not_found`, `ambiguous_reference`, or `not_allowed` where
 * the agent is outside the caller's rights. Outcomes of work (a message that failed, a wait that ended) are results.
 */
export interface MadroxSystem
  extends Attaching, Catalogue, ChangeReading, Coordination, FileReading, Lifecycle, LoginAudit, LogReading, MetricsReading, PolicyControl, SummaryReading {
  /** The principal behind a credential. No token on a loopback connection, and none configured: the local owner. Otherwise refused. */
  authenticate(token: string | undefined, connection: Connection): Caller
  /** A session opened. A disconnected client of the same owner, name and root is taken over, its inbox with it. */
  connectClient(request: ConnectRequest): ClientId
  /** Learned after the session opened (`roots/list`): may take over a disconnected client's inbox and agents. */
  locateClient(clientId: ClientId, root: string): void
  /** The session is gone; its agents run on and its inbox waits for the same client to return. */
  disconnectClient(clientId: ClientId): void
  /** The agent's CLI was answered its first `tools/list`: half of its readiness. */
  toolsListed(agentId: AgentId): void
  toolsetOf(caller: Caller): AgentToolset | 'client'

  /**
   * Accepts the spawn, once; resolves when the agent's actor exists. Refused before anything exists: `invalid_input`,
   * `unknown_role`, `parent_unknown`, `exceeds_parent`, `limit_reached`, `against_policy`, `not_approved`, `workspace_failed`,
   * `agent_ended` (its supervisor), `unavailable` (an MCP server lacks a command or a variable), `shutting_down`. `asking`: for when
   * somebody is to be asked first.
   */
  spawn(caller: Caller, request: SpawnRequest, asking?: Asking): Promise<Spawned>
  /** Parent resolution for a batch: done once, then given to each spawn. */
  resolveParent(caller: Caller, parent?: string): ParentFound
  /** Resolves when the agent can take a message; throws `spawn_failed` with the CLI's own words. */
  waitUntilReady(agentId: AgentId, wait: WaitOptions): Promise<void>
  /** The `spawn_failed` of an agent that has ended and was of no use, as its first message may have shown (its model was rejected); of any other, nothing. */
  spawnFailure(agentId: AgentId): MadroxError | undefined

  /** Accepts a message: on record when this returns. Refused: `invalid_input` (empty, too long, to itself, expired), `mailbox_full`, `limit_reached` (the total cost), `agent_ended`. */
  send(caller: Caller, request: SendRequest): SendReport
  /** Waits for the outcome of accepted messages: the first among them. Refused: `not_found` (not the caller's own), `wait_cycle`. */
  waitForAny(caller: Caller, messageIds: readonly MessageId[], wait: WaitOptions): Promise<SendReport>
  /** An agent's answer to a message it was given. Refused: `no_open_message`, `ambiguous_message`, `not_found`, `not_allowed` (no agent), `unavailable`. */
  reply(caller: Caller, request: { readonly text: string; readonly correlationId?: string }): { readonly to: string; readonly messageId: MessageId; readonly kind: 'outcome' | 'follow_up' }
  /** Replies nobody waited for, oldest first, claimed until consumed or released. `of`: another's inbox, peeked only; an absolute path: those of the owner's open sessions that stand there or above. */
  collectReplies(caller: Caller, options: { readonly of?: string; readonly limit?: number; readonly wait: WaitOptions }): Promise<Collected>
  consumeReplies(ids: readonly ReplyId[]): void
  /** The answer did not leave: they are pending again. */
  releaseReplies(ids: readonly ReplyId[]): void
  pendingReplies(caller: Caller): number
  /** What reached nobody, in the order it died: the newest `limit` of the `total` that the caller may see. `resent`: also what was sent again. */
  deadLetters(caller: Caller, options: { readonly limit: number; readonly since?: number; readonly resent?: boolean }): { readonly letters: readonly DeadLetterTold[]; readonly total: number }
  /** Sends it again, once, as the caller. Refused: `not_found`, `already_resent`, `agent_ended` (name another agent), and as `send` refuses. */
  resendDeadLetter(caller: Caller, request: ResendRequest): Resent

  /** Resolves when the CLI's own signal says what became of the turn. `then`: wait for the next message, go on with the queue, or drop the queue and wait. */
  interrupt(caller: Caller, reference: string, then: AfterInterrupt): Promise<InterruptReport>
  /** Ends an agent and all below it, leaves first; resolves when the last is gone, in the order they went. `force`: kills at once. */
  terminate(caller: Caller, reference: string, force: boolean): Promise<readonly Ended[]>
  /** Ends every agent of the caller: those below it, of a client its own, of an owner all. */
  terminateAll(caller: Caller, force: boolean): Promise<readonly Ended[]>
  /** Interrupts those of them that are busy. */
  interruptAll(caller: Caller, then: AfterInterrupt): Promise<readonly InterruptReport[]>

  /** An id, a unique prefix of at least 6, or a unique name, among what the caller may see. */
  resolve(caller: Caller, reference: string): AgentId
  status(caller: Caller, reference: string): AgentStatus
  /** What the caller may see: living agents in tree order, and the ended ones when asked for. */
  list(caller: Caller, options?: { readonly ended?: boolean }): readonly AgentStatus[]
  /** The living agents directly below an agent; none named: below the caller (an owner: below all its clients). */
  children(caller: Caller, parent?: string): readonly AgentStatus[]
  /** The living agents with the same supervisor, the named one excepted. */
  peers(caller: Caller, reference: string): readonly AgentStatus[]
  /** The newest `limit` records, oldest first. `since`: milliseconds since the epoch. */
  output(caller: Caller, reference: string, options: { readonly limit: number; readonly since?: number }): readonly OutputRow[]
  /** What the agent shows, for people. `unavailable`: its process does not answer. */
  screen(caller: Caller, reference: string, lines?: number): Promise<Screen>
  /** Watches what happens to the agents the caller may see, until stopped. `after`: the id of the last happening it knows. */
  inspect(caller: Caller, watcher: Watcher, after?: string): Watch
  /** The page on which people watch that agent; undefined where no transport serves. */
  inspectorUrl(agentId: AgentId): string | undefined
  /** The page on which people watch all of them; undefined where no transport serves. */
  dashboardUrl(): string | undefined

  /** Called when an agent is gone and its end is on record; for what a transport keeps of it. */
  onAgentEnded(listener: (agentId: AgentId) => void): void
  /** `notes`: what hinders nobody, logs that cannot be written. Degraded while the store cannot be used: agents run on, and calls that need a write are refused `unavailable`. */
  health(): Health
  /** A transport serves now: agents whose start waited for it are started. */
  endpointAnnounced(): void
  /**
   * Resolves when nothing is left: no process, timer or actor. `end` (default): every agent is ended, leaves first. `suspend`:
   * their processes are, and the next system on the same store brings them back where they were.
   */
  close(agents?: 'end' | 'suspend'): Promise<void>
}
