/**
 * One interactive codex in its terminal: its start, its end, and its signals handed to the parts that know what they mean. State
 * comes from what it tells its terminal and from its rollout; the screen is only ever shown.
 */

import { randomUUID } from 'node:crypto'
import { basename, dirname } from 'node:path'
import type { DriverConfig, FactOf, Launch, TerminalUse } from '../../driver.ts'
import type { Recollection, SourcedFact } from '../../facts.ts'
import { createAdjustingPty } from '../../pty/adjusting.ts'
import { startPty, type PtyProcess } from '../../pty/process.ts'
import { endProcessTree, sweepMarked } from '../../pty/reaper.ts'
import { renderLastWords, renderScreen } from '../../pty/screen.ts'
import { createSharing, type TerminalFact, type TerminalSharing } from '../../pty/sharing.ts'
import { createSessionClock } from '../../session-clock.ts'
import { createWatch } from '../../watch.ts'
import { refuseTerminal } from '../not-up.ts'
import type { HookListener } from '../../hooks.ts'
import { createApprovals, toHookAnswer } from '../../permissions.ts'
import { toStartFailure, type StartFailure } from '../failures.ts'
import { recallTurn } from '../recall.ts'
import { describePermission, type PermissionBody } from './asking.ts'
import { toHookWants } from '../wants.ts'
import { answerFolderQuestion, couldNotAsk } from './dialogs.ts'
import type { Entry } from './entries.ts'
import { createInterrupting } from './interrupting.ts'
import { prepare, type Prepared } from './preparing.ts'
import { createPrompting, toSweep } from './prompting.ts'
import { followRollout, type Rollout } from './record.ts'
import { createSettling } from './settling.ts'
import { createSignals, type State } from './signals.ts'
import { createTurns } from './turns.ts'

export interface PtyAgent {
  /** The thread it is, or is to return to. */
  readonly sessionId: string | undefined
  submit(promptId: string, text: string): void
  interrupt(requestId: string): void
  answerApproval(approvalId: string, decision: 'allow' | 'deny', message: string | undefined): void
  readScreen(requestId: string, lines: number | undefined): void
  recallTurn(requestId: string, markers: readonly string[]): void
  useTerminal(viewerId: string, use: TerminalUse): void
  /** Resolves when its last fact has been told and nothing of it is left. */
  stop(mode: 'graceful' | 'force', graceMs: number): Promise<void>
}

export interface PtyAgentOptions {
  readonly launch: Launch
  readonly config: DriverConfig
  /** Of the driver: where codex asks for approval, and by which program. */
  readonly hooks: HookListener<PermissionBody>
  readonly hookProgram: string
  readonly tell: (fact: SourcedFact) => void
  /** Nothing of it is left; told before its last fact: whoever hears of the end may start the agent again at once. */
  readonly onOver: () => void
}

/** It says idle, working and idle again within some 10 ms once it is up. */
const quietMs = 30
/** What a screen is rendered from while there is no terminal yet. */
const noScreen = { columns: 120, rows: 40 }

