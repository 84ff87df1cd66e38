/** `madrox interrupt` and `madrox stop`: a turn's end, and an agent's. */

import type { ArgsDef, CommandDef } from 'citty'
import { toWireText, type WireError } from '../errors.ts'
import { callTool, type Data } from './calling.ts'
import { common, serverOf, tell, toCommand, wait } from './command.ts'
import { bold, dim, harmless, listOf } from './output.ts'

interface Several {
  readonly name: string
  readonly description: string
  readonly label: string
  /** The tool for one agent, and the one for several. */
  readonly one: string
  readonly many: string
  /** Named as the tools' parameters. */
  readonly options: ArgsDef
  readonly inWords: (data: Data) => string
}

const several = ({ name, description, label, one, many, options, inWords }: Several): CommandDef =>
  toCommand({
    name,
    description,
    words: ['AGENT…'],
    options: { ...common, ...options },
    run: async (given, agents) => {
      const server = await serverOf(given)
      const tool = agents.length === 1 ? one : many
      const said = Object.fromEntries(Object.keys(options).flatMap(option => (given[option] ? [[option, given[option].at(-1)]] : [])))
      const args = { ...said, ...(agents.length === 1 ? { instance_id: agents[0] } : { instance_ids: agents }) }
      const data = await wait(given, label, (signal, onProgress) => callTool(server, tool, args, { signal, onProgress }))
      return tell(given, data, ({ results, ...single }) => (results === undefined ? [single] : listOf(results)).map(each => refusedWords(each) ?? inWords(each)).join('\n'))
    },
  })

function refusedWords({ instance_id, error }: Data): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  return `${bold(harmless(instance_id))}: ${harmless(toWireText(error as WireError))}` // the form of every error
}

export const interrupt = several({
  name: 'interrupt',
  description: 'Stop what agents are doing, and keep their context',
  label: 'interrupting',
  one: 'interrupt_instance',
  many: 'interrupt_multiple_instances',
  options: { then: { type: 'string', description: 'hold: wait for your next message; continue with the queue; clear the queue (default: hold)', valueHint: 'WHAT' } },
  inWords: data => `${bold(harmless(data['name'] ?? data['instance_id']))}${data['interrupted'] === true ? ` interrupted${dim(`, was ${String(data['was'])}`)}` : `: ${harmless(data['note'] ?? `was ${String(data['was'])}`)}`}`,
})

export const stop = several({
  name: 'stop',
  description: 'End agents and all below them; their workspaces stay',
  label: 'ending',
  one: 'terminate_instance',
  many: 'terminate_multiple_instances',
  options: { force: { type: 'boolean', description: 'Kill at once instead of asking first' } },
  inWords: data => [...listOf(data['terminated']).map(agent => `${bold(harmless(agent['name']))} ended${dim(`: ${harmless(agent['reason'])}`)}`), ...(data['note'] === undefined ? [] : [harmless(data['note'])])].join('\n'),
})
