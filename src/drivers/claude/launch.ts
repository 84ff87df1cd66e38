/**
 * Turns a launch into a command line, an environment and private files. Verified with Claude Code 2.1.328; every flag and
 * variable here stands for a dialog, a shared directory or a timeout that was met.
 */

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { z } from 'zod'
import { confinedTools, type DriverConfig, type launchSchema } from '../driver.ts'
import { childEnvironment } from '../environment.ts'
import { findExecutable } from '../executable.ts'
import { readUserMcpServers, type ConfigDir } from './config-dir.ts'
import { registeredHooks } from './hook-bodies.ts'
import type { Login } from './login.ts'
import { removeMountPoints } from './mount-points.ts'
import { createPrivateFiles } from './private-files.ts'
import { toServerPrefix } from './wants.ts'

export type ParsedLaunch = z.output<typeof launchSchema>

/** The CLI version every fact in this directory was measured with. */
export const verifiedVersion = '2.1.328'

/** Tools that would wait for a person, or start turns that nobody asked for. */
const withheldTools = ['AskUserQuestion', 'EnterPlanMode', 'ExitPlanMode', 'CronCreate', 'ScheduleWakeup']

/** What runs commands. Withheld by name where nothing would confine it: `--tools` also takes words that mean several (`default`, `Read,Bash`). */
const shells = ['Bash', 'PowerShell', 'Monitor', 'REPL']

/** What a Claude Code that started us tells its own children; it would make ours think they are part of that session. */
const foreignSession = ['CLAUDE_CODE_SESSION_ID', 'CLAUDE_CODE_CHILD_SESSION', 'CLAUDE_CODE_ENTRYPOINT', 'CLAUDE_CODE_SSE_PORT', 'CLAUDE_PID', 'CLAUDE_EFFORT']

/** Clouds Claude Code may have its models from, by what switches them on, and whose variables it then needs; agents do not see the user's settings, where that may stand too. */
const clouds: Readonly<Record<string, readonly string[]>> = { CLAUDE_CODE_USE_BEDROCK: ['AWS_'], CLAUDE_CODE_USE_VERTEX: ['GOOGLE_', 'CLOUD_ML_REGION', 'VERTEX_REGION_'] }
const isOn = (value = ''): boolean => ['1', 'true', 'yes', 'on'].includes(value.toLowerCase())

/** Very long messages cannot be typed in pieces; the CLI then marks the rest as pasted and tells the model to mistrust it. */
const pasteNote = '\n\nText inside <pasted_content> tags is part of the message it stands in, written by the same sender.'

/** A day: a permission request may wait for a person. Past a hook's timeout its dialog would stay open for anyone. Seconds. */
const approvalTimeoutS = 86_400

/** How Claude Code gets a key that it would ask about under the name it looks for. */
const keyVariable = 'MADROX_CLAUDE_API_KEY'
const keyHelper = { apiKeyHelper: `printf %s "$${keyVariable}"` }

/** An agent that tries anyway, or pretends, costs more than one that knows. */
const noBashNote = '\n\nYou have no Bash tool and cannot run commands, because this machine lacks the sandbox (bubblewrap and socat) that confined agents run them in; say so when a task needs it.'
const noBashWarning = 'It has no Bash tool: it is confined, and bubblewrap and socat, which would confine its commands, are not both installed. Install them on the machine of the server, or spawn it without confinement.'

export interface Prepared {
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** What the agent goes without, in words for its supervisor. */
  readonly warnings: readonly string[]
  /** Removes the private files. */
  dispose(): void
}

/** The environment without what is secret to one agent; also tells which configuration directory is meant. */
export function baseEnvironment(config: Pick<DriverConfig, 'env' | 'childEnv'>): Record<string, string> {
  const env = childEnvironment(config.env, { families: ['ANTHROPIC_', 'CLAUDE_', 'IS_SANDBOX', ...Object.entries(clouds).flatMap(([variable, families]) => (isOn(config.env[variable]) ? families : []))], names: config.childEnv })
  for (const name of foreignSession) delete env[name]
  const loopback = '127.0.0.1,localhost,::1'
  for (const name of ['NO_PROXY', 'no_proxy']) env[name] = env[name] ? `${env[name]},${loopback}` : loopback // hooks and MCP are ours, on loopback
  return {
    LANG: 'C.UTF-8',
    SHELL: '/bin/bash',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', // remote flags change behaviour the driver rests on
    ...env,
    TERM: 'xterm-256color',
    DISABLE_AUTOUPDATER: '1',
    CLAUDE_CODE_DISABLE_TERMINAL_TITLE: '1', // each title is a model call of its own
    CLAUDE_CODE_SANDBOXED: '1', // answers the folder-trust dialog without touching the user's configuration
    MCP_TOOL_TIMEOUT: '86400000',
    CLAUDE_CODE_MCP_TOOL_IDLE_TIMEOUT: '0',
    // As root, bypass mode is refused unless this is exactly 1.
    ...(process.getuid?.() === 0 ? { IS_SANDBOX: '1' } : {}),
  }
}

