import { describe, expect, test } from 'vitest'
import { asMessageId, asReplyId } from '../../src/ids.ts'
import type { Recovered } from '../../src/machines/agent-context.ts'
import { createIdle, createRig, createWorking, ended, messageOf, outcomes, type Rig } from './rig.ts'

const seen = (rig: ReturnType<typeof createIdle>, turnId: string): void => rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId })

describe('a turn', () => {
  test('that runs is not told about by the end of another, which nobody saw begin', () => {
    const rig = createWorking()
    rig.fact(ended('t1', { finalText: 'building', background: [{ id: 'b1' }] }))
    rig.accept('m2')
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't2' })
    rig.fact(ended('phantom'))
    rig.fact(ended('t2', { finalText: 'two', background: [{ id: 'b1' }] }))
    expect([outcomes(rig.records()), rig.context.open['m1']?.background]).toEqual([['m2 answered: two'], ['b1']])
  })

  test('its last words answer its message, once, however often its end is told', () => {
    const rig = createWorking()
    rig.fact(ended('t1', { finalText: 'done' }))
    rig.fact(ended('t1', { finalText: 'done again' }))
    expect(outcomes(rig.records())).toEqual(['m1 answered: done'])
    expect(rig.state).toBe('idle.live')
  })

  test('ends only by its own end', () => {
    const rig = createWorking()
    rig.fact(ended('t0', { finalText: 'of another' }))
    rig.fact(ended('t9', { promptId: 'someone.else' }))
    expect([rig.state, outcomes(rig.records())]).toEqual(['busy.working', []])
  })

  test('of its own is not ended by the late end of another one of its own', () => {
    const rig = createIdle()
    rig.fact({ type: 'turnStarted', turnId: 'own2', origin: 'self' })
    rig.fact(ended('own1'))
    expect(rig.state).toBe('busy.working')
  })

  test('is seen once: a second promptSeen changes nothing', () => {
    const rig = createWorking()
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't2' })
    rig.fact(ended('t1', { finalText: 'done' }))
    expect([rig.state, outcomes(rig.records())]).toEqual(['idle.live', ['m1 answered: done']])
  })

  test('that ends before its prompt was said to be seen is settled, and replies it was given are consumed', () => {
    const rig = createIdle()
    rig.reply('r1')
    rig.fact(ended('t1', { promptId: rig.promptId, finalText: 'ok' }))
    expect(rig.state).toBe('idle.live')
    expect(rig.records()).toMatchObject([{ type: 'repliesSeen', ids: ['r1'] }])
    rig.accept('m1')
    rig.fact(ended('t2', { promptId: rig.promptId, finalText: 'ok' }))
    expect(rig.records().map(event => event.type)).toEqual(['messageHanded', 'messageSeen', 'messageSettled'])
  })

  test('each state says since when, by what: also the one that was entered at once after another', () => {
    const rig = createIdle()
    rig.tick(500)
    rig.accept('m1')
    expect([rig.state, rig.context.since, rig.context.source]).toEqual(['busy.delivering', 500, 'command'])
  })

  test('that failed fails its message in the CLI\'s own words', () => {
    const rig = createWorking()
    rig.fact(ended('t1', { status: 'failed', error: '529 overloaded' }))
    expect(outcomes(rig.records())).toEqual(['m1 failed: 529 overloaded'])
  })
})

