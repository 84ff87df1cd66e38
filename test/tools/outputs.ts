/** Whether an answer is what its tool's schema says, to the last key: schemas are loose for clients, and here none is. */

import { z } from 'zod'
import type { Tool } from '../../src/tools/tool.ts'

/** What is open on purpose says what else there may be; what is merely loose does not. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed)
  if (typeof value !== 'object' || value === null) return value
  const inner = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, closed(each)]))
  return 'properties' in inner && isLoose(inner['additionalProperties']) ? { ...inner, additionalProperties: false } : inner
}

const isLoose = (rest: unknown): boolean => rest === undefined || (typeof rest === 'object' && rest !== null && Object.keys(rest).length === 0)

const made = new Map<string, z.ZodType>()

/** In words what does not fit, unknown keys included; nothing: it is as the schema says. */
export function misfits({ name, output }: Tool, data: unknown): readonly string[] {
  if (!output) return data === undefined ? [] : [`${name} has no schema and answers with data`]
  const schema = made.get(name) ?? z.fromJSONSchema(closed(z.toJSONSchema(output, { io: 'output', unrepresentable: 'any' })) as z.core.JSONSchema.JSONSchema) // made of one, with some of it closed
  made.set(name, schema)
  const parsed = schema.safeParse(data)
  return parsed.success ? [] : parsed.error.issues.flatMap(issue => [`${name}: ${issue.path.join('.')}: ${issue.message} ${'errors' in issue ? JSON.stringify(issue.errors) : ''}`.trim()])
}