export interface Surroundings {
  readonly file: string
  readonly login: Pick<Login, 'env' | 'apiKey'>
  readonly configDir: ConfigDir
  readonly stateDir: string
  /** Where a session in a terminal tells what happens. Absent: it is spoken with by structured messages, which tell that themselves. */
  readonly hooks?: { readonly url: string; readonly token: string }
}

/** Prompts come by stdin and are echoed when they are taken up; permission requests go the same way. */
const structured = ['-p', '--input-format', 'stream-json', '--output-format', 'stream-json', '--verbose', '--replay-user-messages', '--permission-prompt-tool', 'stdio']

/** Writes the agent's private files and composes its command line. */
export function prepareLaunch(launch: ParsedLaunch, agentId: string, around: Surroundings): Prepared {
  const { login, hooks } = around
  // Files, not arguments: arguments are world-readable, and may hold other servers' secrets; they are also limited in size.
  const files = createPrivateFiles(around.stateDir, agentId)
  const sandboxed = !launch.confinement.bypass && hasSandbox(login.env)
  const lacksBash = !launch.confinement.bypass && !sandboxed && toTools(launch).includes('Bash')
  const servers = toMcpServers(launch, around.configDir)
  const args = [
    ...(hooks ? [] : structured),
    ...(launch.resume ? ['--resume', launch.sessionId] : ['--session-id', launch.sessionId]),
    '-n', launch.name,
    ...(launch.model === undefined ? [] : ['--model', launch.model]),
    '--settings', files.write('settings.json', JSON.stringify({ ...toSettings(launch, sandboxed, hooks && `${hooks.url}/hooks/${agentId}`), ...(login.apiKey === undefined ? {} : keyHelper) })),
    '--setting-sources', '', // a user's hooks and permissions are not the agent's
    '--mcp-config', files.write('mcp.json', JSON.stringify({ mcpServers: servers })),
    '--strict-mcp-config',
    '--append-system-prompt-file', files.write('system-prompt.md', launch.systemPrompt + (hooks ? pasteNote : '') + (lacksBash ? noBashNote : '') + readProjectMemory(launch.cwd)),
    ...toConfinement(launch, sandboxed, Object.keys(servers)),
    '--disallowedTools', [...withheldTools, ...(launch.confinement.bypass || sandboxed ? [] : shells)].join(','),
    ...launch.readableDirs.flatMap(dir => ['--add-dir', dir]),
  ]
  return {
    file: around.file,
    args,
    env: {
      ...login.env,
      ...(login.apiKey === undefined ? {} : { [keyVariable]: login.apiKey }),
      ...launch.marker,
      CLAUDE_CODE_TMPDIR: files.temporary,
      ...(hooks ? { MADROX_HOOK_TOKEN: hooks.token } : {}),
      ...(launch.madrox === undefined ? {} : { MADROX_TOKEN: launch.madrox.token }),
    },
    warnings: lacksBash ? [noBashWarning] : [],
    dispose() {
      files.remove()
      if (sandboxed) removeMountPoints(launch.cwd)
    },
  }
}

/**
 * The project's instructions. Claude Code reads them with a project's settings only (hooks included, which run outside any
 * sandbox), and never when `--restricted`; so they travel in the prompt. `@file` imports are left to the agent to read.
 */
function readProjectMemory(cwd: string): string {
  const parts = ['CLAUDE.md', join('.claude', 'CLAUDE.md'), 'CLAUDE.local.md'].flatMap(name => {
    try {
      return [`\n\n# Project instructions (${name})\n\n${readBeginning(join(cwd, name), 240_000).slice(0, 60_000)}`]
    } catch {
      return [] // absent, a directory, or not for us: then it has no say
    }
  })
  return parts.join('')
}

/** Of a file that agents may have put there: a FIFO or a device in its place would be read for ever, and the server with it. @throws where it is no file */
function readBeginning(path: string, bytes: number): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (!fstatSync(file).isFile()) throw new Error(`${path} is no file.`)
    const buffer = new Uint8Array(bytes)
    return new TextDecoder().decode(buffer.subarray(0, readSync(file, buffer, 0, bytes, 0)))
  } finally {
    closeSync(file)
  }
}