describe('a turn of the CLI\'s own', () => {
  test('that begins while a message is on its way: its end settles what it belongs to, and the message is not lost', () => {
    const rig = createWorking()
    rig.fact(ended('t1', { finalText: 'started a build', background: [{ id: 'b1' }] }))
    rig.accept('m2')
    rig.fact({ type: 'turnStarted', turnId: 'own', origin: 'self', backgroundTaskId: 'b1' })
    rig.fact({ type: 'promptRefused', promptId: rig.promptId, reason: 'in_turn' })
    expect([rig.state, rig.context.turn?.turnId, rig.context.turn?.subject]).toEqual(['busy.working', 'own', 'm1'])
    rig.commands()
    rig.fact(ended('own', { finalText: 'the build is green' }))
    expect(outcomes(rig.records())).toEqual(['m1 answered: the build is green'])
    expect(rig.commands()).toMatchObject([{ type: 'submitPrompt', text: '[MSG:m2] do m2' }])
  })

  test('that ends before the message on its way is seen leaves that one on its way', () => {
    const rig = createIdle()
    rig.accept('m1')
    rig.fact({ type: 'turnStarted', turnId: 'typed', origin: 'person' })
    rig.fact(ended('typed', { finalText: 'hello person' }))
    expect([rig.state, outcomes(rig.records())]).toEqual(['busy.delivering', []])
    seen(rig, 't1')
    rig.fact(ended('t1', { finalText: 'done' }))
    expect(outcomes(rig.records())).toEqual(['m1 answered: done'])
  })

  test('that stands at a dialog while a message is refused: the dialog stays, the message waits behind it', () => {
    const rig = createIdle()
    rig.accept('m1')
    rig.fact({ type: 'turnStarted', turnId: 'typed', origin: 'person' })
    rig.fact({ type: 'approvalRequested', approvalId: 'a1', tool: 'Bash', detail: 'ls' })
    rig.fact({ type: 'promptRefused', promptId: rig.promptId, reason: 'awaiting_approval' })
    expect(rig.state).toBe('busy.awaitingApproval')
    rig.fact({ type: 'approvalResolved', approvalId: 'other', decision: 'allow' })
    expect(rig.state).toBe('busy.awaitingApproval')
    rig.fact({ type: 'approvalResolved', approvalId: 'a1', decision: 'allow' })
    rig.fact(ended('typed'))
    expect([rig.state, rig.context.turn?.subject]).toEqual(['busy.delivering', 'm1'])
  })

  test('that begins while ours runs goes on after it', () => {
    const rig = createWorking()
    rig.fact({ type: 'turnStarted', turnId: 'typed', origin: 'person' })
    rig.fact(ended('t1', { finalText: 'done' }))
    expect([rig.state, outcomes(rig.records())]).toEqual(['busy.working', ['m1 answered: done']])
    rig.fact(ended('typed', { finalText: 'hello person' }))
    expect([rig.state, outcomes(rig.records())]).toEqual(['idle.live', []])
  })

  test('for a message thought unseen is that message\'s turn: it is not delivered a second time', () => {
    const rig = createIdle()
    rig.accept('m1', { expiresAt: 60_000 })
    const first = rig.promptId
    rig.fact({ type: 'promptUnconfirmed', promptId: first, detail: 'no hook' })
    rig.commands()
    rig.fact({ type: 'turnStarted', turnId: 'late', origin: 'self', causedByPromptId: first })
    const second = rig.promptId
    rig.fact({ type: 'promptRefused', promptId: second, reason: 'in_turn' })
    rig.fact(ended('late', { finalText: 'done' }))
    expect(outcomes(rig.records())).toEqual(['m1 answered: done'])
    expect([rig.state, rig.commands(), rig.context.mailbox]).toEqual(['idle.live', [], []])
  })

  test('for a message thought unseen that ends before the second try is answered: told once, however the try ends', () => {
    for (const end of ['refused', 'seen'] as const) {
      const rig = createIdle()
      rig.accept('m1')
      const first = rig.promptId
      rig.fact({ type: 'promptUnconfirmed', promptId: first, detail: 'no hook' })
      rig.fact({ type: 'turnStarted', turnId: 'late', origin: 'self', causedByPromptId: first })
      rig.fact(ended('late', { finalText: 'done' }))
      if (end === 'refused') rig.fact({ type: 'promptRefused', promptId: rig.promptId, reason: 'not_ready' })
      else {
        seen(rig, 't2')
        rig.fact(ended('t2', { finalText: 'done twice' }))
      }
      expect(outcomes(rig.records()), end).toEqual(['m1 answered: done'])
      expect([rig.context.mailbox, rig.context.open], end).toEqual([[], {}])
    }
  })

  test('of a person settles nothing', () => {
    const rig = createWorking()
    rig.tell({ type: 'taskSent', subject: asMessageId('m1'), messageId: asMessageId('task') })
    rig.fact(ended('t1', { finalText: 'delegated' }))
    rig.fact({ type: 'turnStarted', turnId: 'typed', origin: 'person' })
    rig.fact(ended('typed', { finalText: 'hello' }))
    expect(outcomes(rig.records())).toEqual([])
  })

  test('of nobody\'s message begins background work that holds no later message open', () => {
    const rig = createIdle()
    rig.fact({ type: 'turnStarted', turnId: 'own', origin: 'person' })
    rig.fact(ended('own', { background: [{ id: 'b1' }] }))
    rig.accept('m1')
    seen(rig, 't1')
    rig.fact(ended('t1', { finalText: 'done', background: [{ id: 'b1' }] }))
    expect(outcomes(rig.records())).toEqual(['m1 answered: done'])
  })

  test('unknown to all still tells what runs in the background: nothing waits for what is over', () => {
    const rig = createWorking()
    rig.fact(ended('t1', { finalText: 'building', background: [{ id: 'b1' }] }))
    rig.fact(ended('unheard', { background: [] }))
    rig.due('quiet:m1')
    expect(outcomes(rig.records())).toEqual(['m1 answered: building'])
  })
})

