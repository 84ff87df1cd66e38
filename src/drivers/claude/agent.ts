/**
 * One Claude Code session: its process, its start and end, and its signals handed to the parts that know what they mean.
 * Decides nothing about work. State comes from hooks, the status file and the transcript; the screen is only ever shown.
 */

import { randomUUID } from 'node:crypto'
import { basename, dirname } from 'node:path'
import type { BackgroundTask, FactOf } from '../driver.ts'
import { createApprovals, toHookAnswer } from '../permissions.ts'
import type { HookAnswer } from '../hooks.ts'
import { startPty } from '../pty/process.ts'
import { renderLastWords, renderScreen } from '../pty/screen.ts'
import { createSharing } from '../pty/sharing.ts'
import { createSessionClock } from '../session-clock.ts'
import { createWatch } from '../watch.ts'
import { transcriptPath } from './config-dir.ts'
import { toFailed } from './failures.ts'
import type { HookBody, HookOf } from './hook-bodies.ts'
import { createInterrupting } from './interrupting.ts'
import { createLife, type AgentContext, type ClaudeAgent } from './life.ts'
import { createPrompting } from './prompting.ts'
import { recallGuarded } from './recall.ts'
import { createRecords } from './records.ts'
import { createStatusReader, type Session } from './session.ts'
import { createSettling } from './settling.ts'
import { createTurnTracker, isTaskNotification, type Ending } from './turns.ts'
import { clearBox } from './typing.ts'
import { toWants } from './wants.ts'

/** One in a terminal. */
export interface TerminalAgent extends ClaudeAgent {
  takeHook(body: HookBody, gone: AbortSignal): HookAnswer | Promise<HookAnswer>
}

/** Starts the process. A single closure, because every part of a session's life shares the phase it is in. */
export function startAgent(context: AgentContext): TerminalAgent {
  const { launch, prepared, configDir, tell } = context
  const clock = createSessionClock(context.clock)
  let isLoggedIn: boolean | undefined

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
  const approvals = createApprovals(tell, 'hook')
  const life = createLife({
    context, status, clock, readRest: records.read,
    body: { pid: pty.pid, exited: pty.exited, exit: pty.exit, lastWords: () => renderLastWords(pty.tail(), pty) },
    release() {
      sharing.close('Claude Code has ended.')
      watch.close()
      approvals.release()
    },
  })
  const isActive = (): boolean => life.phase() === 'starting' || turns.current() !== undefined || prompting.isActive()
  const watch = createWatch(clock, () => (isActive() ? 200 : 2_000), () => life.guarded(look))
  const session: Session = {
    clock, turns, records, status, tell,
    write: pty.write,
    maySweep: () => !sharing.hasDraft(),
    lookSoon: watch.soon,
    lookIn: delayMs => void clock.setTimeout(watch.soon, delayMs),
  }
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

  watch.add(configDir.sessions, `${pty.pid}.json`)
  watch.add(dirname(records.path), basename(records.path))
  void context.login.isLoggedIn.then(known => {
    isLoggedIn = known
    watch.soon()
  })

  /** Reads all that can be read, then draws the conclusions. */
  function look(): void {
    if (life.phase() === 'ending') return
    status.refresh()
    life.announceProcess()
    if (life.phase() === 'starting') return concludeStart()
    records.read()
    interrupting.conclude()
    settling.conclude(!interrupting.isActive())
    prompting.conclude()
    sharing.settled()
  }

  function concludeStart(): void {
    if (isLoggedIn === false) return void life.failStart('not_logged_in')
    if (!status.isReady() || isLoggedIn === undefined) return
    life.beReady('status_file')
  }

  function whyNoPrompt(): FactOf<'promptRefused'>['reason'] | undefined {
    if (life.phase() === 'starting') return 'not_ready'
    if (sharing.holds() !== undefined) return 'held_by_person'
    if (approvals.count() > 0) return 'awaiting_approval' // Enter in an open dialog would answer it
    return turns.current() || prompting.isActive() || interrupting.isActive() ? 'in_turn' : undefined
  }

  function takeHook(body: HookBody, gone: AbortSignal): HookAnswer | Promise<HookAnswer> {
    if (life.phase() === 'ending' || body.session_id !== launch.sessionId) return {}
    if (body.hook_event_name === 'PermissionRequest') return approvals.hold({ tool: body.tool_name, detail: JSON.stringify(body.tool_input ?? {}), wants: toWants(launch, body.tool_name, body.tool_input) }, gone).then(toHookAnswer)
    // Nobody is there to fill in a form; unanswered, it would stay open and take whatever is typed next.
    if (body.hook_event_name === 'Elicitation') return { hookSpecificOutput: { hookEventName: 'Elicitation', action: 'decline' } }
    status.refresh() // the CLI waits for this answer, so the file tells of now
    if (body.hook_event_name === 'UserPromptSubmit') {
      if (prompting.isSpoilt(body.prompt)) return { decision: 'block', reason: 'A prompt that was cut off had stuck to it. It is typed again.' }
      if (!turns.expected() && !isTaskNotification(body.prompt)) sharing.submitted(body.prompt)
      if (!turns.current()) settling.begins()
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

  return {
    submitPrompt(promptId, text) {
      if (life.phase() !== 'ending') prompting.submit(promptId, text, whyNoPrompt())
    },
    interrupt(requestId) {
      if (life.phase() === 'ending') return
      prompting.withdraw('in_turn')
      interrupting.request(requestId)
      if (!turns.expected()) interrupting.begin() // else once it is seen or given up: an Esc now might meet an idle box
    },
    stop: (mode, graceMs) => life.stop(mode, graceMs, { isInTurn: () => turns.current() !== undefined, cut: interrupting.cut, look }),
    takeHook,
    answerApproval: approvals.answer,
    useTerminal(viewerId, use) {
      if (life.phase() !== 'ending') sharing.use(viewerId, use)
    },
    recallTurn(requestId, markers) {
      if (life.phase() !== 'ending') tell({ type: 'turnRecalled', source: 'transcript', requestId, ...recallGuarded(records.path, markers, context.log) })
    },
    readScreen: (requestId, lines) => void renderScreen(pty.tail(), pty, lines).then(text => {
      if (life.phase() !== 'ending') tell({ type: 'screenRead', source: 'process', requestId, rendering: 'terminal', text })
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
