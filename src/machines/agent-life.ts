/** An agent's life, as decisions: how its process comes up, dies, is brought back and is ended. */

import type { FactOf } from '../drivers/driver.ts'
import { type AgentContext, type AgentEvent, type Ending, graceMs, handshakeMs, stopMs } from './agent-context.ts'
import { type AgentDecision, both, clear, type CommandOf, deadline, type DeadlineOf, dispatch, mailOf, noTurn, record, settle, thenQuiet, timeOf } from './agent-effects.ts'
import { interruptOver } from './agent-interrupts.ts'
import { cutOff, seenByItsEnd } from './agent-turns.ts'
import type { Effect } from './effects.ts'
import { forgetSettled, type Mail, markSettled, noteBackground } from './mailbox.ts'

export const launch = (c: AgentContext, resume: boolean): AgentDecision => ({
  context: { toolsListed: !c.awaitsTools, person: undefined },
  effects: [dispatch(c, { type: 'startAgent', launch: { ...c.launch, resume, ...(c.sessionId ? { sessionId: c.sessionId } : {}) } })],
})

export const processStarted = (c: AgentContext, fact: FactOf<'processStarted'>): AgentDecision => ({
  context: { pid: fact.pid },
  effects: [record({ type: 'agentChanged', agentId: c.agentId, state: 'spawning', ...(fact.pid === undefined ? {} : { pid: fact.pid }), at: fact.at })],
})

export const ready = (c: AgentContext, fact: FactOf<'ready'>): AgentDecision => ({
  context: { sessionId: fact.sessionId, warnings: fact.warnings },
  effects: [deadline(c, 'handshake', fact.at + handshakeMs, { type: 'handshakeExpired' })],
})

/** Ready whole: its session goes on record only now, as what tells an agent that was spawned from one that never was. */
export const shaken = (c: AgentContext): AgentDecision => ({
  context: { established: true },
  effects: [clear(c, 'handshake'), record({ type: 'agentChanged', agentId: c.agentId, state: 'spawning', ...(c.sessionId ? { sessionId: c.sessionId } : {}), at: c.since })],
})

/** Every entry into a top-level state goes on record; that it has nothing to do may be what its supervisor needs to rest. */
export const stateEntered = (c: AgentContext, state: string): AgentDecision => ({
  effects: [
    record({ type: 'agentChanged', agentId: c.agentId, state, source: c.source, hold: c.hold ?? null, at: c.since }),
    ...(state === 'idle' && c.supervisor.kind === 'agent' ? [{ to: 'supervisor', event: { type: 'childRested', agentId: c.agentId, at: c.since } } satisfies Effect] : []),
  ],
})

/** Its session could not be returned to: those who sent are told, and it rests until somebody sends again. */
export const wakeFailed = (c: AgentContext, { code, detail, at }: FactOf<'startFailed'>): AgentDecision => {
  const why = `${c.name} could not be woken (${code}): ${detail}`
  const given = [...c.uncertain.map(({ messageId }) => messageId), ...c.mailbox.map(({ message }) => message.id)]
  const settled = given.reduce<Mail>(markSettled, { ...mailOf(c), mailbox: [] })
  return { context: { ...forgetSettled(settled), uncertain: [], pid: undefined, lastError: why }, effects: [...given.flatMap(id => [clear(c, `expiry:${id}`), settle(c, id, { status: 'failed', text: why, at })]), ...keptWaiting(c, why, at)] }
}

/** Nobody hears by an outcome that its replies wait for a session that is not to be had. */
const keptWaiting = (c: AgentContext, why: string, at: number): Effect[] =>
  c.inbox.length === 0 ? [] : [record({ type: 'noticeGiven', agentId: c.agentId, at, text: `${why}. What was answered to it waits for its next message.` })]

