/** A limit reached ends an agent from wherever it is, politely, and its supervisor is told. */
import { describe, expect, test } from 'vitest'
import { hands } from '../../src/machines/effects.ts'
import { createIdle, createWorking, ended, inputOf, inState, outcomes, type Rig } from './rig.ts'

const reach = (rig: Rig): void => rig.tell({ type: 'limitReached', limit: 'max_total_tokens', detail: 'max_total_tokens 1 000 (1 204 used)', at: rig.at })
const reason = 'limit reached: max_total_tokens 1 000 (1 204 used)'

describe('a limit reached', () => {
  test.each([
    'spawning.launching', 'idle.live', 'idle.deferred', 'idle.suspending', 'idle.suspended.resting', 'busy.delivering', 'busy.working', 'busy.awaitingApproval', 'busy.interrupting', 'interrupted',
  ])('in %s ends the agent politely, with its reason on record, once', state => {
    const rig = inState(state)
    rig.commands()
    reach(rig)
    reach(rig)
    expect(rig.commands().flatMap(command => (command.type === 'stopAgent' ? [command.mode] : []))).toEqual(state === 'idle.suspended.resting' ? [] : ['graceful'])
    rig.fact({ type: 'exited', expected: true })
    const told = rig.records().filter(event => event.type === 'limitReached' || event.type === 'agentEnded')
    expect(told).toMatchObject([{ type: 'limitReached', limit: 'max_total_tokens' }, { type: 'agentEnded', reason, unasked: true }])
    expect([rig.finished, [...rig.deadlines.keys()]]).toEqual([['ada'], []])
  })

  test('ends those below first, and they say why', () => {
    const rig = createIdle()
    rig.actor('ada')?.send({ type: 'spawnAsked', input: inputOf('kid') })
    rig.fact({ type: 'ready', sessionId: 'kid' }, 'kid')
    rig.commands()
    reach(rig)
    expect(rig.commands()).toMatchObject([{ type: 'stopAgent', agentId: 'kid', mode: 'graceful' }])
    rig.fact({ type: 'exited', expected: true }, 'kid')
    expect(rig.commands()).toMatchObject([{ type: 'stopAgent', agentId: 'ada', mode: 'graceful' }])
    expect(rig.records().filter(event => event.type === 'agentEnded')).toMatchObject([{ agentId: 'kid', reason: `its supervisor ended: ${reason}`, unasked: false }])
  })

  test('leaves the running turn the time to say its last words', () => {
    const rig = createWorking()
    reach(rig)
    rig.fact(ended('t1', { finalText: 'just in time' }))
    rig.fact({ type: 'exited', expected: true })
    expect(outcomes(rig.records())).toEqual(['m1 answered: just in time'])
  })

  test('while it is ending anyway changes nothing: the first reason stands', () => {
    const rig = createIdle()
    rig.tell({ type: 'terminateAsked', reason: 'told to', force: false, at: 1 })
    reach(rig)
    rig.fact({ type: 'exited', expected: true })
    expect(rig.records().filter(event => event.type === 'limitReached' || event.type === 'agentEnded')).toMatchObject([{ type: 'agentEnded', reason: 'told to', unasked: false }])
  })

  test('of time is not waited for once the agent has ended', () => {
    const rig = createIdle()
    rig.actor('ada')?.system.get(hands.deadlines)?.send({ type: 'setDeadline', key: 'ada:time', at: 9, notify: 'agent:ada', event: { type: 'limitReached' } })
    expect([...rig.deadlines.keys()]).toContain('ada:time')
    rig.tell({ type: 'terminateAsked', reason: 'told to', force: false, at: 1 })
    rig.fact({ type: 'exited', expected: true })
    expect([...rig.deadlines.keys()]).toEqual([])
  })

  test('can be hastened by force', () => {
    const rig = createWorking()
    reach(rig)
    rig.commands()
    rig.tell({ type: 'terminateAsked', reason: 'at once', force: true, at: 1 })
    expect(rig.commands()).toMatchObject([{ type: 'stopAgent', mode: 'force' }])
  })
})
