/** Stillness: what makes a busy agent stuck, and an idle one's process go. */
import { describe, expect, test } from 'vitest'
import { asAgentId } from '../../src/ids.ts'
import { createIdle, createRig, ended, inputOf, inState, type Rig } from './rig.ts'

const minute = 60_000
const watched = { stuckMs: 10 * minute, idleMs: 60 * minute }
const audits = (rig: Rig): string[] => rig.records().flatMap(event => (event.type === 'audited' ? [event.event.event] : event.type === 'noticeGiven' ? [`notice: ${event.text}`] : []))

/** In the turn `t1` of message `m1`, begun at 0. */
function createBusy(): Rig {
  const rig = createIdle(watched)
  rig.accept('m1')
  rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't1' })
  rig.records()
  return rig
}

describe('a busy agent', () => {
  test('of which nothing is told for long is stuck: its supervisor is told once, and a fact ends it', () => {
    const rig = createBusy()
    rig.due('still')
    expect([rig.context.stuckSince, audits(rig)]).toEqual([0, [expect.stringMatching(/^notice: ada is busy, and nothing was heard of it for 10 minutes: it may be stuck\./), 'agent_stuck']])
    expect(rig.deadlines.has('ada:still')).toBe(false)
    rig.tick(minute)
    rig.fact({ type: 'outputProduced', kind: 'text', content: 'after all' })
    expect([rig.context.stuckSince, audits(rig), rig.state]).toEqual([undefined, ['agent_unstuck'], 'busy.working'])
    rig.due('still')
    expect([rig.at, audits(rig).at(-1)]).toEqual([21 * minute, 'agent_stuck'])
  })

  test('that is heard of is not, whatever it tells: the time counts from its latest fact', () => {
    const rig = createBusy()
    rig.tick(9 * minute)
    rig.fact({ type: 'usageReported', unitId: 'u1', model: 'm', inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheCreationTokens: 0 })
    rig.due('still')
    expect([rig.at, rig.context.stuckSince]).toEqual([10 * minute, undefined])
    rig.due('still')
    expect([rig.at, rig.context.stuckSince]).toEqual([19 * minute, 9 * minute])
  })

  test('at whose screen somebody looks is not heard of by that: it is stuck all the same, and stays so', () => {
    const rig = createBusy()
    const look = (): void => rig.fact({ type: 'screenRead', requestId: 'r1', rendering: 'terminal', text: 'Thinking' })
    rig.tick(9 * minute)
    look()
    rig.due('still')
    expect([rig.at, rig.context.stuckSince, rig.context.heardAt]).toEqual([10 * minute, 0, 0])
    rig.tick(minute)
    look()
    expect([rig.context.stuckSince, audits(rig).at(-1)]).toEqual([0, 'agent_stuck'])
  })

  test('says in which tool it is stuck', () => {
    const rig = createBusy()
    rig.fact({ type: 'outputProduced', kind: 'tool_call', tool: 'Bash', callId: 'c1', content: 'sleep' })
    rig.due('still')
    expect(audits(rig)[0]).toContain('(in Bash)')
  })

  test('that waits for permission is not stuck; its time begins when the answer comes', () => {
    const rig = createBusy()
    rig.fact({ type: 'approvalRequested', approvalId: 'a1', tool: 'Bash', detail: 'ls' })
    rig.due('still')
    expect([rig.context.stuckSince, rig.deadlines.has('ada:still')]).toEqual([undefined, false])
    rig.tick(minute)
    rig.fact({ type: 'approvalResolved', approvalId: 'a1', decision: 'allow' })
    rig.due('still')
    expect([rig.at, rig.context.stuckSince]).toEqual([21 * minute, 11 * minute])
  })

  test('whose call to Madrox is held, because it waits for its own agents, is not stuck; its time begins when that ends', () => {
    const rig = createBusy()
    rig.tell({ type: 'waitBegan', at: 0 })
    rig.tell({ type: 'waitBegan', at: 0 })
    rig.due('still')
    rig.tell({ type: 'waitEnded', at: 20 * minute })
    rig.due('still')
    expect([rig.context.stuckSince, rig.deadlines.has('ada:still')]).toEqual([undefined, false])
    rig.tell({ type: 'waitEnded', at: 40 * minute })
    rig.due('still')
    expect([rig.at, rig.context.stuckSince]).toEqual([50 * minute, 0])
  })

  test('that comes to the end of its turn is watched no more', () => {
    const rig = createBusy()
    rig.fact(ended('t1'))
    rig.due('still')
    expect([rig.state, rig.context.stuckSince]).toEqual(['idle.live', undefined])
  })

  test('is not watched where no time is set', () => expect([...inState('busy.working').deadlines.keys()]).not.toContain('ada:still'))
})

