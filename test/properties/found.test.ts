/** What the property found, each as the one call it was. */

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createStage } from '../actors/rig.ts'

test('an agent that has ended spawns nobody: no workspace is left behind', async () => {
  const stage = createStage()
  const ada = await stage.spawn('ada')
  await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
  const workspaces = join(stage.home, 'workspaces')
  const before = readdirSync(workspaces)
  expect(await stage.call(stage.as(ada), 'spawn_agent', { harness: 'hand', name: 'late', workspace: 'isolated' })).toMatchObject({ error: { code: 'agent_ended', remedy: expect.any(String) } })
  expect(readdirSync(workspaces)).toEqual(before)
})

test('an agent that has ended replies to nobody, and is told what to do', async () => {
  const stage = createStage()
  const ada = await stage.spawn('ada')
  await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
  expect(await stage.call(stage.as(ada), 'reply_to_caller', { reply_message: 'late' })).toMatchObject({ error: { code: 'agent_ended', remedy: expect.any(String) } })
})

test('a script that is no plain data is refused before anything exists', async () => {
  const stage = createStage()
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  for (const script of [circular, 10n, () => 'x']) expect(await stage.refusal(stage.me, 'spawn_agent', { harness: 'scripted', name: 'ada', workspace: 'isolated', script })).toBe('invalid_input')
  expect([stage.system.list(stage.me, { ended: true }), existsSync(join(stage.home, 'workspaces'))]).toEqual([[], false])
})

test('an agent that cannot be started is a failed spawn, its first task or not', async () => {
  const stage = createStage()
  const spawning = { harness: 'scripted', name: 'ada', workspace: 'isolated', script: 'no rules' } as const
  for (const more of [{}, { initial_prompt: 'go' }]) expect(await stage.refusal(stage.me, 'spawn_agent', { ...spawning, ...more })).toBe('spawn_failed')
})
