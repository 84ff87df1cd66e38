/** Hook bodies as recorded from Claude Code 2.1.328, shortened; facts out. */
import { beforeEach, describe, expect, test } from 'vitest'
import { createTurnTracker, hasStuckTo, toFingerprint, type Ending, type TurnFact, type TurnTracker } from '../../../src/drivers/claude/turns.ts'

let facts: TurnFact[]
let turns: TurnTracker
beforeEach(() => {
  facts = []
  turns = createTurnTracker(fact => facts.push(fact))
})

const submitted = (prompt_id: string, prompt: string): void => turns.promptSubmitted({ session_id: 's', hook_event_name: 'UserPromptSubmit', prompt_id, prompt })
const notification = (taskId: string): string => `<task-notification>\n<task-id>${taskId}</task-id>\n<tool-use-id>toolu_1</tool-use-id>\n<status>completed</status>\n</task-notification>`
const done = (finalText: string, ...tasks: string[]): Ending => ({ kind: 'stop', source: 'hook', finalText, background: tasks.map(id => ({ id })) })
const said = (): string[] => facts.map(fact => {
  if (fact.type === 'promptSeen') return `seen ${fact.promptId} in ${fact.turnId}`
  if (fact.type === 'turnStarted') return `${fact.origin} began ${fact.turnId}${fact.causedByPromptId ? ` for ${fact.causedByPromptId}` : ''}`
  return `${fact.turnId} ${fact.status}${fact.finalText ? ` "${fact.finalText}"` : ''}${fact.background.length > 0 ? ` leaving ${fact.background.map(task => task.id)}` : ''}`
})

test('a prompt is seen by its hook and ended by the Stop of the same id', () => {
  turns.expect('p1', '[MSG:a] hello')
  submitted('c1', '[MSG:a] hello')
  turns.stopped('c1', done('hi'))
  turns.endCurrent()
  expect(said()).toEqual(['seen p1 in c1', 'c1 completed "hi"'])
  expect(facts[1]).toMatchObject({ promptId: 'p1' })
})

test('a prompt nobody expected is a person\'s', () => {
  submitted('c1', 'typed by hand')
  expect(said()).toEqual(['person began c1'])
})

test('the transcript alone begins a turn too, and repeats nothing the hook has said', () => {
  turns.expect('p1', '[MSG:a] hello')
  turns.promptTaken('c1', '[MSG:a] hello')
  submitted('c1', '[MSG:a] hello')
  turns.stopped('c1', done('hi'))
  turns.endCurrent()
  turns.promptTaken('c1', '[MSG:a] hello')
  expect(said()).toEqual(['seen p1 in c1', 'c1 completed "hi"'])
})

describe('background tasks', () => {
  beforeEach(() => {
    turns.expect('p1', '[MSG:a] work')
    submitted('c1', '[MSG:a] work')
    turns.taskStarted({ id: 'b1' }, 'c1')
    turns.stopped('c1', done('later', 'b1'))
    turns.endCurrent()
    facts = []
  })

  test('one that ends wakes a turn for the prompt that started it', () => {
    submitted('c2', notification('b1'))
    turns.stopped('c2', done('now'))
    turns.endCurrent()
    expect(said()).toEqual(['self began c2 for p1', 'c2 completed "now"'])
    expect(facts[0]).toMatchObject({ backgroundTaskId: 'b1' })
  })

  test('what a woken turn starts works for the same prompt', () => {
    submitted('c2', notification('b1'))
    turns.stopped('c2', done('more', 'b2'))
    turns.endCurrent()
    submitted('c3', notification('b2'))
    expect(said().at(-1)).toBe('self began c3 for p1')
  })

  test('one whose turn has begun before another\'s end was told is still out at that end', () => {
    turns.expect('p2', '[MSG:b] other')
    submitted('c2', '[MSG:b] other')
    turns.stopped('c2', done('done'))
    submitted('c3', notification('b1'))
    expect(said()).toEqual(['seen p2 in c2'])
    turns.endCurrent()
    expect(said()).toEqual(['seen p2 in c2', 'c2 completed "done" leaving b1', 'self began c3 for p1'])
  })

  test('one that is absorbed by a running turn begins none', () => {
    turns.expect('p2', '[MSG:b] other')
    submitted('c2', '[MSG:b] other')
    submitted('c2', notification('b1'))
    turns.stopped('c2', done('both'))
    turns.endCurrent()
    expect(said()).toEqual(['seen p2 in c2', 'c2 completed "both"'])
  })

  test('an interrupted turn names what was last known to run', () => {
    turns.expect('p2', '[MSG:b] other')
    submitted('c2', '[MSG:b] other')
    const turn = turns.current()
    if (turn) turn.ending = { kind: 'interrupt', source: 'status_file' }
    turns.endCurrent()
    expect(said().at(-1)).toBe('c2 interrupted leaving b1')
  })

  test('a Stop that overtakes the just-typed prompt\'s is matched by its id', () => {
    submitted('c2', notification('b1'))
    turns.expect('p2', '[MSG:b] other')
    submitted('c3', '[MSG:b] other')
    turns.stopped('c2', done('self'))
    turns.endCurrent()
    turns.stopped('c3', done('ours'))
    turns.endCurrent()
    expect(said()).toEqual(['self began c2 for p1', 'c2 completed "self"', 'seen p2 in c3', 'c3 completed "ours"'])
  })
})