describe('an idle agent', () => {
  test('that nobody needs for long is put away with its session, and wakes in it by a message', () => {
    const rig = createIdle(watched)
    rig.due('idle')
    expect([rig.at, rig.state, rig.commands(), audits(rig)]).toMatchObject([60 * minute, 'idle.suspending', [{ type: 'stopAgent', mode: 'graceful' }], ['agent_suspended']])
    rig.fact({ type: 'exited', expected: true })
    expect([rig.state, [...rig.deadlines.keys()]]).toEqual(['idle.suspended.resting', []])
    rig.accept('m1')
    expect(rig.commands()).toMatchObject([{ type: 'startAgent', launch: { resume: true, sessionId: 's1' } }])
  })

  test('counts from the end of its last turn', () => {
    const rig = createIdle(watched)
    rig.accept('m1')
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't1' })
    rig.tick(59 * minute)
    rig.fact(ended('t1'))
    rig.due('idle')
    expect([rig.at, rig.state]).toEqual([119 * minute, 'idle.suspending'])
  })

  test('is never put away while it works: what fell due then means nothing', () => {
    const rig = createIdle(watched)
    rig.accept('m1')
    rig.due('idle')
    expect(rig.state).toBe('busy.delivering')
  })

  test('whose background work runs is kept, until as long after that has ended', () => {
    const rig = createIdle(watched)
    rig.accept('m1')
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't1' })
    rig.tell({ type: 'replyGiven', messageId: 'm1' as never, text: 'begun', at: 0 })
    rig.fact(ended('t1', { background: [{ id: 'b1' }] }))
    rig.due('idle')
    expect([rig.state, rig.deadlines.has('ada:idle')]).toEqual(['idle.live', false])
    rig.fact(ended('foreign'))
    rig.due('idle')
    expect([rig.at, rig.state]).toEqual([120 * minute, 'idle.suspending'])
  })

  test('whose message is open, because its tasks are out, is kept until as long after it is answered', () => {
    const rig = createIdle(watched)
    rig.accept('m1')
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't1' })
    rig.tell({ type: 'taskSent', subject: 'm1' as never, messageId: 'task' as never })
    rig.fact(ended('t1'))
    rig.due('idle')
    expect([rig.state, rig.deadlines.has('ada:idle')]).toEqual(['idle.live', false])
    rig.tell({ type: 'replyGiven', messageId: 'm1' as never, text: 'answer', at: 70 * minute })
    rig.due('idle')
    expect([rig.at, rig.state]).toEqual([130 * minute, 'idle.suspending'])
  })

  test('with a child at work is kept until as long after that rests; with one at rest it is not', () => {
    const rig = createIdle(watched)
    rig.actor('ada')?.send({ type: 'spawnAsked', input: { ...inputOf('kid'), supervisor: { kind: 'agent', id: asAgentId('ada') } } })
    rig.due('idle')
    expect([rig.state, rig.deadlines.has('ada:idle')]).toEqual(['idle.live', false])
    rig.fact({ type: 'ready', sessionId: 'kid' }, 'kid')
    rig.due('idle')
    expect([rig.at, rig.state]).toEqual([120 * minute, 'idle.suspending'])
  })

  test.each(['control', 'unsent_text'] as const)('that a person holds (%s) is kept until as long after that is over', holds => {
    const rig = createIdle(watched)
    rig.fact({ type: 'controlChanged', holds })
    rig.due('idle')
    expect([rig.state, rig.deadlines.has('ada:idle')]).toEqual(['idle.live', false])
    rig.tell({ type: 'suspendAsked', why: 'asked', at: rig.at })
    expect([rig.state, rig.commands()]).toEqual(['idle.live', []])
    rig.fact({ type: 'controlChanged' })
    rig.due('idle')
    expect([rig.at, rig.state]).toEqual([120 * minute, 'idle.suspending'])
  })

  test('is not put away where no time is set', () => expect([...createIdle().deadlines.keys()]).not.toContain('ada:idle'))
})

