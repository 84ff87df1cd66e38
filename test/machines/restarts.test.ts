/** Restart policies and strategies, a supervisor's decision a row. */

import { describe, expect, test } from 'vitest'
import { asAgentId } from '../../src/ids.ts'
import { backoffMs, decideRestart } from '../../src/machines/supervision.ts'
import type { RestartPolicy, RestartStrategy } from '../../src/restarts.ts'
import { boss, createIdle, createRig, createWorking, inState, outcomes, type Rig } from './rig.ts'

/** Ready, its one free resumption used up and nothing completed since. */
function createFrail(restart: RestartPolicy): Rig {
  const rig = createIdle({ restart })
  rig.fact({ type: 'exited', expected: false, signal: 'SIGKILL' })
  rig.fact({ type: 'ready', sessionId: 's1' })
  rig.commands()
  rig.records()
  return rig
}

describe('a process that dies again', () => {
  test.each([
    ['permanent', { signal: 'SIGKILL' }, 'spawning.awaitingRestart'],
    ['permanent', { code: 0 }, 'spawning.awaitingRestart'],
    ['transient', { signal: 'SIGKILL' }, 'spawning.awaitingRestart'],
    ['transient', { code: 1 }, 'spawning.awaitingRestart'],
    ['transient', { code: 0 }, 'terminated.final'],
    ['temporary', { signal: 'SIGKILL' }, 'terminated.final'],
  ] as const)('of a %s agent, by %j: %s', (restart, how, state) => {
    const rig = createFrail(restart)
    rig.fact({ type: 'exited', expected: false, ...how })
    expect([rig.state, rig.fallen]).toEqual([state, state === 'terminated.final' ? [] : ['ada']])
  })

  test('comes back in its session when its supervisor says so, with its message marked', () => {
    const rig = createFrail('permanent')
    rig.accept('m1')
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't1' })
    rig.commands()
    rig.fact({ type: 'exited', expected: false, signal: 'SIGKILL' })
    rig.tell({ type: 'restartGranted', dueAt: rig.at + 1_000, at: rig.at })
    expect([rig.state, rig.commands()]).toEqual(['spawning.awaitingRestart', []])
    rig.accept('m2')
    rig.due('restart')
    expect(rig.commands()).toMatchObject([{ type: 'startAgent', launch: { resume: true, sessionId: 's1' } }])
    rig.fact({ type: 'ready', sessionId: 's1' })
    expect(rig.commands()).toMatchObject([{ type: 'submitPrompt', text: expect.stringMatching(/m1.*delivered again/) }])
    expect(rig.context.mailbox.map(({ message }) => message.id)).toEqual(['m2'])
  })

  test('is its agent\'s end when its supervisor refuses, which says why', () => {
    const rig = createFrail('permanent')
    rig.accept('m1')
    rig.fact({ type: 'exited', expected: false, signal: 'SIGKILL' })
    rig.tell({ type: 'restartRefused', reason: 'its supervisor had 3 restarts within 60 s, which is its limit', at: rig.at })
    expect(rig.state).toBe('terminated.final')
    expect(rig.records()).toContainEqual(expect.objectContaining({ type: 'agentEnded', unasked: true, reason: expect.stringMatching(/SIGKILL.*3 restarts within 60 s/) }))
  })

  test('while it is down: ending it waits for no process', () => {
    const rig = createFrail('permanent')
    rig.fact({ type: 'exited', expected: false, signal: 'SIGKILL' })
    rig.tell({ type: 'terminateAsked', reason: 'asked', force: false, at: rig.at })
    expect([rig.state, rig.commands()]).toEqual(['terminated.final', []])
  })

  test.each([['timeout', 'spawning.awaitingRestart'], ['exited', 'spawning.awaitingRestart'], ['not_logged_in', 'terminated.final'], ['session_unknown', 'terminated.final']] as const)(
    'and does not come up (%s): %s', (code, state) => {
      const rig = createIdle({ restart: 'permanent', })
      rig.accept('m1')
      rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't1' })
      rig.fact({ type: 'turnEnded', turnId: 't1', status: 'completed', background: [] })
      rig.fact({ type: 'exited', expected: false, signal: 'SIGKILL' })
      rig.fact({ type: 'startFailed', code, detail: 'no' })
      expect(rig.state).toBe(state)
    })

  test('before its tools were listed leaves the next process the whole of its own time for that', () => {
    const rig = createRig({ awaitsTools: true, restart: 'transient', recovered: { mailbox: [], inbox: [], open: {}, uncertain: [], hasHistory: true, requestCount: 0, sessionId: 's1' } })
    rig.accept('m1')
    rig.fact({ type: 'ready', sessionId: 's1' })
    expect([rig.state, rig.deadlines.has('ada:handshake')]).toEqual(['spawning.handshaking', true])
    rig.fact({ type: 'exited', expected: false, signal: 'SIGKILL' })
    expect([rig.state, rig.deadlines.has('ada:handshake')]).toEqual(['spawning.resuming', false])
  })

  test('while it is launched anew, for want of a session to return to, comes back as well', () => {
    const rig = createIdle({ restart: 'transient' })
    rig.accept('m1')
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't1' })
    rig.fact({ type: 'exited', expected: false, signal: 'SIGKILL' })
    rig.fact({ type: 'startFailed', code: 'session_unknown', detail: 'no such conversation' })
    expect(rig.state).toBe('spawning.launching')
    rig.fact({ type: 'startFailed', code: 'exited', detail: 'killed' })
    expect([rig.state, rig.fallen]).toEqual(['spawning.awaitingRestart', ['ada']])
  })

  test('before it was ever ready is a failed spawn, whatever its policy', () => {
    const rig = createRig({ restart: 'permanent' })
    rig.fact({ type: 'startFailed', code: 'timeout', detail: 'slow' })
    expect([rig.state, rig.fallen]).toEqual(['terminated.final', []])
  })
})

