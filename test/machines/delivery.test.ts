import { describe, expect, test } from 'vitest'
import { asMessageId } from '../../src/ids.ts'
import { createIdle, createRig, createWorking, ended, inState, outcomes } from './rig.ts'

describe('a message on its way', () => {
  test('that was refused is tried again when the CLI says anything of a turn, or after a while', () => {
    for (const wake of ['fact', 'time'] as const) {
      const rig = createIdle()
      rig.accept('m1')
      rig.fact({ type: 'promptRefused', promptId: rig.promptId, reason: 'held_by_person' })
      expect(rig.state, wake).toBe('idle.deferred')
      rig.commands()
      if (wake === 'fact') rig.fact(ended('typed'))
      else rig.due('retry')
      expect(rig.commands(), wake).toMatchObject([{ type: 'submitPrompt', text: '[MSG:m1] do m1' }])
    }
  })

  test('each try has an id of its own: a late word on an earlier one decides nothing', () => {
    const rig = createIdle()
    rig.accept('m1')
    const first = rig.promptId
    rig.fact({ type: 'promptRefused', promptId: first, reason: 'in_turn' })
    rig.due('retry')
    expect(rig.promptId).not.toBe(first)
    rig.fact({ type: 'promptRefused', promptId: first, reason: 'in_turn' })
    rig.fact({ type: 'promptUnconfirmed', promptId: first, detail: 'late' })
    rig.fact({ type: 'promptSeen', promptId: first, turnId: 't1' })
    expect(rig.state).toBe('busy.delivering')
  })

  test('unconfirmed three times is poison; told as delivered again before that', () => {
    const rig = createIdle()
    rig.accept('m1')
    const texts: string[] = []
    for (let count = 0; count < 3; count += 1) {
      texts.push(...rig.commands().flatMap(command => (command.type === 'submitPrompt' ? [command.text] : [])))
      rig.fact({ type: 'promptUnconfirmed', promptId: rig.promptId, detail: 'no hook' })
    }
    expect(texts.map(text => text.includes('delivered again'))).toEqual([false, true, true])
    expect(outcomes(rig.records())).toEqual(['m1 failed: poison: delivered 3 times and cut off each time. ada never confirmed that it saw the message: no hook'])
    expect([rig.state, rig.context.mailbox]).toEqual(['idle.live', []])
  })

  test('an answer given to it while it waits to be delivered again is its answer, and ends the trying', () => {
    const rig = createIdle()
    rig.accept('m1')
    rig.fact({ type: 'promptUnconfirmed', promptId: rig.promptId, detail: 'no hook' })
    rig.fact({ type: 'promptRefused', promptId: rig.promptId, reason: 'in_turn' })
    rig.tell({ type: 'replyGiven', messageId: asMessageId('m1'), text: 'done', at: rig.at })
    expect(outcomes(rig.records())).toEqual(['m1 answered: done'])
    rig.commands()
    rig.due('retry')
    expect([rig.state, rig.commands()]).toEqual(['idle.live', []])
  })

  test('that expires on its way to a process which then dies is not given to the next one', () => {
    const rig = createIdle({ restart: 'transient' })
    rig.accept('m1', { expiresAt: 100 })
    rig.due('expiry:m1')
    rig.fact({ type: 'exited', expected: false, signal: 'SIGKILL' })
    rig.due('expiry:m1')
    expect([outcomes(rig.records()), rig.context.mailbox]).toEqual([['m1 expired: ada did not get to it before it expired.'], []])
  })

  test.each(['promptRefused', 'promptUnconfirmed'] as const)('that was seen in time and is given again after a death does not expire by then (%s)', how => {
    const rig = createIdle({ restart: 'transient' })
    rig.accept('m1', { expiresAt: 100 })
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't1' })
    rig.tick(500)
    rig.fact({ type: 'exited', expected: false, signal: 'SIGKILL' })
    rig.fact({ type: 'ready', sessionId: 's1' })
    rig.fact(how === 'promptRefused' ? { type: how, promptId: rig.promptId, reason: 'in_turn' } : { type: how, promptId: rig.promptId, detail: 'nothing' })
    expect([rig.deadlines.has('ada:expiry:m1'), outcomes(rig.records())]).toEqual([false, []])
  })

  test('that expires while it is on its way is dropped when it comes back, and not when it was seen', () => {
    const rig = createIdle()
    rig.accept('m1', { expiresAt: 100 })
    rig.due('expiry:m1')
    expect(outcomes(rig.records())).toEqual([])
    rig.fact({ type: 'promptRefused', promptId: rig.promptId, reason: 'in_turn' })
    rig.due('expiry:m1')
    expect(outcomes(rig.records())).toEqual(['m1 expired: ada did not get to it before it expired.'])
    rig.accept('m2', { expiresAt: 1_000 })
    rig.due('retry')
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't' })
    expect(rig.deadlines.has('ada:expiry:m2')).toBe(false)
    rig.fact({ type: 'exited', expected: false })
    expect(rig.deadlines.has('ada:expiry:m2')).toBe(false)
  })

  test('replies on their way that are never confirmed are kept, and tried with patience', () => {
    const rig = createIdle()
    rig.reply('r1')
    for (let count = 0; count < 5; count += 1) {
      rig.fact({ type: 'promptUnconfirmed', promptId: rig.promptId, detail: 'no hook' })
      expect(rig.state).toBe('idle.deferred')
      rig.due('retry')
    }
    expect(rig.commands().map(command => command.type)).toEqual(Array.from({ length: 6 }, () => 'submitPrompt'))
  })

  test('is not confused by a dialog that is told before it was seen', () => {
    const rig = createIdle()
    rig.reply('r1')
    rig.fact({ type: 'approvalRequested', approvalId: 'a1', tool: 'Bash', detail: 'ls' })
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't1' })
    expect(rig.records().map(event => event.type)).toEqual(['approvalOpened', 'repliesSeen'])
    rig.fact(ended('t1'))
    expect(rig.state).toBe('idle.live')
    rig.accept('m1')
    rig.fact({ type: 'approvalRequested', approvalId: 'a2', tool: 'Bash', detail: 'ls' })
    rig.fact({ type: 'promptRefused', promptId: rig.promptId, reason: 'awaiting_approval' })
    expect(rig.state).toBe('idle.deferred')
  })
})

