/** What tools say of their answers before anybody has called them. */

import { expect, test } from 'vitest'
import { z } from 'zod'
import { createToolTable } from '../../src/tools/table.ts'
import { createListing } from '../../src/transports/mcp/listing.ts'
import { misfits } from './outputs.ts'

const table = createToolTable()
const tools = [...new Set(table.values())]

/** Every object in a schema that says nothing of what is in it. */
function emptyObjects(value: unknown, path = ''): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  const own = 'type' in value && value.type === 'object' && !('properties' in value && Object.keys(value.properties ?? {}).length > 0) && !('propertyNames' in value) ? [path || 'the whole'] : []
  return [...own, ...Object.entries(value).flatMap(([key, inner]) => emptyObjects(inner, `${path}/${key}`))]
}

test.each(tools.filter(({ output }) => output).map(tool => [tool.name, tool] as const))('%s says what its answer holds', (_, { output }) => {
  expect(emptyObjects(z.toJSONSchema(output ?? z.never(), { io: 'output', unrepresentable: 'any' }))).toEqual([])
})

test.each([['a field that is missing', { instance_id: null }], ['one of another kind', { instance_id: 1, because: 'b' }], ['one that is not named', { instance_id: null, because: 'b', more: true }]])('%s is seen', (_, data) => {
  const tool = table.get('get_main_instance_id')
  expect(tool && misfits(tool, { instance_id: 'a', because: 'b' })).toEqual([])
  expect(tool && misfits(tool, data)).toHaveLength(1)
})

test('agents are listed what an answer always has, clients all of it', () => {
  const list = createListing(table)
  const schemaFor = (caller: 'agent' | 'client') => list('supervisor', caller).find(({ name }) => name === 'send_to_instance')?.outputSchema
  expect(schemaFor('agent')).toEqual({ type: 'object', properties: { status: { type: 'string' }, message_id: { type: 'string' }, instance_id: { type: 'string' } }, required: ['status', 'message_id', 'instance_id'] })
  expect(schemaFor('client')?.properties).toMatchObject({ response: { type: 'string', description: expect.any(String) }, pending_replies: { type: 'number' } })
})
