/** What an agent said and did, as it is told: every kind, with its time; and what it shows, said of what it is. */

import { expect, test } from 'vitest'
import { createStage } from './rig.ts'

test('get_instance_output tells each kind with its time, the newest so many, since a time', async () => {
  const stage = createStage()
  const ada = await stage.spawn('ada')
  await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'go', wait_for_response: false })
  stage.begin(ada)
  const say = (kind: 'text' | 'tool_call' | 'tool_result', content: string): void => {
    stage.clock.advance(1_000)
    stage.fact(ada, { type: 'outputProduced', kind, content, ...(kind === 'text' ? {} : { tool: 'Bash', callId: 'c1' }) })
  }
  say('text', 'I look.')
  say('tool_call', 'ls')
  say('tool_result', 'a.txt')
  stage.clock.advance(1_000)
  await stage.ask(stage.as(ada), 'reply_to_caller', { reply_message: 'one file' })
  const linesOf = async (args: Readonly<Record<string, unknown>>): Promise<string[]> => String((await stage.ask(stage.me, 'get_instance_output', { instance_id: ada, ...args }))['text']).split('\n')
  const all = await linesOf({})
  expect(all.map(line => line.replace(/^2026-01-01T00:00:0(\d)\.000Z \[(\w+)\] /, '$1 $2: '))).toEqual(['0 message: go', '1 text: I look.', expect.stringMatching(/^2 tool_call: .*ls/), expect.stringMatching(/^3 tool_result: .*a\.txt/), '4 reply: one file'])
  expect(await linesOf({ limit: 2 })).toEqual(['[older records are left out by limit: 2]', ...all.slice(-2)])
  expect(await linesOf({ limit: all.length })).toEqual(all)
  expect(await linesOf({ since: '2026-01-01T00:00:03Z' })).toEqual(all.slice(-2))
  expect(await linesOf({ since: '2026-01-01T00:01:00+00:00' })).toEqual(['Nothing on record.'])
})

test('get_terminal_screen is labelled where it is no terminal, under its old name too, and shows as many lines as asked for', async () => {
  const stage = createStage()
  await stage.ask(stage.me, 'spawn_agent', { harness: 'scripted', name: 'ada', workspace: 'isolated', initial_prompt: 'echo hello', wait_for_response: true })
  await stage.settle()
  const show = async (tool: string, lines?: number): Promise<string[]> => String((await stage.ask(stage.me, tool, { instance_id: 'ada', ...(lines === undefined ? {} : { lines }) }))['text']).split('\n')
  const [label, ...shown] = await show('get_terminal_screen')
  expect([label, shown.join('\n')]).toEqual(['[transcript: this agent has no terminal]', expect.stringContaining('hello')])
  expect(await show('get_tmux_pane_content')).toEqual([label, ...shown])
  expect(await show('get_terminal_screen', 1)).toEqual([label, ...shown.slice(-1)])
})
