/**
 * The hand that writes. Every outcome, reply and change of an agent passes here: first the store, then whoever is to be told.
 * It owns the rule "one message, one outcome", and where a reply goes when its addressee has ended.
 */

import { type AnyActorRef, fromCallback } from 'xstate'
import type { Clock } from '../clock.ts'
import type { FactOf } from '../drivers/driver.ts'
import { MadroxError } from '../errors.ts'
import type { AgentId, ClientId, IdSource, MessageId } from '../ids.ts'
import type { Log } from '../log.ts'
import { type Address, isUndelivered, type Outcome, type Reply, sameAddress } from '../messages.ts'
import { agentKey, hands, type JobsEvent, type LedgerEvent } from '../machines/effects.ts'
import { redact } from '../redaction.ts'
import type { Store, UsageRow } from '../store/store.ts'
import type { AsksEvent } from './asks.ts'
import { audit } from './auditing.ts'
import type { StoreHealth } from './health.ts'

/** What a driver tells that is kept whatever becomes of the agent. */
export const keptFacts = ['usageReported', 'outputProduced', 'promptWritten', 'promptSeen', 'promptRefused', 'promptUnconfirmed', 'turnStarted', 'turnEnded', 'turnRecalled', 'approvalRequested', 'approvalResolved'] as const
export type KeptFact = FactOf<(typeof keptFacts)[number]>
type TurnFact = Exclude<KeptFact, FactOf<'usageReported' | 'outputProduced' | 'approvalRequested' | 'approvalResolved'>>

export type LedgerInput = LedgerEvent | { readonly type: 'writeRetried' } | { readonly type: 'storeFailed' } | KeptFact

export type LedgerEmitted =
  /** `unasked`: nobody ended it. */
  | { readonly type: 'agentEnded'; readonly agentId: AgentId; readonly reason: string; readonly unasked: boolean }
  /** Its CLI asks whether it may use a tool. */
  | Extract<LedgerEvent, { type: 'approvalOpened' }>
  /** A message has failed, for good. */
  | { readonly type: 'messageFailed'; readonly agentId: AgentId; readonly text: string }
  /** One more model call is on record; told once. */
  | { readonly type: 'usageCounted'; readonly call: UsageRow }
  /** A call that was counted cost what its CLI says, and not what its tokens come to. */
  | { readonly type: 'costTold'; readonly agentId: AgentId }
  /** A turn of its own or of ours has ended; what its CLI tells of that turn's cost was told before. */
  | { readonly type: 'turnOver'; readonly agentId: AgentId }
  /** It will be tried again. */
  | { readonly type: 'writeFailed'; readonly event: LedgerInput }

interface LedgerOptions {
  readonly store: Store
  readonly health: Pick<StoreHealth, 'read' | 'tryAgain'>
  readonly ids: IdSource
  readonly clock: Clock
  readonly log: Log
  /** The client that stands in this one's place, or itself. */
  readonly successorOf: (id: ClientId) => ClientId
}

export const createLedger = (options: LedgerOptions) =>
  fromCallback<LedgerInput, undefined, LedgerEmitted>(({ receive, system, emit }) => {
    const tellJobs = (event: JobsEvent): void => (system.get(hands.jobs) as AnyActorRef).send(event) // lives as long as the system
    const tell = (event: AsksEvent): void => {
      const asks = system.get(hands.asks) as AnyActorRef // see above
      asks.send(event)
      if (event.type === 'outcomeRecorded' && event.jobId) tellJobs({ type: 'stepSettled', jobId: event.jobId })
    }
    const isAlive = (id: AgentId): boolean => system.get(agentKey(id)) !== undefined && options.store.getAgent(id)?.endedAt === undefined
    const desk = createDesk(options, isAlive)
    // What could not be written waits, in order, and is told to nobody before it is on record.
    const backlog: LedgerInput[] = []
    const write = (event: LedgerInput): boolean => {
      try {
        for (const told of record(desk, event, emit)) tell(told)
        if (event.type === 'jobEnded') tellJobs({ type: 'jobClosed', jobId: event.jobId })
        if (event.type === 'agentEnded') emit({ type: 'agentEnded', agentId: event.agentId, reason: redact(event.reason), unasked: event.unasked === true })
        if (event.type === 'messageSettled' && event.outcome.status === 'failed') emit({ type: 'messageFailed', agentId: event.agentId, text: event.outcome.text })
        return true
      } catch (error) {
        // What the disk refused may go later, and is told of once; a contradiction stays one.
        if (error instanceof MadroxError && error.code === 'unavailable') return false
        options.log.error(`could not record ${event.type}`, { error })
        return true
      }
    }
    let stalled = false
    const sayWhetherStalled = (): void => {
      if (stalled === backlog.length > 0) return
      stalled = backlog.length > 0
      const drivers = system.get(hands.drivers) as AnyActorRef | undefined // not yet there while the root starts
      drivers?.send({ type: stalled ? 'recordStalled' : 'recordResumed' })
    }
    receive(event => {
      const isNew = event.type !== 'writeRetried' && event.type !== 'storeFailed'
      if (isNew) backlog.push(event)
      if (event.type !== 'storeFailed') while (backlog[0] && write(backlog[0])) backlog.shift()
      sayWhetherStalled()
      // It waits behind what could not be written either.
      if (isNew && backlog.length > 0) emit({ type: 'writeFailed', event })
      if (event.type === 'writeRetried' && backlog.length === 0) options.health.tryAgain()
      if (backlog.length === 0 && options.health.read().status === 'ok') return
      const deadlines = system.get(hands.deadlines) as AnyActorRef // lives as long as the system
      deadlines.send({ type: 'setDeadline', key: 'ledger:retry', at: { afterMs: retryMs }, notify: hands.ledger, event: { type: 'writeRetried' } })
    })
    return () => {
      if (backlog.length > 0) options.log.error(`The store could not write ${backlog.length} records to the end; they are lost.`, { first: backlog[0]?.type })
    }
  })

