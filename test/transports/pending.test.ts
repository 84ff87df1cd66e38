/** A client for whom replies wait hears of them with whatever it asks, in each form that a result has. */

import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { expect, test } from 'vitest'
import { asAgentId } from '../../src/ids.ts'
import { createToolTable } from '../../src/tools/table.ts'
import { createStage } from '../actors/rig.ts'
import { connect, serve } from './served.ts'

test('pending_replies stands in data, beside a text in a block of its own, and nowhere once they were handed out', async () => {
  const stage = createStage()
  const { mcpUrl } = await serve({ system: stage.system, tools: createToolTable() })
  const { client } = await connect(mcpUrl)
  await client.listTools() // from now on results are held against the schemas
  const call = async (name: string, args: Readonly<Record<string, unknown>> = {}) => CallToolResultSchema.parse(await client.callTool({ name, arguments: args }))
  const spawned = await call('spawn_agent', { harness: 'hand', name: 'ada', workspace: 'isolated' })
  const tree = { type: 'text', text: expect.stringMatching(/^ada \(\w+\) \[idle\] \(hand\)$/) }
  expect((await call('get_instance_tree')).content).toEqual([tree])
  await call('send_to_instance', { instance_id: 'ada', message: 'go', wait_for_response: false })
  stage.turn(asAgentId(String(spawned.structuredContent?.['instance_id'])), 'done')
  for (const tool of ['get_children', 'get_instance_status', 'list_roles', 'get_metrics', 'get_policy', 'list_persisted_instances']) expect([tool, (await call(tool)).structuredContent]).toEqual([tool, expect.objectContaining({ pending_replies: 1 })])
  expect((await call('get_instance_tree')).content).toEqual([tree, { type: 'text', text: 'pending_replies: 1' }])
  expect((await call('get_instance_output', { instance_id: 'ada' })).content).toEqual([{ type: 'text', text: expect.stringContaining('done') }, { type: 'text', text: 'pending_replies: 1' }])
  expect((await call('get_pending_replies')).structuredContent).toEqual({ replies: [expect.objectContaining({ response: 'done' })], count: 1 })
  expect((await call('get_instance_tree')).content).toEqual([tree])
})
