/**
 * One scripted program in its terminal: what is typed into it, what its facts mean, and how it ends. Owns one process tree;
 * which agent a command is for is the driver's.
 */

import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import { driverFactSchema, type DriverFact, type FactSource, type TerminalUse } from '../driver.ts'
import type { BareFact, Recollection } from '../facts.ts'
import { sanitiseInput, toPaste } from '../pty/input.ts'
import { startPty, type PtyLaunch } from '../pty/process.ts'
import { endProcessTree, type Marker } from '../pty/reaper.ts'
import { renderLastWords, renderScreen } from '../pty/screen.ts'
import { createSharing } from '../pty/sharing.ts'
import { createFactReader } from './osc.ts'
import { recallTurn } from './recall.ts'
import type { TranscriptEntry } from './transcript.ts'

export interface PtyAgent {
  submit(promptId: string, text: string): void
  interrupt(requestId: string): void
  answerApproval(approvalId: string, decision: 'allow' | 'deny'): void
  readScreen(requestId: string, lines: number | undefined): void
  recallTurn(requestId: string, markers: readonly string[]): void
  useTerminal(viewerId: string, use: TerminalUse): void
  /** Resolves when nothing of it is left and its end has been told. */
  stop(mode: 'graceful' | 'force', graceMs: number): Promise<void>
}

export interface PtyAgentOptions {
  readonly agentId: string
  readonly terminal: PtyLaunch
  readonly key: string
  /** Never empty: it would be every process's. */
  readonly marker: Marker
  readonly readTranscript: () => readonly TranscriptEntry[]
  readonly readyTimeoutMs: number
  readonly confirmTimeoutMs: number
  readonly clock: Clock
  readonly log: Log
  readonly emit: (fact: DriverFact) => void
  /** Called once, when nothing is left, before that is told. */
  readonly onEnd: () => void
}

/** Typed, not yet confirmed. */
interface Pending {
  readonly promptId: string
  readonly paste: string
  timer: unknown
  tries: number
}

const maxTries = 3

