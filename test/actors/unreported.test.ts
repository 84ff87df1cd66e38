import { expect, test } from 'vitest'
import type { AgentId } from '../../src/ids.ts'
import { createStage, type Stage } from './rig.ts'

const unreported = async (stage: Stage, id: AgentId): Promise<unknown> => (await stage.ask(stage.me, 'get_instance_status', { instance_id: id }))['usage_unreported']

async function working(stage: Stage): Promise<AgentId> {
  const ada = await stage.spawn('ada', stage.me, { restart: 'permanent' })
  await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false })
  stage.begin(ada)
  return ada
}

test('a turn that runs, and one that completed, leave nothing unreported', async () => {
  const stage = createStage()
  const ada = await working(stage)
  expect(await unreported(stage, ada)).toBe(0)
  stage.end(ada, { finalText: 'done' })
  expect(await unreported(stage, ada)).toBe(0)
})

test.each(['failed', 'interrupted'] as const)('a turn that ended %s may have spent what nobody reported, and says so', async status => {
  const stage = createStage()
  const ada = await working(stage)
  stage.end(ada, { status })
  expect(await unreported(stage, ada)).toBe(1)
})

test('so does a turn whose process died; the turn that does its work again counts for itself', async () => {
  const stage = createStage()
  const ada = await working(stage)
  stage.fact(ada, { type: 'exited', expected: false, code: 1 })
  await stage.settle()
  stage.turn(ada, 'done after all')
  expect(await unreported(stage, ada)).toBe(1)
})

test('a prompt that was written and refused, or never confirmed, has spent nothing', async () => {
  const stage = createStage()
  const ada = await stage.spawn('ada')
  await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false })
  const { promptId } = stage.commands.findLast(command => command.type === 'submitPrompt') ?? { promptId: '' }
  stage.fact(ada, { type: 'promptWritten', promptId })
  stage.fact(ada, { type: 'promptRefused', promptId, reason: 'in_turn' })
  expect([stage.state(ada), await unreported(stage, ada)]).toEqual(['idle.deferred', 0])
})