/** The process died by itself and its session can be returned to. */
export function revive(c: AgentContext, fact: FactOf<'exited'>): AgentDecision {
  const how = describeExit(fact)
  return both(loseProcess(c, fact, `Its CLI process died (${how}).`), {
    context: { revivals: c.revivals + 1, lastError: `The CLI process died (${how}) and was resumed.` },
    effects: [record({ type: 'noticeGiven', agentId: c.agentId, at: fact.at, text: `The CLI process of ${c.name} died (${how}); its session is being resumed.` })],
  })
}

/** It died again, and its restart policy wants it back: its supervisor decides. */
export function fall(c: AgentContext, fact: FactOf<'exited'> | FactOf<'startFailed'>): AgentDecision {
  const why = whyDead(c, fact)
  return both(loseProcess(c, fact, `Down: ${why}.`), {
    context: { lastError: why },
    effects: [{ to: 'supervisor', event: { type: 'childDied', agentId: c.agentId, at: fact.at } }],
  })
}

export const restartGranted = (c: AgentContext, { dueAt, at }: CommandOf<'restartGranted'>): AgentDecision => ({
  effects: [
    deadline(c, 'restart', dueAt, { type: 'restartDue' }),
    record({ type: 'noticeGiven', agentId: c.agentId, at, text: `${c.name} is down (${c.lastError}); it is restarted in ${Math.ceil((dueAt - at) / 1000)} s.` }),
  ],
})

/** A sibling went down, and their supervisor restarts them together. */
export const beRestarted = (c: AgentContext, { reason, at }: CommandOf<'restartAsked'>): AgentDecision =>
  both(loseProcess(c, { type: 'restartAsked', reason, at }, `It was restarted: ${reason}.`), { context: { lastError: `It was restarted: ${reason}.` } })

/** What a process takes with it, the deadlines of its start among it. An interrupt on its way has what it wanted: the turn is not driven again. */
function loseProcess(c: AgentContext, event: AgentEvent & { readonly at: number }, why: string): AgentDecision {
  const cut = c.interrupting ? interruptOver(c, event) : cutOff(c, event.at, why)
  // Background work died with the process: what waited for it alone is answered by its last words.
  const left = noteBackground(mailOf({ ...c, ...cut.context }), [])
  const lost: AgentDecision = { context: { ...forgetSettled(left), ...noTurn, aside: undefined, pid: undefined, person: undefined, background: [] }, effects: [clear(c, 'handshake'), clear(c, 'recall')] }
  return thenQuiet(c, both(cut, lost), event.at)
}

function describeExit({ code, signal, lastWords }: FactOf<'exited'>): string {
  const how = signal ? `signal ${signal}` : `exit code ${code ?? 'unknown'}`
  return lastWords ? `${how}; its last words: ${lastWords}` : how
}

/** The old process goes before the session is resumed in a new one. */
export const stopForRestart = (c: AgentContext): AgentDecision => ({
  effects: [dispatch(c, { type: 'stopAgent', mode: 'graceful', graceMs }), deadline(c, 'stop', { afterMs: stopMs }, { type: 'stopExpired' })],
})

/** An end nobody asked for. One that was never ready is its spawner's to hear of, as a failed spawn. */
export const die = (c: AgentContext, event: AgentEvent, processGone: boolean): AgentDecision =>
  toEnding(c, { reason: whyDead(c, event), force: true, processGone, unasked: c.established })

function whyDead(c: AgentContext, event: AgentEvent): string {
  if (event.type === 'exited') return `its CLI process died (${describeExit(event)})`
  if (event.type === 'startFailed') return `it did not start (${event.code}): ${event.detail}`
  return event.type === 'restartRefused' ? `${c.lastError ?? 'it is down'}, and ${event.reason}` : (c.lastError ?? 'it failed')
}

