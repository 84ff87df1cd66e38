/** A rollout as the interactive codex-cli 0.169.0 wrote it (shortened), and its words to its terminal; facts and keys out. */
import { beforeEach, describe, expect, test } from 'vitest'
import { createSimulatedClock, type SimulatedClock } from '../../../../src/clock.ts'
import { toEntry, type Entry } from '../../../../src/drivers/codex/pty/entries.ts'
import { createInterrupting, type Interrupting } from '../../../../src/drivers/codex/pty/interrupting.ts'
import { createSettling } from '../../../../src/drivers/codex/pty/settling.ts'
import { createSignals, type Signals } from '../../../../src/drivers/codex/pty/signals.ts'
import { createTurns, type Turns } from '../../../../src/drivers/codex/pty/turns.ts'
import type { SourcedFact } from '../../../../src/drivers/facts.ts'
import { silentLog } from '../../../../src/log.ts'
import { readRecording } from '../replay.ts'

const entries = readRecording('rollout-interactive').flatMap(line => toEntry(line) ?? [])
const of = (turnId: string): Entry[] => {
  const first = entries.findIndex(entry => entry.type === 'begun' && entry.turnId === turnId)
  const last = entries.findIndex(entry => entry.type === 'ended' && entry.turnId === turnId)
  return entries.slice(first, last + 1)
}
const [worked, cut, refused] = [of('turn-1'), of('turn-2'), of('turn-3')]

let clock: SimulatedClock
let facts: SourcedFact[]
let keys: string[]
let ended: (readonly string[])[]
let turns: Turns
let signals: Signals
let settle: () => void
let interrupting: Interrupting
beforeEach(() => {
  clock = createSimulatedClock()
  facts = []
  keys = []
  ended = []
  const tell = (fact: SourcedFact): void => void facts.push(fact)
  turns = createTurns(tell)
  signals = createSignals(() => {})
  interrupting = createInterrupting({ turns, signals, clock, tell, log: silentLog, write: bytes => void keys.push(bytes), endCommands: async callIds => void ended.push(callIds) })
  settle = createSettling({ turns, signals, clock, lookSoon: () => settle(), onEnding: () => {}, onEnded: interrupting.turnOver })
})
const hear = (...heard: readonly Entry[]): void => {
  for (const entry of heard) turns.take(entry)
  settle()
  interrupting.conclude()
}
const show = (state: string): void => {
  signals.feed(`\x1b]7501;state=${state}:app=codex\x1b\\`)
  settle()
  interrupting.conclude()
}
const told = (): string[] => facts.map(fact => fact.type)

describe('turns', () => {
  test('a prompt is seen where codex takes it up, and what the turn did is told before its end', () => {
    turns.expect('p', '[MSG:a] work ')
    hear(...worked)
    expect(told()).toEqual(['promptSeen', 'outputProduced', 'outputProduced', 'outputProduced', 'outputProduced', 'outputProduced', 'outputProduced', 'turnEnded'])
    expect(facts[0]).toMatchObject({ promptId: 'p', turnId: 'turn-1' })
    expect(facts.slice(1, 5)).toMatchObject([
      { kind: 'text', content: 'working' },
      { kind: 'tool_call', tool: 'exec_command', callId: 'call_resp_000001_0', content: 'echo out; exit 3' },
      { kind: 'tool_result', callId: 'call_resp_000001_0', content: 'out\n[exit code 3]' },
      { kind: 'tool_call', content: 'sleep 600' },
    ])
    expect(facts.at(-1)).toEqual({ type: 'turnEnded', source: 'transcript', turnId: 'turn-1', promptId: 'p', status: 'completed', finalText: 'done', background: [] })
  })

  test('one that nobody typed is a person\'s, and one that was given up is still of its prompt', () => {
    hear(...worked)
    turns.expect('late', '[MSG:b] hold')
    turns.unconfirm('not confirmed')
    hear(...cut)
    expect(facts.filter(fact => fact.type === 'turnStarted')).toMatchObject([{ turnId: 'turn-1', origin: 'person' }, { turnId: 'turn-2', origin: 'self', causedByPromptId: 'late' }])
  })

  test('a refused model fails the turn in the words of the API, and is known as such', () => {
    turns.expect('p', '[MSG:c] refuse')
    hear(...refused)
    expect(facts.at(-1)).toMatchObject({ status: 'failed', error: 'The model x does not exist', cause: 'model_rejected' })
  })

  test('a turn that is over before its prompt was taken up leaves the prompt unconfirmed', () => {
    turns.expect('p', '[MSG:b] hold')
    hear(...cut.filter(entry => entry.type === 'begun' || entry.type === 'ended'))
    expect(facts).toMatchObject([{ type: 'promptUnconfirmed', promptId: 'p' }])
  })

  test.each(['', '{', '{"type":"event_msg"}', '{"type":"event_msg","payload":{"type":"task_dreamed","turn_id":"t"}}'])('a line that is torn or of no known kind says nothing: %j', line => {
    expect(toEntry(line)).toBeUndefined()
  })
})

describe('the end of a turn', () => {
  beforeEach(() => turns.expect('p', '[MSG:a] work'))

  test('waits for codex to come to rest', () => {
    show('working')
    hear(...worked)
    expect(told()).not.toContain('turnEnded')
    show('done')
    expect(told().at(-1)).toBe('turnEnded')
  })

  test('is told all the same when that is never said', () => {
    show('working')
    hear(...worked)
    clock.advance(1_999)
    expect(told()).not.toContain('turnEnded')
    clock.advance(1)
    expect(told().at(-1)).toBe('turnEnded')
  })
})

describe('interrupts', () => {
  const begun = cut.slice(0, 3)
  const end = cut.slice(3)

  test('one Escape, once codex says that it works; the command of the turn is ended, and then it is told', async () => {
    turns.expect('p', '[MSG:b] hold')
    interrupting.request('r')
    expect(keys).toEqual([])
    hear(...begun)
    expect(keys).toEqual([])
    show('working')
    show('working')
    expect(keys).toEqual(['\x1b'])
    hear(...end)
    show('idle')
    await Promise.resolve()
    await Promise.resolve()
    expect(ended).toEqual([['call_resp_000004_0']])
    expect(facts.slice(-2)).toMatchObject([{ type: 'turnEnded', status: 'interrupted' }, { type: 'interruptFinished', requestId: 'r', wasInTurn: true }])
  })

  test('an Escape that nothing came of is typed again, while codex still works and not otherwise', () => {
    turns.expect('p', '[MSG:b] hold')
    hear(...begun)
    show('working')
    interrupting.request('r')
    clock.advance(2_000)
    expect(keys).toHaveLength(2)
    show('idle')
    clock.advance(10_000)
    expect(keys).toHaveLength(2)
  })

  test('at rest nothing is typed', () => {
    show('idle')
    interrupting.request('r')
    expect([keys, facts]).toEqual([[], [{ type: 'interruptFinished', source: 'transcript', requestId: 'r', wasInTurn: false }]])
  })

  test('commands of a turn that ended by itself are left alone', async () => {
    turns.expect('p', '[MSG:a] work')
    hear(...worked)
    await Promise.resolve()
    expect(ended).toEqual([])
  })
})
