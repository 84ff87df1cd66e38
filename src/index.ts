/**
 * Madrox as a library: the actor system without any transport. `createMadrox` builds it; transports are added by whoever wants
 * them (the CLI does).
 */

import { realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createServers } from './actors/servers.ts'
import { createSystem, type MadroxSystem } from './actors/system.ts'
import type { Limits } from './actors/core.ts'
import { type Clock, systemClock } from './clock.ts'
import { createClaudeDriver } from './drivers/claude/driver.ts'
import { createClaudeStreamDriver } from './drivers/claude/stream/driver.ts'
import { createCodexDriver } from './drivers/codex/driver.ts'
import { createCodexPtyDriver } from './drivers/codex/pty/driver.ts'
import type { CreateDriver, Driver } from './drivers/driver.ts'
import { findExecutable } from './drivers/executable.ts'
import { sweepMarked } from './drivers/pty/reaper.ts'
import { createScriptedDriver } from './drivers/scripted/driver.ts'
import { createScriptedPtyDriver } from './drivers/scripted/pty-driver.ts'
import { MadroxError, toWireText } from './errors.ts'
import { asOwnerId, type IdSource, localOwner, randomIds } from './ids.ts'
import { type Log, silentLog, withoutSecrets } from './log.ts'
import { createLogFiles } from './logs/files.ts'
import type { Caller } from './messages.ts'
import { type CodexDriverName, defaultRetentionDays } from './config.ts'
import { createSummaryFiles, forgetSummaries } from './monitoring/files.ts'
import { type Monitoring, startMonitoring } from './monitoring/monitoring.ts'
import { nearest } from './nearest.ts'
import { knowSecrets, secretsIn } from './redaction.ts'
import type { Supervision } from './restarts.ts'
import type { Tracing } from './telemetry/spans.ts'
import { createPrices, readPriceFile } from './prices.ts'
import { lockHome, makeHome } from './store/lock.ts'
import { createSqliteStore } from './store/sqlite.ts'
import { createToolTable } from './tools/table.ts'
import { callTool, type ToolOutcome, type ToolTable } from './tools/tool.ts'

export interface MadroxOptions {
  /** Where everything is kept. One Madrox a directory at a time. */
  readonly home: string
  /** What agents' CLIs receive a part of (their own family's variables, PATH, proxies); default: this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Further variables that agents receive, by name. */
  readonly childEnv?: readonly string[]
  /** The CLIs: paths, or names looked up on PATH; default `claude` and `codex`. */
  readonly claudeBin?: string
  readonly codexBin?: string
  /** What the harness name `codex` means: threads of one app-server (default), or the interactive program of each agent in a PTY, which `codex-pty` always means. */
  readonly codexDriver?: CodexDriverName
  /** How the harness `claude` speaks with Claude Code; default `pty`. The harness `claude-stream` is there either way. */
  readonly claudeDriver?: 'pty' | 'stream'
  /** The model of agents whose spawn names none, by harness; default: the CLI's own. */
  readonly models?: Readonly<Record<string, string>>
  /** Where workspaces are made; default: `workspaces` in the home. */
  readonly workspaceDir?: string
  /** What an accepted message survives. `normal` (default): the death of the process; `full`: a loss of power too, at a quarter of the speed. */
  readonly durability?: 'normal' | 'full'
  readonly limits?: Partial<Limits>
  /** Days that output, consumed replies and calls of agents that ended, and the audit, are kept; default 30, 0: for ever. */
  readonly retentionDays?: number
  /** Where logs are written for people and tools: one directory an agent, and the audit day by day; default `logs` in the home. They are kept as long as the audit is. */
  readonly logDir?: string
  /** Tokens by the names of their owners. With any, a transport's callers must show one; without, who calls on loopback is the local user. */
  readonly ownerTokens?: Readonly<Record<string, string>>
  /** A directory of roles (`<name>.md`) that go before the shipped ones of the same name, and add to them. */
  readonly rolesDir?: string
  /** The same for team templates. */
  readonly templatesDir?: string
  /** Further harnesses, or replacements, by name. */
  readonly harnesses?: Readonly<Record<string, CreateDriver>>
  /** How clients treat agents of theirs that keep dying; default: `one_for_one`, three restarts within a minute. */
  readonly supervision?: Supervision
  /** How long a spawn waits for a person's yes (default 5 minutes), and a permission prompt of a CLI for its answer (default 10). Milliseconds. */
  readonly approvals?: { readonly spawnMs?: number; readonly promptMs?: number }
  /** Have agents summed up by a model: what they say is sent there. Default: nothing is. */
  readonly monitoring?: Monitoring
  /** Who is told of each message that has an outcome, e.g. `createOtelTracing`; closed with this. */
  readonly tracing?: Tracing
  /** `announce` will be called: until then no agent's process is started, those of an earlier run included. */
  readonly willServe?: boolean
  /** Time and ids; a simulation gives its own. */
  readonly clock?: Clock
  readonly ids?: IdSource
  /** Default: says nothing. */
  readonly log?: Log
}

