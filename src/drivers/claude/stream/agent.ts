/**
 * One Claude Code session in structured mode: its start, and what it says handed to the parts that know what it means. State comes
 * from the protocol alone. Output and usage are told from the transcript: it has every call whole, where the protocol tells of one
 * that has just begun; and what it has is still there when the process is killed.
 */

import { randomUUID } from 'node:crypto'
import { basename, dirname } from 'node:path'
import type { FactOf } from '../../driver.ts'
import { createConsole } from '../../console/console.ts'
import { createRendering } from '../../rendering.ts'
import { createApprovals } from '../../permissions.ts'
import { transcriptPath } from '../config-dir.ts'
import { toFailure } from '../failures.ts'
import { createLife, type AgentContext, type ClaudeAgent } from '../life.ts'
import { recallGuarded } from '../recall.ts'
import { createRecords } from '../records.ts'
import { createSessionClock } from '../../session-clock.ts'
import { createWatch } from '../../watch.ts'
import { createStatusReader } from '../session.ts'
import { toEntries, toOutput } from '../transcript.ts'
import { toWants } from '../wants.ts'
import { startChannel } from './channel.ts'
import { createInterrupting } from './interrupting.ts'
import { createPrompting } from './prompting.ts'
import { toText, type EventOf, type StreamEvent } from './protocol.ts'
import { createRequests } from './requests.ts'
import { createSpending } from './spending.ts'
import { createTurnTracker, type Ending } from './turns.ts'

/** The transcript lags by about 100 ms. What is not there by then is not coming. */
const recordMs = 2_000

