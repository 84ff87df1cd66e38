/** `tools/list_changed` with the real Claude Code as an agent. To its model it goes on sending the tools of its start (2.1.328); what it calls is held against the new list. */
import { expect, test } from 'vitest'
import { openRig } from './rig.ts'

test('orchestration switched off takes what spawns from a running Claude Code, and switched on gives it back', async () => {
  const rig = await openRig()
  await rig.call('spawn_claude', { name: 'lead', workspace: 'isolated', toolset: 'supervisor', initial_prompt: 'say up', wait_for_response: true })
  let count = 0
  /** What Claude Code says to its model when that spawns an agent. */
  const spawning = async (): Promise<string | undefined> => {
    await rig.call('send_to_instance', { instance_id: 'lead', message: `do:\ncall mcp__madrox__spawn_multiple_instances {"instances":[{"name":"kid${++count}","instance_type":"scripted","workspace":"isolated"}]}\nsay ok` })
    return rig.anthropic.requests.findLast(({ kind }) => kind === 'turn')?.view.lastToolResults[0]?.text
  }
  expect(await spawning()).toContain('"name":"kid1"')
  // When a CLI has listed its tools anew it tells nobody; a later turn shows it.
  await rig.call('set_policy', { orchestration: 'off' })
  await expect.poll(spawning, { timeout: 30_000 }).toMatch(/No such tool available: mcp__madrox__spawn_multiple_instances/)
  await rig.call('set_policy', { orchestration: 'on' })
  await expect.poll(spawning, { timeout: 30_000 }).toContain(`"name":"kid`)
})
