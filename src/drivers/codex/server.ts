/**
 * The app-server process: started, spoken to, ended. Owns the child, its pipes and its last words; knows nothing of threads.
 * It ends by itself when its stdin closes, so a killed Madrox leaves none behind.
 */

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Clock } from '../../clock.ts'
import { codeOf } from '../../errors.ts'
import type { Log } from '../../log.ts'
import { version } from '../../version.ts'
import type { StartFailure } from './failures.ts'
import { optionalServersMs, ownFeatures } from './launch.ts'
import { initializeResult } from './protocol.ts'
import { createRpc, type RequestId, type Rpc, type RpcResult } from './rpc.ts'

export interface ServerExit {
  /** False: the program could not be run at all. */
  readonly ran: boolean
  readonly code?: number
  readonly signal?: string
  readonly lastWords: string
}

export interface ServerFacts {
  readonly cliVersion: string
  /** `$CODEX_HOME` as the server resolved it. */
  readonly codexHome: string
  /** All that it answered: for who is to be greeted as by the server itself. */
  readonly greeting: object
}

export interface AppServer {
  readonly pid: number | undefined
  readonly rpc: Rpc
  /** Once it has answered `initialize`. */
  readonly initialized: Promise<RpcResult<ServerFacts>>
  /** Resolves when the process is gone and everything it had written has been read. */
  readonly exited: Promise<ServerExit>
  /** Asks it to end, and forces it after `graceMs`. */
  close(graceMs: number): Promise<void>
}

export interface AppServerOptions {
  readonly bin: string
  /** Exists; of no project, so that no project's configuration is the process's. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly clock: Clock
  readonly log: Log
  readonly onNotification: (method: string, message: unknown) => void
  readonly onRequest: (id: RequestId, method: string, message: unknown) => void
}

const settings = [...Object.entries(ownFeatures).map(([name, on]) => `features.${name}=${on}`), `mcp_optional_startup_grace_ms=${optionalServersMs}`]
const lastWordsLines = 20
const drainMs = 500

export function startAppServer({ bin, cwd, env, clock, log, onNotification, onRequest }: AppServerOptions): AppServer {
  const child = spawn(bin, ['app-server', ...settings.flatMap(setting => ['-c', setting])], {
    cwd,
    env: { ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    // Ctrl-C in Madrox's terminal is Madrox's to handle.
    detached: true,
  })
  let words: string[] = []
  let failure: Error | undefined
  const rpc = createRpc({ write: line => child.stdin.write(line), onNotification, onRequest, log })
  createInterface({ input: child.stdout }).on('line', line => rpc.accept(line))
  createInterface({ input: child.stderr }).on('line', line => (words = [...words, stripStyle(line)].slice(-lastWordsLines)))
  // A write that crosses the child's death says nothing the exit does not say.
  child.stdin.on('error', error => log.debug('The codex app-server no longer reads.', { error: error.message }))

  const exited = new Promise<ServerExit>(resolve => {
    let drain: unknown
    const settle = (code: number | null, signal: NodeJS.Signals | null): void => {
      clock.clearTimeout(drain)
      rpc.end()
      if (failure) return resolve({ ran: false, lastWords: failure.message })
      resolve({ ran: true, ...(code !== null && { code }), ...(signal !== null && { signal }), lastWords: words.join('\n') })
    }
    child.once('error', error => {
      failure = error
      if (child.pid === undefined) settle(null, null)
    })
    child.once('close', settle)
    // A descendant that holds the pipes open would hold `close` back for ever.
    child.once('exit', (code, signal) => {
      drain = clock.setTimeout(() => settle(code, signal), drainMs)
    })
  })

  return {
    pid: child.pid,
    rpc,
    initialized: initialize(rpc),
    exited,
    async close(graceMs) {
      child.stdin.end()
      const timer = clock.setTimeout(() => killGroup(child.pid), graceMs)
      await exited
      clock.clearTimeout(timer)
    },
  }
}

export function toExitFailure({ ran, code, signal, lastWords }: ServerExit): StartFailure {
  if (!ran) return { code: 'cli_missing', detail: `Codex could not be run (${lastWords}). Install it where the server's PATH finds it, or set MADROX_CODEX_BIN.` }
  return { code: 'exited', detail: lastWords || `codex app-server ended with ${signal ?? `code ${code ?? 'unknown'}`}.` }
}

async function initialize(rpc: Rpc): Promise<RpcResult<ServerFacts>> {
  const answer = await rpc.request('initialize', {
    clientInfo: { name: 'madrox', title: 'Madrox', version },
    // Background terminals are in the experimental part of the API.
    capabilities: { experimentalApi: true, requestAttestation: false },
  }, initializeResult)
  if (!answer.ok) return answer
  rpc.notify('initialized')
  const { userAgent, codexHome } = answer.value
  // "madrox/0.169.0 (Debian …": the client's name with the CLI's version.
  return { ok: true, value: { cliVersion: /^[^/\s]+\/(\S+)/.exec(userAgent)?.[1] ?? userAgent, codexHome, greeting: answer.value } }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // Already gone.
    if (codeOf(error) !== 'ESRCH') throw error
  }
}

function stripStyle(line: string): string {
  // oxlint-disable-next-line no-control-regex -- the CLI colours its log lines
  return line.replaceAll(/\u001B\[[0-9;]*m/g, '')
}