/** Starts the program; throws when it cannot be executed. Facts come later, never from inside a call. */
export function startPtyAgent(options: PtyAgentOptions): PtyAgent {
  const { clock, agentId, marker, log } = options
  let phase: 'starting' | 'ready' | 'ending' | 'over' = 'starting'
  let pending: Pending | undefined
  let turnId: string | undefined
  let approvalId: string | undefined
  let end: Promise<void> | undefined
  const interrupts: string[] = []
  const prompts = new Map<string, string>()

  const tell = (fact: BareFact, source: FactSource): void => {
    if (phase !== 'over') options.emit({ ...fact, agentId, source, at: clock.now() } as DriverFact) // the three fields a BareFact leaves out
  }
  const terminal = startPty({ ...options.terminal, onOutput: createFactReader(options.key, event => onEvent(event)) })
  const sharing = createSharing({
    pty: terminal,
    clock,
    tell: fact => tell(fact, 'self'),
    isTyping: () => pending !== undefined,
    withdraw: () => {}, // nothing ever waits to be typed
    clearBox: (_, onDone) => {
      terminal.write('\x15')
      queueMicrotask(onDone)
    },
  })
  const readyTimer = clock.setTimeout(() => failStart('timeout', `Not ready within ${options.readyTimeoutMs} ms.`), options.readyTimeoutMs)

  const onEvent = (event: unknown): void => {
    const fact = driverFactSchema.safeParse({ ...(event as object), agentId, source: 'osc', at: clock.now() }) // JSON of ours; the schema says what it is
    if (!fact.success) return log.warn('The scripted program told a fact that does not fit.', { agentId, event })
    if (end && fact.data.type === 'ready') return // too late: its start has been given up
    onFact(fact.data)
  }

  const onFact = (fact: DriverFact): void => {
    switch (fact.type) {
      case 'ready':
        clock.clearTimeout(readyTimer)
        phase = 'ready'
        return options.emit(fact)
      case 'startFailed':
        return failStart(fact.code, fact.detail)
      case 'promptSeen':
        turnId = fact.turnId
        return onSeen(fact.turnId)
      case 'promptRefused': {
        const promptId = takePending()
        return promptId === undefined ? sharing.submitted('') : settle(() => options.emit({ ...fact, promptId }))
      }
      case 'turnStarted':
        turnId = fact.turnId
        return options.emit(withPromptOf(fact))
      case 'turnEnded': {
        turnId = undefined
        const promptId = prompts.get(fact.turnId)
        prompts.delete(fact.turnId)
        const { promptId: _typed, ...rest } = fact
        return options.emit(promptId === undefined ? rest : { ...rest, promptId })
      }
      case 'interruptFinished': {
        const requestId = interrupts.shift() // typed and answered in order
        return requestId === undefined ? undefined : options.emit({ ...fact, requestId })
      }
      case 'approvalRequested':
      case 'approvalResolved':
        approvalId = fact.type === 'approvalRequested' ? fact.approvalId : undefined
        return options.emit(fact)
      default:
        return options.emit(fact)
    }
  }

  /** A prompt nobody submitted was typed by a person. */
  const onSeen = (seenTurn: string): void => {
    const promptId = takePending()
    if (promptId === undefined) {
      sharing.submitted('') // the program does not say what it took
      return tell({ type: 'turnStarted', turnId: seenTurn, origin: 'person' }, 'osc')
    }
    prompts.set(seenTurn, promptId)
    lastPromptId = promptId
    settle(() => tell({ type: 'promptSeen', promptId, turnId: seenTurn }, 'osc'))
  }
  const settle = (say: () => void): void => {
    say()
    sharing.settled()
  }
  let lastPromptId: string | undefined

  /** The program knows its prompts as typed only. */
  const withPromptOf = (fact: Extract<DriverFact, { type: 'turnStarted' }>): DriverFact => {
    const { causedByPromptId: typed, ...rest } = fact
    return typed === undefined || lastPromptId === undefined ? rest : { ...rest, causedByPromptId: lastPromptId }
  }

  const takePending = (): string | undefined => {
    if (pending) clock.clearTimeout(pending.timer)
    const promptId = pending?.promptId
    pending = undefined
    return promptId
  }

  const type = (typed: Pending): void => {
    typed.tries += 1
    terminal.write(`\x15${typed.paste}\r`)
    typed.timer = clock.setTimeout(() => {
      if (typed.tries < maxTries) return type(typed)
      pending = undefined
      settle(() => tell({ type: 'promptUnconfirmed', promptId: typed.promptId, detail: `Typed ${maxTries} times and never confirmed.` }, 'self'))
    }, options.confirmTimeoutMs)
  }

  const failStart = (code: Extract<DriverFact, { type: 'startFailed' }>['code'], detail: string): void => {
    if (phase !== 'starting') return
    void finish(0, () => tell({ type: 'startFailed', code, detail }, 'self'))
  }

  /** The first cause of an end wins; its words are told when nothing is left. */
  const finish = (graceMs: number, last: () => void): Promise<void> => {
    if (end) return end
    phase = 'ending'
    clock.clearTimeout(readyTimer)
    if (pending) clock.clearTimeout(pending.timer) // it may yet be seen, and is not typed again
    end = endProcessTree({ pid: terminal.pid, marker, graceMs, exited: terminal.exited })
      .catch((error: unknown) => log.error('A scripted program could not be ended.', { agentId, error }))
      .then(() => terminal.exited)
      .then(() => {
        sharing.close('Its program has ended.')
        options.onEnd() // first: whoever hears of the end may start the agent again at once
        last()
        phase = 'over'
      })
    return end
  }

  terminal.exited
    .then(async ({ code, signal }) => {
      if (end) return
      const lastWords = await renderLastWords(terminal.tail(), terminal)
      if (phase === 'starting') return failStart('exited', lastWords || `It exited with code ${code}.`)
      const how = { code, ...(signal > 0 && { signal: String(signal) }), ...(lastWords !== '' && { lastWords }) }
      return finish(0, () => tell({ type: 'exited', expected: false, ...how }, 'process'))
    })
    .catch((error: unknown) => log.error('The end of a scripted program could not be told.', { agentId, error }))
  queueMicrotask(() => tell({ type: 'processStarted', pid: terminal.pid, cliVersion: 'scripted' }, 'process'))

  const recall = (markers: readonly string[]): Recollection => {
    try {
      return recallTurn(options.readTranscript(), markers)
    } catch (error) {
      log.error('The transcript of a scripted program could not be read.', { agentId, error })
      return { status: 'cut' }
    }
  }

  const toRefusal = () =>
    phase !== 'ready' ? 'not_ready' : sharing.holds() !== undefined ? 'held_by_person' : approvalId !== undefined ? 'awaiting_approval' : turnId !== undefined || pending ? 'in_turn' : undefined

  return {
    submit: (promptId, text) => {
      const reason = toRefusal()
      if (reason) return tell({ type: 'promptRefused', promptId, reason }, 'self')
      tell({ type: 'promptWritten', promptId }, 'self')
      pending = { promptId, paste: toPaste(sanitiseInput(text)), timer: undefined, tries: 0 }
      type(pending)
    },
    interrupt: requestId => {
      if (phase !== 'ready') return tell({ type: 'interruptFinished', requestId, wasInTurn: false }, 'self')
      interrupts.push(requestId)
      terminal.write('\x03')
    },
    answerApproval: (id, decision) => {
      if (id === approvalId) terminal.write(decision === 'allow' ? 'y' : 'n')
    },
    readScreen: (requestId, lines) => {
      renderScreen(terminal.tail(), terminal, lines)
        .then(text => tell({ type: 'screenRead', requestId, rendering: 'terminal', text }, 'self'))
        .catch((error: unknown) => log.error('A screen could not be rendered.', { agentId, error }))
    },
    recallTurn: (requestId, markers) => {
      tell({ type: 'turnRecalled', requestId, ...recall(markers) }, 'transcript')
    },
    useTerminal: sharing.use,
    stop: (mode, graceMs) =>
      finish(mode === 'graceful' ? graceMs : 0, () => tell({ type: 'exited', expected: true, code: 0 }, 'process')),
  }
}
