/**
 * One Claude Code session: its process, its signals, and the facts they make. Decides nothing about work. State comes from
 * hooks, the session's status file and the transcript; the screen is only ever shown.
 */

import { basename, dirname } from 'node:path'
import { randomUUID } from 'node:crypto'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import type { DriverFact, FactOf } from '../driver.ts'
import { startPty, type PtyProcess } from '../pty/process.ts'
import { endProcessTree } from '../pty/reaper.ts'
import { renderLastWords, renderScreen } from '../pty/screen.ts'
import { createApprovals } from './approvals.ts'
import { listStatuses, transcriptPath, type ConfigDir, type SessionStatus } from './config-dir.ts'
import type { HookAnswer } from './hooks.ts'
import type { HookBody } from './hook-bodies.ts'
import { verifiedVersion, type ParsedLaunch, type Prepared } from './launch.ts'
import { createRecords } from './records.ts'
import { createTurnTracker, type Ending } from './turns.ts'
import { escapeKey, startTyping, toSweep, toTyped } from './typing.ts'
import { createWatch } from './watch.ts'

type Bare<Fact> = Fact extends unknown ? Omit<Fact, 'agentId' | 'at'> : never
export type AgentFact = Bare<DriverFact>
type StartFailure = FactOf<'startFailed'>['code']

/** Facts of an end arrive apart (hook, status, transcript, within 200 ms when idle); what is not there by then is not coming. */
const settleMs = 2_000
/** After Esc before the first byte nothing is written to the transcript; after it, within 270 ms. */
const interruptRecordMs = 400
/** An Esc typed in the instant a turn begins may be lost. */
const repeatEscapeMs = 2_000
const mostEscapes = 5
/** How long a prompt waits for a CLI that is ending or beginning a turn of its own. */
const readyWaitMs = 3_000

export interface AgentContext {
  readonly launch: ParsedLaunch
  readonly prepared: Prepared
  readonly configDir: ConfigDir
  readonly clock: Clock
  readonly log: Log
  readonly tell: (fact: AgentFact) => void
  /** Resolves false when the CLI says that nobody is logged in. */
  readonly loggedIn: Promise<boolean>
  /** Behind the agent's last fact. */
  readonly onEnded: () => void
}

export interface ClaudeAgent {
  submitPrompt(promptId: string, text: string): void
  interrupt(requestId: string): void
  stop(mode: 'graceful' | 'force', graceMs: number): void
  answerApproval(approvalId: string, decision: 'allow' | 'deny', message: string | undefined): void
  readScreen(requestId: string, lines: number | undefined): void
  takeHook(body: HookBody, gone: AbortSignal): HookAnswer | Promise<HookAnswer>
}

interface Typing {
  readonly typed: string
  stop(): void
}

