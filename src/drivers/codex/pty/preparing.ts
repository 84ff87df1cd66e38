/**
 * What stands ready before the interactive codex is started: the thread it is to show, and its command line, environment and
 * private files. An app-server opens the thread and is gone again: so the thread's id and record are known in advance, what cannot
 * start fails in codex's own words, and a title nobody asked for is not requested from the model.
 */

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { DriverConfig, Launch } from '../../driver.ts'
import { findExecutable } from '../../executable.ts'
import { toEnvironment } from '../environment.ts'
import type { StartFailure } from '../failures.ts'
import { optionalServersMs, ownFeatures, type Surroundings, toThreadParams } from '../launch.ts'
import { openIn, readSurroundings, toRefusal, type OpenedThread } from '../opening.ts'
import { startAppServer, toExitFailure, type AppServer } from '../server.ts'
import { hookTokenVariable, hookUrlVariable, toHooks, type Asking } from './asking.ts'
import { writePrivateProfile } from './private-profile.ts'

export interface Prepared {
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cliVersion: string
  readonly thread: OpenedThread & { readonly path: string }
}

export type PrepareResult = { readonly ok: true; readonly value: Prepared } | { readonly ok: false; readonly failure: StartFailure }

export interface Preparation {
  readonly result: Promise<PrepareResult>
  /** Another app-server for a moment, to ask something of the thread's record. */
  consult<Value>(ask: (server: AppServer) => Promise<Value>): Promise<Value>
  /** Ends what is under way. Resolves when nothing of it runs. */
  abandon(): Promise<void>
  /** Removes the files. */
  dispose(): void
}

export interface PrepareOptions {
  readonly launch: Launch
  /** Letters, digits and dashes, of this life of the agent alone. */
  readonly key: string
  readonly config: DriverConfig
  /** How it is to ask for approval, should it be one that asks. */
  readonly asking: () => Promise<Asking>
}

const tokenVariable = 'MADROX_TOKEN'
const closeGraceMs = 2_000

export function prepare({ launch, key, config, asking }: PrepareOptions): Preparation {
  const { bin, stateDir, clock, log } = config
  const temporary = join(stateDir, 'tmp', key)
  mkdirSync(temporary, { recursive: true, mode: 0o700 })
  const env = toEnvironment(config, temporary, launch.marker)
  const servers = new Set<AppServer>()
  let isAbandoned = false
  let removeProfile: (() => void) | undefined

  const consult: Preparation['consult'] = async ask => {
    const server = startAppServer({ bin, cwd: stateDir, env, clock, log, onNotification: () => {}, onRequest: (id, method) => server.rpc.refuse(id, `Madrox does not answer ${method} here.`) })
    servers.add(server)
    try {
      return await ask(server)
    } finally {
      await server.close(closeGraceMs)
      servers.delete(server)
    }
  }

  const open = async (server: AppServer): Promise<PrepareResult> => {
    const refused = async (refusal: ReturnType<typeof toRefusal>): Promise<PrepareResult> => (refusal.ok ? { ok: false, failure: toExitFailure(await server.exited) } : refusal)
    const initialized = await server.initialized
    if (!initialized.ok) return refused(toRefusal(initialized))
    const { codexHome, cliVersion } = initialized.value
    const around = await readSurroundings(server.rpc, launch, codexHome)
    if (!around.ok || !around.value) return refused(around.ok ? { ok: true, value: undefined } : around)
    // Without its servers: it is the interactive codex that is to connect to them.
    const alone = toThreadParams({ ...launch, madrox: undefined, mcpServers: {}, inheritMcp: false }, around.value, temporary)
    const opened = await openIn(server.rpc, launch, alone)
    if (!opened.ok || !opened.value) return refused(opened.ok ? { ok: true, value: undefined } : opened)
    const { id, model, path } = opened.value
    if (path === undefined) return { ok: false, failure: { code: 'invalid_launch', detail: 'Codex keeps no record of this thread (its history is off), by which its turns could be followed. Use harness codex with the app-server driver, or let codex keep its sessions.' } }
    const asks = alone.approvalPolicy === 'never' ? undefined : await asking()
    const hooks = asks && (await toHooks(server.rpc, launch.cwd, asks))
    if (asks && !hooks) return { ok: false, failure: { code: 'invalid_launch', detail: 'Codex does not say which hooks there are, so that the one by which it asks for approval cannot be set up. Spawn without permission_mode.' } }
    const { confining, profile } = toConfiguration(launch, around.value, temporary)
    if (isAbandoned) return { ok: false, failure: { code: 'exited', detail: 'The start was given up.' } }
    const written = writePrivateProfile(stateDir, codexHome, key, { ...profile, ...(hooks && { hooks }) })
    removeProfile = written.remove
    const args = ['resume', id, '--no-daemon', '-C', launch.cwd, '--profile', written.name, ...confining, ...toSettings('features', { ...ownFeatures, hooks: hooks !== undefined }), ...(hooks ? ['--dangerously-bypass-hook-trust'] : [])]
    const secrets = { ...(launch.madrox && { [tokenVariable]: launch.madrox.token }), ...(asks && { [hookUrlVariable]: asks.url, [hookTokenVariable]: asks.token }) }
    return { ok: true, value: { file: findExecutable(bin, env['PATH']) ?? bin, args, env: { ...env, ...secrets, TERM: 'xterm-256color' }, cliVersion, thread: { id, model, path } } }
  }

  return {
    result: consult(open),
    consult,
    async abandon() {
      isAbandoned = true
      await Promise.all([...servers].map(server => server.close(0)))
    },
    dispose() {
      removeProfile?.()
      rmSync(temporary, { recursive: true, force: true })
    },
  }
}

/** `confining`: as arguments, because a trusted project's own configuration goes before a profile, but not before them. */
function toConfiguration(launch: Launch, around: Surroundings, temporary: string) {
  const { config, model, sandbox, approvalPolicy, developerInstructions } = toThreadParams(launch, around, temporary, tokenVariable)
  const { features, tui, notice, sandbox_workspace_write: writable, ...rest } = config
  return {
    confining: ['-s', sandbox, '-c', `approval_policy=${JSON.stringify(approvalPolicy)}`, ...toSettings('sandbox_workspace_write', writable)],
    profile: {
      ...rest,
      ...(model !== undefined && { model }),
      developer_instructions: developerInstructions,
      features,
      // Nobody is there to be told, and a recap is a request to the model.
      tui: { ...toTable(tui), animations: false, show_tooltips: false, auto_recap: false },
      notice: { ...toTable(notice), hide_full_access_warning: true },
      check_for_update_on_startup: false,
      mcp_optional_startup_grace_ms: optionalServersMs,
    },
  }
}

const toTable = (value: unknown): Readonly<Record<string, unknown>> => (typeof value === 'object' && value !== null ? { ...value } : {})

/** TOML takes these values as JSON writes them. */
const toSettings = (table: string, values: unknown): string[] =>
  Object.entries(toTable(values)).flatMap(([name, value]) => ['-c', `${table}.${name}=${JSON.stringify(value)}`])
