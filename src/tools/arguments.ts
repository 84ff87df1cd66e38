/** Arguments that came as text (a query, `key=value` on a command line), made into what the tool's schema asks for. */

import { z } from 'zod'
import type { Tool } from './tool.ts'

export interface PropertySchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly PropertySchema[]
  readonly items?: PropertySchema
}

export interface InputSchema {
  readonly properties: Readonly<Record<string, PropertySchema>>
  readonly required: readonly string[]
}

/** The input of a tool as JSON schema tells it; every tool takes an object. */
export function inputSchemaOf(tool: Tool): InputSchema {
  const { properties = {}, required = [] } = z.toJSONSchema(tool.input, { io: 'input', unrepresentable: 'any' }) as Partial<InputSchema> // of an object schema
  return { properties, required }
}

/** What does not fit is left as it is: the schema refuses it in its own words. */
export function argumentsFromText(tool: Tool, given: Readonly<Record<string, readonly string[]>>): Record<string, unknown> {
  const { properties } = inputSchemaOf(tool)
  return Object.fromEntries(Object.entries(given).map(([name, texts]) => [name, toValue(properties[name] ?? {}, texts)]))
}

function toValue(schema: PropertySchema, texts: readonly string[]): unknown {
  const types = [schema, ...(schema.anyOf ?? [])].flatMap(({ type }) => (type === undefined ? [] : [type]))
  const [text = ''] = texts
  const json = asJson(text)
  if (types.includes('array')) return texts.length === 1 && Array.isArray(json) ? json : texts.flatMap(each => each.split(',')).map(item => toValue(schema.items ?? {}, [item]))
  if (texts.length > 1) return texts
  if (types.includes('string')) return text
  if (types.some(type => type === 'number' || type === 'integer')) return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text
  if (types.includes('boolean')) return text === 'true' ? true : text === 'false' ? false : text
  return json ?? text
}

/** An object or a list; nothing else is meant as JSON. */
function asJson(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
