/** An owner that calls without a session: its address is made by the first call that is accepted, and by none that is refused. */

import { describe, expect, test } from 'vitest'
import { localOwner } from '../../src/ids.ts'
import { createStage } from './rig.ts'

const owner = { kind: 'owner', ownerId: localOwner } as const
const hand = { harness: 'hand', workspace: 'isolated' } as const

describe('a call that is refused', () => {
  test.each([
    ['send_to_instance', { instance_id: 'nobody', message: 'x' }, 'not_found'],
    ['send_to_instance', { instance_id: 'ada', message: ' ' }, 'invalid_input'],
    ['send_to_instance', { instance_id: 'ada', message: 'x', expires_at: '2020-01-01T00:00:00Z' }, 'invalid_input'],
    ['spawn_agent', { ...hand, name: 'bob' }, 'parent_unknown'],
    ['spawn_agent', { ...hand, name: 'main-orchestrator', role: 'achitect' }, 'unknown_role'],
    ['spawn_agent', { ...hand, name: 'main-orchestrator', workspace: '/nowhere/at/all' }, 'workspace_failed'],
    ['spawn_multiple_instances', { instances: [{ instance_type: 'hand', name: 'bob' }] }, 'parent_unknown'],
    ['coordinate_instances', { coordinator_id: 'ada', participant_ids: ['ada'], task_description: 'x' }, 'invalid_input'],
    ['wait_for_any', { message_ids: ['made-up'] }, 'not_found'],
    ['get_pending_replies', { instance_id: 'nobody' }, 'not_found'],
    ['interrupt_instance', { instance_id: 'nobody' }, 'not_found'],
    ['resend_dead_letter', { dead_letter_id: 'made-up' }, 'not_found'],
    ['get_job_status', { job_id: 'made-up' }, 'not_found'],
  ])('%s %j (%s) leaves no address behind', async (tool, args, code) => {
    const stage = createStage()
    await stage.spawn('ada')
    const before = [stage.store.listClients(), stage.store.listAgents()]
    expect(await stage.refusal(owner, tool, args)).toBe(code)
    expect([stage.store.listClients(), stage.store.listAgents()]).toEqual(before)
  })
})

test('what is accepted is answered to one address, whatever was refused before', async () => {
  const stage = createStage()
  const ada = await stage.spawn('ada')
  await stage.refusal(owner, 'send_to_instance', { instance_id: 'nobody', message: 'x' })
  await stage.ask(owner, 'send_to_instance', { instance_id: ada, message: 'one', wait_for_response: false })
  expect(stage.store.listClients().filter(({ name }) => name === 'owner')).toHaveLength(1)
  stage.turn(ada, 'first')
  expect(await stage.ask(owner, 'get_pending_replies')).toMatchObject({ replies: [{ response: 'first' }] })
  expect(await stage.ask(owner, 'get_pending_replies')).toMatchObject({ replies: [] })
})

test('a wait for replies before anything was sent hears what comes', async () => {
  const stage = createStage()
  const ada = await stage.spawn('ada')
  const waiting = stage.ask(owner, 'get_pending_replies', { wait_timeout: 60 })
  await stage.ask(owner, 'send_to_instance', { instance_id: ada, message: 'one', wait_for_response: false })
  stage.turn(ada, 'first')
  expect(await waiting).toMatchObject({ replies: [{ response: 'first' }] })
})

test('main-orchestrator stands under its owner, whose address comes with it', async () => {
  const stage = createStage()
  await stage.refusal(owner, 'spawn_agent', { ...hand, name: 'main-orchestrator', role: 'achitect' })
  const main = await stage.spawn('main-orchestrator', owner)
  const [standing] = stage.store.listClients().filter(({ name }) => name === 'owner')
  expect(stage.store.getAgent(main)).toMatchObject({ parent: { kind: 'client', id: standing?.id }, clientId: standing?.id, ownerId: localOwner })
})
