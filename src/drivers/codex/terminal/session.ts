/**
 * One interactive codex that shows an agent's thread to people: started for the first who looks, ended when the last has left and
 * nothing is left unsent in it. It is a view and no agent: with a home of its own, without login, keys and configuration, and
 * without a way to the server but the bridge. What its process does or how it ends changes nothing for the thread.
 */

import { randomUUID } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'smol-toml'
import type { Clock } from '../../../clock.ts'
import { wordsOf } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import type { PersonHold, TerminalUse } from '../../driver.ts'
import { findExecutable } from '../../executable.ts'
import { createAdjustingPty } from '../../pty/adjusting.ts'
import { startPty, type PtyProcess } from '../../pty/process.ts'
import { endProcessTree } from '../../pty/reaper.ts'
import { renderLastWords, type ScreenSize } from '../../pty/screen.ts'
import { createSharing, type TerminalFact, type TerminalSharing } from '../../pty/sharing.ts'
import type { Ear } from '../host.ts'
import { toSweep } from '../pty/prompting.ts'
import { createSignals } from '../pty/signals.ts'
import { createBridge, type BridgeOptions } from './bridge.ts'
import { openDoor, type Door } from './door.ts'

export interface Session {
  use(viewerId: string, use: TerminalUse): void
  holds(): PersonHold | undefined
  /** What Madrox was handing to the thread is seen there, or given up. */
  settled(): void
  /** Resolves when nothing of it is left. */
  end(detail: string): Promise<void>
}

export interface SessionOptions extends Pick<BridgeOptions, 'shown' | 'greeting' | 'rpc'> {
  readonly thread: BridgeOptions['thread'] & { isExpecting(): boolean }
  readonly follow: (ear: Ear) => () => void
  readonly bin: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Holds the directories of all sessions. */
  readonly dir: string
  readonly marker: Readonly<Record<string, string>>
  /** Of whoever looks first. */
  readonly size: ScreenSize
  readonly tell: (fact: TerminalFact) => void
  /** It takes nobody any more. */
  readonly onEnding: () => void
  readonly clock: Clock
  readonly log: Log
}

/** It has drawn the thread's past when it has said what the thread does and then been still for so long. Milliseconds. */
const quietMs = 100
/** What it shows by then is shown, whatever it is: it may ask something. Milliseconds. */
const patienceMs = 10_000
const endGraceMs = 500
const tokenVariable = 'MADROX_TERMINAL_TOKEN'
const runsOn = 'The agent runs on; attach again to see it.'

/** It is to ask and tell nobody anything. */
const settings = {
  check_for_update_on_startup: false,
  features: { daemon_auto_start: false },
  history: { persistence: 'none' },
  analytics: { enabled: false },
  tui: { animations: false, show_tooltips: false, auto_recap: false },
}

