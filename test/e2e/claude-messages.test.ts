/** Real Claude Code behind the real server: tasks go down and answers come back, each to its own question. */
import { expect, test } from 'vitest'
import { openRig } from './rig.ts'

test('an agent is ready without a dialog, and answers by reply_to_caller', async () => {
  const { call, text, anthropic } = await openRig()
  expect(await call('spawn_claude', { name: 'ada' })).toMatchObject({ name: 'ada', instance_type: 'claude', state: 'idle' })
  const screen = await text('get_terminal_screen', { instance_id: 'ada' })
  expect(screen).not.toMatch(/trust|Yes, I|theme|Do you want/i)
  expect(await call('send_to_instance', { instance_id: 'ada', message: 'do: reply forty-two' })).toMatchObject({ status: 'answered', response: 'forty-two', via: 'reply_to_caller' })
  expect(anthropic.requests.every(request => request.kind === 'turn')).toBe(true)
})
