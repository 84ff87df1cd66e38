/** A client of a Madrox server, for programs: the demo, and scripts. The official SDK client, less its wire forms. */

import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport, StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { CallToolResultSchema, ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { pathToFileURL } from 'node:url'

export interface McpClientOptions {
  /** With its path: `http://127.0.0.1:8001/mcp`. */
  readonly url: string
  /** What the client calls itself; with the same name and root it finds its inbox again. */
  readonly name: string
  readonly token?: string
  /** Absolute paths; the first is where the client stands. */
  readonly roots?: readonly string[]
}

export interface McpCallOptions {
  /** Cancels the wait, never the agents' work. */
  readonly signal?: AbortSignal
  readonly onProgress?: (message: string) => void
  /** Without a sign of life from the server for so long, the call fails. Default 60 000; the server gives one every 10 s. */
  readonly silenceMs?: number
}

/** `data` where the tool has an output schema; `text` always: the data as JSON, a tree, or what went wrong. */
export interface McpCallResult {
  readonly ok: boolean
  readonly text: string
  readonly data?: Readonly<Record<string, unknown>>
}

export interface McpConnection {
  callTool(name: string, args?: Readonly<Record<string, unknown>>, options?: McpCallOptions): Promise<McpCallResult>
  listTools(): Promise<readonly { readonly name: string; readonly description?: string }[]>
  /** Ends the session; agents run on. */
  close(): Promise<void>
}

/** Connects, and connects again by itself when the server has forgotten the session, as after a restart. */
export async function connectMcp(options: McpClientOptions): Promise<McpConnection> {
  let session = await open(options)
  let reopening: Promise<void> | undefined
  const reopen = async (): Promise<void> => {
    const forgotten = session
    session = await open(options)
    await forgotten.client.close()
  }
  const inSession = async <Result>(use: (client: Client) => Promise<Result>): Promise<Result> => {
    const used = session
    try {
      return await use(used.client)
    } catch (error) {
      if (!(error instanceof StreamableHTTPError && error.code === 404)) throw error
      // Calls that failed together share one new session.
      if (session === used) {
        reopening ??= reopen().finally(() => (reopening = undefined))
        await reopening
      }
      return use(session.client)
    }
  }
  return {
    callTool: (name, args = {}, { signal, onProgress, silenceMs = 60_000 } = {}) =>
      inSession(async client => {
        // A progress handler makes the SDK ask for progress, without which the server's signs of life are not sent.
        const onprogress = ({ message }: { message?: string }): void => onProgress?.(message ?? '')
        const options = { signal, onprogress, timeout: silenceMs, resetTimeoutOnProgress: true }
        const result = CallToolResultSchema.parse(await client.callTool({ name, arguments: { ...args } }, CallToolResultSchema, options))
        const text = result.content.map(block => (block.type === 'text' ? block.text : `[${block.type}]`)).join('\n')
        return { ok: result.isError !== true, text, data: result.structuredContent }
      }),
    listTools: () => inSession(async client => (await client.listTools()).tools),
    async close() {
      await session.transport.terminateSession()
      await session.client.close()
    },
  }
}

async function open({ url, name, token, roots }: McpClientOptions): Promise<{ client: Client; transport: StreamableHTTPClientTransport }> {
  const client = new Client({ name, version: '1' }, { capabilities: roots ? { roots: {} } : {} })
  if (roots) client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: roots.map(root => ({ uri: pathToFileURL(root).href })) }))
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: token ? { authorization: `Bearer ${token}` } : {} } })
  await client.connect(transport)
  return { client, transport }
}
