/**
 * What can be seen, as MCP resources: the tree, and of each agent its screen, output and log. A resource is a tool's answer under an
 * address of its own: the words, the rights and the record of refusals are that tool's.
 */

import type { ListResourcesResult, ReadResourceResult, Resource, ResourceTemplate } from '@modelcontextprotocol/sdk/types.js'
import type { AgentStatus, MadroxSystem } from '../../actors/system.ts'
import { MadroxError } from '../../errors.ts'
import type { AgentId } from '../../ids.ts'
import type { Caller } from '../../messages.ts'
import { callTool, type ToolContext, type ToolTable } from '../../tools/tool.ts'
import { toInvalidParams, toRefusedResource } from './refusal.ts'

interface Aspect {
  readonly title: string
  readonly description: string
  readonly mimeType: string
  readonly tool: string
}

const text = 'text/plain'
const tree: Aspect & { readonly uri: string } = { uri: 'madrox://tree', title: 'The team as a tree', description: 'Who works for whom, with ids and states.', mimeType: text, tool: 'get_instance_tree' }

export const aspects: Readonly<Record<'screen' | 'output' | 'log', Aspect>> = {
  screen: { title: 'What it shows', description: "The agent's terminal as text; for one without a terminal a rendered transcript, labelled so. An update is told of what is known to have happened to the agent, not of every redrawing.", mimeType: text, tool: 'get_terminal_screen' },
  output: { title: 'What it did and said', description: 'The newest 100 records: messages it got, its words, tool calls and results, replies. Of ended agents too.', mimeType: text, tool: 'get_instance_output' },
  log: { title: 'What happened to it', description: 'The newest 100 entries of its log: spawned, messages and outcomes by id, interrupts, limits, its end. Of ended agents too.', mimeType: 'application/json', tool: 'get_instance_logs' },
}

type AspectName = keyof typeof aspects
const aspectNames = Object.keys(aspects) as readonly AspectName[] // the object's own keys, which TypeScript calls strings

export const templateOf = (aspect: string): string => `madrox://instances/{id}/${aspect}`
const uriOf = (id: string, aspect: AspectName): string => `madrox://instances/${encodeURIComponent(id)}/${aspect}`

/** What a resource is of: the tree, or an agent by a reference that is still to be looked up. */
type Place = { readonly kind: 'tree' } | { readonly kind: 'agent'; readonly reference: string; readonly aspect: AspectName }

function placeOf(uri: string): Place | undefined {
  if (uri === tree.uri) return { kind: 'tree' }
  const [, encoded = '', wanted] = /^madrox:\/\/instances\/([^/?#]+)\/([a-z]+)$/.exec(uri) ?? []
  const aspect = aspectNames.find(name => name === wanted)
  const reference = decoded(encoded)
  return aspect && reference !== undefined ? { kind: 'agent', reference, aspect } : undefined
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch (error) {
    if (error instanceof URIError) return undefined // a broken escape
    throw error
  }
}

const notFound = (uri: string): MadroxError =>
  new MadroxError('not_found', `There is no resource "${uri}".`, { remedy: `There are ${[tree.uri, ...aspectNames.map(templateOf)].join(', ')}, with an id or a name for {id}.` })

/** Three for each agent: enough for every team there is, and a bound for who has thousands. */
export const agentsAPage = 100

/** By time of spawn and id: what ends or comes between two pages moves nothing. */
const cursorOf = ({ createdAt, id }: AgentStatus): string => `${createdAt}.${id}`

/** @throws what the client is answered, where the cursor is none of ours */
export function listResources(system: MadroxSystem, caller: Caller, cursor: string | undefined): ListResourcesResult {
  const [, at, after] = cursor === undefined ? [] : (/^(\d+)\.(\w+)$/.exec(cursor) ?? [])
  if (cursor !== undefined && after === undefined) throw toInvalidParams(new MadroxError('invalid_input', `"${cursor}" is no cursor of this list.`, { remedy: 'Begin the list anew, without a cursor.' }))
  const isAfter = (status: AgentStatus): boolean => after === undefined || status.createdAt > Number(at) || (status.createdAt === Number(at) && status.id > after)
  const rest = system.list(caller).filter(isAfter).toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
  const page = rest.slice(0, agentsAPage)
  const last = page.at(-1)
  return {
    resources: [...(cursor === undefined ? [{ ...described(tree), uri: tree.uri, name: 'tree' }] : []), ...page.flatMap(resourcesOf)],
    ...(last && rest.length > page.length ? { nextCursor: cursorOf(last) } : {}),
  }
}

const described = ({ title, description, mimeType }: Aspect): Pick<Resource, 'title' | 'description' | 'mimeType'> => ({ title, description, mimeType })

const resourcesOf = ({ id, name }: AgentStatus): Resource[] =>
  aspectNames.map(aspect => ({ ...described(aspects[aspect]), uri: uriOf(id, aspect), name: `${name}/${aspect}`, title: `${name}: ${aspect}` }))

export const listResourceTemplates = (): ResourceTemplate[] => aspectNames.map(aspect => ({ ...described(aspects[aspect]), uriTemplate: templateOf(aspect), name: aspect }))

/** @throws what the client is answered, where there is nothing, or nothing for the caller */
export async function readResource(tools: ToolTable, uri: string, context: ToolContext): Promise<ReadResourceResult> {
  const place = placeOf(uri)
  if (!place) throw toRefusedResource(notFound(uri), uri)
  const { tool, mimeType } = place.kind === 'tree' ? tree : aspects[place.aspect]
  const outcome = await callTool(tools, tool, place.kind === 'tree' ? {} : { instance_id: place.reference }, context)
  if (!outcome.ok) throw toRefusedResource(new MadroxError(outcome.error.code, outcome.error.message, outcome.error), uri)
  // Mail of the caller is no part of what the resource shows.
  const { pending_replies: _, ...data } = outcome.data ?? {}
  return { contents: [{ uri, mimeType, text: outcome.text ?? JSON.stringify(data) }] }
}

/** The agent whose changes are those of the resource; `tree`: every agent's. @throws as `readResource` */
export function watchedBy(system: MadroxSystem, caller: Caller, uri: string): AgentId | 'tree' {
  const place = placeOf(uri)
  if (!place) throw toRefusedResource(notFound(uri), uri)
  if (place.kind === 'tree') return 'tree'
  try {
    return system.status(caller, place.reference).id
  } catch (error) {
    if (error instanceof MadroxError) throw toRefusedResource(error, uri)
    throw error
  }
}
