/**
 * From start to end of one session's process: the order of its life, and that each step of it is told once. The same for every
 * way of speaking with Claude Code; what is said meanwhile is the agent's.
 */

import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import type { FactOf, TerminalUse } from '../driver.ts'
import type { SourcedFact } from '../facts.ts'
import { endProcessTree } from '../pty/reaper.ts'
import type { ConfigDir } from './config-dir.ts'
import { verifiedVersion, type ParsedLaunch, type Prepared } from './launch.ts'
import type { Login } from './login.ts'
import type { StatusReader } from './session.ts'

type StartFailure = FactOf<'startFailed'>['code']

export interface AgentContext {
  readonly launch: ParsedLaunch
  readonly prepared: Prepared
  readonly configDir: ConfigDir
  readonly clock: Clock
  readonly log: Log
  readonly tell: (fact: SourcedFact) => void
  readonly login: Login
  /** Behind the agent's last fact. */
  readonly onEnded: () => void
}

export interface ClaudeAgent {
  submitPrompt(promptId: string, text: string): void
  interrupt(requestId: string): void
  stop(mode: 'graceful' | 'force', graceMs: number): void
  answerApproval(approvalId: string, decision: 'allow' | 'deny', message: string | undefined): void
  readScreen(requestId: string, lines: number | undefined): void
  recallTurn(requestId: string, markers: readonly string[]): void
  useTerminal(viewerId: string, use: TerminalUse): void
}

/** The process, as far as its life goes. It leads a session and a group of its own. */
export interface Body {
  readonly pid: number
  /** Resolves behind its last output. */
  readonly exited: Promise<unknown>
  /** Undefined while it runs. `signal`: its number or name; 0: none. */
  exit(): { readonly code: number; readonly signal: number | string } | undefined
  lastWords(): Promise<string>
}

export interface LifeOptions {
  readonly context: AgentContext
  readonly body: Body
  readonly status: StatusReader
  /** Of the session: ends with it. */
  readonly clock: Clock & { stop(): void }
  /** Lets go of what only a living session has. */
  readonly release: () => void
  /** The process is gone; reads what it had still written. */
  readonly readRest: () => void
}

/** How a running turn is brought to its end before the process is. */
export interface Cutting {
  isInTurn(): boolean
  cut(): void
  /** Takes in what has happened. */
  look(): void
}

export type Life = ReturnType<typeof createLife>

export function createLife({ context, body, status, clock, release, readRest }: LifeOptions) {
  const { launch, prepared, tell, log } = context
  let phase: 'starting' | 'live' | 'ending' = 'starting'
  let isAnnounced = false
  const startTimer = clock.setTimeout(() => void failStart('timeout'), launch.readyTimeoutMs)
  void body.exited.then(() => onExit())

  /** Files of a session may be unreadable for a while or for good; that is this agent's trouble, never the server's. */
  function guarded(action: () => void): void {
    try {
      action()
    } catch (error) {
      log.error('The signals of a Claude agent could not be read.', { sessionId: launch.sessionId, error: String(error) })
    }
  }

  /** As its status file has it: the executable may be a wrapper that starts the program proper. `otherwise`: the pid where there is no such file. */
  function announceProcess(otherwise?: number): void {
    const found = status.current()
    const pid = found?.pid ?? otherwise
    if (pid === undefined || isAnnounced) return
    isAnnounced = true
    tell({ type: 'processStarted', source: found ? 'status_file' : 'process', pid, ...(found?.version === undefined ? {} : { cliVersion: found.version }) })
    if (found && found.version !== verifiedVersion) log.info(`Claude Code ${found.version} runs; the driver was verified with ${verifiedVersion}.`)
  }

  function beReady(source: 'status_file' | 'protocol'): void {
    phase = 'live'
    clock.clearTimeout(startTimer)
    tell({ type: 'ready', source, sessionId: launch.sessionId, ...(prepared.warnings.length > 0 ? { warnings: [...prepared.warnings] } : {}) })
  }

  /** Takes everything down; the facts of the end are the caller's. The first end wins. */
  async function end(graceMs: number): Promise<void> {
    phase = 'ending'
    clock.stop()
    release()
    await endProcessTree({ pid: body.pid, marker: launch.marker, graceMs, exited: body.exited }).catch((error: unknown) =>
      log.error('A process of a Claude agent could not be ended.', { pid: body.pid, error: String(error) }))
    await body.exited
    guarded(readRest)
    guarded(prepared.dispose)
  }

  async function failStart(code: StartFailure): Promise<void> {
    const words = await body.lastWords()
    if (phase !== 'starting') return
    await end(0)
    tell({ type: 'startFailed', source: 'process', code: code === 'exited' ? toStartFailure(words) : code, detail: code === 'not_logged_in' ? context.login.refusal : words || `Claude Code said nothing (${code}).` })
    context.onEnded()
  }

  async function onExit(): Promise<void> {
    if (phase === 'ending') return
    if (phase === 'starting') return failStart('exited')
    const words = body.lastWords()
    await end(0)
    tellExited(false, await words)
  }

  function tellExited(expected: boolean, lastWords = ''): void {
    const { code, signal } = body.exit() ?? { code: 0, signal: 0 }
    // One that was killed said nothing: what stands on its screen is the conversation, which is not for its supervisor to read as news.
    tell({ type: 'exited', source: 'process', expected, ...(signal ? { signal: String(signal) } : { code, ...(lastWords ? { lastWords } : {}) }) })
    context.onEnded()
  }

  function stop(mode: 'graceful' | 'force', graceMs: number, { isInTurn, cut, look }: Cutting): void {
    const takeDown = (leftMs: number): void => {
      if (phase !== 'ending') void end(leftMs).then(() => tellExited(true))
    }
    if (mode === 'force' || phase === 'starting' || !isInTurn()) return takeDown(mode === 'force' ? 0 : graceMs)
    // A SIGTERM inside a tool call would orphan what the tool had started; interrupted first, the CLI ends it itself.
    const deadline = clock.now() + Math.min(graceMs / 2, 3_000)
    cut()
    const wait = (): void => {
      guarded(look)
      if (isInTurn() && clock.now() < deadline) clock.setTimeout(wait, 20)
      else takeDown(graceMs / 2)
    }
    wait()
  }

  return { phase: () => phase, guarded, announceProcess, beReady, failStart, stop }
}

function toStartFailure(words: string): StartFailure {
  if (/No conversation found/i.test(words)) return 'session_unknown'
  if (/is already in use/i.test(words)) return 'session_locked'
  return 'exited'
}
