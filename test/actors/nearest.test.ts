/** A name that nobody knows is refused with the one that was meant, whatever it is a name of; and a client hears of replies whatever it asks. */

import { describe, expect, test } from 'vitest'
import { createStage } from './rig.ts'

const spawn = { harness: 'scripted', name: 'bob', workspace: 'isolated' }

describe('a name nobody knows is answered with what was meant:', () => {
  test.each([
    ['a tool', 'spawn_agnt', {}, 'spawn_agent'],
    ['a parameter', 'get_instance_output', { instance_id: 'ada', lmit: 3 }, 'limit'],
    ['a parameter of a tool that checks them together', 'set_policy', { max_instance: 3 }, 'max_instances'],
    ['an agent', 'get_instance_output', { instance_id: 'adda' }, 'ada'],
    ['a supervisor', 'spawn_agent', { ...spawn, parent_instance_id: 'adda' }, 'ada'],
    ['a harness', 'spawn_agent', { ...spawn, harness: 'scriptd' }, 'scripted'],
    ['a harness of a team', 'spawn_team_from_template', { template_name: 'data_pipeline', task_description: 'x', harness: 'scriptd' }, 'scripted'],
    ['a harness that is to be allowed', 'set_policy', { allowed_harnesses: ['scriptd'] }, 'scripted'],
    ['a role', 'spawn_agent', { ...spawn, role: 'architct' }, 'architect'],
    ['a workspace', 'spawn_agent', { ...spawn, workspace: 'worktre' }, 'worktree'],
    ['a template', 'spawn_team_from_template', { template_name: 'data_pipelin', task_description: 'x' }, 'data_pipeline'],
    ['an MCP preset', 'spawn_agent', { ...spawn, mcp_servers: ['filesytem'] }, 'filesystem'],
    ['an event', 'get_audit_logs', { event: 'agent_endd' }, 'agent_ended'],
  ])('%s', async (_, tool, args, meant) => {
    const stage = createStage()
    await stage.spawn('ada')
    expect(await stage.call(stage.me, tool, args)).toMatchObject({ ok: false, error: { remedy: expect.stringContaining(`Did you mean "${meant}"?`) } })
  })

  test('of a batch each for itself', async () => {
    const stage = createStage()
    const { errors } = await stage.ask(stage.me, 'spawn_multiple_instances', { instances: [{ name: 'bob', instance_type: 'scriptd' }, { name: 'cem', instance_typ: 'scripted' }] })
    expect(errors).toMatchObject([{ name: 'bob', remedy: expect.stringContaining('Did you mean "scripted"?') }, { name: 'cem', remedy: expect.stringContaining('Did you mean "instance_type"?') }])
  })
})

describe('a client for whom replies wait hears how many', () => {
  const withReply = async () => {
    const stage = createStage()
    await stage.ask(stage.me, 'spawn_agent', { ...spawn, initial_prompt: 'echo one', wait_for_response: true })
    await stage.ask(stage.me, 'send_to_instance', { instance_id: 'bob', message: 'echo two', wait_for_response: false })
    await stage.settle()
    return stage
  }

  test('in data, and beside what is text', async () => {
    const stage = await withReply()
    expect(await stage.call(stage.me, 'get_children')).toMatchObject({ data: { pending_replies: 1 } })
    expect(await stage.call(stage.me, 'get_instance_tree')).toEqual({ ok: true, text: expect.stringMatching(/^bob \(\w+\) \[idle\] \(scripted\)$/), pendingReplies: 1 })
  })

  test('and no word of it once they were handed out', async () => {
    const stage = await withReply()
    expect(await stage.ask(stage.me, 'get_pending_replies')).toEqual({ replies: [expect.objectContaining({ response: 'two' })], count: 1 })
    expect(await stage.call(stage.me, 'get_instance_tree')).toEqual({ ok: true, text: expect.any(String) })
  })
})
