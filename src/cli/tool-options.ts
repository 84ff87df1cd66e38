/** The options of a command that calls a tool: the tool's parameters, `--like-this`. Who adds a parameter has added its option. */

import type { ArgsDef } from 'citty'
import { argumentsFromText, inputSchemaOf, type PropertySchema } from '../tools/arguments.ts'
import { createToolTable } from '../tools/table.ts'
import type { Tool } from '../tools/tool.ts'
import type { Data } from './calling.ts'
import type { Given } from './arguments.ts'
import { Misunderstood, orNearest } from './exit.ts'

const tools = createToolTable()

export function toolCalled(name: string): Tool {
  const tool = tools.get(name)
  if (tool) return tool
  throw new Misunderstood(`There is no tool "${name}".${orNearest(name, [...tools.keys()])}`)
}

export const toolNames = (): readonly string[] => [...tools.keys()]

const toOption = (property: string): string => property.replaceAll('_', '-')

/** What models read out of a name, and pay for by the word, people are told. */
const abouts: Readonly<Record<string, string>> = {
  timeout_seconds: 'How long to wait for it', wait_for_ready: 'false: not until it takes messages', allowed_tools: 'Of its CLI, used without asking', max_total_tokens: 'Limit, with all agents below it', max_cost: 'Limit in USD, with all agents below it',
}

/** A flag where no is what holds otherwise; what holds unless refused is `--option false`. */
const isFlag = (schema: PropertySchema): boolean => schema.type === 'boolean' && schema.default !== true

/** @param without what the command says in another way */
export function optionsOf(name: string, without: readonly string[] = []): ArgsDef {
  const { properties } = inputSchemaOf(toolCalled(name))
  return Object.fromEntries(
    Object.entries(properties).filter(([property]) => !without.includes(property)).map(([property, schema]) => [toOption(property), isFlag(schema) ? { type: 'boolean' as const, description: aboutOption(property, schema) } : { type: 'string' as const, description: aboutOption(property, schema), valueHint: hintOf(schema) }]),
  )
}

const aboutOption = (property: string, { description, ...schema }: PropertySchema): string => describe({ ...schema, description: abouts[property] ?? description ?? '' })

export function argumentsOf(name: string, given: Given, more: Data = {}): Data {
  const tool = toolCalled(name)
  const texts = Object.keys(inputSchemaOf(tool).properties).flatMap((property): [string, string[]][] => {
    const values = given[toOption(property)]
    return values === undefined ? [] : [[property, values.map(String)]]
  })
  return { ...argumentsFromText(tool, Object.fromEntries(texts)), ...more }
}

export function describe({ description, default: otherwise, enum: choices }: PropertySchema): string {
  const known = choices ? choices.join(', ') : ''
  const text = [description, known].filter(part => part).join('; ')
  return otherwise === undefined || typeof otherwise === 'object' ? text : `${text}${text ? ' ' : ''}(default: ${String(otherwise as string | number | boolean)})` // not an object, as just seen
}

export const hintOf = ({ type, anyOf, items }: PropertySchema): string => (type === 'array' ? `${items?.type === 'string' ? 'TEXT' : 'JSON'},…` : (type ?? anyOf?.map(each => each.type ?? 'JSON').join('|') ?? 'JSON')).toUpperCase()
