import { describe, expect, test } from 'vitest'
import { createIdle, createWorking, ended, inState, type Rig } from './rig.ts'

const ask = (rig: Rig, approvalId: string): void => rig.fact({ type: 'approvalRequested', approvalId, tool: 'Bash', detail: 'ls' })
const answers = (rig: Rig): string[] => rig.commands().flatMap(command => (command.type === 'answerApproval' ? [`${command.approvalId} ${command.decision}`] : []))

describe('a permission prompt', () => {
  test('is told of with its deadline, and denied a little after it where nobody else did', () => {
    const rig = createWorking()
    rig.records()
    ask(rig, 'a1')
    expect(rig.records()).toMatchObject([{ type: 'approvalOpened', approvalId: 'a1', tool: 'Bash', detail: 'ls', expiresAt: rig.at + 600_000 }])
    rig.commands()
    rig.tell({ type: 'approvalExpired', approvalId: 'a1', at: rig.at + 605_000 })
    expect(rig.commands()).toMatchObject([{ type: 'answerApproval', approvalId: 'a1', decision: 'deny', message: 'Nobody answered within 600 seconds, so it is denied.' }])
    expect(rig.state).toBe('busy.awaitingApproval')
  })

  test.each(['approvalAnswered', 'approvalExpired'] as const)('that is closed is not answered (%s)', type => {
    const rig = createWorking()
    ask(rig, 'a1')
    rig.fact({ type: 'approvalResolved', approvalId: 'a1', decision: 'gone' })
    rig.commands()
    rig.tell(type === 'approvalAnswered' ? { type, approvalId: 'a1', decision: 'allow', at: 1 } : { type, approvalId: 'a1', at: 1 })
    expect([answers(rig), rig.state]).toEqual([[], 'busy.working'])
  })

  test('one of two that is answered leaves the other: the agent waits until the last is over', () => {
    const rig = createWorking()
    ask(rig, 'a1')
    ask(rig, 'a2')
    rig.commands()
    rig.tell({ type: 'approvalAnswered', approvalId: 'a1', decision: 'allow', at: 1 })
    rig.fact({ type: 'approvalResolved', approvalId: 'a1', decision: 'allow' })
    expect([answers(rig), rig.state]).toEqual([['a1 allow'], 'busy.awaitingApproval'])
    rig.fact({ type: 'approvalResolved', approvalId: 'a2', decision: 'deny' })
    expect(rig.state).toBe('busy.working')
  })

  test('stays open while a prompt is seen, and through an interrupt that the CLI does not take', () => {
    const rig = createIdle()
    rig.accept('m1')
    ask(rig, 'a1')
    rig.fact({ type: 'promptSeen', promptId: rig.promptId, turnId: 't1' })
    expect(rig.state).toBe('busy.awaitingApproval')
    rig.tell({ type: 'interruptAsked', requestId: 'i1', by: { kind: 'agent', id: rig.context.agentId }, then: 'hold', at: 1 })
    rig.tell({ type: 'interruptExpired', requestId: 'i1', at: 2 })
    expect([rig.state, rig.context.approvals.length]).toEqual(['busy.awaitingApproval', 1])
  })

  test('is over with its turn, however that ends', () => {
    const rig = inState('busy.awaitingApproval')
    rig.fact(ended('t1', { finalText: 'done' }))
    expect([rig.state, rig.context.approvals]).toEqual(['idle.live', []])
  })
})
