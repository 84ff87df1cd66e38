/** `madrox call`: any tool, with its arguments as JSON, from stdin, or as `key=value`; its help is made from its schema. */

import { callTool, type Data } from './calling.ts'
import { common, orStdin, serverOf, tell, toCommand, wait } from './command.ts'
import { Misunderstood } from './exit.ts'
import { bold, dim, harmless, table } from './output.ts'
import { argumentsFromText, inputSchemaOf } from '../tools/arguments.ts'
import { describe, hintOf, toolCalled } from './tool-options.ts'

export const call = toCommand({
  name: 'call',
  description: 'Call any tool: madrox call TOOL {JSON}, - for stdin, or key=value …; madrox call TOOL --help shows its parameters',
  words: ['TOOL', '[ARGUMENTS…]'],
  options: common,
  run: async (given, [tool = '', ...words]) => {
    const args = toArguments(tool, words)
    const server = await serverOf(given)
    const data = await wait(given, tool, (signal, onProgress) => callTool(server, tool, args, { signal, onProgress }))
    return tell(given, data, inWords)
  },
})

/** A tool this version does not know may be known to the server: its arguments are JSON then. */
function toArguments(name: string, words: readonly string[]): Data {
  const [first = ''] = words
  if (words.length === 0) return {}
  if (words.length === 1 && (first === '-' || /^\s*\{/.test(first))) return jsonOf(orStdin(first))
  const pairs = new Map<string, string[]>()
  for (const word of words) {
    const [, key, value] = /^([A-Za-z_][\w-]*)=(.*)$/s.exec(word) ?? []
    if (key === undefined || value === undefined) throw new Misunderstood(`"${word}" is neither JSON nor key=value.`)
    pairs.set(key, [...(pairs.get(key) ?? []), value])
  }
  return argumentsFromText(toolCalled(name), Object.fromEntries(pairs))
}

function jsonOf(text: string): Data {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new Misunderstood('The arguments are no JSON object.')
}

const inWords = (data: Data): string => (typeof data['text'] === 'string' && Object.keys(data).length === 1 ? harmless(data['text']) : harmless(JSON.stringify(data, undefined, 2)))

/** What a person reads of a tool. */
export function toolUsage(name: string): string {
  const tool = toolCalled(name)
  const { properties, required } = inputSchemaOf(tool)
  const rows = Object.entries(properties).map(([property, schema]) => [required.includes(property) ? bold(property) : property, hintOf(schema).toLowerCase(), `${required.includes(property) ? 'needed. ' : ''}${describe(schema)}`])
  return [
    `${bold(tool.name)}: ${tool.title}${tool.aliases ? dim(` (also ${tool.aliases.join(', ')})`) : ''}`, '', tool.description, '',
    rows.length === 0 ? 'It takes no arguments.' : table(['parameter', 'type', ''], rows), '',
    dim(`madrox call ${tool.name} '{…}'  ·  madrox call ${tool.name} ${required.map(property => `${property}=…`).join(' ')}`),
  ].join('\n')
}