describe('restarted with a sibling', () => {
  test.each(['idle.live', 'idle.deferred', 'busy.delivering', 'busy.working', 'busy.awaitingApproval', 'busy.interrupting', 'interrupted.live'])('in %s: the process is ended, then the session resumed', state => {
    const rig = inState(state)
    rig.commands()
    rig.tell({ type: 'restartAsked', reason: 'its sibling went down', at: rig.at })
    // The rig's agents are temporary: OTP ends such a child where its siblings are restarted.
    expect([rig.state, rig.commands()]).toMatchObject(['terminated.stopping', [{ type: 'stopAgent' }]])
  })

  test('its turn is driven again, marked, and its queue is kept', () => {
    const rig = createIdle({ restart: 'transient' })
    rig.accept('m1')
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't1' })
    rig.accept('m2')
    rig.commands()
    rig.tell({ type: 'restartAsked', reason: 'its sibling went down', at: rig.at })
    expect([rig.state, rig.commands()]).toMatchObject(['spawning.restarting', [{ type: 'stopAgent', mode: 'graceful' }]])
    rig.fact({ type: 'turnEnded', turnId: 't1', status: 'interrupted', background: [] })
    rig.fact({ type: 'exited', expected: true })
    expect(rig.commands()).toMatchObject([{ type: 'startAgent', launch: { resume: true } }])
    rig.fact({ type: 'ready', sessionId: 's1' })
    expect([rig.commands(), outcomes(rig.records())]).toMatchObject([[{ type: 'submitPrompt', text: expect.stringMatching(/m1.*delivered again/) }], []])
  })

  test('a hold outlasts it', () => {
    const rig = createIdle({ restart: 'transient' })
    rig.accept('m1')
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't1' })
    rig.tell({ type: 'interruptAsked', requestId: 'i1', by: boss, then: 'hold', at: rig.at })
    rig.tell({ type: 'restartAsked', reason: 'its sibling went down', at: rig.at })
    expect([rig.emitted, outcomes(rig.records())]).toMatchObject([[{ how: 'cut' }], [expect.stringMatching(/^m1 cancelled/)]])
    rig.fact({ type: 'exited', expected: true })
    rig.fact({ type: 'ready', sessionId: 's1' })
    expect(rig.state).toBe('interrupted.live')
  })

  test.each(['spawning.launching', 'idle.suspending', 'idle.suspended.resting'])('in %s it has no process to restart', state => {
    const rig = inState(state)
    rig.tell({ type: 'restartAsked', reason: 'its sibling went down', at: rig.at })
    expect(rig.state).toBe(state)
  })
})

describe('a supervisor', () => {
  const children = ['ada', 'bob', 'cyd'].map(asAgentId)
  const decide = (strategy: RestartStrategy, restarts: readonly number[] = []) =>
    decideRestart({ children, restarts, supervision: { strategy, maxRestarts: 3, withinMs: 60_000 } }, { type: 'childDied', agentId: asAgentId('bob'), at: 100_000 })
  const told = (decision: ReturnType<typeof decide>) => (decision.effects ?? []).flatMap(effect => (effect.to === 'child' ? [`${effect.agentId} ${effect.event.type}`] : []))

  test.each([
    ['one_for_one', ['bob restartGranted']],
    ['one_for_all', ['bob restartGranted', 'ada restartAsked', 'cyd restartAsked']],
    ['rest_for_one', ['bob restartGranted', 'cyd restartAsked']],
  ] as const)('of %s restarts %j', (strategy, events) => expect(told(decide(strategy))).toEqual(events))

  test('waits longer with each restart within the window', () => {
    const delays = [[], [99_000], [98_000, 99_000]].map(restarts => decide('one_for_one', restarts).effects?.[0]).map(effect => (effect?.to === 'child' && effect.event.type === 'restartGranted' ? effect.event.dueAt - 100_000 : -1))
    expect(delays).toEqual([1_000, 2_000, 4_000])
    expect(backoffMs(20)).toBe(60_000)
  })

  test('refuses beyond its intensity, and forgets what is older than the window', () => {
    expect(told(decide('one_for_all', [70_000, 80_000, 90_000]))).toEqual(['bob restartRefused'])
    const later = decide('one_for_one', [40_000, 80_000, 90_000])
    expect([told(later), later.context?.restarts]).toEqual([['bob restartGranted'], [80_000, 90_000, 100_000]])
  })

  test('that is ending brings nobody back', () => {
    const rig = createWorking()
    rig.tell({ type: 'spawnAsked', input: { ...rig.context, agentId: asAgentId('kid'), name: 'kid', supervisor: { kind: 'agent', id: asAgentId('ada') }, restart: 'permanent', at: 0 } })
    for (const fact of [{ type: 'ready', sessionId: 'k' }, { type: 'exited', expected: false, signal: 'SIGKILL' }, { type: 'ready', sessionId: 'k' }] as const) rig.fact(fact, 'kid')
    rig.tell({ type: 'terminateAsked', reason: 'asked', force: false, at: rig.at })
    rig.fact({ type: 'exited', expected: false, signal: 'SIGKILL' }, 'kid')
    expect([rig.actor('kid'), rig.state]).toEqual([undefined, 'terminated.stopping'])
  })
})
