/** `madrox logs`: what an agent was told, said and did, its other logs, and without an agent the audit. */

import { readPath } from './calling.ts'
import { common, serverOf, tell, textOf, toCommand } from './command.ts'
import { Misunderstood } from './exit.ts'
import { bold, dim, harmless, listOf } from './output.ts'

const types = ['output', 'instance', 'communication', 'terminal'] as const

export const logs = toCommand({
  name: 'logs',
  description: 'What an agent was told, said and did, or another of its logs; without an agent, the audit. Newest last',
  words: ['[AGENT]'],
  options: {
    ...common,
    type: { type: 'string', description: `${types.join(', ')} (default: output)`, valueHint: 'LOG' },
    tail: { type: 'string', description: 'The newest so many (default: 100)', valueHint: 'N' },
    since: { type: 'string', description: 'What came since then, e.g. 2026-01-31T12:00:00Z', valueHint: 'TIME' },
  },
  run: async (given, [agent]) => {
    const type = textOf(given, 'type') ?? 'output'
    if (!types.some(known => known === type)) throw new Misunderstood(`"${type}" is none of ${types.join(', ')}.`)
    if (agent === undefined && given['type']) throw new Misunderstood('--type is of an agent; name one.')
    const [path, tailName, more] = whereOf(agent, type)
    const query = new URLSearchParams([...more, ...([['tail', tailName], ['since', 'since']] as const).flatMap(([option, name]): [string, string][] => (given[option] ? [[name, textOf(given, option) ?? '']] : []))])
    return tell(given, await readPath(await serverOf(given), `${path}?${query}`), ({ text, entries }) => (typeof text === 'string' ? harmless(text) : listOf(entries).map(toLine).join('\n') || 'Nothing on record.'))
  },
})

/** The path, what it calls the newest so many, and what it must be told besides. */
function whereOf(agent: string | undefined, type: string): readonly [string, string, readonly [string, string][]] {
  if (agent === undefined) return ['/logs/audit', 'limit', []]
  const id = encodeURIComponent(agent)
  return type === 'output' ? [`/instances/${id}/output`, 'limit', []] : [`/logs/instances/${id}`, 'tail', [['log_type', type]]]
}

function toLine({ at, event, kind, name, line, text, from, to, ...more }: Readonly<Record<string, unknown>>): string {
  if (line !== undefined) return harmless(line)
  const who = from === undefined ? name : `${harmless(from)} → ${harmless(to)}`
  const rest = text ?? Object.entries(more).filter(([key]) => !key.endsWith('_id')).map(([key, value]) => `${key}=${harmless(value)}`).join(' ')
  return `${dim(harmless(at))} ${bold(harmless(event ?? kind))}${who === undefined ? '' : ` ${harmless(who)}`} ${harmless(rest)}`
}
