/** `madrox tree` and `madrox status`: who is there, and what they are at. */

import { readPath } from './calling.ts'
import { type Command, common, isSet, serverOf, tell, toCommand } from './command.ts'
import { coloured, drawTree, fields, harmless, listOf, shortId, table, toUsd } from './output.ts'

const ended = { type: 'boolean', description: 'Also those that have ended' } as const
const none = 'There are no agents. madrox spawn NAME starts one.'
const query = (given: Parameters<Command['run']>[0]): string => (isSet(given, 'ended') ? '?include_ended=true' : '')

export const tree = toCommand({
  name: 'tree',
  description: 'Who works for whom',
  options: { ...common, ended },
  run: async given => tell(given, await readPath(await serverOf(given), `/network/hierarchy${query(given)}`), ({ hierarchy }) => drawTree(listOf(hierarchy)) || none),
})

export const status = toCommand({
  name: 'status',
  description: 'State, tokens, cost and work of all agents, or everything about one',
  words: ['[AGENT]'],
  options: { ...common, ended },
  run: async (given, [agent]) => {
    const server = await serverOf(given)
    if (agent !== undefined) return tell(given, await readPath(server, `/instances/${encodeURIComponent(agent)}`), fields)
    return tell(given, await readPath(server, `/instances${query(given)}`), ({ instances }) => statusTable(listOf(instances)) || none)
  },
})

export const statusTable = (agents: readonly Readonly<Record<string, unknown>>[]): string =>
  agents.length === 0
    ? ''
    : table(
        ['name', 'id', 'state', 'harness', 'model', 'tokens', 'cost', 'at'],
        agents.map(agent => [
          harmless(agent['name']), shortId(agent['instance_id']), coloured(String(agent['state'])), harmless(agent['instance_type']), harmless(agent['model'] ?? ''),
          Number(agent['total_tokens_used'] ?? 0).toLocaleString('en'), toUsd(agent['total_cost']), harmless(agent['current_tool'] ?? agent['detail'] ?? ''),
        ]),
      )
