/** The caller: the official client of the MCP SDK, and what tests ask of it. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport, StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { CallToolResultSchema, ListRootsRequestSchema, type CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { pathToFileURL } from 'node:url'

export interface ConnectOptions {
  readonly name: string
  readonly roots?: readonly string[]
  readonly token?: string
}

/** A tool's data; the fields tests read most, and whatever else it has. */
export interface Data {
  readonly [field: string]: unknown
  readonly instance_id?: string
  readonly message_id?: string
  readonly status?: string
  readonly response?: string
  readonly via?: string
  readonly state?: string
  readonly detail?: string
  readonly workspace?: unknown
  readonly replies?: readonly Reply[]
  readonly results?: readonly Data[]
}

export interface Reply {
  readonly kind: 'outcome' | 'follow_up' | 'notice'
  readonly from: string
  readonly message_id?: string
  readonly status?: string
  readonly response: string
}

type Args = Readonly<Record<string, unknown>>

export interface RigClient {
  /** The data of a call that succeeds. */
  call(tool: string, args?: Args): Promise<Data>
  /** The text of a call that succeeds: a tree, a screen, an output; without what stands beside it of replies that wait. */
  text(tool: string, args?: Args): Promise<string>
  /** The text of a call that is refused. */
  refusal(tool: string, args?: Args): Promise<string>
  /** How many MCP sessions it has had: one more after each restart of the server it called again. */
  readonly sessions: number
  close(): Promise<void>
}

/** A session the server has forgotten is opened anew by the next call, as Claude Code does on a 404. */
export async function connectClient(url: () => string, options: ConnectOptions): Promise<RigClient> {
  let session = await open(url(), options)
  let sessions = 1
  let closed = false
  const once = async (name: string, args: Args): Promise<CallToolResult> => {
    // Without a progress handler the server's signs of life would not be asked for.
    const waiting = { onprogress: () => {}, timeout: 60_000, resetTimeoutOnProgress: true }
    return CallToolResultSchema.parse(await session.client.callTool({ name, arguments: { ...args } }, CallToolResultSchema, waiting))
  }
  const attempt = async (name: string, args: Args = {}): Promise<CallToolResult> => {
    try {
      return await once(name, args)
    } catch (error) {
      if (!(error instanceof StreamableHTTPError && error.code === 404)) throw error
      await session.client.close()
      session = await open(url(), options)
      sessions += 1
      return once(name, args)
    }
  }
  const succeed = async (name: string, args?: Args): Promise<CallToolResult> => {
    const result = await attempt(name, args)
    if (result.isError) throw new Error(`${name} was refused: ${toText(result)}`)
    return result
  }
  return {
    // The tool's output schema was checked by the SDK client; Data says of it what tests read.
    call: async (tool, args) => ((await succeed(tool, args)).structuredContent ?? {}) as Data,
    text: async (tool, args) => (await succeed(tool, args)).content.slice(0, 1).map(toWords).join(''),
    refusal: async (tool, args) => {
      const result = await attempt(tool, args)
      if (!result.isError) throw new Error(`${tool} should have been refused, and answered ${toText(result)}`)
      return toText(result)
    },
    get sessions() {
      return sessions
    },
    async close() {
      if (closed) return
      closed = true
      await session.client.close()
    },
  }
}

const toWords = (block: CallToolResult['content'][number]): string => (block.type === 'text' ? block.text : `[${block.type}]`)
const toText = (result: CallToolResult): string => result.content.map(toWords).join('\n')

async function open(url: string, { name, roots, token }: ConnectOptions): Promise<{ readonly client: Client }> {
  const client = new Client({ name, version: '1' }, { capabilities: roots ? { roots: {} } : {} })
  if (roots) client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: roots.map(root => ({ uri: pathToFileURL(root).href })) }))
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: token ? { authorization: `Bearer ${token}` } : {} } }))
  return { client }
}
