/**
 * A PTY shown to people: who looks, who has control, and what that means for the driver that types into the same terminal. The
 * driver asks `holds` before it types, and tells what the CLI says of prompts; how its CLI takes keys is its own.
 *
 * Each viewer is told changes of the screen, made from a mirror of it, and not the program's bytes: so it may be smaller or come
 * late, and what the program does to its terminal's modes ends with the viewing.
 */

import type { Clock } from '../../clock.ts'
import type { PersonHold, TerminalUse } from '../driver.ts'
import type { BareFact } from '../facts.ts'
import { createDraft, type Draft } from './draft.ts'
import { createMirror, type Mirror } from './mirror.ts'
import type { PtyProcess } from './process.ts'
import type { ScreenSize } from './screen.ts'
import { createView, type View } from './view.ts'

export type TerminalFact = BareFact<'terminalOutput' | 'terminalClosed' | 'controlChanged'>

/** What can be shown: a program's PTY, or what looks like one. */
export type SharedTerminal = Pick<PtyProcess, 'columns' | 'rows' | 'write' | 'resize' | 'listen' | 'tail'>

export interface SharingOptions {
  readonly pty: SharedTerminal
  readonly clock: Clock
  readonly tell: (fact: TerminalFact) => void
  /** The driver is in the middle of typing: control is given when it says that it has `settled`. */
  readonly isTyping: () => boolean
  /** Takes back what waits to be typed, because control was asked for. */
  readonly withdraw: () => void
  /** Empties the input box, which may hold that many line breaks, and says when that is done: nothing else is typed before. */
  readonly clearBox: (lineBreaks: number, onDone: () => void) => void
  /** False: the driver types into no box that a person types into, so what is left in one holds nothing. Default true. */
  readonly draftHolds?: boolean
  /** What is in the box, where that is known; default: as far as keys tell. */
  readonly draft?: Draft
}

export interface TerminalSharing {
  use(viewerId: string, use: TerminalUse): void
  /** Why nothing may be typed now. */
  holds(): PersonHold | undefined
  /** Text of a person may be in the input box: it is not to be swept. */
  hasDraft(): boolean
  /** Nobody looks, and nobody has left anything unsent. */
  isIdle(): boolean
  /** The CLI took a prompt the driver did not type. */
  submitted(text: string): void
  /** What the driver was typing is confirmed, given up, or refused. */
  settled(): void
  /** The process is gone, or is not shown any more. */
  close(detail: string): void
}

/** Ctrl-Z. Programs stop themselves at it, and wait for a shell that is not there to wake them. */
const suspend = '\x1a'
/** Several changes of a screen make one picture. Milliseconds. */
const frameMs = 20
/** A mirror that is so far behind starts again from what is kept of the output. Characters. */
const mostBehind = 4_000_000

export function createSharing({ pty, clock, tell, isTyping, withdraw, clearBox, draftHolds = true, draft = createDraft() }: SharingOptions): TerminalSharing {
  const ownSize: ScreenSize = { columns: pty.columns, rows: pty.rows }
  const views = new Map<string, View>()
  let mirror: Mirror | undefined
  /** It shows all that the terminal showed when it was made. */
  let isFilled = false
  let stopListening = (): void => {}
  let timer: unknown
  let controller: string | undefined
  /** Asked for control while the driver was typing. */
  let candidate: string | undefined
  let isClearing = false
  let lastHold: PersonHold | undefined

  const holds = (): PersonHold | undefined =>
    controller !== undefined || candidate !== undefined ? 'control' : draftHolds && draft.isOpen() ? 'unsent_text' : undefined
  const tellControl = (): void => {
    lastHold = holds()
    tell({ type: 'controlChanged', ...(controller === undefined ? {} : { viewerId: controller }), ...(lastHold === undefined ? {} : { holds: lastHold }) })
  }

  const draw = (): void => {
    timer = undefined
    if (!mirror || !isFilled) return
    for (const [viewerId, view] of views) {
      const data = view.update(mirror.screen(view.size), viewerId === controller)
      if (data !== '') tell({ type: 'terminalOutput', viewerId, data })
    }
  }
  const drawSoon = (): void => {
    timer ??= clock.setTimeout(draw, frameMs)
  }
  const open = (): void => {
    mirror?.dispose()
    mirror = createMirror(pty)
    isFilled = false
    mirror.write(pty.tail(), () => {
      isFilled = true
      drawSoon()
    })
  }
  const onOutput = (chunk: string): void => {
    if ((mirror?.behind ?? 0) > mostBehind) open()
    else mirror?.write(chunk, drawSoon)
  }
  const look = (viewerId: string, size: ScreenSize): void => {
    views.set(viewerId, createView(size))
    if (mirror) return drawSoon()
    open()
    stopListening = pty.listen(onOutput)
  }
  const lookAway = (): void => {
    stopListening()
    clock.clearTimeout(timer)
    timer = undefined
    mirror?.dispose()
    mirror = undefined
  }

  const fit = (size: ScreenSize): void => {
    if (size.columns === pty.columns && size.rows === pty.rows) return
    pty.resize(size.columns, size.rows)
    mirror?.resize(size)
    drawSoon()
  }
  const give = (viewerId: string): void => {
    candidate = undefined
    controller = viewerId
    fit(views.get(viewerId)?.size ?? ownSize)
    drawSoon()
    tellControl()
  }
  const takeControl = (viewerId: string): void => {
    if (!views.has(viewerId)) return
    if (controller !== undefined || (candidate !== undefined && candidate !== viewerId)) return tellControl()
    candidate = viewerId
    withdraw()
    giveWhenFree()
  }
  const releaseControl = (viewerId: string, clear: boolean): void => {
    if (candidate === viewerId) candidate = undefined
    if (controller === viewerId) {
      controller = undefined
      fit(ownSize)
      drawSoon()
      if (clear && draft.isOpen()) {
        isClearing = true
        return clearBox(draft.lineBreaks(), cleared)
      }
    }
    tellControl()
  }
  const cleared = (): void => {
    isClearing = false
    draft.clear()
    if (candidate === undefined) tellControl()
    else giveWhenFree()
  }
  const giveWhenFree = (): void => {
    if (candidate !== undefined && !isTyping() && !isClearing) give(candidate)
  }
  const leave = (viewerId: string): void => {
    views.delete(viewerId)
    if (controller === viewerId || candidate === viewerId) releaseControl(viewerId, false)
    if (views.size === 0) lookAway()
  }

  return {
    use(viewerId, use) {
      switch (use.action) {
        case 'attach': return look(viewerId, use)
        case 'detach': return views.has(viewerId) ? leave(viewerId) : undefined
        case 'resize': {
          if (!views.has(viewerId)) return
          views.set(viewerId, createView(use))
          if (viewerId === controller) fit(use)
          return drawSoon()
        }
        case 'takeControl': return takeControl(viewerId)
        case 'releaseControl': return views.has(viewerId) ? releaseControl(viewerId, use.clear) : undefined
        case 'type': {
          if (viewerId !== controller) return
          const data = use.data.replaceAll(suspend, '')
          draft.type(data)
          return pty.write(data)
        }
      }
    },
    holds,
    hasDraft: () => draft.isOpen(),
    isIdle: () => views.size === 0 && !draft.isOpen(),
    submitted(text) {
      draft.submitted(text)
      if (holds() !== lastHold) tellControl()
    },
    settled: giveWhenFree,
    close(detail) {
      lookAway()
      controller = undefined
      candidate = undefined
      for (const viewerId of views.keys()) tell({ type: 'terminalClosed', viewerId, detail })
      views.clear()
    },
  }
}
