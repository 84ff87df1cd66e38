/** What agents were given that is secret: the variables and headers of their MCP servers. Known from their spawn on, after their end too, for what they said is still read. */

import type { McpServer } from '../drivers/driver.ts'
import { knowSecrets, secretsIn } from '../redaction.ts'
import type { AgentRow } from '../store/store.ts'
import type { ServersAsked } from './servers.ts'

export interface Secrets {
  learn(row: AgentRow): void
  /** What presets were filled in with, which stands in no row. */
  learnOf(servers: Readonly<Record<string, McpServer>>): void
  /** The system is gone, and with it what it would have said of them. */
  forget(): void
}

export function createSecrets(rows: readonly AgentRow[]): Secrets {
  const forgets: (() => void)[] = []
  const know = (values: readonly string[]): void => {
    if (values.length > 0) forgets.push(knowSecrets(values))
  }
  know(rows.flatMap(secretsOf))
  return { learn: row => know(secretsOf(row)), learnOf: servers => know(Object.values(servers).flatMap(secretsOfServer)), forget: () => forgets.splice(0).forEach(forget => forget()) }
}

const secretsOf = ({ spec }: AgentRow): readonly string[] =>
  Object.values((spec as { readonly mcpServers?: ServersAsked }).mcpServers ?? {}).flatMap(secretsOfServer) // written at its spawn, from a parsed request; an earlier version kept none

const secretsOfServer = (server: ServersAsked[string]): readonly string[] => (server.type === 'http' ? secretsIn({ ...server.headers, url: server.url }) : secretsIn(server.env))