/** Starts the process. A single closure, because every part of a session's life shares what is under way in it. */
export function startStreamAgent(context: AgentContext): ClaudeAgent {
  const { launch, prepared, configDir, log } = context
  const clock = createSessionClock(context.clock)
  const tell: typeof context.tell = fact => {
    if (fact.type === 'approvalRequested') rendering.add(`? ${fact.tool} ${fact.detail}`)
    context.tell(fact)
    terminal.changed()
  }
  const rendering = createRendering({ onAdded: () => terminal.changed() })
  const terminal = createConsole({
    clock,
    tell: fact => context.tell({ ...fact, source: 'self' }),
    read: rendering.toText,
    state: () => (life.phase() === 'starting' ? 'starting' : approvals.count() > 0 ? 'waiting for an approval' : isInTurn() ? 'in a turn' : 'at rest'),
    isExpecting: () => turns.expected() !== undefined,
    submit: text => prompting.submitOfPerson(text),
    interrupt: () => interrupting.cut(),
    asked: () => approvals.oldest(),
    answer: (approvalId, decision) => approvals.answer(approvalId, decision, undefined),
  })
  const spending = createSpending(tell)
  /** Calls the session has told of, and those its record has. */
  const told = new Set<string>()
  const recorded = new Set<string>()
  /** What came behind a result that waits for the record. */
  const inbox: { readonly event: StreamEvent; readonly line: string }[] = []
  let result: { readonly event: EventOf<'result'>; readonly until: number } | undefined
  /** How many turns that ended in this way have their last record already. */
  let ends = { failed: 0, interrupted: 0 }
  const isOver = (): boolean => result !== undefined
  const isInTurn = (): boolean => turns.current() !== undefined || interrupting.isActive()
  let apiError: string | undefined
  let isAnswered = false
  let isLoggedIn: boolean | undefined

  const turns = createTurnTracker(fact => {
    tell(fact)
    if (fact.type === 'turnEnded') interrupting.turnEnded(fact)
  }, randomUUID)
  const spawnedAt = Date.now() // the CLI's status file tells its start by the same clock
  const channel = startChannel({ prepared, cwd: launch.cwd, clock: context.clock, log, onEvent: accept })
  const status = createStatusReader(configDir, launch.sessionId, channel.pid, spawnedAt)
  let isPast = true
  const records = createRecords({
    path: transcriptPath(configDir, launch.cwd, launch.sessionId),
    resumed: launch.resume,
    turnId: () => turns.current()?.turnId,
    onTurnEntry: () => {}, // the protocol tells of turns
    tell(fact) {
      if (fact.type !== 'usageReported') return tell(fact)
      const { type: _type, source: _source, ...usage } = fact
      recorded.add(usage.unitId)
      if (isPast) tell(fact)
      else spending.called(usage)
    },
  })
  isPast = false // what comes from now on is in the CLI's sums
  const approvals = createApprovals(tell, 'protocol')
  const requests = createRequests(launch, channel, approvals, (tool, input) => toWants(launch, tool, input))
  const interrupting = createInterrupting({ clock, turns, channel, tell, isOver })
  const prompting = createPrompting({
    clock, turns, channel, tell,
    onGivenUp: interrupting.begin,
    onLost: (text, detail) => rendering.add(`! ${detail}\n${text}`),
  })
  const watch = createWatch(clock, () => (turns.current() ? 200 : 2_000), () => life.guarded(look))
  const life = createLife({
    context, status, clock, body: channel, readRest: records.read,
    release() {
      terminal.close('Claude Code has ended.')
      watch.close()
      approvals.release()
    },
  })
  watch.add(dirname(records.path), basename(records.path))
  void context.login.isLoggedIn.then(known => {
    isLoggedIn = known
    concludeStart()
  })
  channel.request({ subtype: 'initialize' }, () => {
    isAnswered = true
    concludeStart()
  })

  function concludeStart(): void {
    if (life.phase() !== 'starting') return
    if (isLoggedIn === false) return void life.failStart('not_logged_in')
    if (!isAnswered || isLoggedIn === undefined) return
    status.refresh()
    life.announceProcess(channel.pid)
    life.beReady('protocol')
  }

  function look(): void {
    if (life.phase() === 'ending') return
    records.read()
    concludeTurn()
  }

  function accept(event: StreamEvent, line: string): void {
    if (life.phase() === 'ending') return
    inbox.push({ event, line })
    takeAll()
  }

  function takeAll(): void {
    while (!isOver()) {
      const next = inbox.shift()
      if (!next) return
      take(next.event, next.line)
    }
  }

  function take(event: StreamEvent, line: string): void {
    if (event.type === 'control_response') return void channel.accept(event)
    if (event.type === 'control_cancel_request') return requests.cancel(event.request_id)
    if (event.type === 'control_request') {
      return requests.take(event)
    }
    // A session that cannot be resumed says so by a result too, and then ends.
    if (life.phase() === 'live') takeWork(event, line)
  }

  function takeWork(event: Exclude<StreamEvent, EventOf<'control_request' | 'control_cancel_request' | 'control_response'>>, line: string): void {
    switch (event.type) {
      case 'command_lifecycle': return takeLifecycle(event)
      case 'system': return takeSystem(event)
      case 'assistant': return takeAssistant(event, line)
      case 'user': return takeUser(event, line)
      case 'result': return takeResult(event)
    }
  }

  function takeLifecycle({ command_uuid: uuid, state }: EventOf<'command_lifecycle'>): void {
    if (state === 'started' && turns.promptStarted(uuid)) interrupting.begin()
  }

  function takeSystem(event: EventOf<'system'>): void {
    switch (event.subtype) {
      case 'init': return turns.workSeen(false)
      case 'background_tasks_changed': return turns.tasksChanged(event)
      case 'task_started': return turns.taskStarted(event)
      case 'task_notification': return turns.taskEnded(event)
    }
  }

  /** Of a subagent, what it does is done for the agent, not by it. */
  function takeAssistant({ message, error, parent_tool_use_id: subagent }: EventOf<'assistant'>, line: string): void {
    if (subagent) return
    turns.workSeen(true)
    show(line)
    if (message.model !== '<synthetic>') return void told.add(message.id)
    apiError = error
    rendering.add(`! ${toText(message.content)}`)
  }

  function takeUser({ isReplay, origin, message, parent_tool_use_id: subagent }: EventOf<'user'>, line: string): void {
    if (subagent) return
    if (origin?.kind === 'task-notification') turns.taskAbsorbed(origin.runId)
    if (isReplay) rendering.add(`> ${toText(message.content)}`)
    else show(line)
  }

  function show(line: string): void {
    for (const { kind, tool, content } of toEntries(line).flatMap(entry => toOutput(entry) ?? [])) rendering.add(kind === 'tool_call' ? `• ${tool} ${content}` : content)
  }

  function takeResult(event: EventOf<'result'>): void {
    result = { event, until: clock.now() + recordMs }
    clock.setTimeout(watch.soon, recordMs)
    life.guarded(look)
  }

  /** Whether the record has everything the turn said and did. */
  function isRecorded(event: EventOf<'result'>): boolean {
    if (isCut(event)) return records.ends.interrupted > ends.interrupted // what was cut in the middle has no record of its own
    if (apiError !== undefined && records.ends.failed === ends.failed) return false
    return [...told].every(id => recorded.has(id))
  }

  /** Tells the end of a turn behind all that belongs to it. */
  function concludeTurn(): void {
    if (!result || (!isRecorded(result.event) && clock.now() < result.until)) return
    const { event } = result
    told.clear()
    ends = { ...records.ends }
    spending.summed(event.model_usage_since_last_result ?? {}, event.uuid)
    turns.ended(toEnding(event, apiError))
    result = undefined
    apiError = undefined
    takeAll()
  }

  function whyNoPrompt(): FactOf<'promptRefused'>['reason'] | undefined {
    if (life.phase() === 'starting') return 'not_ready'
    if (terminal.holds() !== undefined) return 'held_by_person'
    if (approvals.count() > 0) return 'awaiting_approval'
    return isInTurn() || turns.expected() !== undefined ? 'in_turn' : undefined
  }

  return {
    submitPrompt(promptId, text) {
      if (life.phase() === 'ending') return
      prompting.submit(promptId, text, whyNoPrompt())
    },
    interrupt(requestId) {
      if (life.phase() !== 'ending') interrupting.request(requestId)
    },
    stop: (mode, graceMs) => life.stop(mode, graceMs, { isInTurn: () => turns.current() !== undefined, cut: interrupting.cut, look }),
    answerApproval: approvals.answer,
    recallTurn(requestId, markers) {
      if (life.phase() !== 'ending') tell({ type: 'turnRecalled', source: 'transcript', requestId, ...recallGuarded(records.path, markers, log) })
    },
    readScreen(requestId, lines) {
      if (life.phase() !== 'ending') tell({ type: 'screenRead', source: 'protocol', requestId, rendering: 'transcript', text: rendering.toText(lines) })
    },
    useTerminal(viewerId, use) {
      if (life.phase() !== 'ending') terminal.use(viewerId, use)
    },
  }
}

const isCut = ({ terminal_reason: reason = '' }: EventOf<'result'>): boolean => reason.startsWith('aborted')

/** An API error is a `success` that `is_error`; its words are the result. */
function toEnding(event: EventOf<'result'>, apiError: string | undefined): Ending {
  if (isCut(event)) return { status: 'interrupted' }
  const { subtype, is_error: isError, result, errors } = event
  if (isError || subtype !== 'success') return { status: 'failed', ...toFailure(result ?? errors?.join('; '), apiError ?? subtype) }
  const finalText = result?.trim() // as the Stop hook tells it
  return { status: 'completed', ...(finalText ? { finalText } : {}) }
}
