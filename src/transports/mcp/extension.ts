/**
 * A way to add to the production server from outside: further tools in raw MCP form, and whatever else a `Server` can do.
 * The conformance fixtures come in by it, so that the suite tests the server that ships and not a copy.
 */

import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js'
import type { CallToolResult, GetPromptResult, Prompt, ReadResourceResult, Resource, ResourceTemplate, ServerCapabilities, ServerNotification, ServerRequest, Tool } from '@modelcontextprotocol/sdk/types.js'

export type CallExtra = RequestHandlerExtra<ServerRequest, ServerNotification>

export interface ExtensionTool {
  readonly definition: Tool
  readonly handle: (args: Readonly<Record<string, unknown>>, extra: CallExtra) => Promise<CallToolResult> | CallToolResult
}

/** Resources that never change, beside those of agents. */
export interface ExtensionResources {
  readonly list: readonly Resource[]
  readonly templates: readonly ResourceTemplate[]
  /** Nothing: it is none of these. */
  readonly read: (uri: string) => ReadResourceResult | undefined
}

export interface ExtensionPrompts {
  readonly list: readonly Prompt[]
  /** Nothing: there is no such prompt. */
  readonly get: (name: string, args: Readonly<Record<string, string>>) => GetPromptResult | undefined
  /** What completes a value, of whichever argument. */
  readonly complete: (value: string) => readonly string[]
}

export interface McpExtension {
  /** Advertised beside what the server has. */
  readonly capabilities?: ServerCapabilities
  readonly resources?: ExtensionResources
  readonly prompts?: ExtensionPrompts
  /** Listed and callable beside the table; the table wins where names collide. */
  readonly tools?: readonly ExtensionTool[]
  /** Called once a session, before it is connected. */
  configure?(server: Server): void
}