/** No CLI checks its model at start: the first turn tells. Its message fails when the agent is gone whole, as with a start that failed. */
export function modelRejected(c: AgentContext, fact: FactOf<'turnEnded'>): AgentDecision {
  const words = fact.error ?? 'the CLI did not say why'
  const spawnFailure = { words, ...(c.turn?.subject ? { messageId: c.turn.subject } : {}) }
  return both(seenByItsEnd(c, fact), { context: { ...noTurn, aside: undefined, lastError: words } }, toEnding(c, { reason: `its model was rejected: ${words.replace(/\.$/, '')}`, force: true, processGone: false, unasked: true, spawnFailure }))
}

export const toEnding = (c: AgentContext, ending: Ending): AgentDecision => ({ context: { ending: { ...ending, processGone: ending.processGone || (c.ending?.processGone ?? false) } } })

/** Nobody asked for it, so its supervisor is told; a running turn is cut, and what it answered and was given stays on record. */
export const limitReached = (c: AgentContext, { limit, detail, at }: CommandOf<'limitReached'>, processGone: boolean): AgentDecision =>
  both(toEnding(c, { reason: `limit reached: ${detail}`, force: false, processGone, unasked: true }), { effects: [record({ type: 'limitReached', agentId: c.agentId, limit, detail, at })] })

/** Held at a limit, and its CLI did not take the interrupt. What cannot be stopped would go on spending, so it is ended. */
export function notStopped(c: AgentContext, { at }: DeadlineOf<'interruptExpired'>): AgentDecision {
  const [first] = c.atLimit
  if (!first) return {}
  const { limit, detail, of } = first
  return limitReached(c, { type: 'limitReached', limit, detail: `${detail}${of === undefined ? '' : ` of "${of}" above it`}; its CLI did not take the interrupt`, at }, false)
}

/** Asked again while it ends: force takes the place of grace, and the first reason stands. */
export const hasten = (c: AgentContext, { force }: CommandOf<'terminateAsked'>): AgentDecision => (c.ending && force ? { context: { ending: { ...c.ending, force: true } } } : {})

export const endChildren = (c: AgentContext): AgentDecision => ({
  effects: c.children.map(agentId => ({ to: 'child', agentId, event: { type: 'terminateAsked', reason: `its supervisor ended: ${c.ending?.reason}`, force: c.ending?.force ?? false, at: c.since } })),
})

/** Children are gone: now the process. */
export const stopProcess = (c: AgentContext): AgentDecision => ({
  effects: c.ending?.processGone
    ? []
    : [dispatch(c, { type: 'stopAgent', mode: c.ending?.force ? 'force' : 'graceful', graceMs }), deadline(c, 'stop', { afterMs: stopMs }, { type: 'stopExpired' })],
})

export const stopGivenUp = (c: AgentContext): AgentDecision => ({
  context: { ending: { force: true, processGone: false, unasked: false, ...c.ending, reason: `${c.ending?.reason ?? 'ended'}; its driver did not report its process gone within ${stopMs / 1000} s` } },
})

/** Its process has gone while it was being ended. */
export const gone = (c: AgentContext): AgentDecision => ({ context: { ending: { reason: 'ended', force: true, unasked: false, ...c.ending, processGone: true } } })

export const finish = (c: AgentContext, event: AgentEvent): AgentDecision => ({
  effects: [
    ...['handshake', 'retry', 'stop', 'interrupt', 'restart', 'recall', 'time', 'idle', 'still', ...c.approvals.map(({ approvalId }) => `approval:${approvalId}`), ...c.mailbox.map(({ message }) => `expiry:${message.id}`), ...Object.keys(c.open).flatMap(id => [`expiry:${id}`, `quiet:${id}`])].map(name => clear(c, name)),
    record({ type: 'agentEnded', agentId: c.agentId, reason: c.ending?.reason ?? 'ended', unasked: c.ending?.unasked ?? false, ...(c.ending?.spawnFailure ? { spawnFailure: c.ending.spawnFailure } : {}), at: timeOf(c, event) }),
    { to: 'supervisor', event: { type: 'agentFinished', agentId: c.agentId, at: timeOf(c, event) } },
  ],
})
