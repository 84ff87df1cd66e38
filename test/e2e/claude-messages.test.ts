/** Real Claude Code behind the real server: tasks go down and answers come back, each to its own question. */
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { say } from '../fakes/anthropic/index.ts'
import { byClaudeDriver, claudeDrivers, openRig } from './rig.ts'

test('an agent is ready without a dialog, and answers by reply_to_caller', async () => {
  const { call, text, anthropic } = await openRig()
  expect(await call('spawn_claude', { name: 'ada' })).toMatchObject({ name: 'ada', instance_type: 'claude', state: 'idle' })
  expect(await text('get_terminal_screen', { instance_id: 'ada' })).not.toMatch(/trust|Yes, I|theme|Do you want/i)
  expect(anthropic.requests).toEqual([])
  expect(await call('send_to_instance', { instance_id: 'ada', message: 'do: reply forty-two\nsay and nothing else' })).toMatchObject({ status: 'answered', response: 'forty-two', via: 'reply_to_caller' })
  // What it says behind its reply is no second answer.
  const plain = await call('send_to_instance', { instance_id: 'ada', message: 'do: say plain words' })
  const [request] = anthropic.requests.filter(each => each.view.message?.body === 'do: say plain words')
  expect(plain).toMatchObject({ status: 'answered', response: 'plain words', via: 'turn_end', usage: { input_tokens: request?.usage.input_tokens, output_tokens: request?.usage.output_tokens } })
  expect(await call('get_pending_replies')).toMatchObject({ count: 0 })
})

test('a first task given at the spawn is answered by the spawn, and a note by nobody', async () => {
  const { call, anthropic } = await openRig()
  expect(await call('spawn_claude', { name: 'ada', initial_prompt: 'do: reply done', wait_for_response: true })).toMatchObject({ status: 'answered', response: 'done' })
  expect(await call('send_to_instance', { instance_id: 'ada', message: 'do: say noted', expects_reply: false })).toMatchObject({ status: 'accepted' })
  await anthropic.waitForRequest(request => request.view.message?.body === 'do: say noted')
  expect(await call('send_to_instance', { instance_id: 'ada', message: 'do: reply next' })).toMatchObject({ response: 'next' })
  expect(await call('get_pending_replies')).toMatchObject({ count: 0 })
})

test.each(claudeDrivers)('five messages in a row to one agent get five answers, each its own (%s)', async driver => {
  const { call, anthropic } = await openRig(byClaudeDriver(driver))
  await call('spawn_claude', { name: 'ada' })
  const numbers = [1, 2, 3, 4, 5]
  const answers = await Promise.all(numbers.map(n => call('send_to_instance', { instance_id: 'ada', message: n % 2 ? `do: reply answer ${n}` : `do: say answer ${n}` })))
  expect(answers.map(answer => [answer.status, answer.response, answer.via])).toEqual(numbers.map(n => ['answered', `answer ${n}`, n % 2 ? 'reply_to_caller' : 'turn_end']))
  expect(new Set(answers.map(answer => answer.message_id)).size).toBe(5)
  const first = anthropic.requests.filter(request => request.view.responseIndex === 0)
  expect(first.map(request => request.view.message?.id)).toEqual(answers.map(answer => answer.message_id))
})

test('messages to a busy agent wait for the end of its turn, and are worked on in their order, a turn each', async () => {
  const { call, anthropic } = await openRig()
  await call('spawn_claude', { name: 'ada' })
  const send = (message: string) => call('send_to_instance', { instance_id: 'ada', message, wait_for_response: false })
  const slow = await send('do: gate slow\nsay slow is done')
  await anthropic.gate('slow').reached
  const second = await send('do: say second')
  const third = await send('do: reply third')
  expect([slow.position, second.position, third.position]).toEqual([undefined, 1, 2])
  expect(await call('get_instance_status', { instance_id: 'ada' })).toMatchObject({ state: 'busy', current_message: slow.message_id, mailbox: 2 })
  anthropic.gate('slow').open()
  const last = await call('wait_for_any', { message_ids: [third.message_id] })
  expect(last).toMatchObject({ status: 'answered', response: 'third' })
  const { replies } = await call('get_pending_replies')
  expect(replies?.map(reply => [reply.message_id, reply.response])).toEqual([[slow.message_id, 'slow is done'], [second.message_id, 'second']])
  const turns = anthropic.requests.filter(request => request.view.responseIndex === 0)
  expect(turns.map(request => request.view.message?.id)).toEqual([slow.message_id, second.message_id, third.message_id])
  expect(turns.flatMap(request => request.view.injectedTexts)).toEqual([])
})

const escape = '\x1b'

/** 100 KB of what could be taken for options, commands, keys or the end of the paste. */
function toNastyText(head: string): string {
  const block = ['-rf --help', '!touch escaped', '/exit', '$(touch escaped) `touch escaped`', 'back\\slash \\', 'semicolon;', '🎉 漢字 👩‍👩‍👧', `cut${escape}[201~here`, `${escape}[31mred${escape}[0m`, '  indented', '#note @file']
  const lines = Array.from({ length: 1_100 }, (_, line) => `${line} ${block[line % block.length]} ${'x'.repeat(80)}`)
  return [head, ...block, ...lines, 'the end;\\'].join('\n')
}

/** As documented: on their way through a terminal, terminal sequences go, and a blank keeps a last backslash from making Enter a line break. */
const throughTerminal = (text: string): string => `${text.replace(new RegExp(`${escape}\\[(201~|31m|0m)`, 'g'), '')} `

test.each([['pty', throughTerminal], ['stream', (text: string) => text]] as const)('100 KB that begin with a dash, an exclamation mark or a slash arrive whole, and nothing in them acts (%s)', async (driver, toArrived) => {
  const { call, anthropic } = await openRig(byClaudeDriver(driver))
  anthropic.addRule({ when: 'the end;', then: view => [say(`got ${view.message?.body.length}`)] })
  const { workspace } = await call('spawn_claude', { name: 'ada' })
  for (const head of ['-x --dangerously', '!touch escaped', '/exit']) {
    const nasty = toNastyText(head)
    expect(nasty.length).toBeGreaterThan(100_000)
    const documented = toArrived(nasty)
    const answer = await call('send_to_instance', { instance_id: 'ada', message: nasty })
    expect(answer).toMatchObject({ status: 'answered', response: `got ${documented.length}` })
    expect(anthropic.requests.at(-1)?.view.message).toEqual({ id: answer.message_id, body: documented })
  }
  expect(anthropic.requests).toHaveLength(3)
  expect(readdirSync(String(workspace))).toEqual([])
})