export interface Madrox {
  readonly system: MadroxSystem
  readonly tools: ToolTable
  /**
   * Calls a tool as `caller`. Never rejects: a refusal is an outcome with `ok: false`. Aborting `signal` ends the wait, never the
   * agents' work; a spawn or a message repeated under the same `callKey` is the first one, and has its result.
   */
  call(caller: Caller, tool: string, args?: Readonly<Record<string, unknown>>, options?: { readonly signal?: AbortSignal; readonly callKey?: string }): Promise<ToolOutcome>
  /** Agents started from now on reach Madrox there (a URL that ends in `/mcp`), and others find this server by it. */
  announce(url: string): void
  /** Ends every agent, or (`suspend`) only their processes: they are brought back when the home is opened again. Releases the home. */
  close(agents?: 'end' | 'suspend'): Promise<void>
}

/** Its name, its driver, its executable. */
type Harness = readonly [string, CreateDriver, string]

/** @throws MadroxError `invalid_input` where a model is set for a harness that is none */
function harnessesOf({ claudeBin = 'claude', claudeDriver = 'pty', codexBin = 'codex', codexDriver = 'app-server', harnesses = {}, models = {} }: MadroxOptions): readonly Harness[] {
  const all: readonly Harness[] = [
    ['claude', claudeDriver === 'stream' ? createClaudeStreamDriver : createClaudeDriver, claudeBin],
    ['claude-stream', createClaudeStreamDriver, claudeBin],
    ['codex', codexDriver === 'pty' ? createCodexPtyDriver : createCodexDriver, codexBin],
    ['codex-pty', createCodexPtyDriver, codexBin],
    ['scripted', createScriptedDriver, ''],
    ['scripted-pty', createScriptedPtyDriver, ''],
    ...Object.entries(harnesses).map(([name, create]): Harness => [name, create, name]),
  ]
  const names = all.map(([name]) => name)
  const unknown = Object.keys(models).find(name => !names.includes(name))
  if (unknown === undefined) return all
  const near = nearest(unknown, names)
  throw new MadroxError('invalid_input', `A model is set for "${unknown}", which is no harness.`, { remedy: `${near ? `Did you mean "${near}"? ` : ''}Harnesses: ${names.join(', ')}.`, data: { harness: unknown } })
}

/** The variable that marks all processes of one home: the reaper ends what carries it, and nothing else. */
const homeMarker = 'MADROX_OWNED_BY'

/** By its one real path, however it was given: what an earlier server left running carries that. */
function openHome(path: string): string {
  makeHome(resolve(path))
  return realpathSync(path)
}

/**
 * Opens `home`, ends what a killed server of the same home left running, and brings the agents it had back: those with work at
 * once, the others when they are needed.
 *
 * @throws MadroxError `unavailable` when another server has the home, or its database cannot be used; `invalid_input` when its `prices.json` does not fit, or `models` names no harness
 * @example
 * const madrox = await createMadrox({ home: '/var/lib/madrox' })
 * const caller = { kind: 'client', clientId: madrox.system.connectClient({ ownerId: localOwner, name: 'mine' }), ownerId: localOwner } as const
 * await madrox.call(caller, 'spawn_claude', { name: 'ada', initial_prompt: 'Read README.md and sum it up.' })
 * await madrox.close()
 */
