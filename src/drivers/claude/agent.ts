/**
 * One Claude Code session: its process, its start and end, and its signals handed to the parts that know what they mean.
 * Decides nothing about work. State comes from hooks, the status file and the transcript; the screen is only ever shown.
 */

import { randomUUID } from 'node:crypto'
import { basename, dirname } from 'node:path'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import type { BackgroundTask, FactOf, TerminalUse } from '../driver.ts'
import type { Recollection, SourcedFact } from '../facts.ts'
import type { HookAnswer } from '../hooks.ts'
import { createApprovals } from '../permissions.ts'
import { startPty } from '../pty/process.ts'
import { endProcessTree } from '../pty/reaper.ts'
import { renderLastWords, renderScreen } from '../pty/screen.ts'
import { createSharing } from '../pty/sharing.ts'
import { createSessionClock } from '../session-clock.ts'
import { createWatch } from '../watch.ts'
import { transcriptPath, type ConfigDir } from './config-dir.ts'
import { toFailed } from './failures.ts'
import type { HookBody, HookOf } from './hook-bodies.ts'
import { createInterrupting } from './interrupting.ts'
import { verifiedVersion, type ParsedLaunch, type Prepared } from './launch.ts'
import type { Login } from './login.ts'
import { createPrompting } from './prompting.ts'
import { recallTurn } from './recall.ts'
import { createRecords } from './records.ts'
import { createStatusReader, type Session } from './session.ts'
import { createSettling } from './settling.ts'
import { createTurnTracker, isTaskNotification, type Ending } from './turns.ts'
import { clearBox } from './typing.ts'

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
  takeHook(body: HookBody, gone: AbortSignal): HookAnswer | Promise<HookAnswer>
}

