/** What a person reads of a tool: its help, made from its schema. */

import { inputSchemaOf } from '../tools/arguments.ts'
import { bold, dim, table } from './output.ts'
import { describe, hintOf, toolCalled } from './tool-options.ts'

export function toolUsage(name: string): string {
  const tool = toolCalled(name)
  const { properties, required } = inputSchemaOf(tool)
  const rows = Object.entries(properties).map(([property, schema]) => [required.includes(property) ? bold(property) : property, hintOf(schema).toLowerCase(), `${required.includes(property) ? 'needed. ' : ''}${describe(schema)}`])
  return [
    `${bold(tool.name)}: ${tool.title}${tool.aliases ? dim(` (also ${tool.aliases.join(', ')})`) : ''}`, '', tool.description, '',
    rows.length === 0 ? 'It takes no arguments.' : table(['parameter', 'type', ''], rows), '',
    dim(`madrox call ${tool.name} '{…}'  ·  madrox call ${[tool.name, ...required.map(property => `${property}=…`)].join(' ')}`),
  ].join('\n')
}