export async function createMadrox(options: MadroxOptions): Promise<Madrox> {
  const { clock = systemClock, ids = randomIds, env = process.env } = options
  const log = withoutSecrets(options.log ?? silentLog)
  const home = openHome(options.home)
  if (env[homeMarker] === home) throw new MadroxError('unavailable', `This process was itself started by an agent of ${home}.`, { remedy: 'Start a server of your own with another home.' })
  const prices = createPrices(readPriceFile(home))
  const harnesses = harnessesOf(options)
  const lock = lockHome(home)
  const forgetSecrets = knowSecrets([...secretsIn(env), ...Object.values(options.ownerTokens ?? {})])
  try {
    const swept = await sweepMarked({ [homeMarker]: home })
    if (swept.ended.length > 0) log.warn(`ended ${swept.ended.length} processes that an earlier server left running`, { pids: swept.ended })
    if (swept.left.length > 0) log.error(`could not end ${swept.left.length} processes that an earlier server left: they are another user's, or the system holds them`, { pids: swept.left })
    const retentionDays = options.retentionDays ?? defaultRetentionDays
    const summaryFiles = { dir: join(home, 'summaries'), log }
    const book = createSummaryFiles(summaryFiles)
    if (retentionDays > 0) await forgetSummaries(summaryFiles, clock.now() - retentionDays * 86_400_000)
    const tools = createToolTable()
    let endpoint: string | undefined
    const system = createSystem({
      store: createSqliteStore({ path: join(home, 'madrox.db'), durability: options.durability ?? 'normal' }),
      clock, ids, log, home, prices, logs: createLogFiles({ dir: options.logDir === undefined ? join(home, 'logs') : resolve(options.logDir), clock, log }), retentionDays, summaries: book,
      ...(options.tracing ? { tracing: options.tracing } : {}), ...(options.approvals ? { approvals: options.approvals } : {}), ...(options.supervision ? { supervision: options.supervision } : {}), ...(options.limits ? { limits: options.limits } : {}), ...(options.ownerTokens ? { ownerTokens: options.ownerTokens } : {}), ...(options.rolesDir ? { rolesDir: options.rolesDir } : {}), ...(options.templatesDir ? { templatesDir: options.templatesDir } : {}),
      servers: createServers({ home, env, findExecutable: name => findExecutable(name, env['PATH']) }),
      ...(options.models ? { models: options.models } : {}), ...(options.workspaceDir ? { workspaceDir: options.workspaceDir } : {}),
      marker: { [homeMarker]: home },
      endpoint: () => endpoint,
      willServe: options.willServe === true,
      connectDrivers: emit => {
        const driverOf = ([name, create, bin]: Harness): [string, Driver] => [name, create({ bin, env, childEnv: options.childEnv ?? [], stateDir: join(home, 'drivers', name), clock, log }, emit)]
        return new Map(harnesses.map(driverOf))
      },
      callTool: async (agentId, tool, args, signal) => {
        const outcome = await call({ kind: 'agent', agentId }, tool, args, { signal })
        return { ok: outcome.ok, text: outcome.ok ? (outcome.text ?? JSON.stringify(outcome.data)) : toWireText(outcome.error) }
      },
    })
    const owners = [localOwner, ...Object.keys(options.ownerTokens ?? {}).map(asOwnerId)]
    const monitor = options.monitoring && startMonitoring(options.monitoring, { system, owners: [...new Set(owners)], book, clock, log })
    const call: Madrox['call'] = async (caller, tool, args, { signal, callKey } = {}) => {
      const outcome = await callTool(tools, tool, args, { system, caller, signal: signal ?? new AbortController().signal, progress: () => {}, now: () => clock.now(), ...(callKey ? { callKey } : {}) })
      // In this process an answer that was returned has left, unless nobody waits for it any more.
      if (outcome.replies) (signal?.aborted ? system.releaseReplies : system.consumeReplies)(outcome.replies)
      return outcome
    }
    return {
      system,
      tools,
      call,
      announce: url => {
        endpoint = url
        lock.announce(url)
        system.endpointAnnounced()
      },
      close: async agents => {
        await monitor?.close()
        await system.close(agents)
        forgetSecrets()
        lock.release()
      },
    }
  } catch (error) {
    forgetSecrets()
    lock.release()
    throw error
  }
}

export type { Supervision } from './restarts.ts'
export type { AgentStatus, Ended, Happening, InterruptReport, MadroxSystem, SendReport, SendRequest, SpawnRequest, Watch, Watcher } from './actors/system.ts'
export type { CreateDriver, Driver, DriverCommand, DriverConfig, DriverFact } from './drivers/driver.ts'
export { MadroxError, type ErrorCode, errorCodes } from './errors.ts'
export { localOwner } from './ids.ts'
export type { Caller, Message, Outcome, Reply } from './messages.ts'