/** Starts the process. A single closure, because every part of a session's life shares the phase it is in. */
export function startAgent(context: AgentContext): ClaudeAgent {
  const { launch, prepared, configDir, tell } = context
  const clock = createSessionClock(context.clock)
  let phase: 'starting' | 'live' | 'ending' = 'starting'
  let isLoggedIn: boolean | undefined
  let isAnnounced = false

  const spawnedAt = Date.now() // the CLI's status file tells its start by the same clock
  const pty = startPty({ file: prepared.file, args: prepared.args, cwd: launch.cwd, env: prepared.env })
  const status = createStatusReader(configDir, launch.sessionId, pty.pid, spawnedAt)
  const turns = createTurnTracker(fact => {
    if (fact.type === 'promptSeen') prompting.stop()
    tell(fact)
    if (fact.type === 'promptSeen') sharing.settled()
  })
  const records = createRecords({
    path: transcriptPath(configDir, launch.cwd, launch.sessionId),
    resumed: launch.resume,
    tell,
    turnId: () => turns.current()?.turnId,
    onTurnEntry: entry => (entry.type === 'prompt' ? turns.promptTaken(entry.promptId, entry.text) : turns.absorbed(entry.text)),
  })
  const isActive = (): boolean => phase === 'starting' || turns.current() !== undefined || prompting.isActive()
  const watch = createWatch(clock, () => (isActive() ? 200 : 2_000), () => guarded(look))
  const session: Session = {
    clock, turns, records, status, tell,
    write: pty.write,
    maySweep: () => !sharing.hasDraft(),
    lookSoon: watch.soon,
    lookIn: delayMs => void clock.setTimeout(watch.soon, delayMs),
  }
  const approvals = createApprovals(tell)
  const settling = createSettling(session)
  const prompting = createPrompting(session, () => interrupting.begin())
  const sharing = createSharing({
    pty, clock,
    tell: fact => tell({ ...fact, source: 'process' }),
    isTyping: () => turns.expected() !== undefined,
    withdraw: () => prompting.withdraw('held_by_person'),
    clearBox: (lineBreaks, onDone) => clearBox({ lineBreaks, write: pty.write, clock, onDone }),
  })
  const interrupting = createInterrupting(session, prompting.sweep)

  const startTimer = clock.setTimeout(() => void failStart('timeout'), launch.readyTimeoutMs)
  watch.add(configDir.sessions, `${pty.pid}.json`)
  watch.add(dirname(records.path), basename(records.path))
  void context.login.isLoggedIn.then(known => {
    isLoggedIn = known
    watch.soon()
  })
  void pty.exited.then(() => onExit())

  /** Files of a session may be unreadable for a while or for good; that is this agent's trouble, never the server's. */
  function guarded(action: () => void): void {
    try {
      action()
    } catch (error) {
      context.log.error('The signals of a Claude agent could not be read.', { sessionId: launch.sessionId, error: String(error) })
    }
  }

  /** Reads all that can be read, then draws the conclusions. */
  function look(): void {
    if (phase === 'ending') return
    status.refresh()
    announceProcess()
    if (phase === 'starting') return concludeStart()
    records.read()
    interrupting.conclude()
    settling.conclude(!interrupting.isActive())
    prompting.conclude()
    sharing.settled()
  }

  function announceProcess(): void {
    const found = status.current()
    if (!found || isAnnounced) return
    isAnnounced = true
    tell({ type: 'processStarted', source: 'status_file', pid: found.pid, ...(found.version === undefined ? {} : { cliVersion: found.version }) })
    if (found.version !== verifiedVersion) context.log.info(`Claude Code ${found.version} runs; the driver was verified with ${verifiedVersion}.`)
  }

  function concludeStart(): void {
    if (isLoggedIn === false) return void failStart('not_logged_in')
    if (!status.isReady() || isLoggedIn === undefined) return
    phase = 'live'
    clock.clearTimeout(startTimer)
    tell({ type: 'ready', source: 'status_file', sessionId: launch.sessionId, ...(prepared.warnings.length > 0 ? { warnings: [...prepared.warnings] } : {}) })
  }

  function whyNoPrompt(): FactOf<'promptRefused'>['reason'] | undefined {
    if (phase === 'starting') return 'not_ready'
    if (sharing.holds() !== undefined) return 'held_by_person'
    if (approvals.count() > 0) return 'awaiting_approval' // Enter in an open dialog would answer it
    return turns.current() || prompting.isActive() || interrupting.isActive() ? 'in_turn' : undefined
  }

  function takeHook(body: HookBody, gone: AbortSignal): HookAnswer | Promise<HookAnswer> {
    if (phase === 'ending' || body.session_id !== launch.sessionId) return {}
    if (body.hook_event_name === 'PermissionRequest') return approvals.hold(body.tool_name, JSON.stringify(body.tool_input ?? {}), gone)
    // Nobody is there to fill in a form; unanswered, it would stay open and take whatever is typed next.
    if (body.hook_event_name === 'Elicitation') return { hookSpecificOutput: { hookEventName: 'Elicitation', action: 'decline' } }
    status.refresh() // the CLI waits for this answer, so the file tells of now
    if (body.hook_event_name === 'UserPromptSubmit') {
      if (prompting.isSpoilt(body.prompt)) return { decision: 'block', reason: 'A prompt that was cut off had stuck to it. It is typed again.' }
      if (!turns.expected() && !isTaskNotification(body.prompt)) sharing.submitted(body.prompt)
      turns.promptSubmitted(body)
      if (!turns.expected()) interrupting.begin()
    } else if (body.hook_event_name === 'Stop') {
      settling.heard('stop')
      turns.stopped(body.prompt_id, toCompleted(body))
    } else if (body.hook_event_name === 'StopFailure') {
      settling.heard('failure')
      turns.stopped(body.prompt_id, toFailed(body))
    } else if (body.hook_event_name === 'PostToolUse') {
      const taskId = toBackgroundTaskId(body.tool_response)
      if (taskId !== undefined) turns.taskStarted({ id: taskId }, body.prompt_id)
    }
    watch.soon()
    return {}
  }

  function recall(markers: readonly string[]): Recollection {
    try {
      return recallTurn(records.path, markers)
    } catch (error) {
      context.log.error('The transcript of a Claude agent could not be read.', { sessionId: launch.sessionId, error: String(error) })
      return { status: 'cut' }
    }
  }

  /** Takes everything down; the facts of the end are the caller's. The first end wins. */
  async function end(graceMs: number): Promise<void> {
    phase = 'ending'
    sharing.close('Claude Code has ended.')
    clock.stop()
    watch.close()
    approvals.release()
    await endProcessTree({ pid: pty.pid, marker: launch.marker, graceMs, exited: pty.exited }).catch((error: unknown) =>
      context.log.error('A process of a Claude agent could not be ended.', { pid: pty.pid, error: String(error) }))
    await pty.exited
    guarded(records.read)
    guarded(prepared.dispose)
  }

  async function failStart(code: StartFailure): Promise<void> {
    const words = await renderLastWords(pty.tail(), pty)
    if (phase !== 'starting') return
    await end(0)
    tell({ type: 'startFailed', source: 'process', code: code === 'exited' ? toStartFailure(words) : code, detail: code === 'not_logged_in' ? context.login.refusal : words || `Claude Code said nothing (${code}).` })
    context.onEnded()
  }

  async function onExit(): Promise<void> {
    if (phase === 'ending') return
    if (phase === 'starting') return failStart('exited')
    const words = renderLastWords(pty.tail(), pty)
    await end(0)
    tellExited(false, await words)
  }

  function tellExited(expected: boolean, lastWords = ''): void {
    const { code, signal } = pty.exit() ?? { code: 0, signal: 0 }
    // One that was killed said nothing: what stands on its screen is the conversation, which is not for its supervisor to read as news.
    tell({ type: 'exited', source: 'process', expected, ...(signal ? { signal: String(signal) } : { code, ...(lastWords ? { lastWords } : {}) }) })
    context.onEnded()
  }

  function stop(mode: 'graceful' | 'force', graceMs: number): void {
    const takeDown = (leftMs: number): void => {
      if (phase !== 'ending') void end(leftMs).then(() => tellExited(true))
    }
    if (mode === 'force' || phase === 'starting' || !turns.current()) return takeDown(mode === 'force' ? 0 : graceMs)
    // A SIGTERM inside a tool call would orphan what the tool had started; interrupted first, the CLI ends it itself.
    const deadline = clock.now() + Math.min(graceMs / 2, 3_000)
    interrupting.cut()
    const wait = (): void => {
      guarded(look)
      if (turns.current() && clock.now() < deadline) clock.setTimeout(wait, 20)
      else takeDown(graceMs / 2)
    }
    wait()
  }

  return {
    submitPrompt(promptId, text) {
      if (phase !== 'ending') prompting.submit(promptId, text, whyNoPrompt())
    },
    interrupt(requestId) {
      if (phase === 'ending') return
      prompting.withdraw('in_turn')
      interrupting.request(requestId)
      if (!turns.expected()) interrupting.begin() // else once it is seen or given up: an Esc now might meet an idle box
    },
    stop,
    takeHook,
    answerApproval: approvals.answer,
    useTerminal(viewerId, use) {
      if (phase !== 'ending') sharing.use(viewerId, use)
    },
    recallTurn(requestId, markers) {
      if (phase !== 'ending') tell({ type: 'turnRecalled', source: 'transcript', requestId, ...recall(markers) })
    },
    readScreen: (requestId, lines) => void renderScreen(pty.tail(), pty, lines).then(text => {
      if (phase !== 'ending') tell({ type: 'screenRead', source: 'process', requestId, rendering: 'terminal', text })
    }),
  }
}

function toCompleted({ last_assistant_message, background_tasks, session_crons }: HookOf<'Stop'>): Ending {
  const running = background_tasks.filter(task => task.status === undefined || task.status === 'running')
  const background: BackgroundTask[] = [
    ...running.map(({ id, description, command }) => ({ id, ...(description || command ? { description: description || command } : {}) })),
    ...session_crons.map(({ id }) => ({ id: id ?? randomUUID(), description: 'scheduled wake-up' })),
  ]
  return { kind: 'stop', source: 'hook', background, ...(last_assistant_message === undefined ? {} : { finalText: last_assistant_message }) }
}

function toBackgroundTaskId(response: unknown): string | undefined {
  if (typeof response !== 'object' || response === null || !('backgroundTaskId' in response)) return undefined
  return typeof response.backgroundTaskId === 'string' ? response.backgroundTaskId : undefined
}

function toStartFailure(words: string): StartFailure {
  if (/No conversation found/i.test(words)) return 'session_unknown'
  if (/is already in use/i.test(words)) return 'session_locked'
  return 'exited'
}