describe('what is out for a message', () => {
  test('when its last reply is handed out in another message\'s turn, its last words become its answer', () => {
    const rig = createWorking()
    rig.tell({ type: 'taskSent', subject: asMessageId('m1'), messageId: asMessageId('task-r1') })
    rig.fact(ended('t1', { finalText: 'delegated' }))
    rig.accept('m2')
    seen(rig, 't2')
    rig.reply('r1', { subject: asMessageId('m1') })
    rig.tell({ type: 'repliesClaimed', ids: [asReplyId('r1')], messageIds: [asMessageId('task-r1')], at: rig.at })
    rig.fact(ended('t2', { finalText: 'second done' }))
    expect(outcomes(rig.records())).toEqual(['m2 answered: second done'])
    rig.due('quiet:m1')
    expect(outcomes(rig.records())).toEqual(['m1 answered: delegated'])
    expect(rig.context.open).toEqual({})
  })

  test('keeps it open, and one that is nobody\'s does not', () => {
    const rig = createWorking()
    rig.tell({ type: 'taskSent', subject: asMessageId('m1'), messageId: asMessageId('task-r1') })
    rig.fact(ended('t1', { finalText: 'delegated' }))
    rig.accept('m2')
    seen(rig, 't2')
    rig.fact(ended('t2', { finalText: 'second done' }))
    expect(outcomes(rig.records())).toEqual(['m2 answered: second done'])
    rig.reply('r1', { subject: asMessageId('m1') })
    seen(rig, 't3')
    rig.fact(ended('t3', { finalText: 'summed up' }))
    expect(outcomes(rig.records())).toEqual(['m1 answered: summed up'])
  })

  test('that came after it was cut off are worked on first, and do not spare it its second delivery', () => {
    const rig = createWorking()
    rig.tell({ type: 'taskSent', subject: asMessageId('m1'), messageId: asMessageId('task-r1') })
    rig.reply('r1', { subject: asMessageId('m1') })
    rig.fact({ type: 'exited', expected: false, signal: 'SIGKILL' })
    rig.fact({ type: 'ready', sessionId: 's1' })
    seen(rig, 't2')
    rig.commands()
    rig.fact(ended('t2', { finalText: 'noted' }))
    expect([outcomes(rig.records()), rig.commands()]).toMatchObject([[], [{ type: 'submitPrompt', text: expect.stringMatching(/m1.*delivered again/) }]])
    seen(rig, 't3')
    rig.fact(ended('t3', { finalText: 'all done' }))
    expect([outcomes(rig.records()), rig.context.open]).toEqual([['m1 answered: all done'], {}])
  })

  test('a quiet time that passes in the middle of a turn decides nothing', () => {
    const rig = createWorking()
    rig.fact(ended('t1', { finalText: 'building', background: [{ id: 'b1' }] }))
    rig.fact(ended('unheard', { background: [] }))
    rig.accept('m2')
    rig.due('quiet:m1')
    expect(outcomes(rig.records())).toEqual([])
    seen(rig, 't2')
    rig.fact(ended('t2', { finalText: 'second' }))
    rig.due('quiet:m1')
    expect(outcomes(rig.records())).toEqual(['m2 answered: second', 'm1 answered: building'])
  })
})

