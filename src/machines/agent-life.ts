/** An agent's life, as decisions: how its process comes up, dies, is brought back and is ended. */

import type { FactOf } from '../drivers/driver.ts'
import { type AgentContext, type AgentEvent, type Ending, graceMs, handshakeMs, stopMs } from './agent-context.ts'
import { type AgentDecision, both, clear, type CommandOf, deadline, dispatch, mailOf, noTurn, record, settle, thenQuiet, timeOf } from './agent-effects.ts'
import { interruptOver } from './agent-interrupts.ts'
import { cutOff } from './agent-turns.ts'
import { forgetSettled, noteBackground } from './mailbox.ts'

export const launch = (c: AgentContext, resume: boolean): AgentDecision => ({
  context: { toolsListed: !c.awaitsTools },
  effects: [dispatch(c, { type: 'startAgent', launch: { ...c.launch, resume, ...(c.sessionId ? { sessionId: c.sessionId } : {}) } })],
})

/** Put away while nothing is to be done; its session is kept. */
export const suspend = (c: AgentContext): AgentDecision => ({ effects: [dispatch(c, { type: 'stopAgent', mode: 'graceful', graceMs })] })

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
  effects: [clear(c, 'handshake'), record({ type: 'agentChanged', agentId: c.agentId, state: 'spawning', ...(c.sessionId ? { sessionId: c.sessionId } : {}), at: c.since })],
})

/** Every entry into a top-level state goes on record. */
export const stateEntered = (c: AgentContext, state: string): AgentDecision => ({ effects: [record({ type: 'agentChanged', agentId: c.agentId, state, at: c.since })] })

/** Its session could not be returned to: those who sent are told, and it rests until somebody sends again. */
export const wakeFailed = (c: AgentContext, { code, detail, at }: FactOf<'startFailed'>): AgentDecision => {
  const why = `${c.name} could not be woken (${code}): ${detail}`
  return { context: { mailbox: [], pid: undefined, lastError: why }, effects: c.mailbox.flatMap(({ message }) => [clear(c, `expiry:${message.id}`), settle(c, message.id, { status: 'failed', text: why, at })]) }
}

/** The process died by itself and its session can be returned to. */
export function revive(c: AgentContext, fact: FactOf<'exited'>): AgentDecision {
  const how = describeExit(fact)
  // An interrupt on its way has what it wanted: the turn is not driven again.
  const cut = c.interrupting ? interruptOver(c, fact) : cutOff(c, fact.at, `Its CLI process died (${how}).`)
  // Background work died with the process: what waited for it alone is answered by its last words.
  const left = noteBackground(mailOf({ ...c, ...cut.context }), [])
  return thenQuiet(c, both(cut, {
    context: { ...forgetSettled(left), ...noTurn, aside: undefined, revivals: c.revivals + 1, pid: undefined, background: [], lastError: `The CLI process died (${how}) and was resumed.` },
    effects: [record({ type: 'noticeGiven', agentId: c.agentId, at: fact.at, text: `The CLI process of ${c.name} died (${how}); its session is being resumed.` })],
  }), fact.at)
}

function describeExit({ code, signal, lastWords }: FactOf<'exited'>): string {
  const how = signal ? `signal ${signal}` : `exit code ${code ?? 'unknown'}`
  return lastWords ? `${how}; its last words: ${lastWords}` : how
}

/** An end nobody asked for. One that was never ready is its spawner's to hear of, as a failed spawn. */
export const die = (c: AgentContext, event: AgentEvent, processGone: boolean): AgentDecision =>
  toEnding(c, { reason: whyDead(c, event), force: true, processGone, unasked: c.sessionId !== undefined })

function whyDead(c: AgentContext, event: AgentEvent): string {
  if (event.type === 'exited') return `its CLI process died (${describeExit(event)})`
  return event.type === 'startFailed' ? `it did not start (${event.code}): ${event.detail}` : (c.lastError ?? 'it failed')
}

export const toEnding = (c: AgentContext, ending: Ending): AgentDecision => ({ context: { ending: { ...ending, processGone: ending.processGone || (c.ending?.processGone ?? false) } } })

/** Nobody asked for it, so its supervisor is told; a running turn is cut, and what it answered and was given stays on record. */
export const limitReached = (c: AgentContext, { limit, detail, at }: CommandOf<'limitReached'>, processGone: boolean): AgentDecision =>
  both(toEnding(c, { reason: `limit reached: ${detail}`, force: false, processGone, unasked: true }), { effects: [record({ type: 'limitReached', agentId: c.agentId, limit, detail, at })] })

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
    ...['handshake', 'retry', 'stop', 'interrupt', 'time', ...c.mailbox.map(({ message }) => `expiry:${message.id}`), ...Object.keys(c.open).flatMap(id => [`expiry:${id}`, `quiet:${id}`])].map(name => clear(c, name)),
    record({ type: 'agentEnded', agentId: c.agentId, reason: c.ending?.reason ?? 'ended', unasked: c.ending?.unasked ?? false, at: timeOf(c, event) }),
    { to: 'supervisor', event: { type: 'agentFinished', agentId: c.agentId, at: timeOf(c, event) } },
  ],
})
