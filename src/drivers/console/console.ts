/**
 * The terminal of an agent that has none, because it is spoken with by structured messages: what was said and done, and a box to
 * type into, drawn here. There is one while somebody looks or has left text in the box. What is submitted there is the driver's to
 * hand over, as a person's turn; who looks and who has control is the sharing's, as for every terminal.
 */

import type { Clock } from '../../clock.ts'
import type { PersonHold, TerminalUse } from '../driver.ts'
import type { Draft } from '../pty/draft.ts'
import { createSharing, type SharedTerminal, type TerminalFact, type TerminalSharing } from '../pty/sharing.ts'
import type { ScreenSize } from '../pty/screen.ts'
import { createEditor, type Editor } from './editor.ts'
import { paint, type ConsoleState } from './paint.ts'

export interface ConsoleOptions {
  readonly clock: Clock
  readonly tell: (fact: TerminalFact) => void
  /** The last lines of what was said and done. */
  readonly read: (lines: number) => string
  readonly state: () => ConsoleState
  /** A prompt has been handed over and is not taken up yet. */
  readonly isExpecting: () => boolean
  /** Begins a turn of a person. Called only at rest, with nothing expected. */
  readonly submit: (text: string) => void
  readonly interrupt: () => void
  /** The approval that it waits for, the oldest of several. */
  readonly asked: () => string | undefined
  /** Called only for a person who may answer. */
  readonly answer: (approvalId: string, decision: 'allow' | 'deny') => void
}

export interface Console {
  use(viewerId: string, use: TerminalUse): void
  /** Why no prompt may be given now. */
  holds(): PersonHold | undefined
  /** What it shows is not so any more; a prompt that was expected may be taken up or given up. */
  changed(): void
  close(detail: string): void
}

/** What is entered while an approval is waited for; anything else stays in the box. */
const decisions: Readonly<Record<string, 'allow' | 'deny'>> = { y: 'allow', yes: 'allow', n: 'deny', no: 'deny' }

interface Opened {
  readonly sharing: TerminalSharing
  readonly editor: Editor
  readonly use: (viewerId: string, use: TerminalUse) => void
  readonly draw: () => void
}

export function createConsole(options: ConsoleOptions): Console {
  let opened: Opened | undefined
  const leaveIfIdle = (): void => {
    if (!opened?.sharing.isIdle()) return
    opened.editor.close()
    opened = undefined
  }
  return {
    use(viewerId, use) {
      if (use.action === 'attach') opened ??= open(options, { columns: use.columns, rows: use.rows })
      opened?.use(viewerId, use)
      leaveIfIdle()
    },
    holds: () => opened?.sharing.holds(),
    changed() {
      opened?.draw()
      opened?.sharing.settled()
    },
    close(detail) {
      opened?.sharing.close(detail)
      opened?.editor.close()
      opened = undefined
    },
  }
}

function open({ clock, tell, read, state, isExpecting, submit, interrupt, asked, answer }: ConsoleOptions, first: ScreenSize): Opened {
  let controller: string | undefined
  /** Viewers that may answer what the agent asks, once they have control. */
  const answering = new Set<string>()
  const mayAnswer = (): boolean => controller !== undefined && answering.has(controller)
  const listeners = new Set<(chunk: string) => void>()
  let size = first
  /** The approval that was asked for when what is in the box was begun. */
  let seen: string | undefined
  const toPicture = (): string => paint({ size, state: state(), mayAnswer: mayAnswer(), said: read(size.rows), text: editor.text(), cursor: editor.cursor(), isFull: editor.isFull() })
  const draw = (): void => {
    if (listeners.size === 0) return
    const picture = toPicture()
    for (const listener of listeners) listener(picture)
  }
  const editor = createEditor({
    onSubmit(text) {
      const decision = decisions[text.trim().toLowerCase()]
      const approvalId = asked()
      if (approvalId !== undefined && approvalId === seen && decision && mayAnswer()) {
        answer(approvalId, decision)
        return true
      }
      if (state() !== 'at rest' || isExpecting()) return false
      submit(text)
      return true
    },
    onInterrupt: interrupt,
    onBegun: () => void (seen = asked()),
    onChange: draw,
  })
  const terminal: SharedTerminal = {
    get columns() {
      return size.columns
    },
    get rows() {
      return size.rows
    },
    write: editor.type,
    resize(columns, rows) {
      size = { columns, rows }
      draw()
    },
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    tail: toPicture,
  }
  /** Known, and not followed by keys: the box is ours. */
  const draft: Draft = {
    type: () => {},
    submitted: () => {},
    isOpen: () => !editor.isEmpty(),
    lineBreaks: () => 0,
    clear() {
      editor.clear()
      draw()
    },
  }
  const sharing = createSharing({
    pty: terminal, clock, draft,
    tell(fact) {
      const isOther = fact.type === 'controlChanged' && fact.viewerId !== controller
      if (isOther) {
        controller = fact.viewerId
        editor.release()
        seen = undefined // what another has begun is nobody's answer
      }
      tell(fact)
      if (fact.type === 'controlChanged') draw()
    },
    isTyping: isExpecting,
    withdraw: () => {}, // what is handed over is not typed here
    clearBox: (_, onDone) => onDone(),
    draftHolds: false,
  })
  return {
    sharing,
    editor,
    draw,
    use(viewerId, use) {
      if (use.action === 'takeControl' && use.answers) answering.add(viewerId)
      if (use.action === 'detach') answering.delete(viewerId)
      sharing.use(viewerId, use)
    },
  }
}
