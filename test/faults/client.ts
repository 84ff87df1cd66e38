/** The client of the harness: the official SDK's, one session a server generation, always under the same name and root. */

import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { CallToolResultSchema, ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { pathToFileURL } from 'node:url'
import type { Data } from '../e2e/rig-client.ts'
import type { Generation } from './server.ts'

/** The server was killed while the call was under way. */
export class CallCut extends Error {}

export interface Session {
  /** `key`: the call's own identity, by which a repeated one is known. */
  call(tool: string, args: Readonly<Record<string, unknown>>, key?: string): Promise<Data>
  close(): Promise<void>
}

export interface ClientIdentity {
  readonly name: string
  readonly root: string
}

const silenceMs = 60_000

/** @throws CallCut when the server is killed first */
export async function openSession(generation: Generation, url: string, { name, root }: ClientIdentity): Promise<Session> {
  const client = new Client({ name, version: '1' }, { capabilities: { roots: {} } })
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: pathToFileURL(root).href }] }))
  const unlessKilled = async <Result>(work: Promise<Result>): Promise<Result> => {
    try {
      return await work
    } catch (error) {
      throw generation.isDying ? new CallCut('cut by a kill', { cause: error }) : error
    }
  }
  await unlessKilled(client.connect(new StreamableHTTPClientTransport(new URL('/mcp', url))))
  return {
    call: (tool, args, key) => {
      const params = { name: tool, arguments: { ...args }, ...(key === undefined ? {} : { _meta: { 'madrox/key': key } }) }
      // Without a progress handler the server's signs of life would not be asked for.
      const waiting = { onprogress: () => {}, timeout: silenceMs, resetTimeoutOnProgress: true }
      return unlessKilled(client.callTool(params, CallToolResultSchema, waiting).then(result => toData(tool, CallToolResultSchema.parse(result))))
    },
    close: () => client.close(),
  }
}

function toData(tool: string, { isError, content, structuredContent }: ReturnType<typeof CallToolResultSchema.parse>): Data {
  if (isError) throw new Error(`${tool} was refused: ${content.map(block => (block.type === 'text' ? block.text : block.type)).join(' ')}`)
  return (structuredContent ?? {}) as Data // the tool's output schema is the server's own; the harness reads what it knows
}
