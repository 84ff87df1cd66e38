import { describe, expect, test } from 'vitest'
import { asMessageId } from '../../src/ids.ts'
import { boss, createIdle, createWorking, ended, inState, outcomes, peer, type Rig } from './rig.ts'

const interrupt = (rig: Rig, then: 'hold' | 'continue' | 'clear' = 'hold', requestId = 'i1'): void => rig.tell({ type: 'interruptAsked', requestId, by: boss, then, at: rig.at })
const finish = (rig: Rig, requestId = 'i1'): void => rig.fact({ type: 'interruptFinished', requestId, wasInTurn: true })

describe('an interrupt', () => {
  test('cancels the message of the turn it cut, and the agent waits for its interrupter', () => {
    const rig = createWorking()
    interrupt(rig)
    rig.tick(40)
    rig.fact(ended('t1', { status: 'interrupted' }))
    finish(rig)
    expect([rig.state, outcomes(rig.records())]).toEqual(['interrupted.live', ['m1 cancelled: ada was interrupted while it worked on this.']])
    expect(rig.emitted).toEqual([{ type: 'interruptSettled', requestId: 'i1', how: 'cut', source: 'self', afterMs: 40, cancelledMessageId: 'm1' }])
    rig.accept('m2', { from: peer, fromAncestor: false })
    rig.reply('r1')
    expect(rig.state).toBe('interrupted.live')
    rig.commands()
    rig.accept('m3')
    expect(rig.commands()).toMatchObject([{ text: '[MSG:m3] do m3' }])
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't3' })
    rig.fact(ended('t3'))
    expect(rig.commands()).toMatchObject([{ text: expect.stringContaining('[REPLY:task-r1') }])
  })

  test('the peer that sends is not the one who may release a hold; an interrupter that is no ancestor is', () => {
    const rig = createWorking()
    rig.tell({ type: 'interruptAsked', requestId: 'i1', by: peer, then: 'hold', at: 0 })
    rig.fact(ended('t1', { status: 'interrupted' }))
    finish(rig)
    rig.accept('m2', { from: { kind: 'agent', id: 'other' as never }, fromAncestor: false }) // an id as any other
    expect(rig.state).toBe('interrupted.live')
    rig.accept('m3', { from: peer, fromAncestor: false })
    expect(rig.state).toBe('busy.delivering')
  })

  test('with continue goes on with the queue', () => {
    const rig = createWorking()
    rig.accept('m2')
    interrupt(rig, 'continue')
    rig.fact(ended('t1', { status: 'interrupted' }))
    rig.commands()
    finish(rig)
    expect([rig.state, rig.commands()]).toMatchObject(['busy.delivering', [{ text: '[MSG:m2] do m2' }]])
  })

  test('with clear cancels what was queued, and keeps the replies', () => {
    const rig = createWorking()
    rig.accept('m2', { expiresAt: 50 })
    rig.reply('r1')
    interrupt(rig, 'clear')
    rig.fact(ended('t1', { status: 'interrupted' }))
    finish(rig)
    expect(outcomes(rig.records())).toEqual(['m1 cancelled: ada was interrupted while it worked on this.', 'm2 cancelled: ada was interrupted and its queue cleared.'])
    expect([rig.state, rig.context.mailbox, rig.context.inbox.length, rig.deadlines.has('ada:expiry:m2')]).toEqual(['interrupted.live', [], 1, false])
  })

  test('that comes just after the turn ended by itself cuts nothing, and says so', () => {
    const rig = createWorking()
    interrupt(rig)
    rig.fact(ended('t1', { finalText: 'done' }))
    finish(rig)
    expect([outcomes(rig.records()), rig.emitted]).toMatchObject([['m1 answered: done'], [{ how: 'endedBefore' }]])
    expect(rig.emitted[0]).not.toHaveProperty('cancelledMessageId')
  })

  test('while a message is on its way cancels it', () => {
    const rig = createIdle()
    rig.accept('m1')
    interrupt(rig)
    rig.fact({ type: 'promptRefused', promptId: rig.promptId, reason: 'not_ready' })
    finish(rig)
    expect([rig.state, outcomes(rig.records()), rig.emitted]).toMatchObject(['interrupted.live', ['m1 cancelled: ada was interrupted before it worked on this.'], [{ how: 'cut', cancelledMessageId: 'm1' }]])
  })

  test.each(['promptRefused', 'promptUnconfirmed', 'nothing'] as const)('while replies are on their way keeps them (%s)', how => {
    const rig = createIdle()
    rig.reply('r1')
    interrupt(rig)
    if (how === 'promptRefused') rig.fact({ type: how, promptId: rig.promptId, reason: 'not_ready' })
    if (how === 'promptUnconfirmed') rig.fact({ type: how, promptId: rig.promptId, detail: 'swept' })
    finish(rig)
    expect([rig.state, rig.context.inbox.map(reply => reply.id)]).toEqual(['interrupted.live', ['r1']])
    rig.commands()
    rig.accept('m1')
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't1' })
    rig.fact(ended('t1'))
    expect(rig.commands()).toMatchObject([{ text: '[MSG:m1] do m1' }, { text: expect.stringContaining('[REPLY:task-r1') }])
  })

  test('a second one while the first is on its way is not sent', () => {
    const rig = createWorking()
    interrupt(rig)
    rig.commands()
    interrupt(rig, 'clear', 'i2')
    expect([rig.commands(), rig.context.interrupting?.then]).toEqual([[], 'hold'])
    rig.fact({ type: 'interruptFinished', requestId: 'i0', wasInTurn: true })
    expect(rig.state).toBe('busy.interrupting')
  })

  test('whose end is never told is not waited for forever: a turn that goes on goes on', () => {
    const rig = createWorking()
    interrupt(rig)
    rig.due('interrupt')
    expect([rig.state, rig.emitted]).toMatchObject(['busy.working', [{ how: 'notTaken', afterMs: 60_000 }]])
    rig.fact(ended('t1', { finalText: 'done' }))
    expect([rig.state, outcomes(rig.records())]).toEqual(['idle.live', ['m1 answered: done']])
  })

  test('whose end is never told, of a turn that ended: it holds', () => {
    const rig = createWorking()
    interrupt(rig)
    rig.fact(ended('t1', { status: 'interrupted' }))
    rig.due('interrupt')
    expect([rig.state, rig.emitted]).toMatchObject(['interrupted.live', [{ how: 'cut', cancelledMessageId: 'm1' }]])
  })

  test('and a process that dies of it: the message is cancelled, not driven again', () => {
    const rig = createWorking()
    interrupt(rig)
    rig.fact({ type: 'exited', expected: false })
    expect([rig.state, outcomes(rig.records()), rig.emitted]).toMatchObject(['spawning.resuming', ['m1 cancelled: ada was interrupted before it worked on this.'], [{ how: 'cut' }]])
    rig.commands()
    rig.fact({ type: 'ready', sessionId: 's1' })
    expect([rig.state, rig.commands()]).toEqual(['interrupted.live', []])
  })

  test('a turn of its own that begins meanwhile goes on, and afterwards the hold holds', () => {
    const rig = createWorking()
    rig.accept('m2', { from: peer, fromAncestor: false })
    interrupt(rig)
    rig.fact(ended('t1', { status: 'interrupted', background: [{ id: 'b1' }] }))
    rig.fact({ type: 'turnStarted', turnId: 'own', origin: 'self' })
    finish(rig)
    expect([rig.state, rig.context.turn?.turnId]).toEqual(['busy.working', 'own'])
    rig.fact(ended('own'))
    expect(rig.state).toBe('interrupted.live')
    expect(rig.emitted).toMatchObject([{ how: 'cut', cancelledMessageId: 'm1' }])
  })

  test('cut twice in a row, by word and by end, cancels once', () => {
    const rig = createWorking()
    interrupt(rig)
    rig.fact(ended('t1', { status: 'interrupted' }))
    rig.fact(ended('t1', { status: 'interrupted' }))
    finish(rig)
    finish(rig)
    expect([outcomes(rig.records()).length, rig.emitted.length]).toEqual([1, 1])
  })

  test('of a message whose tasks are out leaves their replies a way in: a turn that settles nothing', () => {
    const rig = createWorking()
    rig.tell({ type: 'taskSent', subject: asMessageId('m1'), messageId: asMessageId('task-r1') })
    interrupt(rig)
    rig.fact(ended('t1', { status: 'interrupted' }))
    finish(rig)
    rig.records()
    rig.reply('r1', { subject: asMessageId('m1') })
    rig.accept('m2')
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't2' })
    rig.fact(ended('t2', { finalText: 'two' }))
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't3' })
    rig.fact(ended('t3', { finalText: 'three' }))
    expect([outcomes(rig.records()), rig.context.open, rig.state]).toEqual([['m2 answered: two'], {}, 'idle.live'])
  })

  test.each(['spawning.launching', 'idle.live', 'idle.deferred', 'idle.suspended.resting', 'interrupted.live'])('in %s does nothing', state => {
    const rig = inState(state)
    rig.commands()
    interrupt(rig)
    expect([rig.state, rig.commands()]).toEqual([state, []])
  })
})
