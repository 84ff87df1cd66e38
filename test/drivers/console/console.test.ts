/** A console between a person and an agent that only this test plays: whom their words reach, and when. */
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import { createConsole } from '../../../src/drivers/console/console.ts'
import type { TerminalFact } from '../../../src/drivers/pty/sharing.ts'

function open(answers = true) {
  const done: string[] = []
  const facts: TerminalFact[] = []
  const agent: { approvals: string[]; isBusy: boolean } = { approvals: [], isBusy: false }
  const console = createConsole({
    clock: systemClock,
    tell: fact => void facts.push(fact),
    read: () => '',
    state: () => (agent.approvals.length > 0 ? 'waiting for an approval' : agent.isBusy ? 'in a turn' : 'at rest'),
    isExpecting: () => false,
    submit: text => void done.push(`submitted ${text}`),
    interrupt: () => void done.push('interrupted'),
    asked: () => agent.approvals[0],
    answer: (approvalId, decision) => void done.push(`${approvalId}: ${decision}`),
  })
  onTestFinished(() => console.close('over'))
  const type = (data: string): void => console.use('eve', { action: 'type', data })
  console.use('eve', { action: 'attach', columns: 80, rows: 24 })
  console.use('eve', { action: 'takeControl', answers })
  return { console, agent, done, facts, type }
}

test.each([['y', 'allow'], ['Yes', 'allow'], ['n', 'deny'], ['no ', 'deny']])('%s and Enter answer what is asked: %s', (typed, decision) => {
  const { agent, done, type } = open()
  agent.approvals = ['first']
  type(typed)
  expect(done).toEqual([])
  type('\r')
  expect(done).toEqual([`first: ${decision}`])
})

test('an answer that was begun for one question is none to another', () => {
  const { agent, done, type } = open()
  agent.approvals = ['first', 'second']
  type('yes')
  agent.approvals = ['second']
  type('\r')
  expect(done).toEqual([])
  type('\x15no\r') // what is there now has been seen
  expect(done).toEqual(['second: deny'])
})

test('what was begun before anything was asked answers nothing', () => {
  const { agent, done, type } = open()
  type('y')
  agent.approvals = ['first']
  type('es\r')
  expect(done).toEqual([])
})

test('other words are no answer, and wait in the box for the agent to rest', () => {
  const { agent, done, type } = open()
  agent.approvals = ['first']
  type('yes please\r')
  agent.approvals = []
  agent.isBusy = true
  type('\r')
  expect(done).toEqual([])
  agent.isBusy = false
  type('\r')
  expect(done).toEqual(['submitted yes please'])
})

test('who may not answer for a person answers nothing, and submits like anybody', () => {
  const { agent, done, type } = open(false)
  agent.approvals = ['first']
  type('y\r')
  expect(done).toEqual([])
  agent.approvals = []
  type('\r')
  expect(done).toEqual(['submitted y'])
})

test('what one who may not answer left in the box is no answer of who comes next', () => {
  const { console, agent, done, type } = open(false)
  agent.approvals = ['first']
  type('yes')
  console.use('eve', { action: 'detach' })
  console.use('fay', { action: 'attach', columns: 80, rows: 24 })
  console.use('fay', { action: 'takeControl', answers: true })
  console.use('fay', { action: 'type', data: '\r' })
  expect(done).toEqual([])
  console.use('fay', { action: 'type', data: '\x15yes\r' })
  expect(done).toEqual(['first: allow'])
})

test('text left unsent is there for who comes next, holds nothing, and goes with the console once it is cleared', () => {
  const { console, facts, done, type } = open()
  type('half a ')
  console.use('eve', { action: 'detach' })
  expect([facts.at(-1), console.holds()]).toEqual([{ type: 'controlChanged' }, undefined])
  console.use('fay', { action: 'attach', columns: 80, rows: 24 })
  console.use('fay', { action: 'takeControl' })
  console.use('fay', { action: 'type', data: 'sentence\r' })
  expect(done).toEqual(['submitted half a sentence'])
})

test('the end is told to all who look, once', () => {
  const { console, facts, type } = open()
  console.use('fay', { action: 'attach', columns: 10, rows: 5 })
  console.close('It has ended.')
  console.close('It has ended.')
  type('x')
  expect(facts.filter(fact => fact.type === 'terminalClosed').map(fact => [fact.viewerId, fact.detail])).toEqual([['eve', 'It has ended.'], ['fay', 'It has ended.']])
})
