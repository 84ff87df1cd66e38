/**
 * The scripted harness in this process: no model, no CLI, no cost. Its agents have no way to call Madrox by themselves, so a
 * tool call goes out as a fact and its result comes back as a command. Commands are taken in order, never inside `dispatch`.
 */

import { join } from 'node:path'
import { z } from 'zod'
import { wordsOf } from '../../errors.ts'
import type { Driver, DriverCommand, DriverConfig, DriverFact, FactOf, Launch } from '../driver.ts'
import { launchSchema } from '../driver.ts'
import { createConsole, type Console } from '../console/console.ts'
import type { ConsoleState } from '../console/paint.ts'
import type { BareFact } from '../facts.ts'
import { createRendering, type Rendering } from '../rendering.ts'
import { createTaskQueue, type TaskQueue } from './queue.ts'
import { recallTurn } from './recall.ts'
import { toLine } from './reading.ts'
import { scriptSchema, type Misbehaviour, type Script } from './script.ts'
import { createSession, type Session, type SessionEvent } from './session.ts'
import { createFileTranscripts, type Transcript, type Transcripts } from './transcript.ts'

export interface ScriptedDriverConfig extends DriverConfig {
  /** Where sessions are remembered; default: files under `stateDir`. */
  readonly transcripts?: Transcripts
  /** When queued commands are taken; default: the next microtask. A simulation gives its own. */
  readonly defer?: (callback: () => void) => void
}

interface Agent {
  readonly id: string
  readonly sessionId: string
  readonly rendering: Rendering
  readonly terminal: Console
  readonly misbehave: Misbehaviour
  /** Absent until ready. */
  session: Session | undefined
  transcript: Transcript | undefined
  startTimers: unknown[]
  dropped: number
}

type StartFailure = FactOf<'startFailed'>['code']

