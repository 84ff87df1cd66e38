/**
 * One agent on an app-server: from launch to exit. Owns the order of its life (start, ready, stop, death) and that each step is
 * told once; its turns are the thread's, its process is the host's.
 */

import { randomUUID } from 'node:crypto'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import type { FactOf, Launch } from '../driver.ts'
import type { BareFact } from '../facts.ts'
import { createRendering, type Rendering } from '../rendering.ts'
import type { StartFailure } from './failures.ts'
import type { Host, Resident } from './host.ts'
import { openThread, toRefusal, unload, type OpenedThread, type OpenResult } from './opening.ts'
import { readSpent } from './rollout.ts'
import { toExitFailure, type ServerExit } from './server.ts'
import { createThreadTerminal, type ThreadTerminal } from './terminal/terminal.ts'
import { createThread, type Thread } from './thread.ts'
import { createUsageMeter } from './usage.ts'

export interface Agent {
  /** Present while it takes prompts. */
  readonly thread: Thread | undefined
  /** Of that thread; there is a program in it while somebody looks. */
  readonly terminal: ThreadTerminal | undefined
  readonly rendering: Rendering
  /** The thread it is, or is to return to; a new one has its id once it is up. */
  readonly sessionId: string | undefined
  /** Failing, dying or being stopped: it takes no commands. */
  readonly isEnding: boolean
  /** Resolves when its last fact has been told and nothing of it is left. */
  stop(mode: 'graceful' | 'force', graceMs: number): Promise<void>
  /** Ends with its driver, and with all the others of its process. */
  abandon(): Promise<void>
}

export interface AgentOptions {
  readonly launch: Launch
  /** How long the model may owe a word before its turn is failed. Milliseconds. */
  readonly silenceMs: number
  /** A directory of the agent's own, for its commands' temporary files. */
  readonly temporary: string
  readonly host: Host
  /** What a terminal that shows the thread is started with. */
  readonly viewing: { readonly bin: string; readonly env: Readonly<Record<string, string | undefined>>; readonly dir: string }
  readonly tell: (fact: BareFact, source?: 'protocol' | 'process' | 'transcript') => void
  /** Told after the agent's last fact but before it: the place to forget it. */
  readonly onOver: () => void
  /** Kills whatever carries the marker. */
  readonly sweep: (marker: Launch['marker']) => Promise<unknown>
  readonly clock: Clock
  readonly log: Log
}

const closeGraceMs = 2_000