function toSettings(launch: ParsedLaunch, sandboxed: boolean, hooksUrl: string | undefined): object {
  const hook = (event: string): object => ({
    hooks: [{
      type: 'http',
      url: `${hooksUrl}/${event}`,
      timeout: event === 'PermissionRequest' ? approvalTimeoutS : 10,
      headers: { Authorization: 'Bearer ${MADROX_HOOK_TOKEN}' },
      allowedEnvVars: ['MADROX_HOOK_TOKEN'],
    }],
  })
  return {
    skipDangerousModePermissionPrompt: true,
    // Plan mode would have a classifier on the server look at each command, and where there is none draw a dialog that no hook tells of.
    disableAutoMode: 'disable',
    ...(hooksUrl === undefined ? {} : { hooks: Object.fromEntries(registeredHooks.map(event => [event, [hook(event)]])) }),
    ...(sandboxed
      ? {
          sandbox: {
            enabled: true,
            failIfUnavailable: true, // without it a missing sandbox is silently none
            autoAllowBashIfSandboxed: true,
            allowUnsandboxedCommands: false, // else a parameter of the tool escapes
            network: { allowedDomains: hooksUrl === undefined ? [] : ['127.0.0.1'] }, // HTTP hooks go through the sandbox's proxy too
            filesystem: { denyWrite: launch.readableDirs }, // --add-dir would make them writable for Bash
          },
        }
      : {}),
    ...(launch.confinement.bypass ? {} : { permissions: { deny: launch.readableDirs.map(dir => `Edit(/${dir}/**)`) } }), // `//` makes a rule's path absolute
  }
}

const toTools = ({ confinement }: ParsedLaunch): readonly string[] => confinement.allowedTools ?? confinedTools

function toConfinement(launch: ParsedLaunch, sandboxed: boolean, servers: readonly string[]): string[] {
  const { bypass, permissionMode, allowedTools } = launch.confinement
  // Whoever asked for a server meant its tools to be used; without this every mode but bypassPermissions asks, or denies.
  const ofServers = servers.map(toServerPrefix)
  if (bypass)
    return [
      '--permission-mode', permissionMode ?? 'bypassPermissions',
      ...(allowedTools ? ['--tools', allowedTools.join(',')] : []),
      ...(ofServers.length > 0 ? ['--allowedTools', ofServers.join(',')] : []),
    ]
  const tools = toTools(launch).filter(tool => sandboxed || tool !== 'Bash')
  return [
    '--restricted', // confines the file tools, with no dialog
    '--permission-mode', permissionMode ?? 'dontAsk',
    '--tools', tools.join(','),
    '--allowedTools', [...ofServers, 'Edit(./**)', ...(tools.includes('Bash') ? ['Bash'] : [])].join(','),
  ]
}

function toMcpServers(launch: ParsedLaunch, configDir: ConfigDir): Record<string, unknown> {
  const { madrox } = launch
  return {
    ...(launch.inheritMcp ? readUserMcpServers(configDir) : {}),
    ...launch.mcpServers,
    ...(madrox === undefined
      ? {}
      : { madrox: { type: 'http', url: madrox.url, headers: { Authorization: 'Bearer ${MADROX_TOKEN}' }, alwaysLoad: true } }),
  }
}

/** macOS brings its sandbox along; on Linux the CLI needs both of these. */
function hasSandbox(env: Readonly<Record<string, string>>): boolean {
  return process.platform === 'darwin' || ['bwrap', 'socat'].every(name => findExecutable(name, env['PATH']) !== undefined)
}

/** What cannot be launched as asked, in words for the caller. */
export function findLaunchFault({ confinement, sessionId, mcpServers }: ParsedLaunch): string | undefined {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(sessionId)) return `Session id "${sessionId}" is not a UUID, which Claude Code requires.`
  if (confinement.permissionMode === 'on-request' || confinement.permissionMode === 'untrusted') return `Permission mode ${confinement.permissionMode} is Codex's; Claude Code asks by default, manual or acceptEdits.`
  if (!confinement.bypass && confinement.permissionMode === 'bypassPermissions')
    return 'Permission mode bypassPermissions contradicts confinement; ask for bypass_isolation instead.'
  if (mcpServers && 'madrox' in mcpServers) return 'An MCP server may not be called "madrox": that name is the agent\'s way back.'
  return undefined
}