describe('a turn that a resumed session begins by itself, before it is ready whole', () => {
  const recovered = { mailbox: [], inbox: [], open: {}, uncertain: [], hasHistory: true, requestCount: 0, sessionId: 's1' } as const
  function createReturning(more: Partial<Recovered> = {}): Rig {
    const rig = createRig({ awaitsTools: true, recovered: { ...recovered, ...more } })
    if (rig.state === 'idle.suspended.resting') rig.accept('m1')
    rig.fact({ type: 'ready', sessionId: 's1' })
    rig.commands()
    return rig
  }
  const open = { m1: { message: messageOf('m1'), settled: false, tasks: [], background: [] } }
  const uncertain = [{ messageId: asMessageId('m1'), deliveries: 1, markers: ['[MSG:m1]'] }]

  test('runs: nothing is typed into it, what it may not do is asked about, and then work goes on', () => {
    const rig = createReturning()
    rig.fact({ type: 'turnStarted', turnId: 'own', origin: 'self' })
    rig.fact({ type: 'approvalRequested', approvalId: 'a1', tool: 'Bash', detail: 'ls' })
    rig.tell({ type: 'toolsListed', at: rig.at })
    expect([rig.state, rig.commands()]).toEqual(['busy.awaitingApproval', []])
    rig.fact({ type: 'approvalResolved', approvalId: 'a1', decision: 'allow' })
    expect(rig.state).toBe('busy.working')
    rig.fact(ended('own', { finalText: 'noted' }))
    expect([rig.state, rig.commands()]).toMatchObject(['busy.delivering', [{ type: 'submitPrompt' }]])
  })

  test('and ends before that as well: work goes on', () => {
    const rig = createReturning()
    rig.fact({ type: 'turnStarted', turnId: 'own', origin: 'self' })
    rig.fact(ended('own', { finalText: 'noted' }))
    rig.tell({ type: 'toolsListed', at: rig.at })
    expect(rig.state).toBe('busy.delivering')
  })

  test.each([['cut', []], ['completed', ['m1 answered: done']]] as const)('outlasts the question what became of an earlier one (%s)', (status, told) => {
    const rig = createReturning({ open, uncertain })
    rig.tell({ type: 'toolsListed', at: rig.at })
    expect(rig.state).toBe('spawning.recalling')
    rig.fact({ type: 'turnStarted', turnId: 'own', origin: 'self' })
    rig.fact({ type: 'turnRecalled', requestId: 'recall.m1', status, finalText: 'done' })
    expect([rig.state, outcomes(rig.records())]).toEqual(['busy.working', told])
    rig.commands()
    rig.fact(ended('own', { finalText: 'noted' }))
    expect([rig.commands().length, outcomes(rig.records())]).toEqual([status === 'cut' ? 1 : 0, []])
  })

  test('dies with its process', () => {
    const rig = createReturning()
    rig.fact({ type: 'turnStarted', turnId: 'own', origin: 'self' })
    rig.fact({ type: 'exited', expected: false, signal: 'SIGKILL' })
    rig.fact({ type: 'ready', sessionId: 's1' })
    rig.tell({ type: 'toolsListed', at: rig.at })
    expect(rig.state).toBe('busy.delivering')
  })
})