/** Starts codex. A single closure, because every part of a session's life shares the phase it is in. */
export function startPtyAgent({ launch: asked, config, hooks, hookProgram, tell, onOver }: PtyAgentOptions): PtyAgent {
  const { log } = config
  const clock = createSessionClock(config.clock)
  const key = randomUUID()
  // Of this life alone: the caller's marker may be empty, or shared.
  const run = { MADROX_CODEX_RUN: key }
  const launch: Launch = { ...asked, marker: { ...asked.marker, ...run } }
  let phase: 'starting' | 'live' | 'ending' = 'starting'
  let terminal: PtyProcess | undefined
  let sharing: TerminalSharing | undefined
  let rollout: Rollout | undefined
  let sessionId = launch.resume ? launch.sessionId : undefined
  let end: Promise<void> | undefined
  let over = (): void => {}
  const isOver = new Promise<void>(resolve => (over = resolve))

  const write = (bytes: string): void => terminal?.write(bytes)
  const signals = createSignals(state => onState(state))
  const turns = createTurns(fact => {
    if (fact.type === 'promptSeen') prompting.stop()
    if (fact.type === 'promptUnconfirmed') prompting.takeBack()
    tell(fact)
    if (fact.type === 'promptSeen' || fact.type === 'promptUnconfirmed') sharing?.settled()
  }, text => sharing?.submitted(text))
  const isActive = (): boolean => phase === 'starting' || turns.current() !== undefined || turns.isExpecting()
  const watch = createWatch(clock, () => (isActive() ? 200 : 2_000), () => look())
  const endCommands = (callIds: readonly string[]): Promise<unknown> => Promise.all(callIds.map(callId => sweepMarked({ ...run, CODEX_TOOL_CALL_ID: callId })))
  const interrupting = createInterrupting({ turns, signals, write, endCommands, tell, clock, log })
  const prompting = createPrompting({ turns, signals, write, tell, clock, maySweep: () => sharing?.hasDraft() !== true, onGivenUp: () => interrupting.conclude() })
  const lookForQuestion = answerFolderQuestion(() => (sharing?.holds() === undefined ? terminal : undefined), clock, () => phase === 'starting')

  const approvals = createApprovals(tell, 'hook')
  const settle = createSettling({ turns, signals, clock, lookSoon: watch.soon, onEnding: approvals.release, onEnded: interrupting.turnOver })

  const preparation = prepare({
    launch, key, config,
    asking: async () => {
      const url = await hooks.url()
      const token = hooks.register(key, (body, gone) => {
        return phase === 'live' ? approvals.hold({ ...describePermission(body), wants: toHookWants(launch, body) }, gone).then(toHookAnswer) : {}
      })
      return { program: hookProgram, url: `${url}/hooks/${key}`, token }
    },
  })
  const timer = clock.setTimeout(() => void failStart({ code: 'timeout', detail: `codex was not ready within ${launch.readyTimeoutMs} ms.` }), launch.readyTimeoutMs)
  preparation.result
    .then(prepared => (phase !== 'starting' || end ? undefined : prepared.ok ? open(prepared.value) : failStart(prepared.failure)))
    .catch((error: unknown) => failStart({ code: 'exited', detail: `Codex could not be started: ${String(error)}` }))

  function open(prepared: Prepared): void {
    const { thread } = prepared
    sessionId = thread.id
    rollout = followRollout({ path: thread.path, threadId: thread.id, resumed: launch.resume, tell, onEntry: take })
    watch.add(dirname(thread.path), basename(thread.path))
    startTerminal(prepared, 1)
  }

  /** A turn that was queued begins as soon as the one before has ended. */
  function take(entry: Entry): void {
    if (entry.type === 'begun') settle(true)
    turns.take(entry)
  }

  function startTerminal(prepared: Prepared, attempt: number): void {
    const { file, args, env, cliVersion } = prepared
    const pty = createAdjustingPty(startPty({
      file, args, cwd: launch.cwd, env,
      onOutput: chunk => {
        signals.feed(chunk)
        if (phase === 'starting') lookForQuestion()
      },
    }), clock)
    terminal = pty
    sharing = createSharing({
      pty, clock,
      tell: onSharing,
      isTyping: turns.isExpecting,
      withdraw: () => {}, // nothing ever waits to be typed
      clearBox: (lineBreaks, onDone) => {
        write(toSweep(lineBreaks))
        queueMicrotask(onDone) // codex takes keys one by one, however many come together
      },
    })
    tell({ type: 'processStarted', source: 'process', pid: pty.pid, cliVersion })
    pty.exited
      .then(async () => {
        const words = await renderLastWords(pty.tail(), pty)
        if (end) return
        sharing?.close('Codex has ended.')
        if (phase === 'starting' && attempt === 1 && couldNotAsk(words)) return startTerminal(prepared, 2)
        return onExit(pty, words)
      })
      .catch((error: unknown) => failStart({ code: 'exited', detail: `Codex could not be started: ${String(error)}` }))
  }

  function onState(state: State): void {
    if (phase === 'starting' && state === 'idle') clock.setTimeout(beReady, quietMs)
    decline()
    watch.soon()
  }

  function onSharing(fact: TerminalFact): void {
    tell({ ...fact, source: 'process' })
    if (fact.type === 'controlChanged') decline()
  }

  /** What no hook asks (a form of an MCP server, mostly) would wait for a person; Escape is no to all of it. One who has control answers it. */
  function decline(): void {
    if (signals.state !== 'blocked' || sharing?.holds() === 'control') return
    const approvalId = randomUUID()
    tell({ type: 'approvalRequested', source: 'osc', approvalId, tool: 'dialog', detail: 'Codex asked something on its screen that nobody can answer from here; it was declined.' })
    write('\x1b')
    tell({ type: 'approvalResolved', source: 'self', approvalId, decision: 'deny' })
  }

  function beReady(): void {
    if (phase !== 'starting' || signals.state !== 'idle' || sessionId === undefined) return
    phase = 'live'
    clock.clearTimeout(timer)
    tell({ type: 'ready', source: 'osc', sessionId })
  }

  /** Reads all that can be read, then draws the conclusions. */
  function look(): void {
    if (phase !== 'live') return
    readRollout()
    settle()
    interrupting.conclude()
  }

  /** A file may be unreadable for a while or for good; that is this agent's trouble, never the server's. */
  function readRollout(): void {
    try {
      rollout?.read()
    } catch (error) {
      log.error('The rollout of a codex agent could not be read.', { sessionId, error: String(error) })
    }
  }

  function whyNoPrompt(): FactOf<'promptRefused'>['reason'] | undefined {
    if (phase === 'starting') return 'not_ready'
    if (sharing?.holds() !== undefined) return 'held_by_person'
    if (approvals.count() > 0 || signals.state === 'blocked') return 'awaiting_approval' // Enter in an open dialog would answer it
    return turns.current() || turns.isExpecting() || interrupting.isActive() ? 'in_turn' : undefined
  }

  /** The first cause of an end wins; its words are told when nothing is left. */
  function finish(graceMs: number, last: SourcedFact<'exited' | 'startFailed'>): Promise<void> {
    if (end) return end
    phase = 'ending'
    sharing?.close('Codex has ended.')
    prompting.stop()
    hooks.unregister(key)
    approvals.release()
    clock.stop()
    watch.close()
    end = takeDown(graceMs)
      .catch((error: unknown) => log.error('Processes of a codex agent could not be ended.', { sessionId, error: String(error) }))
      .then(() => {
        readRollout()
        preparation.dispose()
        onOver()
        tell(last)
        over()
      })
    return end
  }

  async function takeDown(graceMs: number): Promise<void> {
    await preparation.abandon()
    if (terminal) await endProcessTree({ pid: terminal.pid, marker: run, graceMs, exited: terminal.exited })
    else await sweepMarked(run)
    await terminal?.exited
  }

  const failStart = ({ code, detail }: StartFailure): Promise<void> => finish(0, { type: 'startFailed', source: code === 'exited' || code === 'cli_missing' ? 'process' : 'protocol', code, detail })

  function onExit(pty: PtyProcess, words: string): Promise<void> {
    const { code, signal } = pty.exit() ?? { code: 0, signal: 0 }
    if (phase === 'starting') return failStart(toRefusedStart(words || `codex ended with ${signal ? `signal ${signal}` : `code ${code}`}.`))
    // One that was killed said nothing: what stands on its screen is the conversation, which is not for its supervisor to read as news.
    return finish(0, { type: 'exited', source: 'process', expected: false, ...(signal ? { signal: String(signal) } : { code, ...(words ? { lastWords: words } : {}) }) })
  }

  async function recall(markers: readonly string[]): Promise<Recollection> {
    const recalled = await preparation.consult(async server => {
      const initialized = await server.initialized
      return initialized.ok ? recallTurn(server.rpc, sessionId ?? launch.sessionId, markers) : initialized
    })
    if (recalled.ok) return recalled.value
    log.warn('The record of a codex thread could not be read.', { sessionId, error: recalled.message })
    return { status: 'cut' }
  }

  return {
    get sessionId() {
      return sessionId
    },
    submit(promptId, text) {
      if (phase !== 'ending') prompting.submit(promptId, text, whyNoPrompt())
    },
    interrupt(requestId) {
      if (phase === 'live') interrupting.request(requestId)
      else if (phase === 'starting') tell({ type: 'interruptFinished', source: 'self', requestId, wasInTurn: false })
    },
    answerApproval: approvals.answer,
    readScreen: (requestId, lines) => void renderScreen(terminal?.tail() ?? '', terminal ?? noScreen, lines).then(text => {
      if (phase !== 'ending') tell({ type: 'screenRead', source: 'process', requestId, rendering: 'terminal', text })
    }),
    recallTurn(requestId, markers) {
      if (phase === 'ending') return
      void (phase === 'live' ? recall(markers) : Promise.resolve<Recollection>({ status: 'cut' })).then(recalled => {
        if (phase !== 'ending') tell({ type: 'turnRecalled', source: 'transcript', requestId, ...recalled })
      })
    },
    useTerminal(viewerId, use) {
      if (phase === 'ending') return
      if (sharing) sharing.use(viewerId, use)
      else refuseTerminal(fact => tell({ ...fact, source: 'self' }), viewerId, use)
    },
    stop(mode, graceMs) {
      const expected = { type: 'exited', source: 'process', expected: true } as const
      if (mode === 'force' || phase !== 'live' || !turns.current()) return finish(mode === 'force' ? 0 : graceMs, expected)
      // Cut first, the turn ends in the record as what it is.
      interrupting.cut()
      const deadline = clock.now() + Math.min(graceMs / 2, 3_000)
      const wait = (): void => {
        look()
        if (phase === 'live' && turns.current() && clock.now() < deadline) clock.setTimeout(wait, 20)
        else void finish(graceMs / 2, expected)
      }
      wait()
      return isOver
    },
  }
}

function toRefusedStart(words: string): StartFailure {
  const failure = toStartFailure(words)
  return failure.code === 'invalid_launch' ? { code: 'exited', detail: words } : failure
}
