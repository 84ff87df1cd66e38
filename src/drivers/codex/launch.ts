/** Turns a launch into the parameters of `thread/start` and `thread/resume`. Pure; what the CLI makes of them is measured in the tests. */

import type { Launch, McpServer } from '../driver.ts'
import type { Profile } from './profile.ts'
import type { TrustLevel } from './trust.ts'

export type ApprovalPolicy = 'never' | 'on-request' | 'untrusted'
export type SandboxMode = NonNullable<Launch['confinement']['sandboxMode']>

export interface ThreadParams {
  readonly cwd: string
  readonly model?: string
  readonly approvalPolicy: ApprovalPolicy
  readonly sandbox: SandboxMode
  /** Appended to the base instructions as a developer message. A resumed thread keeps those it was started with. */
  readonly developerInstructions: string
  readonly config: Readonly<Record<string, unknown>>
}

/** What of the user's own configuration an agent's has to be laid on. */
export interface Surroundings {
  /**
   * Names of the MCP servers registered there. A thread's table is merged into a registered one of the same name, key by key (a
   * `url` on top of a `command` is a configuration error), so ours never share a name with theirs.
   */
  readonly registered: readonly string[]
  /** The user's own layer over that configuration; what Madrox sets for an agent goes before it. */
  readonly profile?: Profile | undefined
  /** Whether the folder's own configuration counts. */
  readonly trust: TrustLevel
}

/**
 * `temporary`: a directory of the agent's own, which its commands have for TMPDIR.
 * `tokenVariable`: where the process is the agent's alone, the variable of its environment that holds its credential.
 */
export function toThreadParams(launch: Launch, { registered, profile = {}, trust }: Surroundings, temporary: string, tokenVariable?: string): ThreadParams {
  const { cwd, model, systemPrompt, confinement, marker } = launch
  const { features, shell_environment_policy: environment } = profile
  const inherited = toInherited(launch, profile)
  return {
    cwd,
    ...(model !== undefined && { model }),
    approvalPolicy: toApprovalPolicy(confinement.permissionMode),
    sandbox: confinement.sandboxMode ?? (confinement.bypass ? 'danger-full-access' : 'workspace-write'),
    developerInstructions: systemPrompt,
    config: {
      ...profile,
      ...(features && { features: { ...features, ...ownFeatures } }),
      mcp_servers: { ...inherited, ...toMcpServers(launch, [...registered, ...Object.keys(inherited)], tokenVariable) },
      shell_environment_policy: { ...environment, ...(tokenVariable !== undefined && { exclude: [...(environment?.exclude ?? []), `${tokenVariable}*`] }), set: { ...environment?.set, ...marker, TMPDIR: temporary } },
      projects: { ...profile.projects, [cwd]: { trust_level: trust } },
      // Codex counts /tmp and TMPDIR, which all agents and everyone else share, as part of a workspace.
      sandbox_workspace_write: { writable_roots: [temporary], exclude_slash_tmp: true, exclude_tmpdir_env_var: true },
    },
  }
}

/** What any codex of ours is started with, which a profile would undo for its thread. */
export const ownFeatures = {
  // Codex's own sub-agents would be agents outside the tree: unseen, unlimited, not interrupted.
  multi_agent: false,
  // Plain codex starts a daemon of its own that outlives everybody.
  daemon_auto_start: false,
}
/** An optional MCP server is waited for one second otherwise, and its tools are missing from the first turn. Milliseconds. */
export const optionalServersMs = 10_000

/** Codex's own policies are taken from `permissionMode`; Claude's mean nothing here. `never`: what the sandbox forbids fails, nobody is asked. */
function toApprovalPolicy(mode: string | undefined): ApprovalPolicy {
  return mode === 'on-request' || mode === 'untrusted' ? mode : 'never'
}

/** A profile's servers are the user's own like those of the configuration it is laid on. */
function toInherited({ inheritMcp }: Launch, { mcp_servers = {} }: Profile): NonNullable<Profile['mcp_servers']> {
  const { madrox: _theirs, ...servers } = mcp_servers
  return inheritMcp ? servers : {}
}

function toMcpServers({ madrox, mcpServers, inheritMcp, marker, readyTimeoutMs }: Launch, registered: readonly string[], tokenVariable: string | undefined): Record<string, unknown> {
  const servers: Record<string, unknown> = {}
  // The user's own way into Madrox would speak with the user's identity: an agent never gets it, inherited or not.
  for (const name of registered) if (!inheritMcp || name === 'madrox') servers[name] = { enabled: false }
  const freeName = (name: string): string => {
    let free = name
    while (registered.includes(free) || free in servers) free = `${free}_agent`
    return free
  }
  for (const [name, server] of Object.entries(mcpServers)) servers[freeName(name)] = { ...toTransport(server, marker), ...direct }
  if (madrox) {
    servers[freeName('madrox')] = {
      url: madrox.url,
      // A header where one process serves many threads, which its environment cannot tell apart.
      ...(tokenVariable === undefined ? { http_headers: { Authorization: `Bearer ${madrox.token}` } } : { bearer_token_env_var: tokenVariable }),
      ...direct,
      required: true,
      // Codex gives up by itself, in its own words, before the start is given up; it cannot be told to.
      startup_timeout_sec: Math.min(30, readyTimeoutMs / 2_000),
      // A wait for another agent's answer may take as long as that agent works.
      tool_timeout_sec: 86_400,
    }
  }
  return servers
}

/** Real models find MCP tools behind tool search or code mode only, and any approval mode but this makes calls fail under policy `never`. */
const direct = { default_tools_approval_mode: 'approve', omit_tools_from: ['deferred', 'code_mode'] }

function toTransport(server: McpServer, marker: Launch['marker']): object {
  if (server.type === 'http') return { url: server.url, http_headers: server.headers }
  // shell_environment_policy reaches commands only; a server of the agent's own is marked here.
  // Codex's own ten seconds are too short for a package that npx downloads first; its thread does not wait for it.
  return { command: server.command, args: server.args, env: { ...server.env, ...marker }, startup_timeout_sec: 60 }
}