export function startAgent(context: AgentContext): ClaudeAgent {
  const { launch, prepared, configDir, clock, tell } = context
  const startedAt = Date.now() // compared with the CLI's own clock, not ours
  let phase: 'starting' | 'live' | 'ending' = 'starting'
  let isLoggedIn: boolean | undefined
  let status: SessionStatus | undefined
  let typing: Typing | undefined
  let waitingPrompt: { promptId: string; text: string; until: number } | undefined
  let lastTyped = ''
  let heard = { stops: 0, failures: 0 }
  let settle: { turnId: string; until: number; ends: { stopped: number; failed: number; interrupted: number } } | undefined
  let unexplainedIdleSince: number | undefined
  let interruption: { requestIds: string[]; turnId: string; at: number; escapes: number; idleAt: number | undefined } | undefined
  const pendingInterrupts: string[] = []

  const turns = createTurnTracker(fact => {
    if (fact.type === 'promptSeen') stopTyping()
    tell(fact)
  })
  const records = createRecords({
    path: transcriptPath(configDir, launch.cwd, launch.sessionId),
    resumed: launch.resume,
    tell,
    turnId: () => turns.current()?.turnId,
    onTurnEntry: entry => (entry.type === 'prompt' ? turns.promptTaken(entry.promptId, entry.text) : turns.absorbed(entry.text)),
  })
  const approvals = createApprovals(tell)

  const pty: PtyProcess = startPty({ file: prepared.file, args: prepared.args, cwd: launch.cwd, env: prepared.env })
  const watch = createWatch(clock, () => (phase === 'starting' || turns.current() || typing || waitingPrompt ? 200 : 2_000), look)
  watch.add(configDir.sessions, `${pty.pid}.json`)
  watch.add(dirname(records.path), basename(records.path))
  const startTimer = clock.setTimeout(() => void failStart('timeout'), launch.readyTimeoutMs)
  void context.loggedIn.then(known => {
    isLoggedIn = known
    watch.soon()
  })
  void pty.exited.then(() => onExit())

  /** Reads all that can be read, then draws the conclusions. */
  function look(): void {
    if (phase === 'ending') return
    readStatusFile()
    records.read()
    if (phase === 'starting') return concludeStart()
    concludeInterruption()
    concludeTurns()
    concludeWaitingPrompt()
  }

  function readStatusFile(): void {
    // Found by session, not by pid: an executable may be a wrapper that starts the program proper.
    const found = listStatuses(configDir, `${status?.pid ?? pty.pid}.json`).find(each => each.sessionId === launch.sessionId && each.startedAt >= startedAt - 50)
    if (!found) return
    if (status === undefined) {
      tell({ type: 'processStarted', source: 'status_file', pid: found.pid, ...(found.version === undefined ? {} : { cliVersion: found.version }) })
      if (found.version !== verifiedVersion) context.log.info(`Claude Code ${found.version} runs; the driver was verified with ${verifiedVersion}.`)
    }
    status = found
  }

  const isReady = (): boolean => status?.status === 'idle' || status?.status === 'shell'

  function concludeStart(): void {
    if (isLoggedIn === false) return void failStart('not_logged_in')
    if (!isReady() || isLoggedIn === undefined) return
    phase = 'live'
    clock.clearTimeout(startTimer)
    tell({ type: 'ready', source: 'status_file', sessionId: launch.sessionId })
  }

  // ── turns ────────────────────────────────────────────────────────────────────────────────────────────────────────

  function concludeTurns(): void {
    for (let turn = turns.current(); turn; turn = turns.current()) {
      if (!turn.ending) return explainIdle(turn.turnId)
      unexplainedIdleSince = undefined
      if (settle?.turnId !== turn.turnId) {
        settle = { turnId: turn.turnId, until: clock.now() + settleMs, ends: { stopped: heard.stops, failed: heard.failures, interrupted: records.ends.interrupted } }
        clock.setTimeout(watch.soon, settleMs)
      }
      if (!isSettled(turn.ending) && clock.now() < settle.until) return
      settle = undefined
      turns.endCurrent()
    }
  }

  /** Everything that belongs to the turn has been read: its last record is there, and the CLI is free again. */
  function isSettled({ kind, source }: Ending): boolean {
    const { ends } = records
    if (source === 'transcript' || kind === 'interrupt') return true
    if (turns.waiting() === 0 && !isReady()) return false
    return kind === 'stop' ? ends.stopped >= (settle?.ends.stopped ?? 0) : ends.failed >= (settle?.ends.failed ?? 0)
  }

  /** Idle inside a turn, and no hook: somebody pressed Esc, or the hook never came. The transcript knows. */
  function explainIdle(turnId: string): void {
    if (!isReady() || interruption) return void (unexplainedIdleSince = undefined)
    unexplainedIdleSince ??= clock.now()
    if (clock.now() - unexplainedIdleSince < settleMs) return void clock.setTimeout(watch.soon, settleMs)
    unexplainedIdleSince = undefined
    const turn = turns.current()
    if (turn?.turnId !== turnId) return
    const lastText = records.lastText()
    turn.ending = records.ends.stopped > heard.stops && lastText !== undefined
      ? { kind: 'stop', source: 'transcript', finalText: lastText }
      : { kind: 'interrupt', source: 'status_file' }
    watch.soon()
  }

  // ── prompts ──────────────────────────────────────────────────────────────────────────────────────────────────────

  const isInTurn = (): boolean => turns.current() !== undefined || turns.expected() !== undefined || waitingPrompt !== undefined || interruption !== undefined

  function submitPrompt(promptId: string, text: string): void {
    if (phase === 'ending') return
    const refuse = (reason: FactOf<'promptRefused'>['reason']): void => tell({ type: 'promptRefused', source: 'self', promptId, reason })
    if (phase === 'starting') return refuse('not_ready')
    readStatusFile()
    // Enter in an open dialog would answer it.
    if (approvals.count() > 0 || status?.status === 'waiting') return refuse('awaiting_approval')
    if (isInTurn()) return refuse('in_turn')
    waitingPrompt = { promptId, text, until: clock.now() + readyWaitMs }
    concludeWaitingPrompt()
  }

  function concludeWaitingPrompt(): void {
    if (!waitingPrompt) return
    const { promptId, text, until } = waitingPrompt
    const isBusy = !isReady() || turns.current() !== undefined
    if (isBusy && turns.current() === undefined && clock.now() < until) return watch.soon()
    waitingPrompt = undefined
    if (isBusy) return tell({ type: 'promptRefused', source: 'status_file', promptId, reason: status?.status === 'waiting' ? 'awaiting_approval' : 'in_turn' })
    type(promptId, text)
  }

  function type(promptId: string, text: string): void {
    const typed = toTyped(text)
    lastTyped = typed
    turns.expect(promptId, typed)
    tell({ type: 'promptWritten', source: 'process', promptId })
    const stop = startTyping({
      typed,
      write: pty.write,
      clock,
      mayPressEnter: () => status?.status !== 'waiting' && turns.current() === undefined && turns.expected()?.queuedIn === undefined,
      onGivenUp: () => giveUp(promptId),
    })
    typing = { typed, stop }
  }

  function stopTyping(): void {
    typing?.stop()
    typing = undefined
  }

  function giveUp(promptId: string): void {
    stopTyping()
    turns.giveUp()
    pty.write(toSweep(lastTyped))
    tell({ type: 'promptUnconfirmed', source: 'hook', promptId, detail: 'Claude Code did not confirm the prompt; it was taken out of the input box again.' })
    beginPendingInterrupt()
  }

  // ── interrupts ───────────────────────────────────────────────────────────────────────────────────────────────────

  function interrupt(requestId: string): void {
    if (phase !== 'live') return
    pendingInterrupts.push(requestId)
    if (waitingPrompt) {
      tell({ type: 'promptRefused', source: 'self', promptId: waitingPrompt.promptId, reason: 'in_turn' })
      waitingPrompt = undefined
    }
    if (!turns.expected()) beginPendingInterrupt() // else once the prompt is seen or given up: an Esc now might meet an idle box
  }

  function beginPendingInterrupt(): void {
    if (pendingInterrupts.length === 0) return
    const requestIds = pendingInterrupts.splice(0)
    const turn = turns.current()
    if (interruption) return void interruption.requestIds.push(...requestIds)
    if (!turn) return finishInterrupts(requestIds, false)
    interruption = { requestIds, turnId: turn.turnId, at: Date.now(), escapes: 0, idleAt: undefined }
    if (!turn.ending) pressEscape()
    watch.soon()
  }

  function pressEscape(): void {
    if (!interruption) return
    interruption.escapes += 1
    pty.write(escapeKey) // once: a second one on an idle box opens the Rewind dialog
    const { escapes } = interruption
    clock.setTimeout(() => {
      if (interruption?.escapes !== escapes || escapes >= mostEscapes || phase !== 'live') return
      readStatusFile()
      if (status?.status === 'busy' || status?.status === 'waiting') pressEscape()
      else watch.soon()
    }, repeatEscapeMs)
  }

  function concludeInterruption(): void {
    if (!interruption) return
    const turn = turns.current()
    if (turn && turn.turnId === interruption.turnId) {
      if (turn.ending && turn.ending.kind !== 'interrupt') return // it ended by itself meanwhile
      if (!isReady() || !isFresh(interruption.at)) return
      interruption.idleAt ??= clock.now()
      clock.setTimeout(watch.soon, interruptRecordMs)
      if (records.ends.interrupted === heardInterrupts && clock.now() - interruption.idleAt < interruptRecordMs) return
      heardInterrupts = records.ends.interrupted
      turn.ending = { kind: 'interrupt', source: records.ends.interrupted > 0 ? 'transcript' : 'status_file' }
      pty.write(toSweep(lastTyped)) // before its first byte, a cut prompt goes back into the box
      interruptedTurn = turn.turnId
      return watch.soon()
    }
    const { requestIds, turnId } = interruption
    interruption = undefined
    finishInterrupts(requestIds, interruptedTurn === turnId)
  }
  let heardInterrupts = 0
  let interruptedTurn: string | undefined

  /** The status was written after the key was pressed, or has had ample time to be. */
  const isFresh = (since: number): boolean => (status?.statusUpdatedAt ?? 0) >= since || Date.now() - since > repeatEscapeMs

  function finishInterrupts(requestIds: readonly string[], wasInTurn: boolean): void {
    for (const requestId of requestIds) tell({ type: 'interruptFinished', source: 'status_file', requestId, wasInTurn })
  }

  // ── hooks ────────────────────────────────────────────────────────────────────────────────────────────────────────

  function takeHook(body: HookBody, gone: AbortSignal): HookAnswer | Promise<HookAnswer> {
    if (phase === 'ending' || body.session_id !== launch.sessionId) return {}
    switch (body.hook_event_name) {
      case 'UserPromptSubmit':
        turns.promptSubmitted(body)
        readStatusFile()
        if (!turns.expected()) beginPendingInterrupt()
        break
      case 'Stop':
        heard = { ...heard, stops: heard.stops + 1 }
        turns.stopped(body.prompt_id, {
          kind: 'stop',
          source: 'hook',
          background: [
            ...body.background_tasks.filter(task => task.status === undefined || task.status === 'running').map(({ id, description, command }) => toTask(id, description ?? command)),
            ...body.session_crons.map(({ id }) => toTask(id ?? randomUUID(), 'scheduled wake-up')),
          ],
          ...(body.last_assistant_message === undefined ? {} : { finalText: body.last_assistant_message }),
        })
        break
      case 'StopFailure':
        heard = { ...heard, failures: heard.failures + 1 }
        turns.stopped(body.prompt_id, { kind: 'failure', source: 'hook', error: [body.last_assistant_message ?? body.error, body.error_details].filter(Boolean).join(': ') || 'Claude Code gave no reason.' })
        break
      case 'PostToolUse': {
        const taskId = toBackgroundTaskId(body.tool_response)
        if (taskId !== undefined) turns.taskStarted({ id: taskId }, body.prompt_id)
        break
      }
      case 'PermissionRequest':
        return approvals.hold(body.tool_name, body.tool_input, gone)
      case 'Elicitation':
        // Nobody is there to fill in a form; unanswered, it would stay open and take whatever is typed next.
        return { hookSpecificOutput: { hookEventName: 'Elicitation', action: 'decline' } }
      case 'SessionEnd':
        break
    }
    readStatusFile() // the CLI waits for this answer, so the file tells of now
    watch.soon()
    return {}
  }

  // ── ends ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes everything down; facts of the end come from the caller. The first end wins. */
  async function end(graceMs: number): Promise<void> {
    phase = 'ending'
    clock.clearTimeout(startTimer)
    stopTyping()
    watch.close()
    approvals.release()
    await endProcessTree({ pid: pty.pid, marker: launch.marker, graceMs, exited: pty.exited }).catch((error: unknown) =>
      context.log.error('A process of a Claude agent could not be ended.', { pid: pty.pid, error: String(error) }))
    await pty.exited
    records.read()
    prepared.dispose()
  }

  async function failStart(code: StartFailure): Promise<void> {
    if (phase !== 'starting') return
    const words = await lastWords()
    if (phase !== 'starting') return
    await end(0)
    tell({ type: 'startFailed', source: 'process', code: code === 'exited' ? toExitCode(words) : code, detail: words || `Claude Code said nothing (${code}).` })
    context.onEnded()
  }

  async function onExit(): Promise<void> {
    if (phase === 'ending') return
    if (phase === 'starting') return failStart('exited')
    await end(0)
    await tellExited(false)
  }

  async function tellExited(expected: boolean): Promise<void> {
    const { code, signal } = pty.exit() ?? { code: 0, signal: 0 }
    const words = expected ? '' : await lastWords()
    tell({ type: 'exited', source: 'process', expected, ...(signal ? { signal: String(signal) } : { code }), ...(words ? { lastWords: words } : {}) })
    context.onEnded()
  }

  const lastWords = (): Promise<string> => renderLastWords(pty.tail(), pty)

  function stop(mode: 'graceful' | 'force', graceMs: number): void {
    if (phase === 'ending') return
    const takeDown = (leftMs: number): void => {
      if (phase !== 'ending') void end(leftMs).then(() => tellExited(true))
    }
    // A SIGTERM inside a tool call would orphan what the tool had started; interrupted first, the CLI ends it itself.
    if (mode === 'force' || phase === 'starting' || !turns.current()) return takeDown(mode === 'force' ? 0 : graceMs)
    const deadline = clock.now() + Math.min(graceMs / 2, 3_000)
    interruption ??= { requestIds: [], turnId: turns.current()?.turnId ?? '', at: Date.now(), escapes: 0, idleAt: undefined }
    if (interruption.escapes === 0) pressEscape()
    const wait = (): void => {
      if (phase === 'ending') return
      look()
      if (turns.current() && clock.now() < deadline) return void clock.setTimeout(wait, 20)
      takeDown(graceMs / 2)
    }
    wait()
  }

  return {
    submitPrompt,
    interrupt,
    stop,
    takeHook,
    answerApproval: approvals.answer,
    readScreen: (requestId, lines) => void renderScreen(pty.tail(), pty, lines).then(text => {
      if (phase !== 'ending') tell({ type: 'screenRead', source: 'process', requestId, rendering: 'terminal', text })
    }),
  }
}

const toTask = (id: string, description: string | undefined): { id: string; description?: string } => ({ id, ...(description === undefined ? {} : { description }) })

function toBackgroundTaskId(response: unknown): string | undefined {
  if (typeof response !== 'object' || response === null || !('backgroundTaskId' in response)) return undefined
  return typeof response.backgroundTaskId === 'string' ? response.backgroundTaskId : undefined
}

function toExitCode(words: string): StartFailure {
  if (/No conversation found/i.test(words)) return 'session_unknown'
  if (/is already in use/i.test(words)) return 'session_locked'
  return 'exited'
}
