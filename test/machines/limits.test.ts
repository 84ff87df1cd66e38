/** A limit reached ends an agent from wherever it is, politely, and its supervisor is told; or it is held there, and goes on when it is let go. */
import { describe, expect, test } from 'vitest'
import { hands } from '../../src/machines/effects.ts'
import { boss, createIdle, createRig, createWorking, ended, inputOf, inState, outcomes, type Rig } from './rig.ts'

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

const own = { limit: 'max_total_tokens', detail: 'max_total_tokens 1 000 (1 204 used)' } as const
const above = { limit: 'max_cost', detail: 'max_cost $5 ($6 used)', of: 'boss' } as const
const hold = (rig: Rig, ...atLimit: readonly (typeof own | typeof above)[]): void => rig.tell({ type: 'limitsTold', atLimit, at: rig.at })
const types = (rig: Rig): string[] => rig.commands().map(({ type }) => type)
const cut = (rig: Rig, turnId = 't1'): void => {
  const requestId = rig.context.interrupting?.requestId
  if (requestId === undefined) throw new Error('Nothing is being interrupted.')
  rig.fact(ended(turnId, { status: 'interrupted' }))
  rig.fact({ type: 'interruptFinished', requestId, wasInTurn: true })
}

describe('an agent held at a limit', () => {
  test('has its turn cut by its CLI, confirmed; the message ends cancelled and says which limit it was', () => {
    const rig = createWorking()
    hold(rig, own)
    expect([rig.state, types(rig)]).toEqual(['busy.interrupting', ['interrupt']])
    hold(rig, own)
    expect(types(rig)).toEqual([])
    cut(rig)
    expect([rig.state, rig.context.hold]).toEqual(['interrupted.live', undefined])
    const records = rig.records()
    expect(outcomes(records)).toEqual(['m1 cancelled: ada was interrupted while it worked on this: limit reached: max_total_tokens 1 000 (1 204 used).'])
    expect(records.filter(event => event.type === 'audited')).toMatchObject([{ event: { event: 'interrupt_settled', data: { by: 'madrox', interrupted: true, confirmed_by: 'self', cancelled: 'm1' } } }])
  })

  test('for one above it says whose limit it was', () => {
    const rig = createWorking()
    hold(rig, above)
    cut(rig)
    expect(outcomes(rig.records())).toEqual(['m1 cancelled: ada was interrupted while it worked on this: limit reached by "boss" above it: max_cost $5 ($6 used).'])
  })

  test.each([
    ['idle.live', 'interrupted.live', []], ['idle.deferred', 'interrupted.live', []], ['idle.suspended.resting', 'interrupted.suspended', []],
    ['busy.delivering', 'busy.interrupting', ['interrupt']], ['busy.working', 'busy.interrupting', ['interrupt']], ['busy.awaitingApproval', 'busy.interrupting', ['interrupt']],
    ['busy.interrupting', 'busy.interrupting', []], ['interrupted.live', 'interrupted.live', []],
  ] as const)('from %s goes to %s', (from, to, commands) => {
    const rig = inState(from)
    rig.commands()
    hold(rig, own)
    expect([rig.state, types(rig)]).toEqual([to, commands])
  })

  test('while it is put away stays away: neither messages nor replies wake it, until it is let go', () => {
    const rig = inState('idle.suspending')
    hold(rig, own)
    rig.accept('m1')
    rig.reply('r1')
    rig.fact({ type: 'exited', expected: true })
    expect([rig.state, types(rig)]).toEqual(['interrupted.suspended', []])
    hold(rig)
    expect([rig.state, types(rig)]).toEqual(['spawning.resuming', ['startAgent']])
  })

  test('while it starts begins no turn when it is up', () => {
    const rig = createRig()
    rig.accept('m1')
    hold(rig, own)
    rig.commands()
    rig.fact({ type: 'ready', sessionId: 's1' })
    expect([rig.state, types(rig)]).toEqual(['interrupted.live', []])
  })

  test('is given nothing, whoever says it, until it is let go: then replies, then what waited, in order', () => {
    const rig = inState('interrupted.live')
    hold(rig, own)
    rig.accept('m2')
    rig.reply('r1')
    expect([rig.state, types(rig)]).toEqual(['interrupted.live', []])
    hold(rig)
    expect(rig.commands()).toMatchObject([{ type: 'submitPrompt', text: '[MSG:m2] do m2' }])
  })

  test('stays where its interrupter left it when the limit is lifted', () => {
    const rig = inState('interrupted.live')
    hold(rig, own)
    hold(rig)
    expect([rig.state, rig.context.hold?.by]).toEqual(['interrupted.live', boss])
    rig.accept('m2')
    expect(rig.state).toBe('busy.delivering')
  })

  test('is let go only when the last of its limits is lifted', () => {
    const rig = createIdle()
    hold(rig, own, above)
    hold(rig, above)
    expect(rig.state).toBe('interrupted.live')
    hold(rig)
    expect(rig.state).toBe('idle.live')
  })

  test('has every turn cut that begins by itself: of background work, or of a person', () => {
    const rig = createIdle()
    hold(rig, own)
    for (const turnId of ['own1', 'own2']) {
      rig.fact({ type: 'turnStarted', turnId, origin: 'self' })
      expect([rig.state, types(rig)]).toEqual(['busy.interrupting', ['interrupt']])
      cut(rig, turnId)
      expect(rig.state).toBe('interrupted.live')
    }
  })

  test('interrupted by somebody who wants it to go on does not', () => {
    const rig = createWorking()
    rig.accept('m2')
    rig.tell({ type: 'interruptAsked', requestId: 'i1', by: boss, then: 'continue', at: 1 })
    hold(rig, own)
    rig.commands()
    cut(rig)
    expect([rig.state, types(rig)]).toEqual(['interrupted.live', []])
  })

  test('that was let go before its turn was cut goes on with what waits', () => {
    const rig = createWorking()
    rig.accept('m2')
    hold(rig, own)
    hold(rig)
    rig.commands()
    cut(rig)
    expect(rig.commands()).toMatchObject([{ type: 'submitPrompt', text: '[MSG:m2] do m2' }])
  })

  test('is ended where its CLI does not take the interrupt: what cannot be stopped goes on spending', () => {
    const rig = createWorking()
    hold(rig, above)
    rig.commands()
    rig.due('interrupt')
    expect(rig.commands()).toMatchObject([{ type: 'stopAgent', mode: 'graceful' }])
    rig.fact({ type: 'exited', expected: true })
    expect(rig.records().filter(event => event.type === 'agentEnded')).toMatchObject([{ reason: 'limit reached: max_cost $5 ($6 used) of "boss" above it; its CLI did not take the interrupt', unasked: true }])
    expect([...rig.deadlines.keys()]).toEqual([])
  })

  test('whose process dies comes up again and stays held; what it worked on is not driven again', () => {
    const rig = createWorking()
    hold(rig, own)
    rig.commands()
    rig.fact({ type: 'exited', expected: false })
    rig.fact({ type: 'ready', sessionId: 's1' })
    expect([rig.state, types(rig)]).toEqual(['interrupted.live', ['startAgent']])
    expect(outcomes(rig.records())).toEqual(['m1 cancelled: ada was interrupted before it worked on this: limit reached: max_total_tokens 1 000 (1 204 used).'])
  })

  test.each(['interrupted.live', 'interrupted.suspended'])('in %s can be ended, by wish or by a stricter policy', state => {
    const rig = inState(state === 'interrupted.live' ? 'idle.live' : 'idle.suspended.resting')
    hold(rig, own)
    expect(rig.state).toBe(state)
    reach(rig)
    rig.fact({ type: 'exited', expected: true })
    expect(rig.finished).toEqual(['ada'])
  })

  test('that a killed server left held is not started', () => {
    const rig = createRig({ recovered: { sessionId: 's1', hasHistory: true, mailbox: [], inbox: [], open: {}, uncertain: [], requestCount: 1, atLimit: [own] } })
    expect([rig.state, types(rig)]).toEqual(['interrupted.suspended', []])
    rig.accept('m1')
    expect(types(rig)).toEqual([])
    hold(rig)
    expect([rig.state, types(rig)]).toEqual(['spawning.resuming', ['startAgent']])
  })
})
