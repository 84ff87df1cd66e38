/** `madrox logs`: what an agent was told, said and did. */

import { readPath } from './calling.ts'
import { common, serverOf, tell, textOf, toCommand } from './command.ts'
import { harmless } from './output.ts'

export const logs = toCommand({
  name: 'logs',
  description: 'What an agent was told, said and did, newest last',
  words: ['AGENT'],
  options: {
    ...common,
    limit: { type: 'string', description: 'The newest so many (default: 100)', valueHint: 'N' },
    since: { type: 'string', description: 'What came since then, e.g. 2026-01-31T12:00:00Z', valueHint: 'TIME' },
  },
  run: async (given, [agent = '']) => {
    const server = await serverOf(given)
    const query = new URLSearchParams(['limit', 'since'].flatMap((name): [string, string][] => {
      const value = textOf(given, name)
      return value === undefined ? [] : [[name, value]]
    }))
    return tell(given, await readPath(server, `/instances/${encodeURIComponent(agent)}/output?${query}`), ({ text }) => harmless(text))
  },
})