/** How soon the store is tried again. Milliseconds. */
const retryMs = 1_000

type Desk = ReturnType<typeof createDesk>

/** Writes one event and says what is to be told of it. */
function record(desk: Desk, event: LedgerInput, emit: (event: LedgerEmitted) => void): readonly AsksEvent[] {
  const { store } = desk
  switch (event.type) {
    case 'messageHanded':
      store.markHanded(event.messageId, desk.now())
      return []
    case 'messageDelivered':
      return store.transaction(() => {
        store.markDelivered(event.messageId, event.at)
        store.appendOutput({ agentId: event.agentId, at: event.at, kind: 'message', content: store.getMessage(event.messageId)?.text ?? '' })
        return []
      })
    case 'messageSeen':
      store.markSeen(event.messageId, event.at)
      return []
    case 'messageRested':
      store.markRested(event.messageId, { at: event.at, ...(event.lastText === undefined ? {} : { lastText: event.lastText }) })
      return []
    case 'messageResumed':
      store.markRested(event.messageId, undefined)
      return []
    case 'messageSettled':
      return store.transaction(() => desk.settle(event.messageId, event.outcome))
    case 'followUpGiven':
      return store.transaction(() => desk.followUp(event.messageId, event.text, event.at))
    case 'noticeGiven':
      return store.transaction(() => desk.notice(event.agentId, event.text, event.at, event.to))
    case 'approvalOpened':
      emit(event)
      return []
    case 'limitReached':
      audit(store, { at: event.at, event: 'limit_reached', agentId: event.agentId, data: { limit: event.limit, detail: event.detail, then: 'end' } })
      return []
    case 'limitsHeld':
      return store.transaction(() => desk.holdAtLimits(event))
    case 'jobEnded':
      return store.transaction(() => desk.endJob(event))
    case 'repliesSeen':
      store.consumeReplies(event.ids, event.at)
      return []
    case 'agentChanged':
      store.updateAgent(event.agentId, { state: event.state, ...(event.sessionId ? { sessionId: event.sessionId } : {}), ...(event.pid === undefined ? {} : { pid: event.pid }), ...(event.hold === undefined ? {} : { hold: event.hold ?? undefined }) })
      audit(store, { at: event.at, event: 'agent_changed', agentId: event.agentId, data: { state: event.state, ...(event.source ? { source: event.source } : {}), ...(event.pid === undefined ? {} : { pid: event.pid }), ...(event.sessionId ? { session: event.sessionId } : {}) } })
      return []
    case 'promptWritten':
    case 'promptSeen':
    case 'promptRefused':
    case 'promptUnconfirmed':
    case 'turnStarted':
    case 'turnEnded':
    case 'turnRecalled':
      desk.followTurn(event, event.agentId as AgentId) // the driver names agents by our ids
      if (event.type === 'turnEnded') emit({ type: 'turnOver', agentId: event.agentId as AgentId }) // see above
      return []
    case 'agentEnded':
      return store.transaction(() => desk.endAgent(event))
    case 'approvalRequested':
      audit(store, { at: event.at, event: 'approval_requested', agentId: event.agentId as AgentId, data: { approval: event.approvalId, tool: event.tool } }) // see above
      return []
    case 'approvalResolved':
      audit(store, { at: event.at, event: 'approval_resolved', agentId: event.agentId as AgentId, data: { approval: event.approvalId, decision: event.decision } }) // see above
      return []
    case 'audited':
      audit(store, event.event)
      return []
    case 'writeRetried':
    case 'storeFailed':
      return []
    case 'usageReported': {
      const call = { ...event, agentId: event.agentId as AgentId } // the driver names agents by our ids
      if (store.addUsage(call)) emit({ type: 'usageCounted', call })
      else if (call.costUsd !== undefined && store.tellCost(call.agentId, call.unitId, call.costUsd)) emit({ type: 'costTold', agentId: call.agentId })
      return []
    }
    case 'outputProduced':
      store.appendOutput({ agentId: event.agentId as AgentId, at: event.at, kind: event.kind, content: event.tool ? `${event.tool} ${event.content}` : event.content }) // see above
      return []
  }
}

