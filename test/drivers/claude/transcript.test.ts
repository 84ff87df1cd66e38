/** Records as Claude Code 2.1.328 wrote them, shortened. */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createRecords, type RecordFact } from '../../../src/drivers/claude/records.ts'
import { toEntries } from '../../../src/drivers/claude/transcript.ts'
import { createLineReader } from '../../../src/drivers/lines.ts'

const usage = { input_tokens: 10, cache_creation_input_tokens: 100, cache_read_input_tokens: 1000, output_tokens: 42, service_tier: null }
const assistant = (id: string, block: object, more: object = {}): object =>
  ({ parentUuid: 'x', type: 'assistant', message: { id, model: 'claude-opus-5-5', role: 'assistant', content: [block], stop_reason: 'tool_use', usage }, requestId: 'r', ...more })
const line = (record: object): string => `${JSON.stringify(record)}\n`

describe('toEntries', () => {
  test.for([
    ['a typed prompt', { type: 'user', promptId: 'c1', promptSource: 'typed', message: { role: 'user', content: '[MSG:a] hi' } }, [{ type: 'prompt', promptId: 'c1', text: '[MSG:a] hi' }]],
    ['a prompt of the CLI\'s own', { type: 'user', promptId: 'c2', promptSource: 'system', origin: { kind: 'task-notification' }, message: { role: 'user', content: '<task-notification>…' } }, [{ type: 'prompt', promptId: 'c2', text: '<task-notification>…' }]],
    ['a tool result', { type: 'user', promptId: 'c1', message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: [{ type: 'text', text: 'out' }], is_error: false }] }, toolUseResult: {} }, [{ type: 'toolResult', callId: 't1', text: 'out' }]],
    ['an interruption', { type: 'user', promptId: 'c1', interruptedMessageId: 'm1', message: { role: 'user', content: [{ type: 'text', text: '[Request interrupted by user]' }] } }, [{ type: 'interrupted', promptId: 'c1' }]],
    ['an interruption inside a tool', { type: 'user', promptId: 'c1', message: { role: 'user', content: [{ type: 'text', text: '[Request interrupted by user for tool use]' }] } }, [{ type: 'interrupted', promptId: 'c1' }]],
    ['the end of a turn', { type: 'system', subtype: 'stop_hook_summary', hookCount: 1 }, [{ type: 'stopped' }]],
    ['a prompt taken into the running turn', { type: 'queue-operation', operation: 'remove', content: 'text', reason: 'absorbed_mid_turn' }, [{ type: 'absorbed', text: 'text' }]],
    ['an API error', { type: 'assistant', isApiErrorMessage: true, message: { id: 'u', model: '<synthetic>', content: [{ type: 'text', text: 'API Error: 400' }], usage } }, [{ type: 'apiError', text: 'API Error: 400' }]],
    ['the stand-in for a lost answer', { type: 'assistant', isApiErrorMessage: false, message: { id: 'u', model: '<synthetic>', content: [{ type: 'text', text: 'No response requested.' }], usage } }, []],
    ['a tool call', assistant('m1', { type: 'tool_use', id: 't1', name: 'Bash', input: { command: 'ls' } }), [
      { type: 'toolCall', callId: 't1', tool: 'Bash', input: '{"command":"ls"}' },
      { type: 'usage', usage: { unitId: 'm1', model: 'claude-opus-5-5', inputTokens: 10, outputTokens: 42, cacheReadTokens: 1000, cacheCreationTokens: 100 } },
    ]],
    ['thinking', { ...assistant('m1', { type: 'thinking', thinking: '…' }), message: { id: 'm1', model: 'm', content: [{ type: 'thinking', thinking: '…' }] } }, []],
    ['anything else', { type: 'file-history-snapshot', snapshot: {} }, []],
  ] as const)('%s', ([, record, entries]) => expect(toEntries(JSON.stringify(record))).toEqual(entries))

  test.for(['{"type":"assis', '', 'null', '[]', '{"type":7}'])('a line that is no record says nothing: %j', text => expect(toEntries(text)).toEqual([]))
})

describe('files', () => {
  let dir: string
  let path: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'madrox-transcript-'))
    path = join(dir, 's.jsonl')
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  test('a file that is not there yet has no lines, and a half-written line waits for its end', () => {
    const reader = createLineReader(path)
    expect(reader.read()).toEqual([])
    const bytes = Buffer.from('één\ntwo\n')
    writeFileSync(path, bytes.subarray(0, 1))
    expect(reader.read()).toEqual([])
    appendFileSync(path, bytes.subarray(1, 6))
    expect(reader.read()).toEqual(['één'])
    appendFileSync(path, bytes.subarray(6))
    expect(reader.read()).toEqual(['two'])
    expect(reader.read()).toEqual([])
  })

  const open = (resumed: boolean): { facts: RecordFact[]; records: ReturnType<typeof createRecords> } => {
    const facts: RecordFact[] = []
    return { facts, records: createRecords({ path, resumed, tell: fact => facts.push(fact), turnId: () => 't', onTurnEntry: () => {} }) }
  }

  test('a message of several blocks is counted once, a subagent\'s too', () => {
    const { facts, records } = open(false)
    writeFileSync(path, line(assistant('m1', { type: 'text', text: 'a' })) + line(assistant('m1', { type: 'tool_use', id: 't', name: 'Agent', input: {} })))
    mkdirSync(join(dir, 's', 'subagents'), { recursive: true })
    writeFileSync(join(dir, 's', 'subagents', 'agent-x.jsonl'), line(assistant('m2', { type: 'text', text: 'hidden' }, { agentId: 'x' })))
    records.read()
    records.read()
    expect(facts.filter(fact => fact.type === 'usageReported').map(fact => fact.unitId)).toEqual(['m1', 'm2'])
    expect(facts.filter(fact => fact.type === 'outputProduced').map(fact => fact.kind)).toEqual(['text', 'tool_call'])
  })

  test('a resumed session says nothing again, but what it cost', () => {
    writeFileSync(path, line(assistant('m1', { type: 'text', text: 'old' })) + line({ type: 'system', subtype: 'stop_hook_summary' }))
    const { facts, records } = open(true)
    appendFileSync(path, line(assistant('m2', { type: 'text', text: 'new' })))
    records.read()
    expect(facts.map(fact => (fact.type === 'usageReported' ? fact.unitId : fact.content))).toEqual(['m1', 'new', 'm2'])
    expect(records.ends.stopped).toBe(0)
  })
})