describe('readiness', () => {
  test.each([['before', ['tools', 'ready']], ['after', ['ready', 'tools']]] as const)('tools listed %s the CLI is up', (_, order) => {
    const rig = createRig({ awaitsTools: true })
    rig.accept('m1')
    for (const step of order) {
      expect(rig.state).toMatch(/^spawning/)
      if (step === 'ready') rig.fact({ type: 'ready', sessionId: 's1' })
      else rig.tell({ type: 'toolsListed', at: 5 })
    }
    expect([rig.state, rig.deadlines.has('ada:handshake')]).toEqual(['busy.delivering', false])
  })

  test('without tools in time it is ended, its process too', () => {
    const rig = createRig({ awaitsTools: true })
    rig.fact({ type: 'ready', sessionId: 's1' })
    rig.commands()
    rig.due('handshake')
    expect(rig.commands()).toMatchObject([{ type: 'stopAgent', mode: 'force' }])
    expect(rig.finished).toEqual([])
    rig.fact({ type: 'exited', expected: true })
    expect(rig.records()).toMatchObject([{ type: 'agentEnded', reason: 'its CLI never listed its Madrox tools' }])
  })

  test('a start that failed ends it in the CLI\'s own words, and nothing is left to stop', () => {
    const rig = createRig()
    rig.commands()
    rig.fact({ type: 'startFailed', code: 'not_logged_in', detail: 'Please run /login' })
    expect([rig.commands(), rig.records()]).toMatchObject([[], [{ type: 'agentEnded', reason: 'it did not start (not_logged_in): Please run /login', unasked: false }]])
  })
})