describe('suspension by wish', () => {
  test.each(['spawning.launching', 'busy.delivering', 'busy.working', 'busy.awaitingApproval', 'busy.interrupting', 'idle.deferred'])('is nothing to an agent that is %s', state => {
    const rig = inState(state)
    rig.tell({ type: 'suspendAsked', why: 'asked', at: 1 })
    expect(rig.state).toBe(state)
  })

  test('puts away an interrupted one with its hold; the word that ends the hold wakes it', () => {
    const rig = inState('interrupted.live')
    rig.tell({ type: 'suspendAsked', why: 'asked', at: 1 })
    rig.fact({ type: 'exited', expected: true })
    expect([rig.state, rig.context.hold]).toMatchObject(['interrupted.suspended', { by: { kind: 'client' } }])
    rig.accept('m2')
    expect(rig.commands()).toMatchObject([{ type: 'stopAgent' }, { type: 'startAgent', launch: { resume: true } }])
  })

  test('of an interrupted one whose hold ends on the way: it wakes when its process has gone', () => {
    const rig = inState('interrupted.live')
    rig.tell({ type: 'suspendAsked', why: 'asked', at: 1 })
    rig.accept('m2')
    expect([rig.state, rig.commands()]).toMatchObject(['idle.suspending', [{ type: 'stopAgent' }]])
    rig.fact({ type: 'exited', expected: true })
    expect(rig.commands()).toMatchObject([{ type: 'startAgent', launch: { resume: true } }])
  })

  test('that the process does not follow politely is forced, and ends nobody', () => {
    const rig = inState('idle.suspending')
    rig.due('stop')
    expect([rig.state, rig.commands()]).toMatchObject(['idle.suspending', [{ type: 'stopAgent', mode: 'force' }]])
    rig.fact({ type: 'exited', expected: true })
    expect(rig.state).toBe('idle.suspended.resting')
  })
})

describe('resumption by wish', () => {
  test.each(['idle.suspended.resting', 'idle.suspending'])('brings up one that is %s, in its session, as it is to be launched now', state => {
    const rig = inState(state)
    rig.tell({ type: 'respecified', name: 'ida', launch: { ...rig.context.launch, name: 'ida', model: 'other' } })
    rig.tell({ type: 'resumeAsked', at: 2 })
    if (state === 'idle.suspending') rig.fact({ type: 'exited', expected: true })
    expect(rig.commands().at(-1)).toMatchObject({ type: 'startAgent', launch: { resume: true, sessionId: 's1', name: 'ida', model: 'other' } })
    rig.fact({ type: 'ready', sessionId: 's1' })
    expect([rig.state, rig.context.name]).toEqual(['idle.live', 'ida'])
  })

  test('brings up an interrupted one, which goes on waiting for the word that ends its hold', () => {
    const rig = inState('interrupted.live')
    rig.tell({ type: 'suspendAsked', why: 'asked', at: 1 })
    rig.fact({ type: 'exited', expected: true })
    rig.tell({ type: 'resumeAsked', at: 2 })
    rig.fact({ type: 'ready', sessionId: 's1' })
    expect(rig.state).toBe('interrupted.live')
  })

  test('of a live one is a new process for the same session; of a busy one it is nothing', () => {
    const rig = createIdle()
    rig.tell({ type: 'resumeAsked', at: 1 })
    rig.fact({ type: 'exited', expected: true })
    expect(rig.commands()).toMatchObject([{ type: 'stopAgent', mode: 'graceful' }, { type: 'startAgent', launch: { resume: true, sessionId: 's1' } }])
    const busy = inState('busy.working')
    busy.tell({ type: 'resumeAsked', at: 1 })
    expect([busy.state, createRig().state]).toEqual(['busy.working', 'spawning.launching'])
  })

  test('of a live one whose process does not go politely: it is forced, and ends nobody', () => {
    const rig = createIdle()
    rig.tell({ type: 'resumeAsked', at: 1 })
    rig.due('stop')
    rig.fact({ type: 'exited', expected: true })
    expect(rig.commands()).toMatchObject([{ type: 'stopAgent', mode: 'graceful' }, { type: 'stopAgent', mode: 'force' }, { type: 'startAgent' }])
  })

  test('that fails is told as a wake that failed, and can be tried again', () => {
    const rig = inState('idle.suspended.resting')
    for (const at of [2, 3]) {
      rig.tell({ type: 'resumeAsked', at })
      rig.fact({ type: 'startFailed', code: 'timeout', detail: 'no word' })
    }
    expect(rig.state).toBe('idle.suspended.unwakeable')
  })
})
