import { join } from 'node:path'
import { localOwner } from '../../src/ids.ts'
import { expect, test } from 'vitest'
import { createStage } from './rig.ts'

const owner = { kind: 'owner', ownerId: localOwner } as const

test('get_pending_replies of a directory looks into the open sessions there, waits for the first, and leaves it to them', async () => {
  const stage = createStage()
  const ada = await stage.spawn('ada')
  await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false })
  const elsewhere = stage.call(owner, 'get_pending_replies', { instance_id: '/elsewhere', wait_timeout: 5 })
  const looked = stage.call(owner, 'get_pending_replies', { instance_id: join(stage.home, 'below'), wait_timeout: 60 })
  stage.turn(ada, 'done')
  expect(await looked).toMatchObject({ data: { count: 1, replies: [{ response: 'done' }] } })
  stage.clock.advance(5_000)
  expect(await elsewhere).toMatchObject({ data: { count: 0 } })
  expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ count: 1 })
  expect(await stage.ask(owner, 'get_pending_replies', { instance_id: stage.home })).toMatchObject({ count: 0 })
})

test('a session that is gone, one above it, and agents: none is looked into, or looks', async () => {
  const stage = createStage()
  const ada = await stage.spawn('ada')
  await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false })
  stage.turn(ada, 'done')
  expect(await stage.ask(owner, 'get_pending_replies', { instance_id: join(stage.home, '..') })).toMatchObject({ count: 0 })
  expect(await stage.call(stage.as(ada), 'get_pending_replies', { instance_id: stage.home })).toMatchObject({ error: { code: 'not_allowed' } })
  stage.system.disconnectClient(stage.me.clientId)
  expect(await stage.ask(owner, 'get_pending_replies', { instance_id: stage.home })).toMatchObject({ count: 0 })
})

test('a look ends with Madrox', async () => {
  const stage = createStage()
  const looked = stage.call(owner, 'get_pending_replies', { instance_id: stage.home, wait_timeout: 60 })
  await stage.settle()
  await stage.system.close()
  expect(await looked).toMatchObject({ ok: true, data: { count: 0 } })
})
