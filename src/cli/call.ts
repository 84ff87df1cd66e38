/** `madrox call`: any tool, with its arguments as JSON, from stdin, or as `key=value`. The tools' schemas are loaded for the last alone, and for help. */

import { callTool, type Data } from './calling.ts'
import { common, keyed, keyOf, orStdin, serverOf, tell, toCommand, wait } from './command.ts'
import { Misunderstood } from './exit.ts'
import { harmless } from './output.ts'

export const call = toCommand({
  name: 'call',
  description: 'Call any tool: madrox call TOOL {JSON}, - for stdin, or key=value …; madrox call TOOL --help shows its parameters',
  words: ['TOOL', '[ARGUMENTS…]'],
  options: { ...common, ...keyed },
  run: async (given, [tool = '', ...words]) => {
    const args = await toArguments(tool, words)
    const server = await serverOf(given)
    const data = await wait(given, tool, (signal, onProgress) => callTool(server, tool, args, { signal, onProgress, ...keyOf(given) }))
    return tell(given, data, inWords)
  },
})

/** A tool this version does not know may be known to the server: its arguments are JSON then. */
async function toArguments(name: string, words: readonly string[]): Promise<Data> {
  const [first = ''] = words
  if (words.length === 0) return {}
  if (words.length === 1 && (first === '-' || /^\s*\{/.test(first))) return jsonOf(orStdin(first))
  const pairs = new Map<string, string[]>()
  for (const word of words) {
    const [, key, value] = /^([A-Za-z_][\w-]*)=(.*)$/s.exec(word) ?? []
    if (key === undefined || value === undefined) throw new Misunderstood(`"${word}" is neither JSON nor key=value.`)
    pairs.set(key, [...(pairs.get(key) ?? []), value])
  }
  const [{ argumentsFromText }, { toolCalled }] = await Promise.all([import('../tools/arguments.ts'), import('./tool-options.ts')])
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

/** A text as it is; how many replies wait stands below it. */
function inWords(data: Data): string {
  const { text, pending_replies: pending, ...rest } = data
  if (typeof text !== 'string' || Object.keys(rest).length > 0) return harmless(JSON.stringify(data, undefined, 2))
  return harmless(typeof pending === 'number' ? `${text}\npending_replies: ${pending}` : text)
}
