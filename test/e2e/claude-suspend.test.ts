/** Real Claude Code agents that are put away: by wish, and because nobody needed them. They wake with what they knew. */
import { expect, test } from 'vitest'
import { isAlive } from './processes.ts'
import { openRig } from './rig.ts'

test('an agent that is idle for long is suspended, a busy one never; a message wakes it in its session, and so does resume_instance with another model', async () => {
  const { call, anthropic } = await openRig({ args: ['--idle-minutes', '0.02'] })
  await call('spawn_claude', { name: 'ada', initial_prompt: 'do: reply the word is cobalt', wait_for_response: true })
  await expect.poll(async () => (await call('get_instance_status', { instance_id: 'ada' })).detail, { timeout: 20_000 }).toBe('idle.suspended.resting')
  const { session_id } = await call('get_instance_status', { instance_id: 'ada' })
  expect(await call('list_persisted_instances')).toMatchObject({ instances: [{ name: 'ada', can_resume: true, session_id }] })

  expect(await call('send_to_instance', { instance_id: 'ada', message: 'do: reply still here' })).toMatchObject({ status: 'answered', response: 'still here' })
  const [woken] = anthropic.requests.filter(request => request.view.message?.body === 'do: reply still here')
  expect(JSON.stringify(woken?.view.messages)).toContain('the word is cobalt')
  expect(await call('get_instance_status', { instance_id: 'ada' })).toMatchObject({ session_id })

  await expect.poll(async () => (await call('get_instance_status', { instance_id: 'ada' })).detail, { timeout: 20_000 }).toBe('idle.suspended.resting')
  expect(await call('resume_instance', { instance_id: 'ada', model: 'claude-opus-4-5' })).toMatchObject({ state: 'idle', model: 'claude-opus-4-5', session_id })
  expect(await call('send_to_instance', { instance_id: 'ada', message: 'do: reply as another' })).toMatchObject({ response: 'as another' })
  expect(anthropic.requests.filter(request => request.view.message?.body === 'do: reply as another')[0]?.view.model).toBe('claude-opus-4-5')
})

test('an agent is suspended by wish, its process is gone, and ended it lives again in the same conversation', async () => {
  const { call, anthropic } = await openRig()
  await call('spawn_claude', { name: 'ada', initial_prompt: 'do: reply the word is cobalt', wait_for_response: true })
  const { pid, instance_id } = await call('get_instance_status', { instance_id: 'ada' })
  expect(await call('suspend_instance', { instance_id: 'ada' })).toMatchObject({ suspended: true })
  expect(isAlive(Number(pid))).toBe(false)
  await call('terminate_instance', { instance_id: 'ada' })
  expect(await call('resume_instance', { instance_id })).toMatchObject({ revived: true, state: 'idle' })
  await call('send_to_instance', { instance_id, message: 'do: reply back again' })
  const [again] = anthropic.requests.filter(request => request.view.message?.body === 'do: reply back again')
  expect(JSON.stringify(again?.view.messages)).toContain('the word is cobalt')
})
