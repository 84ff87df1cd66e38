/** Transcripts of real sessions of Claude Code 2.1.328 (`recordings/`, shortened): what each says of the turn on `[MSG:m]`. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { recallTurn, toRecollection } from '../../../src/drivers/claude/recall.ts'
import { toEntries } from '../../../src/drivers/claude/transcript.ts'

const pathOf = (name: string): string => join(import.meta.dirname, 'recordings', `${name}.jsonl`)
const linesOf = (name: string): string[] => readFileSync(pathOf(name), 'utf8').trimEnd().split('\n')
const recallLines = (lines: readonly string[], ...markers: string[]) => toRecollection(lines.flatMap(toEntries), markers)

describe('a recorded session', () => {
  test.for([
    ['completed', { status: 'completed', finalText: 'two' }],
    ['background', { status: 'completed', finalText: 'left it' }],
    ['subagent', { status: 'completed', finalText: 'parent done' }],
    ['cut-in-tool', { status: 'cut' }],
    ['cut-while-speaking', { status: 'cut' }],
    ['cut-in-first-answer', { status: 'cut' }],
    ['interrupted', { status: 'cut' }],
    ['failed', { status: 'failed', error: 'Please run /login · API Error: 401 scripted 401' }],
  ] as const)('%s', ([name, outcome]) => expect(recallTurn(pathOf(name), ['[MSG:m]'])).toEqual(outcome))

  test('the answer that the CLI itself puts behind a cut turn is none, and the next turn is another', () => {
    expect(linesOf('cut-and-resumed').join('\n')).toContain('No response requested.')
    expect(recallTurn(pathOf('cut-and-resumed'), ['[MSG:m]'])).toEqual({ status: 'cut' })
    expect(recallTurn(pathOf('cut-and-resumed'), ['[MSG:n]'])).toEqual({ status: 'completed', finalText: 'afterwards' })
  })

  test.for([
    ['ECONNREFUSED: Unable to connect. Is the computer able to access the url?', true, { status: 'cut' }],
    ['nothing_open: No message is open. Use send_to_instance.', true, { status: 'completed', finalText: 'Done.' }],
    ['ECONNREFUSED is what the log says', undefined, { status: 'completed', finalText: 'Done.' }],
  ] as const)('whose call for Madrox got %j is as it is', ([said, isError, outcome]) => {
    const lines = [
      { type: 'user', promptId: 'p1', promptSource: 'typed', message: { role: 'user', content: '[MSG:m] go' } },
      { type: 'assistant', message: { id: 'a1', content: [{ type: 'tool_use', id: 't1', name: 'mcp__madrox__reply_to_caller', input: {} }], stop_reason: 'tool_use' } },
      { type: 'user', promptId: 'p1', message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: said, is_error: isError }] } },
      { type: 'assistant', message: { id: 'a2', content: [{ type: 'text', text: 'Done.' }], stop_reason: 'end_turn' } },
      { type: 'system', subtype: 'stop_hook_summary' },
    ]
    expect(recallLines(lines.map(line => JSON.stringify(line)), '[MSG:m]')).toEqual(outcome)
  })

  test('of several markers, the latest turn counts', () => {
    expect(recallTurn(pathOf('cut-and-resumed'), ['[MSG:n]', '[MSG:m]'])).toMatchObject({ status: 'completed' })
  })

  test('no prompt of that kind, or no transcript at all: absent', () => {
    expect(recallTurn(pathOf('completed'), ['[MSG:other]', '[REPLY:m '])).toEqual({ status: 'absent' })
    expect(recallTurn(pathOf('never written'), ['[MSG:m]'])).toEqual({ status: 'absent' })
  })
})

describe('a transcript cut off', () => {
  const lines = linesOf('completed')
  const saidAt = lines.findLastIndex(line => line.includes('"text": "two"'))

  test('behind the last words: the turn had ended, though its Stop is not on record', () => {
    expect(recallLines(lines.slice(0, saidAt + 1), '[MSG:m]')).toEqual({ status: 'completed', finalText: 'two' })
  })

  test.for(lines.map((_, index) => index).filter(index => index > 0 && index < saidAt - 1))('behind line %i: cut', index => {
    expect(recallLines(lines.slice(0, index), '[MSG:m]')).toEqual({ status: 'cut' })
  })

  test('at the limit of an answer: only its Stop says that it was the end', () => {
    const limited = lines.map(line => line.replace('"stop_reason": "end_turn"', '"stop_reason": "max_tokens"'))
    expect(recallLines(limited, '[MSG:m]')).toEqual({ status: 'completed', finalText: 'two' })
    expect(recallLines(limited.slice(0, saidAt + 1), '[MSG:m]')).toEqual({ status: 'cut' })
  })
})

describe('a prompt among others', () => {
  const absorbed = JSON.stringify({ type: 'queue-operation', operation: 'remove', content: '[MSG:late] and this', reason: 'absorbed_mid_turn' })
  const into = (name: string): string[] => linesOf(name).flatMap(line => (line.includes('"tool_result"') || line.includes('[Request interrupted') ? [line, absorbed] : [line]))

  test('absorbed by a running turn, it shares that turn\'s end, and so does the turn\'s own', () => {
    expect(recallLines(into('completed'), '[MSG:late]')).toEqual({ status: 'completed', finalText: 'two' })
    expect(recallLines(into('completed'), '[MSG:m]')).toEqual({ status: 'completed', finalText: 'two' })
    expect(recallLines(into('cut-while-speaking'), '[MSG:late]')).toEqual({ status: 'cut' })
  })

  test('one of several handed in together is found by the line it begins, not by what others quote', () => {
    const lines = linesOf('completed').map(line => line.replace('[MSG:m] do:', '[NOTICE from ada] gone\\n[REPLY:r from bob] it says [MSG:q]'))
    expect(recallLines(lines, '[REPLY:r ')).toMatchObject({ status: 'completed' })
    expect(recallLines(lines, '[MSG:q]')).toEqual({ status: 'absent' })
  })

  test('a subagent\'s is not the session\'s, and neither are its words', () => {
    const aside = linesOf('completed').map(line => JSON.stringify({ ...(JSON.parse(line) as object), isSidechain: true })) // a record is an object
    expect(recallLines(aside, '[MSG:m]')).toEqual({ status: 'absent' })
    const between = linesOf('cut-in-tool')
    expect(recallLines([...between, ...aside], '[MSG:m]')).toEqual({ status: 'cut' })
    expect(aside.flatMap(toEntries).map(({ type }) => type)).toContain('usage')
  })
})
