/** The judge is judged: each breach of a promise must be seen, and a good run must not be accused. */
import { expect, test } from 'vitest'
import type { DriverFact } from '../../src/drivers/driver.ts'
import type { BareFact } from '../../src/drivers/facts.ts'
import { findBreaches, type TraceEntry } from './driver-trace.ts'

const told = (fact: BareFact): TraceEntry => ({ fact: { ...fact, agentId: 'ada', source: 'self', at: 0 } as DriverFact }) // the three fields a BareFact leaves out

const start: TraceEntry = { command: { type: 'startAgent', agentId: 'ada', launch: { name: 'ada', cwd: '/', systemPrompt: '', sessionId: 's', confinement: {}, marker: {} } } }
const ready = told({ type: 'ready', sessionId: 's' })
const submit: TraceEntry = { command: { type: 'submitPrompt', agentId: 'ada', promptId: 'p', text: 'x' } }
const written = told({ type: 'promptWritten', promptId: 'p' })
const seen = told({ type: 'promptSeen', promptId: 'p', turnId: 't' })
const ended = told({ type: 'turnEnded', turnId: 't', status: 'completed', background: [] })
const interrupt: TraceEntry = { command: { type: 'interrupt', agentId: 'ada', requestId: 'i' } }
const interrupted = told({ type: 'interruptFinished', requestId: 'i', wasInTurn: true })
const recall: TraceEntry = { command: { type: 'recallTurn', agentId: 'ada', requestId: 'r', markers: ['[MSG:m]'] } }
const recalled = told({ type: 'turnRecalled', requestId: 'r', status: 'absent' })
const stop: TraceEntry = { command: { type: 'stopAgent', agentId: 'ada', mode: 'force', graceMs: 0 } }
const exited = told({ type: 'exited', expected: true })
const died = told({ type: 'exited', expected: false })
const failed = told({ type: 'startFailed', code: 'exited', detail: 'x' })

test.each<[string, TraceEntry[]]>([
  ['a whole life', [start, ready, recall, recalled, submit, written, seen, interrupt, ended, interrupted, stop, exited]],
  ['a failed start', [start, failed]],
  ['a stop while starting', [start, stop, exited]],
  ['a stop that a failing start outruns', [start, stop, failed]],
  ['a death in a turn, and a new life', [start, ready, submit, seen, died, start, ready, stop, exited]],
  ['a recall that an exit outruns', [start, ready, recall, stop, exited]],
  ['commands after the end', [start, ready, stop, exited, submit, interrupt, recall, stop]],
])('%s breaks no promise', (_name, trace) => {
  expect(findBreaches(trace)).toEqual([])
})

test.each<[string, TraceEntry[], string]>([
  ['a start without an answer', [start], 'startAgent was never answered'],
  ['a second ready', [start, ready, ready, stop, exited], 'a second answer'],
  ['a stop answered twice', [start, stop, failed, exited], 'after its end'],
  ['a stop answered by ready alone', [start, stop, ready], 'answered by 0 exited'],
  ['something behind a failed start', [start, failed, ready], 'after its end'],
  ['something behind the exit', [start, ready, stop, exited, ended], 'after its end'],
  ['a prompt nobody answered', [start, ready, submit], 'never answered'],
  ['a prompt seen twice', [start, ready, submit, seen, ended, seen, stop, exited], 'not open'],
  ['written after seen', [start, ready, submit, seen, written, ended, stop, exited], 'promptWritten came after'],
  ['a turn without an end', [start, ready, submit, seen], 'never ended'],
  ['a turn that ends twice', [start, ready, submit, seen, ended, ended, stop, exited], 'not open'],
  ['a turn inside a turn', [start, ready, submit, seen, told({ type: 'turnStarted', turnId: 'u', origin: 'self' }), ended, stop, exited], 'inside another'],
  ['an interrupt finished before the turn it cut', [start, ready, submit, seen, interrupt, interrupted, ended, stop, exited], 'before the end of the turn'],
  ['an interrupt never finished', [start, ready, interrupt], 'never finished'],
  ['a recall never answered', [start, ready, recall], 'recall r was never answered'],
  ['a recall answered twice', [start, ready, recall, recalled, recalled, stop, exited], 'not open'],
  ['a stop without an exit', [start, ready, stop], 'answered by 0 exited'],
  ['an exit told twice', [start, ready, stop, exited, exited], 'after its end'],
  ['a stop told as a death', [start, ready, stop, died], 'told as unexpected'],
  ['an agent left when all is closed', [start, ready], 'still there'],
])('%s is seen', (_name, trace, breach) => {
  expect(findBreaches(trace).join('\n')).toContain(breach)
})
