/** Arguments for any tool, made of its own schema: such as fit it and mean nothing, and such as do not fit. */

import * as fc from 'fast-check'
import { z } from 'zod'
import type { Tool } from '../../src/tools/tool.ts'
import { nothings, textFor, wrong } from './words.ts'

/** What is read of a JSON schema. */
interface Schema {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly minItems?: number
  readonly maxItems?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly exclusiveMinimum?: number
  readonly maximum?: number
}

export type Args = Readonly<Record<string, unknown>>

const schemaOf = (tool: Tool): Schema => z.toJSONSchema(tool.input, { io: 'input', unrepresentable: 'any' }) as Schema // of which this much is read

function numberOf({ type, minimum, exclusiveMinimum, maximum = 1_000_000 }: Schema): fc.Arbitrary<number> {
  const whole = type === 'integer'
  const least = minimum ?? (exclusiveMinimum === undefined ? -1_000_000 : whole ? exclusiveMinimum + 1 : exclusiveMinimum + 0.001)
  const ends = fc.constantFrom(least, maximum, ...[1, 2, 60].filter(value => value >= least && value <= maximum))
  return fc.oneof(ends, whole ? fc.integer({ min: Math.max(least, -1e9), max: Math.min(maximum, 1e9) }) : fc.double({ min: least, max: maximum, noNaN: true }))
}

const textOf = ({ minLength = 0, maxLength = Infinity }: Schema, name: string): fc.Arbitrary<string> => textFor(name).filter(text => text.length >= minLength && text.length <= maxLength)

function valueOf(schema: Schema, name: string): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map(each => valueOf(each, name)))
  switch (schema.type) {
    case 'string': return textOf(schema, name)
    case 'number':
    case 'integer': return numberOf(schema)
    case 'boolean': return fc.boolean()
    case 'array': return fc.array(valueOf(schema.items ?? {}, name), { minLength: schema.minItems ?? 0, maxLength: Math.min(schema.maxItems ?? 4, 4) })
    case 'object': return schema.properties ? objectOf(schema) : fc.dictionary(fc.constantFrom('files', 'x', '__proto__', 'a b'), wrong, { maxKeys: 2 })
    default: return wrong
  }
}

const objectOf = ({ properties = {}, required = [] }: Schema): fc.Arbitrary<Args> =>
  fc.record(Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, valueOf(schema, name)])), { requiredKeys: [...required] })

/**
 * Waits are long where a call does not say, and optional arguments in their full number hide each other's refusals: of those that
 * may be left out most are.
 */
function sparse({ required = [] }: Schema, args: fc.Arbitrary<Args>): fc.Arbitrary<Args> {
  return fc.tuple(args, fc.array(fc.nat({ max: 99 }), { minLength: 40, maxLength: 40 })).map(([given, chances]) =>
    Object.fromEntries(Object.entries(given).filter(([name], index) => required.includes(name) || (chances[index] ?? 0) < 30)))
}

const byName = (tools: readonly Tool[], name: string): Tool => {
  const tool = tools.find(each => each.name === name)
  if (!tool) throw new Error(`There is no tool ${name} to make arguments for.`)
  return tool
}

/** Two tools describe in words what they pass on; and a scripted team works on, in its own time, when the call is over. */
function wordy(tools: readonly Tool[], tool: Tool): fc.Arbitrary<Args> | undefined {
  if (tool.name === 'spawn_team_from_template') return sparse(schemaOf(tool), objectOf(schemaOf(tool))).map(({ harness, ...args }) => ({ ...args, ...(harness === undefined ? {} : { harness: harness === 'scripted' ? 'hand' : harness }) }))
  if (tool.name === 'call_tool') return fc.constantFrom(...tools.filter(each => each.name !== 'call_tool')).chain(inner => fitting(tools, inner).map(args => ({ name: inner.name, arguments: args })))
  if (tool.name !== 'spawn_multiple_instances') return undefined
  const item = fitting(tools, byName(tools, 'spawn_agent')).map(({ harness, ...args }) => ({ instance_type: harness, ...args }))
  return fc.tuple(fc.array(item, { minLength: 1, maxLength: 3 }), fc.option(textFor('parent_instance_id'))).map(([instances, parent]) => ({ instances, ...(parent === null ? {} : { parent_instance_id: parent }) }))
}

/** Fits the schema; what it means is another matter. */
export function fitting(tools: readonly Tool[], tool: Tool): fc.Arbitrary<Args> {
  const schema = schemaOf(tool)
  return (wordy(tools, tool) ?? sparse(schema, objectOf(schema))).filter(args => tool.input.safeParse(args).success)
}

/** What one thing is named by: where it names nothing, the whole call is refused. Batches answer for each. */
const naming = /^(?:instance|instance_id|parent_id|parent_instance_id|root|coordinator_id|job_id|approval_id|dead_letter_id|template_name)$/
const namesOf = (tool: Tool): string[] => Object.keys(schemaOf(tool).properties ?? {}).filter(name => naming.test(name))
/** Tools that are asked about something, and can be asked about nothing. */
export const nameable = (tools: readonly Tool[]): readonly Tool[] => tools.filter(tool => namesOf(tool).length > 0 && tool.name !== 'reply_to_caller')

/** Fits the schema, and is wrong by its meaning: what it names is not there. */
export const meaningless = (tools: readonly Tool[], tool: Tool): fc.Arbitrary<Args> =>
  fc.tuple(fitting(tools, tool), ...namesOf(tool).map(() => fc.constantFrom(...nothings))).map(([args, ...given]) => ({ ...args, ...Object.fromEntries(namesOf(tool).map((name, index) => [name, given[index]])) }))

/** Fits but for one thing, or is no object at all. */
export function unfitting(tools: readonly Tool[], tool: Tool): fc.Arbitrary<unknown> {
  const names = Object.keys(schemaOf(tool).properties ?? {})
  const changed = fc.tuple(fitting(tools, tool), fc.constantFrom('no_such_parameter', ...names), wrong).map(([args, name, value]) => ({ ...args, [name]: value }))
  const lacking = fc.tuple(fitting(tools, tool), fc.nat()).map(([args, at]) => Object.fromEntries(Object.entries(args).filter((_, index, all) => index !== at % all.length)))
  return fc.oneof({ weight: 6, arbitrary: changed }, { weight: 2, arbitrary: lacking }, { weight: 1, arbitrary: wrong })
}