export function createAgent({ launch: asked, silenceMs, temporary, host, viewing, tell, onOver, sweep, clock, log }: AgentOptions): Agent {
  const { rpc } = host.server
  // Of this life and no other process's: the caller's marker may be empty, or shared with the app-server, which serves others too.
  const run = { MADROX_CODEX_RUN: randomUUID() }
  const launch: Launch = { ...asked, marker: { ...asked.marker, ...run } }
  const rendering = createRendering()
  const usage = createUsageMeter()
  let thread: Thread | undefined
  let terminal: ThreadTerminal | undefined
  let greeting: object = {}
  let ending: Promise<void> | undefined
  let closingTerminal: Promise<void> | undefined

  /** The first cause of an end wins; it is told when nothing is left. */
  const endBy = (steps: () => Promise<void>): Promise<void> => {
    clock.clearTimeout(timer)
    if (ending) return ending
    closingTerminal = terminal?.close('Codex has ended.')
    ending = steps().finally(() => thread?.close())
    return ending
  }

  const vacate = async (graceMs: number): Promise<void> => {
    await host.leave(resident, graceMs)
    await closingTerminal
    // What cannot be killed is another problem than a fact that never comes.
    await sweep(run).catch((error: unknown) => log.error('Processes of a codex agent could not be ended.', { error: String(error) }))
    onOver()
  }

  const failStart = (failure: StartFailure): Promise<void> =>
    endBy(async () => {
      await evict()
      await vacate(closeGraceMs)
      tell({ type: 'startFailed', ...failure }, failure.code === 'exited' || failure.code === 'cli_missing' ? 'process' : 'protocol')
    })

  const die = (how: Pick<FactOf<'exited'>, 'code' | 'signal' | 'lastWords'>): Promise<void> =>
    endBy(async () => {
      await vacate(closeGraceMs)
      tell({ type: 'exited', expected: false, ...how }, 'process')
    })

  const stop = (mode: 'graceful' | 'force', graceMs: number): Promise<void> =>
    endBy(async () => {
      if (thread && mode === 'graceful') await within(clock, graceMs, thread.interrupt())
      await evict()
      await vacate(mode === 'force' ? 0 : closeGraceMs)
      tell({ type: 'exited', expected: true }, 'process')
    })

  const abandon = (): Promise<void> =>
    endBy(async () => {
      await vacate(closeGraceMs)
      tell({ type: 'exited', expected: true }, 'process')
    })

  /** Takes the thread out of a process that others live in; the last one takes the process with it, which needs no unloading. */
  const evict = async (): Promise<void> => {
    if (host.residents.size < 2) return
    // A thread that comes up too late for its agent is unloaded by `open`.
    const gone = await within(clock, closeGraceMs, thread ? unload(rpc, thread.id) : opening)
    // A process that lets nothing go is of no use to the others either; they are resumed in a new one.
    if (!gone && thread) await host.server.close(0)
  }

  const resident: Resident = {
    onServerExit: exit => void (thread ? die(toExitFact(exit)) : failStart(toExitFailure(exit))),
    onThreadClosed: () => void die({ lastWords: 'The codex app-server closed the thread.' }),
  }
  const timer = clock.setTimeout(() => {
    void failStart({ code: 'timeout', detail: `codex was not ready within ${launch.readyTimeoutMs} ms.` })
  }, launch.readyTimeoutMs)

  const open = async (): Promise<OpenResult> => {
    const initialized = await host.server.initialized
    if (!initialized.ok) return toRefusal(initialized)
    greeting = initialized.value.greeting
    const { pid } = host.server
    if (!ending) tell({ type: 'processStarted', ...(pid !== undefined && { pid }), cliVersion: initialized.value.cliVersion }, 'process')
    const opened = await openThread(rpc, launch, { temporary, codexHome: initialized.value.codexHome })
    if (!opened.ok || !opened.value) return opened
    await tellSpent(opened.value)
    if (ending) await unload(rpc, opened.value.id)
    return opened
  }

  /** In earlier lives: a killed server may not have counted it. */
  const tellSpent = async ({ id, path }: OpenedThread): Promise<void> => {
    if (!launch.resume || path === undefined) return
    try {
      const spent = await readSpent(path, id, usage)
      if (!ending) for (const report of spent) tell({ type: 'usageReported', ...report }, 'transcript')
    } catch (error) {
      log.warn('The rollout of a codex thread could not be read; what it spent before is not told again.', { path, error: String(error) })
    }
  }

  const tellOfThread = (fact: BareFact): void => {
    tell(fact)
    if (fact.type === 'promptSeen' || fact.type === 'promptUnconfirmed') terminal?.settled()
  }

  const beReady = ({ id, model }: OpenedThread): void => {
    clock.clearTimeout(timer)
    thread = createThread({ id, model, launch, rpc, tell: tellOfThread, rendering, usage, clock, silenceMs, log })
    terminal = createThreadTerminal({ shown: { threadId: id, cwd: launch.cwd }, greeting, rpc, thread, follow: ear => host.follow(id, ear), ...viewing, marker: launch.marker, tell: fact => tell(fact, 'process'), clock, log })
    host.house(resident, thread)
    tell({ type: 'ready', sessionId: id })
  }

  host.join(resident)
  const opening = open()
  void opening.then(opened => {
    if (ending) return
    if (!opened.ok) void failStart(opened.failure)
    else if (opened.value) beReady(opened.value)
  })

  return {
    rendering,
    stop,
    abandon,
    get sessionId() {
      return thread?.id ?? (launch.resume ? launch.sessionId : undefined)
    },
    get isEnding() {
      return ending !== undefined
    },
    get thread() {
      return ending ? undefined : thread
    },
    get terminal() {
      return ending ? undefined : terminal
    },
  }
}

/** False when the time was up first. */
async function within(clock: Clock, delayMs: number, work: Promise<unknown>): Promise<boolean> {
  let timer: unknown
  const late = new Promise<boolean>(resolve => {
    timer = clock.setTimeout(() => resolve(false), delayMs)
  })
  const done = await Promise.race([work.then(() => true), late])
  clock.clearTimeout(timer)
  return done
}

function toExitFact({ code, signal, lastWords }: ServerExit) {
  return { ...(code !== undefined && { code }), ...(signal !== undefined && { signal }), ...(lastWords !== '' && { lastWords }) }
}