describe('a prompt typed just as the CLI began a turn of its own', () => {
  beforeEach(() => {
    turns.expect('p1', '[MSG:a] late')
    submitted('c1', notification('b9'))
    submitted('c1', '[MSG:a] late') // the hook carries the running turn's id
  })

  test('is seen in its own turn when the transcript tells of it', () => {
    turns.stopped('c1', done('self'))
    turns.endCurrent()
    turns.promptTaken('c2', '[MSG:a] late')
    turns.stopped('c2', done('ours'))
    turns.endCurrent()
    expect(said()).toEqual(['self began c1', 'c1 completed "self"', 'seen p1 in c2', 'c2 completed "ours"'])
  })

  test('is seen by its own Stop when nothing else told of it', () => {
    turns.stopped('c1', done('self'))
    turns.endCurrent()
    turns.stopped('c2', done('ours'))
    turns.endCurrent()
    expect(said().slice(1)).toEqual(['c1 completed "self"', 'seen p1 in c2', 'c2 completed "ours"'])
  })

  test('divides the turn that absorbed it', () => {
    turns.absorbed('[MSG:a] late')
    turns.endCurrent()
    turns.stopped('c1', done('for both'))
    turns.endCurrent()
    expect(said().slice(1)).toEqual(['c1 completed', 'seen p1 in c1/p1', 'c1/p1 completed "for both"'])
  })
})

test('a prompt that was given up and comes after all is the CLI\'s own turn, for that prompt', () => {
  turns.expect('p1', '[MSG:a] slow')
  turns.giveUp()
  submitted('c1', '[MSG:a] slow')
  expect(said()).toEqual(['self began c1 for p1'])
})

test('a second Stop of an ended turn changes nothing', () => {
  turns.expect('p1', 'x y')
  submitted('c1', 'x y')
  turns.stopped('c1', done('one'))
  turns.endCurrent()
  turns.stopped('c1', done('two'))
  expect(said()).toEqual(['seen p1 in c1', 'c1 completed "one"'])
})

describe('fingerprints see through what the CLI does to a prompt', () => {
  test.for([
    ['a paste mark', '[MSG:a] one\ntwo', '\n\n<pasted_content id="0660">\n[MSG:a] one\ntwo\n</pasted_content id="0660">\n'],
    ['an escaped paste mark', 'x <pasted_content id="1">y</pasted_content id="1">', 'x <\\pasted_content id="1">y<\\/pasted_content id="1">'],
    ['tabs, ends and blanks', 'a\tb  ', 'a    b'],
    ['invisible characters', 'a\u200bb\u00adc\ufe0f', 'abc'],
    ['decomposed letters', 'e\u0301', '\u00e9'],
  ] as const)('%s', ([, typed, reported]) => expect(toFingerprint(reported)).toBe(toFingerprint(typed)))

  test('and still tell prompts apart', () => expect(toFingerprint('[MSG:a] x')).not.toBe(toFingerprint('[MSG:b] x')))
})

test('a prompt is known again behind what had stuck to it, and not for another', () => {
  const long = `[MSG:b] ${'x'.repeat(1_000)}\nend`
  expect(hasStuckTo(long, `[MSG:a] do: hang${long}`)).toBe(true)
  expect(hasStuckTo(long, `[MSG:a] do: hang[MSG:b] <pasted_content id="1">\n${'x'.repeat(1_000)}\nend\n</pasted_content id="1">`)).toBe(true)
  expect([long, `${long} more`, '[MSG:a] other'].map(submitted => hasStuckTo(long, submitted))).toEqual([false, false, false])
})
