/**
 * The three ways in, each with a real server of its own, so that the same calls in the same order meet the same state. What a call
 * gave is told in one form, less what no two runs share: ids, times, ports, directories.
 */

import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import { exitCodes } from '../../src/cli/exit.ts'
import { type ErrorCode, toWireText, type WireError } from '../../src/errors.ts'
import { connectMcp } from '../../src/transports/mcp/client.ts'
import { runCli, runToEnd, type RunningServer, startServe, temporaryHome } from '../cli/server.ts'

export type Args = Readonly<Record<string, unknown>>

/** `text`: what a text tool said, or a refusal as MCP words it. `error`: as programs get it; MCP has the words alone. */
export interface Told {
  readonly ok: boolean
  readonly data?: unknown
  readonly text?: string
  readonly error?: WireError
  /** REST's status, or the command's exit code. */
  readonly number?: number
}

export interface Way {
  readonly name: 'MCP' | 'REST' | 'CLI'
  readonly server: RunningServer
  readonly home: string
  call(tool: string, args: Args): Promise<Told>
  /** Begins a call; `end` gives it up, by the means of its way, and resolves when it has ended so. */
  begin(tool: string, args: Args): { end(): Promise<void> }
  close(): Promise<void>
}

type Calling = Pick<Way, 'call' | 'begin'> & { readonly close?: () => Promise<void> }

/** All three are one client by name and place. */
export const clientName = 'madrox-cli'
export const restHeaders = { 'x-madrox-client': clientName, 'x-madrox-cwd': pathToFileURL(process.cwd()).href }

async function open(name: Way['name'], connect: (server: RunningServer, home: string) => Promise<Calling>): Promise<Way> {
  const { path, remove } = await temporaryHome()
  const server = await startServe(path)
  const { call, begin, close } = await connect(server, path)
  return {
    name, server, home: path, call, begin,
    close: async () => {
      await close?.()
      await server.end('SIGTERM')
      await remove()
    },
  }
}

export const openMcp = (): Promise<Way> =>
  open('MCP', async server => {
    const client = await connectMcp({ url: `${server.url}/mcp`, name: clientName, roots: [process.cwd()] })
    return {
      call: async (tool, args) => {
        const { ok, text, data } = await client.callTool(tool, args)
        return ok ? { ok, ...asData(data, text) } : { ok, text }
      },
      begin: (tool, args) => {
        const gone = new AbortController()
        const call = client.callTool(tool, args, { signal: gone.signal })
        return { end: () => (gone.abort(), givenUp(call)) }
      },
      close: () => client.close(),
    }
  })

export const openRest = (): Promise<Way> =>
  open('REST', server =>
    Promise.resolve({
      call: async (tool, args) => {
        const response = await fetch(`${server.url}/tools/execute`, { method: 'POST', headers: restHeaders, body: JSON.stringify({ tool, arguments: args }) })
        return toTold(await response.json(), response.status)
      },
      begin: (tool, args) => {
        const gone = new AbortController()
        const call = fetch(`${server.url}/tools/execute`, { method: 'POST', headers: restHeaders, body: JSON.stringify({ tool, arguments: args }), signal: gone.signal })
        return { end: () => (gone.abort(), givenUp(call)) }
      },
    }),
  )

export const openCli = (): Promise<Way> =>
  open('CLI', (_, home) =>
    Promise.resolve({
      call: async (tool, args) => {
        const { code, stdout, stderr } = await runToEnd(['call', tool, JSON.stringify(args), '--json'], { MADROX_HOME: home })
        if (stdout === '') throw new Error(`madrox call ${tool} said nothing but: ${stderr}`)
        return toTold(JSON.parse(stdout), code ?? -1)
      },
      begin: (tool, args) => {
        const child = runCli(['call', tool, JSON.stringify(args)], { MADROX_HOME: home })
        const closed = once(child, 'close') as Promise<[number | null]> // the event's first argument
        return {
          end: async () => {
            child.kill('SIGINT')
            const [code] = await closed
            if (code !== exitCodes.interrupted) throw new Error(`the command ended with ${code}`)
          },
        }
      },
    }),
  )

const givenUp = (call: Promise<unknown>): Promise<void> =>
  call.then(
    () => {
      throw new Error('the call was answered before it was given up')
    },
    () => {}, // that it is rejected is what giving it up means
  )

/** A tool without an output schema may answer with data all the same: then its text is the data as JSON. */
function asData(data: unknown, text: string): Pick<Told, 'data' | 'text'> {
  if (data) return { data }
  return text.startsWith('{"') ? { data: JSON.parse(text) as unknown } : { text }
}

function toTold(body: unknown, number: number): Told {
  const answer = body as Args & { error?: WireError } // an object on both ways
  if (answer.error) return { ok: false, error: answer.error, text: toWireText(answer.error), number }
  const { text, pending_replies: pending, ...rest } = answer
  if (typeof text !== 'string' || Object.keys(rest).length > 0) return { ok: true, number, data: answer }
  // As MCP has it: beside the text.
  return { ok: true, number, text: typeof pending === 'number' ? `${text}\npending_replies: ${pending}` : text }
}

/** The number that goes with a code, where it is told. */
export const codeOfTold = ({ error }: Told): ErrorCode | undefined => error?.code

/** Counts and durations no two runs share, and files that are written in their own time. */
const measured = new Set(['files', 'uptime_seconds', 'seconds_in_state', 'seconds_since_last_fact', 'after_ms', 'pid', 'waited_ms', 'used', 'median_seconds', 'p95_seconds', 'turn_seconds', 'elapsed_seconds', 'time_saved_seconds'])

/** The same in every run that did the same. */
export function alike(value: unknown, home: string): unknown {
  if (typeof value === 'string') {
    return value
      .replaceAll(home, '<home>')
      .replaceAll(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '<uuid>')
      .replaceAll(/\b[a-km-np-z2-9]{16}\b/g, '<id>')
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z/g, '<time>')
      .replaceAll(/127\.0\.0\.1:\d+/g, '<server>')
  }
  if (Array.isArray(value)) return value.map(item => alike(item, home))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, measured.has(key) && (typeof inner === 'number' || Array.isArray(inner)) ? '<measured>' : alike(inner, home)]))
}
