/**
 * A way to add to the production server from outside: further tools in raw MCP form, and whatever else a `Server` can do.
 * The conformance fixtures come in by it, so that the suite tests the server that ships and not a copy.
 */

import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js'
import type { CallToolResult, ServerCapabilities, ServerNotification, ServerRequest, Tool } from '@modelcontextprotocol/sdk/types.js'

export type CallExtra = RequestHandlerExtra<ServerRequest, ServerNotification>

export interface ExtensionTool {
  readonly definition: Tool
  readonly handle: (args: Readonly<Record<string, unknown>>, extra: CallExtra) => Promise<CallToolResult> | CallToolResult
}

export interface McpExtension {
  /** Advertised beside `tools`. */
  readonly capabilities?: ServerCapabilities
  /** Listed and callable beside the table; the table wins where names collide. */
  readonly tools?: readonly ExtensionTool[]
  /** Called once a session, before it is connected. */
  configure?(server: Server): void
}
