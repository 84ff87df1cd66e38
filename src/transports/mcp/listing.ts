/** How the tool table looks in `tools/list`: which tools, in how few tokens, and which of them a client shows its model at once. */

import type { Tool as McpTool } from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'
import type { Caller } from '../../messages.ts'
import type { Tool, ToolTable, Toolset } from '../../tools/tool.ts'

/** `orchestrates` false: policy has switched that off, and what spawns is left out. */
export type Listing = (toolset: Toolset, caller: Caller['kind'], orchestrates?: boolean) => readonly McpTool[]

/** Schemas are made once for all sessions: making them takes longer than answering a call. */
export function createListing(tools: ToolTable): Listing {
  const made = new Map<string, readonly McpTool[]>()
  // An alias may be a key of its own in the table: a tool is listed under its name only.
  const listable = [...tools].filter(([name, tool]) => name === tool.name).map(([, tool]) => tool)
  return (toolset, caller, orchestrates = true) => {
    const key = `${toolset} ${caller === 'agent'} ${orchestrates}`
    let listed = made.get(key)
    if (!listed) {
      listed = listable.filter(tool => tool.listedFor.includes(toolset) && (orchestrates || !tool.spawns)).map(tool => toMcpTool(tool, caller))
      made.set(key, listed)
    }
    return listed
  }
}

/** One tool as MCP shows it. Text tools have no `outputSchema`: a client would insist on `structuredContent`. */
export function toMcpTool(tool: Tool, caller: Caller['kind']): McpTool {
  const always = caller === 'agent' || alwaysLoadedByClients(tool)
  return {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: toObjectSchema(tool.input, 'input'),
    ...(tool.output ? { outputSchema: caller === 'agent' ? essentials(toObjectSchema(tool.output, 'output')) : toObjectSchema(tool.output, 'output') } : {}),
    annotations: tool.annotations,
    // Claude Code 2.1.328: `alwaysLoad: false` defers a tool behind tool search, where the hint is what is searched.
    _meta: { 'anthropic/alwaysLoad': always, ...(always ? {} : { 'anthropic/searchHint': tool.searchHint }) },
  }
}

/** What a client needs to run a team from its first turn; it has no supervisor to reply to. */
function alwaysLoadedByClients(tool: Tool): boolean {
  return tool.alwaysLoad === true || tool.listedFor.includes('supervisor') && tool.name !== 'reply_to_caller'
}

function toObjectSchema(schema: z.ZodType, io: 'input' | 'output'): McpTool['inputSchema'] {
  const json = compact(z.toJSONSchema(schema, { io, unrepresentable: 'any' }))
  return { ...(typeof json === 'object' && json !== null ? json : {}), type: 'object' }
}

/** What an answer always has, for agents: each of them pays for its listing in every session, and reads the answer itself. */
function essentials({ properties = {}, required = [] }: McpTool['inputSchema']): McpTool['inputSchema'] {
  const kinds = Object.entries(properties).flatMap(([key, schema]) => (required.includes(key) ? [[key, 'type' in schema ? { type: schema.type } : {}]] : []))
  return { type: 'object', ...(kinds.length === 0 ? {} : { properties: Object.fromEntries(kinds), required }) }
}

/**
 * Drops what costs a model tokens and tells it nothing: the dialect, `additionalProperties: false` (on outputs it would be
 * untrue as well: `pending_replies` joins them), and zod's bounds of a safe integer.
 */
function compact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(compact)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => !isNoise(key, inner))
      // A property may be called like a keyword: names are kept, only their schemas are compacted.
      .map(([key, inner]) => [key, key === 'properties' && isRecord(inner) ? mapValues(inner, compact) : keepsData(key) ? inner : compact(inner)]),
  )
}

const isNoise = (key: string, value: unknown): boolean =>
  key === '$schema' ||
  (key === 'additionalProperties' && (value === false || isEmpty(value))) ||
  (key === 'minimum' && value === Number.MIN_SAFE_INTEGER) ||
  (key === 'maximum' && value === Number.MAX_SAFE_INTEGER)

/** Keywords whose value is an instance, not a schema. */
const keepsData = (key: string): boolean => key === 'default' || key === 'const' || key === 'enum' || key === 'examples'
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const isEmpty = (value: unknown): boolean => isRecord(value) && Object.keys(value).length === 0
const mapValues = (record: Record<string, unknown>, map: (value: unknown) => unknown): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]))
