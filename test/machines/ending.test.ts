import { describe, expect, test } from 'vitest'
import { asMessageId } from '../../src/ids.ts'
import { createIdle, createWorking, ended, inputOf, inState, outcomes, type Rig } from './rig.ts'

const terminate = (rig: Rig, force = false): void => rig.tell({ type: 'terminateAsked', reason: 'told to', force, at: rig.at })
const stops = (rig: Rig): string[] => rig.commands().flatMap(command => (command.type === 'stopAgent' ? [`${command.agentId} ${command.mode}`] : []))
const ends = (rig: Rig): string[] => rig.records().flatMap(event => (event.type === 'agentEnded' ? [`${event.agentId}: ${event.reason}`] : []))

/** ada with a child, and that with one of its own, all ready. */
function createLine(): Rig {
  const rig = createIdle()
  for (const [parent, id] of [['ada', 'kid'], ['kid', 'grandkid']] as const) {
    rig.actor(parent)?.send({ type: 'spawnAsked', input: inputOf(id) })
    rig.fact({ type: 'ready', sessionId: id }, id)
  }
  rig.commands()
  rig.records()
  return rig
}

describe('ending', () => {
  test.each(['spawning.launching', 'idle.live', 'idle.deferred', 'idle.suspending', 'idle.suspended.resting', 'busy.delivering', 'busy.working', 'busy.awaitingApproval', 'busy.interrupting', 'interrupted.live'])('in %s stops the process and is told once', state => {
    const rig = inState(state)
    terminate(rig)
    terminate(rig)
    expect(stops(rig)).toEqual(state === 'idle.suspended.resting' ? [] : ['ada graceful'])
    rig.fact({ type: 'exited', expected: true })
    rig.fact({ type: 'exited', expected: true })
    expect([ends(rig), rig.finished, rig.actor('ada')]).toEqual([['ada: told to'], ['ada'], undefined])
  })

  test('goes from the leaves up, each after its process', () => {
    const rig = createLine()
    terminate(rig)
    expect(stops(rig)).toEqual(['grandkid graceful'])
    rig.fact({ type: 'exited', expected: true }, 'grandkid')
    expect(stops(rig)).toEqual(['kid graceful'])
    rig.fact({ type: 'exited', expected: true }, 'kid')
    expect([stops(rig), ends(rig)]).toEqual([['ada graceful'], ['grandkid: its supervisor ended: its supervisor ended: told to', 'kid: its supervisor ended: told to']])
    rig.fact({ type: 'exited', expected: true })
    expect([ends(rig), rig.finished]).toEqual([['ada: told to'], ['ada']])
  })

  test('by force after a polite beginning is by force, all the way down', () => {
    const rig = createLine()
    terminate(rig)
    stops(rig)
    terminate(rig, true)
    expect(stops(rig)).toEqual(['grandkid force'])
    rig.fact({ type: 'exited', expected: true }, 'grandkid')
    rig.fact({ type: 'exited', expected: true }, 'kid')
    expect(stops(rig)).toEqual(['kid force', 'ada force'])
  })

  test('waits for a slow child before it counts the time of its own process', () => {
    const rig = createLine()
    terminate(rig)
    rig.fact({ type: 'exited', expected: true }, 'grandkid')
    rig.tick(40_000)
    rig.fact({ type: 'exited', expected: true }, 'kid')
    expect(rig.deadlines.get('ada:stop')?.at).toEqual({ afterMs: 30_000 })
    rig.due('stop')
    expect(ends(rig).at(-1)).toBe('ada: told to; its driver did not report its process gone within 30 s')
  })

  test('is on record at the time of the end, not of the asking', () => {
    const rig = createIdle()
    terminate(rig)
    rig.tick(700)
    rig.fact({ type: 'exited', expected: true })
    expect(rig.records().at(-1)).toMatchObject({ type: 'agentEnded', at: 700 })
  })

  test('of one that was dead already stops nothing', () => {
    const rig = createLine()
    rig.fact({ type: 'exited', expected: true }) // unasked, and said to be as expected: no session to return to
    expect(stops(rig)).toEqual(['grandkid force'])
    rig.fact({ type: 'exited', expected: true }, 'grandkid')
    rig.fact({ type: 'exited', expected: true }, 'kid')
    expect(rig.finished).toEqual(['ada'])
  })

  test('takes no more children, and no message is delivered', () => {
    const rig = createLine()
    terminate(rig)
    rig.tell({ type: 'spawnAsked', input: inputOf('late') })
    rig.accept('m9')
    rig.reply('r9')
    expect([rig.actor('late'), stops(rig), rig.state]).toEqual([undefined, ['grandkid graceful'], 'terminated.draining'])
  })

  test('an answer said while it ends, or the last words of a turn that was just done, still count', () => {
    const rig = createWorking()
    rig.accept('m2')
    terminate(rig)
    rig.fact(ended('t1', { finalText: 'just done' }))
    expect(outcomes(rig.records())).toEqual(['m1 answered: just done'])
    const other = createWorking()
    terminate(other)
    other.tell({ type: 'replyGiven', messageId: asMessageId('m1'), text: 'said', at: 1 })
    other.fact(ended('t1', { status: 'interrupted' }))
    expect(outcomes(other.records())).toEqual(['m1 answered: said'])
  })

  test('leaves no deadline', () => {
    const rig = createWorking()
    rig.accept('m2', { expiresAt: 99 })
    rig.tell({ type: 'interruptAsked', requestId: 'i1', by: { kind: 'client', id: 'boss' as never }, then: 'hold', at: 0 }) // an id as any other
    terminate(rig)
    rig.fact({ type: 'exited', expected: true })
    expect([...rig.deadlines.keys()]).toEqual([])
  })
})

