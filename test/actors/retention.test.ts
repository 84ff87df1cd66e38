/** What is forgotten, and when. What each store forgets is its contract's. */

import { expect, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import type { AgentId } from '../../src/ids.ts'
import { createStage, type Stage } from './rig.ts'

const dayMs = 86_400_000
const lines = (stage: Stage, id: AgentId): number => stage.store.listOutput(id, { limit: 9 }).length

/** One that ended after a turn, and one that lives. */
async function createTwo(stage: Stage): Promise<readonly [gone: AgentId, living: AgentId]> {
  const [gone, living] = [await stage.spawn('gone'), await stage.spawn('living')]
  for (const id of [gone, living]) {
    await stage.ask(stage.me, 'send_to_instance', { instance_id: id, message: 'x', wait_for_response: false })
    stage.turn(id, 'done')
  }
  await stage.ask(stage.me, 'terminate_instance', { instance_id: gone })
  return [gone, living]
}

test('each day the output of agents that ended so long ago goes, and what lives is left alone', async () => {
  const stage = createStage({ retentionDays: 2 })
  const [gone, living] = await createTwo(stage)
  stage.clock.advance(2 * dayMs)
  expect([lines(stage, gone), lines(stage, living)]).toEqual([2, 2])
  stage.clock.advance(dayMs)
  expect([lines(stage, gone), lines(stage, living)]).toEqual([0, 2])
  expect(await stage.ask(stage.me, 'get_instance_status', { instance_id: gone })).toMatchObject({ name: 'gone', state: 'terminated' })
})

test('at the start too; never where nothing is to be forgotten', async () => {
  const first = createStage({ retentionDays: 0 })
  const [gone] = await createTwo(first)
  first.clock.advance(400 * dayMs)
  expect(lines(first, gone)).toBe(2)
  const stage = first.crash({ retentionDays: 30 })
  expect(lines(stage, gone)).toBe(0)
})

test('the same spawn, repeated, is the same agent as long as that lives, and another one long after its end', async () => {
  const stage = createStage({ retentionDays: 1 })
  const spawn = async () => (await stage.ask(stage.me, 'spawn_agent', { harness: 'hand', name: 'ada', workspace: 'isolated' }, { callKey: 'k' }))['instance_id']
  const first = await spawn()
  stage.clock.advance(10 * dayMs)
  expect(await spawn()).toBe(first)
  await stage.ask(stage.me, 'terminate_instance', { instance_id: first })
  stage.clock.advance(3 * dayMs)
  expect(await spawn()).not.toBe(first)
})

test.each([[{}, {}, 30], [{}, { MADROX_RETENTION_DAYS: '7' }, 7], [{ retentionDays: '0' }, { MADROX_RETENTION_DAYS: '7' }, 0]])('is set by flag %j, then environment %j: %i days', (flags, env, days) => {
  expect(loadConfig({ home: '/h', ...flags }, env).retentionDays).toBe(days)
})

test.each(['-1', '1.5', 'ever', '99999999'])('%s days are refused', days => {
  expect(() => loadConfig({ home: '/h' }, { MADROX_RETENTION_DAYS: days })).toThrow(expect.objectContaining({ code: 'invalid_input', message: expect.stringContaining('MADROX_RETENTION_DAYS') }))
})