describe('a process that dies', () => {
  test('while it works: its session is resumed and the message given again, marked', () => {
    const rig = createWorking()
    rig.fact({ type: 'exited', expected: false, signal: 'SIGKILL' })
    expect([rig.state, rig.commands()]).toMatchObject(['spawning.resuming', [{ type: 'startAgent', launch: { resume: true, sessionId: 's1' } }]])
    expect(rig.records()).toMatchObject([{ type: 'noticeGiven' }])
    rig.fact({ type: 'ready', sessionId: 's1' })
    expect(rig.commands()).toMatchObject([{ type: 'submitPrompt', text: expect.stringContaining('delivered again') }])
  })

  test('a second time before any turn was completed: it is given up, and its supervisor told', () => {
    const rig = createWorking()
    rig.fact({ type: 'exited', expected: false })
    rig.fact({ type: 'ready', sessionId: 's1' })
    rig.records()
    rig.fact({ type: 'exited', expected: false, code: 1, lastWords: 'out of memory' })
    expect([rig.finished, rig.records()]).toMatchObject([['ada'], [{ type: 'agentEnded', unasked: true, reason: 'its CLI process died (exit code 1; its last words: out of memory)' }]])
  })

  test('and whose session cannot be resumed: it is given up, with all that was said in it', () => {
    const rig = createWorking()
    rig.fact(ended('t1'))
    rig.fact({ type: 'exited', expected: false })
    rig.fact({ type: 'startFailed', code: 'session_unknown', detail: 'no such conversation' })
    expect(rig.finished).toEqual(['ada'])
  })

  test('before its CLI had saved anything: it starts in a new session, and the message is given again', () => {
    const rig = createWorking()
    rig.fact({ type: 'exited', expected: false })
    rig.commands()
    rig.fact({ type: 'startFailed', code: 'session_unknown', detail: 'no such conversation' })
    expect([rig.state, rig.commands()]).toMatchObject(['spawning.launching', [{ type: 'startAgent', launch: { resume: false, sessionId: 'session-ada' } }]])
    rig.fact({ type: 'ready', sessionId: 's2' })
    expect(rig.commands()).toMatchObject([{ type: 'submitPrompt', text: expect.stringContaining('delivered again') }])
  })

  test.each(['spawning.launching', 'idle.live', 'idle.deferred', 'idle.suspending', 'idle.suspended.resting', 'busy.delivering', 'busy.working', 'busy.awaitingApproval', 'busy.interrupting', 'interrupted.live'] as const)('in %s: never stuck, and what waits is kept or the agent is over', state => {
    const rig = inState(state)
    rig.fact({ type: 'exited', expected: false })
    expect(rig.state).toMatch(state === 'spawning.launching' ? /^terminated.final/ : state === 'idle.suspending' || state.startsWith('idle.suspended') ? /^idle.suspended|^terminated.final/ : /^spawning.resuming/)
  })

  test('with background work: what waited for that alone is answered by its last words', () => {
    const rig = createWorking()
    rig.fact(ended('t1', { finalText: 'building', background: [{ id: 'b1' }] }))
    rig.fact({ type: 'exited', expected: false })
    rig.fact({ type: 'ready', sessionId: 's1' })
    rig.due('quiet:m1')
    expect(outcomes(rig.records())).toEqual(['m1 answered: building'])
  })
})

describe('a suspended agent', () => {
  test('is woken by a message, in the same session', () => {
    const rig = inState('idle.suspended.resting')
    rig.accept('m2')
    expect([rig.state, rig.commands()]).toMatchObject(['spawning.resuming', [{ type: 'startAgent', launch: { resume: true, sessionId: 's1' } }]])
  })

  test('that cannot be woken: the message fails in the CLI\'s words, it rests, and the next one tries again', () => {
    const rig = inState('idle.suspended.resting')
    rig.accept('m2', { expiresAt: 900 })
    rig.fact({ type: 'startFailed', code: 'not_logged_in', detail: 'Please run /login' })
    expect([rig.state, outcomes(rig.records()), rig.context.lastError]).toEqual(['idle.suspended.unwakeable', ['m2 failed: ada could not be woken (not_logged_in): Please run /login'], 'ada could not be woken (not_logged_in): Please run /login'])
    rig.accept('m3')
    expect([rig.state, rig.context.mailbox.length]).toEqual(['spawning.resuming', 1])
  })

  test('that cannot be woken for replies keeps them, says so, and does not try forever', () => {
    const rig = inState('idle.suspended.resting')
    rig.commands()
    rig.records()
    rig.reply('r1')
    rig.fact({ type: 'startFailed', code: 'timeout', detail: 'slow' })
    expect([rig.state, rig.context.inbox.length, rig.commands().length]).toEqual(['idle.suspended.unwakeable', 1, 1])
    expect(rig.records()).toMatchObject([{ type: 'noticeGiven', text: 'ada could not be woken (timeout): slow. What was answered to it waits for its next message.' }])
    rig.reply('r2')
    expect(rig.state).toBe('spawning.resuming')
  })
})
