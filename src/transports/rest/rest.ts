/**
 * REST: the tool table as paths. Reads have one each, any tool is called by `POST /tools/execute`; the answer is the tool's data,
 * a text as `{text}`, a refusal `{error}` with a status of its own. It owns no socket and no guard: `http.ts` does.
 */

import { z } from 'zod'
import type { MadroxSystem } from '../../actors/system.ts'
import { type Clock, systemClock } from '../../clock.ts'
import { MadroxError, toWireError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import { argumentsFromText } from '../../tools/arguments.ts'
import type { Tool, ToolTable } from '../../tools/tool.ts'
import { authenticate, challenge } from '../credentials.ts'
import type { Exchange } from '../exchange.ts'
import type { From } from '../guard.ts'
import { createRestCallers } from './callers.ts'
import { answerCall, type CallsOptions } from './calls.ts'
import { createRoutes, executePath, type Match, toolsPath } from './routes.ts'
import { noStore, refuse } from './status.ts'

export interface RestOptions {
  readonly system: MadroxSystem
  readonly tools: ToolTable
  readonly log: Log
  readonly clock?: Clock
  readonly timings?: { readonly progressEveryMs?: number }
}

export interface Rest {
  /** Any request that nobody else on this port answers. */
  handle(request: Request, arrival: { readonly exchange: Exchange; readonly from: From }): Promise<Response>
  /** Ends the waits that are open. */
  close(): void
}

const executeBody = z.strictObject({ tool: z.string().min(1), arguments: z.record(z.string(), z.unknown()).default({}) })

export function createRest(options: RestOptions): Rest {
  const { system, tools, log, clock = systemClock } = options
  const routes = createRoutes(tools)
  const callers = createRestCallers(system, log)
  const closing = new AbortController()
  const calls: CallsOptions = { system, tools, clock, log, progressEveryMs: options.timings?.progressEveryMs ?? 10_000, closing: closing.signal }

  const find = async (request: Request, url: URL): Promise<Asked | Response> => {
    const { pathname } = url
    if (pathname === toolsPath) return allowing(request, 'GET') ?? listTools(tools)
    if (pathname === executePath) return allowing(request, 'POST') ?? execution(request)
    const match = routes.match(pathname)
    if (match) return allowing(request, 'GET') ?? read(tools, match, url.searchParams)
    return unknownPath(pathname, routes.nearestTo(pathname))
  }

  return {
    async handle(request, { exchange, from }) {
      try {
        const principal = authenticate(system, request, from)
        if (principal instanceof MadroxError) return refuse(toWireError(principal), { headers: challenge })
        const asked = await find(request, new URL(request.url))
        if (asked instanceof Response) return asked
        const { caller, leave } = callers.enter(principal, request.headers)
        void exchange.written.then(leave)
        return await answerCall(calls, { ...asked, caller, exchange, headers: request.headers })
      } catch (error) {
        if (error instanceof MadroxError) return refuse(toWireError(error))
        throw error
      }
    },
    close: () => closing.abort(),
  }
}

interface Asked {
  readonly tool: string
  readonly args: unknown
  readonly toBody: (data: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>
}

const asIs = (data: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => data

function read(tools: ToolTable, { route, id }: Match, query: URLSearchParams): Asked {
  const tool = tools.get(route.tool)
  const given = Object.fromEntries([...new Set(query.keys())].map(key => [key, query.getAll(key)]))
  return { tool: route.tool, args: { ...(tool ? argumentsFromText(tool, given) : {}), ...(route.id === undefined ? {} : { [route.id]: id }), ...route.fixed }, toBody: route.toBody ?? asIs }
}

async function execution(request: Request): Promise<Asked> {
  const parsed = executeBody.safeParse(await jsonOf(request))
  if (!parsed.success) {
    const issues = parsed.error.issues.map(issue => `${issue.path.join('.') || 'body'}: ${issue.message}`)
    throw new MadroxError('invalid_input', `The body does not fit: ${issues.join('; ')}.`, { remedy: 'Send {"tool": NAME, "arguments": {…}}.', data: { issues } })
  }
  return { tool: parsed.data.tool, args: parsed.data.arguments, toBody: asIs }
}

async function jsonOf(request: Request): Promise<unknown> {
  try {
    return await request.json()
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new MadroxError('invalid_input', 'The body is no JSON.', { remedy: 'Send {"tool": NAME, "arguments": {…}}.', cause })
    throw cause
  }
}

function allowing(request: Request, method: 'GET' | 'POST'): Response | undefined {
  if (request.method === method) return undefined
  return refuse({ code: 'invalid_input', message: `${request.method} is not for this path.`, remedy: `Use ${method}.` }, { status: 405, headers: { allow: method } })
}

function unknownPath(pathname: string, near: string | undefined): Response {
  return refuse({ code: 'not_found', message: `There is no path ${pathname}.`, remedy: `${near ? `Did you mean ${near}? ` : ''}GET /tools shows every tool; POST /tools/execute calls one.`, data: { path: pathname, ...(near ? { nearest: near } : {}) } })
}

function listTools(tools: ToolTable): Response {
  const told = [...tools].filter(([name, tool]) => name === tool.name).map(([, tool]) => toTold(tool))
  return Response.json({ tools: told, total: told.length }, { headers: noStore })
}

const toTold = ({ name, aliases = [], title, description, topic, annotations, input, output }: Tool): Readonly<Record<string, unknown>> => ({
  name, aliases, title, description, topic, annotations,
  input_schema: z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' }),
  ...(output ? { output_schema: z.toJSONSchema(output, { io: 'output', unrepresentable: 'any' }) } : {}),
})