const nobodyLeft = 'its addressee and everyone above it have ended'

function createDesk({ store, ids, clock, successorOf }: LedgerOptions, isAlive: (id: AgentId) => boolean) {
  /** The addressee itself, else its nearest living ancestor, else that line's client. */
  const living = (address: Address): Address | undefined => {
    if (address.kind === 'client') return store.getClient(address.id) && { kind: 'client', id: successorOf(address.id) }
    if (isAlive(address.id)) return address
    const parent = store.getAgent(address.id)?.parent
    return parent && living(parent)
  }
  const post = (reply: Omit<Reply, 'id' | 'fromName'>): Reply | undefined => {
    const to = living(reply.to)
    const { subject, ...rest } = reply
    const full: Reply = { ...rest, id: ids.reply(), fromName: store.getAgent(reply.from)?.name ?? reply.from, to: to ?? reply.to, ...(subject && to && sameAddress(to, reply.to) ? { subject } : {}) }
    if (!to) {
      store.addDeadReply(full, nobodyLeft, full.at)
      return undefined
    }
    store.addReply(full)
    return full
  }

  // Prompts are numbered anew by each server, and turns that a killed one left unfinished stay so.
  const life = clock.now()
  /** From the moment a prompt is written the CLI may spend what it never comes to report. */
  const followTurn = (event: TurnFact, agentId: AgentId): void => {
    switch (event.type) {
      case 'promptWritten':
      case 'promptSeen': return store.beginTurn(agentId, `${life} ${event.promptId}`)
      case 'turnStarted': return store.beginTurn(agentId, event.turnId)
      case 'promptRefused':
      case 'promptUnconfirmed': return store.completeTurn(agentId, `${life} ${event.promptId}`)
      case 'turnEnded':
        if (event.status !== 'completed') return
        return store.completeTurn(agentId, event.promptId === undefined ? event.turnId : `${life} ${event.promptId}`)
      case 'turnRecalled':
        // It went well, and the server was killed before it heard of that. One that is on no record may have called its model all the same.
        if (event.status === 'completed') store.completeTurn(agentId, undefined)
    }
  }

  const settle = (messageId: MessageId, given: Outcome): readonly AsksEvent[] => {
    // An answer is its agent's own and arrives as it was given; why there is none are the words of an error.
    const outcome = given.status === 'answered' ? given : { ...given, text: redact(given.text) }
    const message = store.getMessage(messageId)
    if (!message) return []
    // Settled before: an answer is still worth hearing, a second failure is not news.
    if (!store.settleMessage(messageId, outcome)) return outcome.status === 'answered' ? followUp(messageId, outcome.text, outcome.at) : []
    audit(store, { at: outcome.at, event: 'message_settled', agentId: message.to, data: { message: messageId, status: outcome.status, ...(outcome.via ? { via: outcome.via } : {}) } })
    if (outcome.status === 'answered') store.appendOutput({ agentId: message.to, at: outcome.at, kind: 'reply', content: outcome.text })
    if (isUndelivered(outcome)) store.addDeadMessage(messageId, outcome.at)
    // A job has its steps' outcomes from the record; its caller is told of its end.
    const jobId = store.findJobOf(messageId)
    const reply = message.expectsReply && jobId === undefined
      ? post({ kind: 'outcome', to: message.from, from: message.to, messageId, status: outcome.status, text: outcome.text, at: outcome.at, ...(message.causedBy ? { subject: message.causedBy } : {}) })
      : undefined
    return [{ type: 'outcomeRecorded', messageId, outcome, ...(reply ? { reply } : {}), ...(jobId ? { jobId } : {}) }]
  }

  const followUp = (messageId: MessageId, text: string, at: number): readonly AsksEvent[] => {
    const message = store.getMessage(messageId)
    if (!message) return []
    store.dropDeadMessage(messageId)
    audit(store, { at, event: 'message_followed_up', agentId: message.to, data: { message: messageId } })
    store.appendOutput({ agentId: message.to, at, kind: 'reply', content: text })
    if (!message.expectsReply || store.findJobOf(messageId) !== undefined) return []
    const reply = post({ kind: 'follow_up', to: message.from, from: message.to, messageId, text, at, ...(message.causedBy ? { subject: message.causedBy } : {}) })
    return reply ? [{ type: 'replyRecorded', reply }] : []
  }

  const notice = (agentId: AgentId, text: string, at: number, to?: Address): readonly AsksEvent[] => {
    const row = store.getAgent(agentId)
    const reply = row && post({ kind: 'notice', to: to ?? row.parent, from: agentId, text, at })
    return reply ? [{ type: 'replyRecorded', reply }] : []
  }

  const holdAtLimits = ({ agentId, reached, fresh, lifted, notice: text, at }: Extract<LedgerEvent, { type: 'limitsHeld' }>): readonly AsksEvent[] => {
    store.updateAgent(agentId, { atLimit: reached.length > 0 ? reached : undefined })
    for (const { limit, detail } of fresh) audit(store, { at, event: 'limit_reached', agentId, data: { limit, detail, then: 'interrupt' } })
    for (const limit of lifted) audit(store, { at, event: 'limit_lifted', agentId, data: { limit } })
    return text === undefined ? [] : notice(agentId, text, at)
  }

  const endAgent = ({ agentId, reason: why, unasked, spawnFailure, at = clock.now() }: Extract<LedgerEvent, { type: 'agentEnded' }>): readonly AsksEvent[] => {
    const row = store.getAgent(agentId)
    if (!row || row.endedAt !== undefined) return []
    const reason = redact(why)
    // Without a session on record it never was spawned.
    store.updateAgent(agentId, { state: 'terminated', endedAt: at, endReason: reason, ...(spawnFailure ? { sessionId: undefined } : {}) })
    audit(store, { at, event: 'agent_ended', agentId, data: { reason, unasked: unasked === true } })
    const failed = spawnFailure?.messageId ? settle(spawnFailure.messageId, { status: 'failed', text: spawnFailure.words, at }) : []
    const gone = store.listOpenMessages(agentId).flatMap(message => settle(message.id, { status: 'agent_gone', text: `${row.name} ended before it answered: ${reason.replace(/\.$/, '')}.`, at }))
    const outcomes = [...failed, ...gone]
    // Its supervisor hears of it once: by what it is owed, else by a notice.
    const parent = living(row.parent)
    const isTold = outcomes.some(told => 'reply' in told && told.reply && parent && sameAddress(told.reply.to, parent))
    const told = unasked && !isTold ? [...outcomes, ...notice(agentId, `${row.name} has ended: ${reason}.`, at)] : outcomes
    const left = store.listReplies({ kind: 'agent', id: agentId })
    if (!parent) for (const reply of left) store.addDeadReply(reply, nobodyLeft, at)
    if (left.length === 0 || !parent) return told
    store.redirectReplies({ kind: 'agent', id: agentId }, parent)
    // Their subject was the ended agent's own; it means nothing to the one who inherits them.
    return [...told, ...left.map(({ subject: _, ...reply }): AsksEvent => ({ type: 'replyRecorded', reply: { ...reply, to: parent } }))]
  }

  const endJob = ({ jobId, end, by, quiet }: Extract<LedgerEvent, { type: 'jobEnded' }>): readonly AsksEvent[] => {
    const job = store.getJob(jobId)
    if (!job || job.end) return []
    const text = `The ${job.type} job ${jobId} you had ${store.getAgent(job.coordinator)?.name ?? job.coordinator} coordinate is ${end.status.replaceAll('_', ' ')}. ${end.text}`
    const notice = quiet ? undefined : post({ kind: 'notice', to: job.from, from: job.coordinator, text, at: end.at, ...(job.subject ? { subject: job.subject } : {}) })
    store.endJob(jobId, { ...end, ...(notice ? { noticeId: notice.id } : {}) })
    audit(store, { at: end.at, event: 'job_ended', agentId: job.coordinator, data: { job: jobId, status: end.status, ...(by === undefined ? {} : { by }) } })
    return notice ? [{ type: 'replyRecorded', reply: notice }] : []
  }

  return { store, now: () => clock.now(), followTurn, settle, followUp, notice, holdAtLimits, endAgent, endJob }
}
