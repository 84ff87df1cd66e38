/** Real Claude Code sessions that have agents of their own: answers travel up by themselves, and none holds another. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { say, type ConversationView, type Rule } from '../fakes/anthropic/index.ts'
import { byClaudeDriver, claudeDrivers, openRig } from './rig.ts'

/** The prompt hands in answers of the agent's own children. */
const isHandedIn = (view: ConversationView): boolean => view.lastUserText.startsWith('[REPLY:')

/** Hands on what was just handed in: the last words of the turn, and nothing else. */
const passOn: Rule = { when: isHandedIn, then: view => [say(`passed on: ${view.lastUserText.replace(/\[REPLY:\S+ from (\w+)\] /g, '$1 says ')}`)] }

test('a supervisor spawns, ends its turn, is handed the answers, and only then answers its own caller', async () => {
  const everything: Rule = { when: isHandedIn, then: view => [say(`all in all: ${[...JSON.stringify(view.messages).matchAll(/\[REPLY:\w+ from (\w+)\] (\w+)/g)].map(([, name, text]) => `${name}=${text}`).toSorted().join(' ')}`)] }
  const { call, text, anthropic } = await openRig({ anthropic: { script: [everything] } })
  await call('spawn_claude', { name: 'lead' })
  const instances = [{ name: 'one', initial_prompt: 'do: gate one\nreply first' }, { name: 'two', initial_prompt: 'do: gate two\nsay second' }]
  const task = await call('send_to_instance', { instance_id: 'lead', message: `do: call mcp__madrox__spawn_multiple_instances ${JSON.stringify({ instances })}\nsay they are at work`, wait_for_response: false })
  await Promise.all([anthropic.gate('one').reached, anthropic.gate('two').reached])
  anthropic.gate('one').open()
  await anthropic.waitForRequest(request => isHandedIn(request.view))
  // One of two is in: whatever the lead says now is not the answer yet.
  expect(await call('send_to_instance', { instance_id: 'lead', message: 'do: reply still here' })).toMatchObject({ status: 'answered', response: 'still here' })
  expect(await call('wait_for_any', { message_ids: [task.message_id], timeout_seconds: 0.05 })).toMatchObject({ status: 'pending' })
  anthropic.gate('two').open()
  expect(await call('wait_for_any', { message_ids: [task.message_id] })).toMatchObject({ status: 'answered', response: 'all in all: one=first two=second', via: 'turn_end' })
  // Spawned in parallel: which of them came first is nobody's promise.
  expect(await text('get_instance_tree')).toMatch(/^lead .*\n├── (one|two) .*\n└── (one|two) /)
  expect(await call('get_pending_replies')).toMatchObject({ count: 0 })
})

test.each(claudeDrivers)('answers travel up two levels (%s)', async driver => {
  const { call, anthropic } = await openRig({ ...byClaudeDriver(driver), anthropic: { script: [passOn] } })
  await call('spawn_claude', { name: 'top' })
  const spawn = (name: string, task: string): string => `do: call mcp__madrox__spawn_claude ${JSON.stringify({ name, initial_prompt: task })}\nsay ${name} is at work`
  const answer = await call('send_to_instance', { instance_id: 'top', message: spawn('middle', spawn('low', 'do: reply forty-two')) })
  expect(answer).toMatchObject({ status: 'answered', response: 'passed on: middle says passed on: low says forty-two' })
  expect(anthropic.requests.filter(request => isHandedIn(request.view))).toHaveLength(2)
})

test('a slow child does not hold the answer that another, unrelated one gave', async () => {
  const { call, anthropic } = await openRig({ anthropic: { script: [passOn] } })
  await call('spawn_claude', { name: 'lead' })
  const delegate = (name: string, task: string): string => `do: call mcp__madrox__send_to_instance ${JSON.stringify({ instance_id: name, message: task, wait_for_response: false })}\nsay ${name} has it`
  await call('send_to_instance', { instance_id: 'lead', message: `do: call mcp__madrox__spawn_multiple_instances ${JSON.stringify({ instances: [{ name: 'slow' }, { name: 'quick' }] })}` })
  const slow = await call('send_to_instance', { instance_id: 'lead', message: delegate('slow', 'do: gate slow\nreply at last'), wait_for_response: false })
  await anthropic.gate('slow').reached
  expect(await call('send_to_instance', { instance_id: 'lead', message: delegate('quick', 'do: reply at once') })).toMatchObject({ status: 'answered', response: 'passed on: quick says at once' })
  expect(await call('wait_for_any', { message_ids: [slow.message_id], timeout_seconds: 0.05 })).toMatchObject({ status: 'pending' })
  anthropic.gate('slow').open()
  expect(await call('wait_for_any', { message_ids: [slow.message_id] })).toMatchObject({ status: 'answered', response: 'passed on: slow says at last' })
})

test.each(claudeDrivers)('a turn that leaves a background command running is answered when that has ended, and others meanwhile (%s)', async driver => {
  const woken: Rule = { when: '<task-notification>', then: [say('the build is done')] }
  const { call, dir } = await openRig({ ...byClaudeDriver(driver), anthropic: { script: [woken] } })
  await call('spawn_claude', { name: 'ada' })
  const flags = dir('flags')
  const build = await call('send_to_instance', { instance_id: 'ada', message: `do: bg until [ -e ${flags}/built ]; do sleep 0.1; done; echo built\nsay building`, wait_for_response: false })
  expect(await call('send_to_instance', { instance_id: 'ada', message: 'do: say meanwhile' })).toMatchObject({ status: 'answered', response: 'meanwhile' })
  expect(await call('wait_for_any', { message_ids: [build.message_id], timeout_seconds: 0.05 })).toMatchObject({ status: 'pending' })
  writeFileSync(join(flags, 'built'), '')
  expect(await call('wait_for_any', { message_ids: [build.message_id] })).toMatchObject({ status: 'answered', response: 'the build is done', via: 'turn_end' })
})

test('with tool search on, a leaf is still shown how to reply, and not how to spawn', async () => {
  const { call, anthropic } = await openRig()
  await call('spawn_claude', { name: 'ada', toolset: 'leaf' })
  expect(await call('send_to_instance', { instance_id: 'ada', message: 'do: reply found it' })).toMatchObject({ status: 'answered', via: 'reply_to_caller', response: 'found it' })
  const tools = anthropic.requests[0]?.view.tools ?? []
  expect(tools).toContain('ToolSearch')
  expect(tools).toContain('mcp__madrox__reply_to_caller')
  expect(tools.filter(tool => /spawn|terminate|interrupt/.test(tool))).toEqual([])
})
