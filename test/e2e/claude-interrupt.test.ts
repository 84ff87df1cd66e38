/** Real Claude Code, interrupted: the turn ends, the conversation stays, the queue waits for whoever interrupted. */
import { expect, test } from 'vitest'
import { byClaudeDriver, claudeDrivers, openRig, type Rig } from './rig.ts'
import { isAlive, readPid } from './processes.ts'

const sendLater = ({ call }: Rig, message: string) => call('send_to_instance', { instance_id: 'ada', message, wait_for_response: false })

/** All that the model was shown of the conversation with the latest request. */
const conversation = ({ anthropic }: Rig): string => JSON.stringify(anthropic.requests.at(-1)?.view.messages)

test('cut while it streams, a message ends cancelled, its queue is held, and the context is kept', async () => {
  const rig = await openRig()
  const { call, anthropic } = rig
  await call('spawn_claude', { name: 'ada' })
  await call('send_to_instance', { instance_id: 'ada', message: 'do: say remember heliotrope' })
  const long = await sendLater(rig, 'do: say the beginning of a long answer\ngate middle\nsay never said')
  const queued = await sendLater(rig, 'do: say from the queue')
  await anthropic.gate('middle').reached
  expect(await call('interrupt_instance', { instance_id: 'ada' })).toMatchObject({ interrupted: true, was: 'busy', cancelled_message_id: long.message_id })
  expect(await call('wait_for_any', { message_ids: [long.message_id] })).toMatchObject({ status: 'cancelled', message_id: long.message_id })
  expect(await call('get_instance_status', { instance_id: 'ada' })).toMatchObject({ state: 'interrupted', mailbox: 1 })
  expect(anthropic.requests.filter(request => request.view.message?.id === queued.message_id)).toEqual([])

  // The interrupter's word goes first, then the queue.
  const redirected = await call('send_to_instance', { instance_id: 'ada', message: 'do: say redirected' })
  expect(redirected).toMatchObject({ status: 'answered', response: 'redirected' })
  expect(conversation(rig)).toContain('remember heliotrope')
  expect(conversation(rig)).toContain('the beginning of a long answer')
  expect(await call('wait_for_any', { message_ids: [queued.message_id] })).toMatchObject({ status: 'answered', response: 'from the queue' })
  const order = anthropic.requests.map(request => request.view.message?.id)
  expect(order.slice(-2)).toEqual([redirected.message_id, queued.message_id])
})

test('cut before its first byte, a message does not stick to the next', async () => {
  const rig = await openRig()
  const { call, anthropic } = rig
  await call('spawn_claude', { name: 'ada' })
  const silent = await sendLater(rig, 'do: hang')
  await anthropic.waitForRequest(request => request.view.message?.id === silent.message_id)
  expect(await call('interrupt_instance', { instance_id: 'ada', then: 'continue' })).toMatchObject({ interrupted: true, cancelled_message_id: silent.message_id })
  expect(await call('send_to_instance', { instance_id: 'ada', message: 'do: say fresh' })).toMatchObject({ status: 'answered', response: 'fresh' })
  expect(anthropic.requests.at(-1)?.view.message?.body).toBe('do: say fresh')
})

test.each(claudeDrivers)('cut inside a Bash tool, what the tool ran is gone (%s)', async driver => {
  const rig = await openRig(byClaudeDriver(driver))
  const { call } = rig
  await call('spawn_claude', { name: 'ada', bypass_isolation: true })
  await call('send_to_instance', { instance_id: 'ada', message: 'do: say remember heliotrope' })
  const notes = rig.dir('notes')
  const long = await sendLater(rig, `do: bash echo $$ > ${notes}/shell; sleep 600 & echo $! > ${notes}/sleep; wait`)
  const pids = [await readPid(notes, 'shell'), await readPid(notes, 'sleep')]
  expect(await call('get_instance_status', { instance_id: 'ada' })).toMatchObject({ state: 'busy', current_message: long.message_id })
  expect(await call('interrupt_instance', { instance_id: 'ada' })).toMatchObject({ interrupted: true, cancelled_message_id: long.message_id })
  // The CLI tells of the cut as it begins to kill; its tool has the moment that takes.
  await expect.poll(() => pids.filter(isAlive)).toEqual([])
  expect(await call('send_to_instance', { instance_id: 'ada', message: 'do: reply on I go' })).toMatchObject({ status: 'answered', response: 'on I go' })
  expect(conversation(rig)).toContain('remember heliotrope')
})

test.each(claudeDrivers)('cut inside a call to Madrox itself, the wait ends and the child works on (%s)', async driver => {
  const rig = await openRig(byClaudeDriver(driver))
  const { call, text, anthropic } = rig
  await call('spawn_claude', { name: 'ada' })
  await call('send_to_instance', { instance_id: 'ada', message: `do: call mcp__madrox__spawn_claude {"name": "bob"}` })
  const waits = await sendLater(rig, `do: call mcp__madrox__send_to_instance {"instance_id": "bob", "message": "do: gate bob\\nreply late"}`)
  await anthropic.gate('bob').reached
  expect(await call('interrupt_instance', { instance_id: 'ada' })).toMatchObject({ interrupted: true, cancelled_message_id: waits.message_id })
  expect(await call('get_instance_status', { instance_id: 'bob' })).toMatchObject({ state: 'busy' })
  anthropic.gate('bob').open()
  // Its answer waits for ada to be let go on, and is then handed to her.
  await anthropic.waitForRequest(request => request.view.message?.body.includes('gate bob') === true && request.view.responseIndex === 1)
  expect(await call('get_instance_status', { instance_id: 'ada' })).toMatchObject({ state: 'interrupted' })
  await call('send_to_instance', { instance_id: 'ada', message: 'do: say on' })
  expect((await anthropic.waitForRequest(request => request.view.lastUserText.startsWith('[REPLY:'))).view.lastUserText).toContain('late')
  expect(await text('get_instance_tree')).toMatch(/ada.*\n└── bob/)
})
