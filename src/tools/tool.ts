/**
 * What a tool is: a name, a schema, a doc for a model, and a handler. MCP, REST and CLI read the same table; none of them is
 * known here. A handler gets parsed input and answers with plain data or text; how that crosses a wire is the transport's.
 */

import { z } from 'zod'
import { MadroxError, toWireError, type WireError } from '../errors.ts'
import type { ReplyId } from '../ids.ts'
import type { Caller } from '../messages.ts'
import { nearest } from '../nearest.ts'
import type { MadroxSystem, Person } from '../actors/system.ts'

export const toolsets = ['leaf', 'supervisor', 'client'] as const
export type Toolset = (typeof toolsets)[number]

/** What `list_tools` groups by. */
export const topics = ['spawn', 'messages', 'jobs', 'interrupt', 'see', 'files', 'logs', 'metrics', 'control'] as const
export type Topic = (typeof topics)[number]

export interface ToolContext {
  readonly system: MadroxSystem
  readonly caller: Caller
  /** Aborted when the caller cancels or is gone: ends the wait, never the agent's work. */
  readonly signal: AbortSignal
  /** Tells the caller that the wait goes on. */
  readonly progress: (message: string) => void
  /** Whoever sits where the call came from, where that can be asked. */
  readonly person?: Person
  /** The call's own identity; a repeated call returns the first result. */
  readonly callKey?: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** Data is shown as JSON; text (trees, screens) as it is. `replies`: handed out by this answer, consumed once it left. */
export interface ToolResult {
  readonly data?: Readonly<Record<string, unknown>>
  readonly text?: string
  readonly replies?: readonly ReplyId[]
}

export interface Tool<Input extends z.ZodType = z.ZodType> {
  readonly name: string
  /** Callable, never listed. */
  readonly aliases?: readonly string[]
  readonly title: string
  /** A docstring for a model: what it does, when to call it, when not. */
  readonly description: string
  readonly input: Input
  /** The schema of `data`; absent where the tool answers with text. */
  readonly output?: z.ZodType
  readonly annotations: { readonly readOnlyHint: boolean; readonly destructiveHint: boolean; readonly idempotentHint: boolean; readonly openWorldHint: boolean }
  /** Sets it is listed in. Listing is not rights: whatever is within the caller's rights can be called. */
  readonly listedFor: readonly Toolset[]
  /** Not listed to who may not: policy has orchestration switched off above. */
  readonly spawns?: boolean
  /** Clients load it at once, like what a supervisor is shown. */
  readonly alwaysLoad?: boolean
  readonly topic: Topic
  /** Keywords for clients that search tools instead of listing them. */
  readonly searchHint: string
  readonly handler: (input: z.output<Input>, context: ToolContext) => Promise<ToolResult> | ToolResult
}

/** Declares a tool, keeping its input's type for the handler. */
export const defineTool = <Input extends z.ZodType>(tool: Tool<Input>): Tool => tool as unknown as Tool // the table forgets the input type; callTool parses with the same schema

export type ToolTable = ReadonlyMap<string, Tool>

/** `pendingReplies`: beside a text, which has no place for them. */
export type ToolOutcome = ({ readonly ok: true; readonly pendingReplies?: number } & ToolResult) | { readonly ok: false; readonly error: WireError; readonly replies?: readonly ReplyId[] }

/** A refusal that tells what replies hold: they are handed out by it, as by an answer. */
export class RefusalWithReplies extends MadroxError {
  readonly replies: readonly ReplyId[]

  constructor({ code, message, remedy, data }: MadroxError, replies: readonly ReplyId[]) {
    super(code, message, { ...(remedy === undefined ? {} : { remedy }), data })
    this.replies = replies
  }
}

/**
 * `runTool` for a wire. Never throws: what a caller did wrong and what went wrong come back as `ok: false`.
 * A client is told how many replies wait for it, when there are any: as `pending_replies` in data, beside a text.
 */
export async function callTool(table: ToolTable, name: string, args: unknown, context: ToolContext): Promise<ToolOutcome> {
  try {
    return withPendingReplies(context, { ok: true, ...(await runTool(table, name, args, context)) })
  } catch (thrown) {
    const error = toWireError(thrown)
    context.system.recordRefusal(context.caller, calledBy(name, args), error.code)
    return { ok: false, error, ...(thrown instanceof RefusalWithReplies ? { replies: thrown.replies } : {}) }
  }
}

/** The tool that was meant, also where it was reached by way of `call_tool`; of what is no tool, as much as a record has room for. */
function calledBy(name: string, args: unknown): string {
  const inner = name === 'call_tool' && typeof args === 'object' && args !== null && 'name' in args ? args.name : undefined
  return (typeof inner === 'string' ? inner : name).slice(0, 100)
}

/** Finds, parses, runs; throws what a caller did wrong as `MadroxError`. */
export async function runTool(table: ToolTable, name: string, args: unknown, context: ToolContext): Promise<ToolResult> {
  const tool = table.get(name)
  if (!tool) throw unknownTool(table, name)
  const parsed = tool.input.safeParse(args ?? {})
  if (!parsed.success) throw invalidInput(tool, name, parsed.error)
  return tool.handler(parsed.data, context)
}

function withPendingReplies({ caller, system }: ToolContext, result: ToolOutcome): ToolOutcome {
  if (caller.kind !== 'client' || !result.ok) return result
  const pending = system.pendingReplies(caller) // what this answer hands out has left the inbox already
  if (pending === 0) return result
  return result.data ? { ...result, data: { ...result.data, pending_replies: pending } } : { ...result, pendingReplies: pending }
}

const didYouMean = (near: string | undefined): string => (near === undefined ? '' : `Did you mean "${near}"? `)

function unknownTool(table: ToolTable, name: string): MadroxError {
  const known = [...table.keys()]
  const given = name.slice(0, 200)
  return new MadroxError('unknown_tool', `There is no tool "${given}".`, { remedy: `${didYouMean(nearest(name, known))}Tools: ${[...new Set([...table.values()].map(tool => tool.name))].toSorted().join(', ')}.`, data: { name: given } })
}

function invalidInput(tool: Tool, name: string, error: z.ZodError): MadroxError {
  const issues = error.issues.map(issue => `${issue.path.join('.') || 'arguments'}: ${issue.message}`)
  return new MadroxError('invalid_input', `The arguments of ${name} do not fit: ${issues.join('; ')}.`, {
    remedy: `${parametersMeant(tool.input, error)}Correct them and call again; nothing was changed.`,
    data: { issues },
  })
}

/** A caller may name a million parameters that there are not. */
const mostMeant = 10

/** Of parameters that the schema does not have: those that were meant. */
export const parametersMeant = (schema: z.ZodType, { issues }: z.ZodError): string =>
  issues
    .flatMap(issue => (issue.code === 'unrecognized_keys' && issue.path.length === 0 && schema instanceof z.ZodObject ? issue.keys.slice(0, mostMeant).map(key => didYouMean(nearest(key, Object.keys(schema.shape)))) : []))
    .join('')