describe('an agent whose own logic throws', () => {
  /** A fact no driver may tell: reading it throws. */
  const poison = { ...ended('t1'), background: undefined } as never // wrong on purpose

  test('is contained: its supervisor goes on, its children end by force and leave nothing, its process is stopped', () => {
    const rig = createLine()
    rig.actor('ada')?.send({ type: 'spawnAsked', input: inputOf('sibling') })
    rig.fact({ type: 'ready', sessionId: 'sibling' }, 'sibling')
    rig.commands()
    rig.fact(poison, 'kid')
    expect(stops(rig)).toEqual(['grandkid force', 'kid force'])
    expect(rig.records()).toMatchObject([{ type: 'agentEnded', agentId: 'kid', unasked: true, reason: expect.stringContaining('its actor failed') }])
    expect(rig.context.children).toEqual(['sibling', 'grandkid'])
    rig.fact({ type: 'exited', expected: true }, 'grandkid')
    expect([rig.context.children, Object.keys(rig.actor('ada')?.getSnapshot().children ?? {})]).toEqual([['sibling'], ['sibling']])
    expect([ends(rig), rig.actor('grandkid'), rig.actor('kid')]).toEqual([['grandkid: its actor failed: Cannot read properties of undefined (reading \'map\')'], undefined, undefined])
    rig.accept('m1')
    expect([rig.state, rig.actor('sibling')?.getSnapshot().value]).toEqual(['busy.delivering', { idle: 'live' }])
  })

  test('while its supervisor is ending does not keep that from ending', () => {
    const rig = createLine()
    terminate(rig)
    rig.fact(poison, 'kid')
    rig.fact({ type: 'exited', expected: true })
    expect(rig.finished).toEqual([]) // the crashed one's child is still ending
    rig.fact({ type: 'exited', expected: true }, 'grandkid')
    rig.fact({ type: 'exited', expected: true })
    expect(rig.finished).toEqual(['ada'])
  })
})

describe('a first turn that ends because the model was refused', () => {
  const refused = (turnId: string) => ended(turnId, { status: 'failed', cause: 'model_rejected', error: 'No such model.' })

  test('ends the agent by force, and fails its message, once nothing of it is left', () => {
    const rig = createWorking()
    rig.fact(refused('t1'))
    expect([rig.state, stops(rig), rig.records()]).toEqual(['terminated.stopping', ['ada force'], []])
    rig.fact({ type: 'exited', expected: true })
    expect(rig.records()).toMatchObject([{ type: 'agentEnded', reason: 'its model was rejected: No such model', unasked: true, spawnFailure: { messageId: 'm1', words: 'No such model.' } }])
    expect([rig.finished, [...rig.deadlines.keys()]]).toEqual([['ada'], []])
  })

  test('ends what it had spawned first', () => {
    const rig = createLine()
    rig.accept('m1')
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't1' })
    rig.commands()
    rig.fact(refused('t1'))
    expect([rig.state, stops(rig)]).toEqual(['terminated.draining', ['grandkid force']])
  })

  test('also when the end is the first word of that turn, or a dialog was open, and after turns that came to nothing', () => {
    const late = inState('busy.delivering')
    late.fact({ ...refused('t1'), promptId: late.promptId })
    expect([late.state, late.records().map(({ type }) => type)]).toEqual(['terminated.stopping', ['messageHanded', 'messageSeen']])
    const asking = inState('busy.awaitingApproval')
    asking.fact(refused('t1'))
    expect([asking.state, asking.context.approvals]).toEqual(['terminated.stopping', []])
    const again = createWorking()
    again.fact(ended('t1', { status: 'failed', error: '529' }))
    again.accept('m2')
    again.fact({ type: 'promptSeen', promptId: again.promptId, turnId: 't2' })
    again.fact(refused('t2'))
    expect(again.state).toBe('terminated.stopping')
  })

  test('in an agent with a history fails the message and nothing else', () => {
    const rig = createWorking()
    rig.fact(ended('t1', { finalText: 'done' }))
    rig.accept('m2')
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't2' })
    rig.records()
    rig.fact(refused('t2'))
    expect([rig.state, outcomes(rig.records())]).toEqual(['idle.live', ['m2 failed: No such model.']])
  })
})
