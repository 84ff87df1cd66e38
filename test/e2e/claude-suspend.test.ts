/** Real Claude Code agents that are put away: because nobody needed them, and by wish. They wake with what they knew. */
import { expect, test } from 'vitest'
import { isAlive } from './processes.ts'
import { openRig, type Rig } from './rig.ts'

async function comesTo({ call }: Rig, state: string): Promise<void> {
  await expect.poll(async () => (await call('get_instance_status', { instance_id: 'ada' })).detail, { timeout: 20_000 }).toBe(state)
}
/** All that the model was shown with that message. */
const shownWith = ({ anthropic }: Rig, body: string) => anthropic.requests.find(request => request.view.message?.body === body)?.view

test('an agent that is idle for long is suspended, and a message wakes it in its session', async () => {
  const rig = await openRig({ args: ['--idle-minutes', '0.02'] })
  const { call } = rig
  await call('spawn_claude', { name: 'ada', initial_prompt: 'do: reply the word is cobalt', wait_for_response: true })
  await comesTo(rig, 'idle.suspended.resting')
  const { session_id } = await call('get_instance_status', { instance_id: 'ada' })
  expect(await call('list_persisted_instances')).toMatchObject({ instances: [{ name: 'ada', can_resume: true, session_id }] })
  expect(await call('send_to_instance', { instance_id: 'ada', message: 'do: reply still here' })).toMatchObject({ status: 'answered', response: 'still here' })
  expect(JSON.stringify(shownWith(rig, 'do: reply still here')?.messages)).toContain('the word is cobalt')
  expect(await call('get_instance_status', { instance_id: 'ada' })).toMatchObject({ session_id })
})

test('suspended by wish its process is gone; ended, it lives again in the same conversation, with another model', async () => {
  const rig = await openRig()
  const { call } = rig
  const { instance_id } = await call('spawn_claude', { name: 'ada', initial_prompt: 'do: reply the word is cobalt', wait_for_response: true })
  await comesTo(rig, 'idle.live')
  const { pid, session_id } = await call('get_instance_status', { instance_id })
  expect(await call('suspend_instance', { instance_id })).toMatchObject({ suspended: true })
  expect(isAlive(Number(pid))).toBe(false)
  await call('terminate_instance', { instance_id })
  expect(await call('resume_instance', { instance_id, model: 'claude-opus-4-5' })).toMatchObject({ revived: true, state: 'idle', model: 'claude-opus-4-5', session_id })
  expect(await call('send_to_instance', { instance_id, message: 'do: reply back again' })).toMatchObject({ response: 'back again' })
  const shown = shownWith(rig, 'do: reply back again')
  expect([shown?.model, JSON.stringify(shown?.messages)]).toEqual(['claude-opus-4-5', expect.stringContaining('the word is cobalt')])
})
