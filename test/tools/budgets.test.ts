/** What a session pays before it has said a word: tokens of the tools it is shown, counted by a real tokenizer. */

import { Tiktoken } from 'js-tiktoken/lite'
import o200k from 'js-tiktoken/ranks/o200k_base'
import { describe, expect, test } from 'vitest'
import { instructions } from '../../src/tools/instructions.ts'
import { createToolTable } from '../../src/tools/table.ts'
import { createListing } from '../../src/transports/mcp/listing.ts'

const tokenizer = new Tiktoken(o200k)
const list = createListing(createToolTable())
/** All that `tools/list` answers an agent, though clients keep some of it from their models. */
const shown = (toolset: 'leaf' | 'supervisor') => list(toolset, 'agent')
const count = (value: unknown): number => tokenizer.encode(JSON.stringify(value)).length

describe('the tools', () => {
  test.each([['leaf', 1_200], ['supervisor', 5_000]] as const)('of a %s cost at most %i tokens, all that MCP lists of them counted', (toolset, budget) => {
    expect(count(shown(toolset))).toBeLessThanOrEqual(budget)
  })

  test.each([
    ['leaf', ['send_to_instance', 'reply_to_caller', 'get_pending_replies', 'get_peers', 'list_tools', 'call_tool']],
    ['supervisor', [
      'spawn_claude', 'spawn_codex', 'spawn_multiple_instances', 'send_to_instance', 'send_to_multiple_instances', 'broadcast_to_children', 'reply_to_caller', 'get_pending_replies', 'wait_for_any',
      'interrupt_instance', 'terminate_instance', 'get_instance_status', 'get_instance_tree', 'get_peers', 'get_instance_output', 'list_tools', 'call_tool',
    ]],
  ] as const)('of a %s are those of the specification', (toolset, names) => {
    expect(shown(toolset).map(tool => tool.name)).toEqual(names)
  })
})

test('clients load what a team needs at once, spawn_team_from_template included, and search the rest', () => {
  const atOnce = list('client', 'client').flatMap(({ name, _meta }) => (_meta?.['anthropic/alwaysLoad'] === true ? [name] : []))
  const supervisors = shown('supervisor').map(({ name }) => name).filter(name => !['reply_to_caller', 'list_tools', 'call_tool'].includes(name))
  expect(atOnce.toSorted()).toEqual([...supervisors, 'spawn_team_from_template'].toSorted())
})

test('the instructions fit what clients read of them', () => {
  expect(instructions.length).toBeLessThanOrEqual(2_000)
})