/** Runs scripted agents in this process. Nothing it does leaves the process, apart from the sessions it remembers in `stateDir`. */
export function createScriptedDriver(config: ScriptedDriverConfig, emit: (fact: DriverFact) => void): Driver {
  const { clock, log } = config
  const transcripts = config.transcripts ?? createFileTranscripts(join(config.stateDir, 'sessions'))
  const agents = new Map<string, Agent>()
  const queue: TaskQueue = createTaskQueue(config.defer ?? queueMicrotask, log)
  let closed = false

  const tell = (id: string, fact: BareFact): void =>
    emit({ ...fact, agentId: id, source: 'self', at: clock.now() } as DriverFact) // the three fields a BareFact leaves out

  const start = (id: string, given: unknown): void => {
    if (agents.has(id)) return log.warn('A scripted agent was started twice; the second start is ignored.', { agentId: id })
    const launch = launchSchema.safeParse(given)
    if (!launch.success) return tell(id, { type: 'startFailed', code: 'invalid_launch', detail: z.prettifyError(launch.error) })
    const script = scriptSchema.safeParse(launch.data.script)
    if (!script.success) return tell(id, { type: 'startFailed', code: 'invalid_launch', detail: `The script does not fit: ${z.prettifyError(script.error)}` })
    const refusal = [...agents.values()].some(agent => agent.sessionId === launch.data.sessionId)
    if (refusal) return tell(id, { type: 'startFailed', code: 'session_locked', detail: `Session ${launch.data.sessionId} is in use by another agent.` })
    launchAgent(id, launch.data, script.data)
  }

  const launchAgent = (id: string, launch: Launch, script: Script): void => {
    const { misbehave } = script
    const rendering = createRendering({ keptLines: 500 }) // hundreds of them live in one process
    const agent: Agent = { id, sessionId: launch.sessionId, rendering, terminal: openTerminal(id, rendering), misbehave, session: undefined, transcript: undefined, startTimers: [], dropped: 0 }
    agents.set(id, agent)
    tell(id, { type: 'processStarted', cliVersion: 'scripted' })
    const becomeReady = (): void => guarded(agent, () => openSession(agent, launch, script))
    agent.startTimers.push(clock.setTimeout(() => failStart(agent, 'timeout', `Not ready within ${launch.readyTimeoutMs} ms.`), launch.readyTimeoutMs))
    if (misbehave.exitAtStart) return failStart(agent, 'exited', misbehave.exitAtStart.words)
    if (misbehave.neverReady) return
    if (misbehave.startDelayMs > 0) agent.startTimers.push(clock.setTimeout(becomeReady, misbehave.startDelayMs))
    else becomeReady()
  }

  const openTerminal = (id: string, { toText }: Rendering): Console => {
    const session = (): Session | undefined => agents.get(id)?.session
    return createConsole({
      clock,
      tell: fact => tell(id, fact),
      read: toText,
      state: () => toConsoleState(session()),
      isExpecting: () => false, // what is handed over is taken up at once
      submit: text => {
        agents.get(id)?.rendering.add(`> ${text}`)
        session()?.submit(text)
      },
      interrupt() {
        const agent = agents.get(id)
        if (agent) guarded(agent, () => void agent.session?.interrupt()) // an Escape is known for one when its time is over, in no command
      },
      asked: () => session()?.approvalId,
      answer: (approvalId, decision) => session()?.answerApproval(approvalId, decision),
    })
  }

  const openSession = (agent: Agent, launch: Launch, script: Script): void => {
    const transcript = transcripts.open(launch.sessionId, launch.resume)
    if (!transcript) return failStart(agent, 'session_unknown', `No conversation found with session id ${launch.sessionId}.`)
    if (!launch.resume && transcript.earlierTurns > 0) return failStart(agent, 'session_locked', `Session id ${launch.sessionId} is already in use.`)
    transcript.append({ type: 'opened', at: clock.now() })
    clearStartTimers(agent)
    agent.transcript = transcript
    agent.session = createSession({
      agentName: launch.name,
      sessionId: launch.sessionId,
      script,
      transcript,
      tell: event => onEvent(agent, event),
      clock: { now: () => clock.now(), clearTimeout: timer => clock.clearTimeout(timer), setTimeout: (callback, delayMs) => clock.setTimeout(() => guarded(agent, callback), delayMs) },
    })
    tell(agent.id, { type: 'ready', sessionId: launch.sessionId })
  }

  const clearStartTimers = (agent: Agent): void => {
    for (const timer of agent.startTimers) clock.clearTimeout(timer)
    agent.startTimers = []
  }

  const failStart = (agent: Agent, code: StartFailure, detail: string): void => {
    clearStartTimers(agent)
    agents.delete(agent.id)
    agent.terminal.close('It did not start.')
    tell(agent.id, { type: 'startFailed', code, detail })
  }

  /** What a real CLI cannot survive either (its session file cannot be written) is this agent's death, and nobody else's. */
  const guarded = (agent: Agent, action: () => void): void => {
    try {
      action()
    } catch (error) {
      const words = wordsOf(error)
      if (agent.session) exit(agent, { expected: false, code: 1, lastWords: words })
      else failStart(agent, 'exited', words)
    }
  }

  const onEvent = (agent: Agent, event: SessionEvent): void => {
    const line = toLine(event)
    if (line !== undefined) agent.rendering.add(line)
    agent.terminal.changed()
    if (event.type === 'crashed') exit(agent, { expected: false, code: 1, lastWords: event.words })
    else tell(agent.id, event)
  }

  const exit = (agent: Agent, how: { readonly expected: boolean; readonly code?: number; readonly lastWords?: string }): void => {
    if (!agents.delete(agent.id)) return
    clearStartTimers(agent)
    agent.session?.end()
    agent.terminal.close('Its script has ended.')
    tell(agent.id, { type: 'exited', ...how })
  }

  const submit = (agent: Agent, promptId: string, text: string): void => {
    const reason = !agent.session ? 'not_ready' : agent.terminal.holds() !== undefined ? 'held_by_person' : agent.session.state === 'inTurn' ? 'in_turn' : agent.session.state === 'awaitingApproval' ? 'awaiting_approval' : undefined
    if (reason) return tell(agent.id, { type: 'promptRefused', promptId, reason })
    agent.rendering.add(`> ${text}`)
    tell(agent.id, { type: 'promptWritten', promptId })
    if (agent.dropped++ < agent.misbehave.dropPrompts) return tell(agent.id, { type: 'promptUnconfirmed', promptId, detail: 'Dropped, as the script says.' })
    agent.session?.submit(text, promptId)
  }

  const stop = (agent: Agent, mode: 'graceful' | 'force'): void => {
    if (mode === 'graceful') agent.session?.interrupt()
    exit(agent, { expected: true, code: 0 })
  }

  const take = (agent: Agent, command: Exclude<DriverCommand, { type: 'startAgent' }>): void => {
    switch (command.type) {
      case 'submitPrompt': return submit(agent, command.promptId, command.text)
      case 'interrupt': return tell(agent.id, { type: 'interruptFinished', requestId: command.requestId, wasInTurn: agent.session?.interrupt() ?? false })
      case 'stopAgent': return stop(agent, command.mode)
      case 'answerApproval': return agent.session?.answerApproval(command.approvalId, command.decision)
      case 'useTerminal': return agent.terminal.use(command.viewerId, command.use)
      case 'returnToolResult': return agent.session?.returnToolResult(command.callId, command.ok, command.result)
      case 'recallTurn': return tell(agent.id, { type: 'turnRecalled', requestId: command.requestId, ...(agent.transcript ? recallTurn(agent.transcript.readEntries(), command.markers) : { status: 'cut' }) })
      case 'readScreen': return tell(agent.id, { type: 'screenRead', requestId: command.requestId, rendering: 'transcript', text: agent.rendering.toText(command.lines) })
    }
  }

  return {
    harness: 'scripted',
    speaksMcp: false,
    dispatch: command =>
      queue.add(() => {
        if (closed) return
        if (command.type === 'startAgent') return start(command.agentId, command.launch)
        const agent = agents.get(command.agentId)
        if (agent) guarded(agent, () => take(agent, command))
      }),
    close: () =>
      new Promise(resolve => {
        queue.add(() => {
          closed = true
          for (const agent of agents.values()) stop(agent, 'force')
          resolve()
        })
      }),
  }
}

function toConsoleState(session: Session | undefined): ConsoleState {
  if (!session) return 'starting'
  return ({ idle: 'at rest', inTurn: 'in a turn', awaitingApproval: 'waiting for an approval' } as const)[session.state]
}
