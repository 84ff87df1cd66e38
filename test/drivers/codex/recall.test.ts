/** What codex-cli 0.169.0 has on record of earlier turns (`recordings/turns.json`, shortened; each turn's id is how it went). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createReplay } from './replay.ts'

interface Turn {
  readonly id: string
  readonly items: readonly object[]
}
// A recording, as it is.
const recorded = JSON.parse(readFileSync(join(import.meta.dirname, 'recordings', 'turns.json'), 'utf8')) as readonly Turn[]
const turn = (id: string): Turn => {
  const found = recorded.find(each => each.id === id)
  if (!found) throw new Error(`There is no recorded turn ${id}.`)
  return found
}
const page = (turns: readonly object[], nextCursor: string | null = null): object => ({ data: turns, nextCursor, backwardsCursor: null })
const list = 'thread/turns/list'

test.for([
  ['completed', { status: 'completed', finalText: 'fine' }],
  ['stream', { status: 'cut' }],
  ['tool', { status: 'cut' }],
  ['interrupt', { status: 'cut' }],
  ['fail', { status: 'failed', error: '{"error":{"message":"scripted 400","type":"scripted_error"}}' }],
] as const)('a turn on record: %s', async ([id, outcome]) => {
  const { thread, answer } = createReplay()
  const recalled = thread.recall(['[MSG:m]'])
  await answer(list, page([turn(id)]))
  expect(await recalled).toEqual(outcome)
})

test('the latest turn counts, and the record is read on until it is found or over', async () => {
  const { thread, answer, sent } = createReplay()
  const other = { ...turn('fail'), items: [] }
  const recalled = thread.recall(['[MSG:none]', '[MSG:m]'])
  expect(sent.at(-1)?.params).toMatchObject({ threadId: 'thread-1', cursor: null, sortDirection: 'desc', itemsView: 'full' })
  await answer(list, page([other, other], 'older'))
  expect(sent.at(-1)?.params).toMatchObject({ cursor: 'older' })
  await answer(list, page([other, turn('completed'), turn('stream')], 'oldest'))
  expect(await recalled).toEqual({ status: 'completed', finalText: 'fine' })
  const nowhere = thread.recall(['[MSG:none]'])
  await answer(list, page([turn('completed')]))
  expect(await nowhere).toEqual({ status: 'absent' })
})

test('a prompt steered into a running turn is that turn\'s', async () => {
  const { thread, answer } = createReplay()
  const late = { type: 'userMessage', id: 'late', clientId: null, content: [{ type: 'text', text: '[NOTICE from ada] gone\n[REPLY:late from bob] and this' }] }
  const { items } = turn('completed')
  const recalled = thread.recall(['[REPLY:late '])
  await answer(list, page([{ ...turn('completed'), items: [...items.slice(0, 1), late, ...items.slice(1)] }]))
  expect(await recalled).toEqual({ status: 'completed', finalText: 'fine' })
})

const unanswered = 'tool call failed for `madrox/reply_to_caller`\n\nCaused by:\n    Transport send error: Transport [...]'
test.each([
  ['met nobody is not done', 'madrox', { error: { message: unanswered } }, { status: 'cut' }],
  ['was refused is', 'madrox', { result: { content: [{ type: 'text', text: 'not_found: no such message' }], structuredContent: null } }, { status: 'completed', finalText: 'fine' }],
  ["met nobody at another's server is", 'notes', { error: { message: unanswered } }, { status: 'completed', finalText: 'fine' }],
])('a turn that ended behind a call that %s', async (_, server, how, outcome) => {
  const { thread, answer } = createReplay()
  const call = { type: 'mcpToolCall', id: 'reply', server, tool: 'reply_to_caller', arguments: {}, ...how }
  const { items } = turn('completed')
  const recalled = thread.recall(['[MSG:m]'])
  await answer(list, page([{ ...turn('completed'), items: [...items.slice(0, 1), call, ...items.slice(1)] }]))
  expect(await recalled).toEqual(outcome)
})

test('a record that cannot be read leaves the end unknown: cut', async () => {
  const { thread, refuse } = createReplay()
  const recalled = thread.recall(['[MSG:m]'])
  await refuse(list, 'failed to read the rollout')
  expect(await recalled).toEqual({ status: 'cut' })
})