/** A single closure, because all it has begun is ended by whatever comes first. */
export function startSession(options: SessionOptions): Session {
  const { shown, thread, bin, env, size, tell, clock, log } = options
  const key = randomUUID()
  const dir = join(options.dir, key)
  const ownMarker = { MADROX_CODEX_TERMINAL: key }
  let sharing: TerminalSharing | undefined
  let terminal: PtyProcess | undefined
  let door: Door | undefined
  let stopFollowing = (): void => {}
  let ending: Promise<void> | undefined
  /** Of people who look while nothing is painted yet; none once it is. */
  let early: { readonly viewerId: string; readonly use: TerminalUse }[] | undefined = []
  /** Who has control, or had it last. */
  let controller: string | undefined
  /** Viewers that may answer what the thread asks, once they have control. */
  const answering = new Set<string>()
  let quiet: unknown
  let lost: unknown
  const patience = clock.setTimeout(() => show(), patienceMs)

  const endWhenIdle = (): void => {
    if (early === undefined ? sharing?.isIdle() : early.length === 0) void end(runsOn)
  }
  const onSharing = (fact: TerminalFact): void => {
    tell(fact)
    if (fact.type !== 'controlChanged') return
    controller = fact.viewerId ?? controller
    queueMicrotask(endWhenIdle) // what changed it goes on
  }

  const show = (): void => {
    if (ending || !early || !sharing) return
    clock.clearTimeout(patience)
    const uses = early
    early = undefined
    for (const { viewerId, use } of uses) sharing.use(viewerId, use)
    endWhenIdle()
  }
  const onOutput = (chunk: string): void => {
    if (!early) return
    signals.feed(chunk)
    if (signals.state === 'starting') return
    clock.clearTimeout(quiet)
    quiet = clock.setTimeout(show, quietMs)
  }
  const signals = createSignals(() => {})

  const bridge = createBridge({
    ...options,
    // Keys come from who has control alone; what they do may come later, or when a turn ends.
    mayAct: () => sharing?.holds() === 'control' || sharing?.hasDraft() === true,
    mayAnswer: () => controller !== undefined && answering.has(controller),
    onIdleAnswer: () => void end(`What the agent asks is still open: only a person who has control answers it here. ${runsOn}`),
    onSubmitted: text => {
      sharing?.submitted(text)
      endWhenIdle()
    },
    send: text => door?.send(text),
  })

  /** It mostly ends by itself then, and its end says why. */
  const forsake = (): void => {
    lost ??= clock.setTimeout(() => void end(`Its terminal lost the connection. ${runsOn}`), endGraceMs)
  }
  const leave = async (pty: PtyProcess): Promise<void> => {
    const words = await renderLastWords(pty.tail(), pty)
    const isFailed = pty.exit()?.code !== 0
    await end(early ? `Codex could not show its thread. ${words}` : `Its terminal was closed. ${isFailed ? `${words.trim()}. ` : ''}${runsOn}`)
  }

  const open = async (): Promise<void> => {
    door = await openDoor({ onMessage: bridge.take, onGone: forsake, log })
    if (ending) return
    const places = { home: join(dir, 'home'), temporary: join(dir, 'tmp') } // codex wants them apart
    for (const place of Object.values(places)) mkdirSync(place, { recursive: true, mode: 0o700 })
    writeFileSync(join(places.home, 'config.toml'), stringify(settings), { mode: 0o600 })
    stopFollowing = options.follow(bridge)
    const pty = createAdjustingPty(startPty({
      file: findExecutable(bin, env['PATH']) ?? bin,
      args: ['resume', shown.threadId, '--remote', door.url, '--remote-auth-token-env', tokenVariable],
      cwd: places.home, // nothing of the workspace is to configure it
      env: { ...toLocale(env), ...options.marker, ...ownMarker, HOME: places.home, CODEX_HOME: places.home, TMPDIR: places.temporary, TERM: 'xterm-256color', [tokenVariable]: door.token },
      ...size,
      onOutput,
    }), clock)
    terminal = pty
    sharing = createSharing({
      pty, clock,
      tell: onSharing,
      isTyping: thread.isExpecting,
      withdraw: () => {}, // what is handed to the thread is not typed here
      clearBox: (lineBreaks, onDone) => {
        pty.write(toSweep(lineBreaks))
        queueMicrotask(onDone)
      },
      draftHolds: false,
    })
    void pty.exited.then(() => leave(pty))
  }

  const end = (detail: string): Promise<void> => {
    if (ending) return ending
    ending = opening.then(takeDown).catch((error: unknown) => log.error('The terminal of a codex agent could not be ended.', { error: String(error) }))
    for (const timer of [patience, quiet, lost]) clock.clearTimeout(timer)
    const isControlled = sharing?.holds() !== undefined
    sharing?.close(detail)
    for (const viewerId of new Set(early?.map(each => each.viewerId))) tell({ type: 'terminalClosed', viewerId, detail })
    if (isControlled) tell({ type: 'controlChanged' })
    options.onEnding()
    return ending
  }
  const takeDown = async (): Promise<void> => {
    stopFollowing()
    door?.close()
    if (terminal) {
      await endProcessTree({ pid: terminal.pid, marker: ownMarker, graceMs: endGraceMs, exited: terminal.exited })
      await terminal.exited
    }
    rmSync(dir, { recursive: true, force: true })
  }

  const opening = open().catch((error: unknown) => void end(`Codex could not be started: ${wordsOf(error)}`))

  return {
    use(viewerId, use) {
      if (ending) return
      if (use.action === 'takeControl' && use.answers) answering.add(viewerId)
      if (!early) sharing?.use(viewerId, use)
      else if (use.action === 'detach') early = early.filter(each => each.viewerId !== viewerId)
      else early.push({ viewerId, use })
      if (use.action === 'detach') endWhenIdle()
    },
    holds: () => sharing?.holds(),
    settled: () => sharing?.settled(),
    end,
  }
}

/** Of the server's environment, what a program needs to show text; its secrets and its proxies are none of the view's. */
function toLocale(env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name === 'PATH' || name === 'TZ' || name === 'LANG' || name.startsWith('LC_')))
}
