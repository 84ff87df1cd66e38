/** The facade's words on agents' terminals: what a person who looks is told, and can do. Types only; `attaching.ts` does it. */

import type { PersonHold } from '../drivers/driver.ts'
import type { AgentId } from '../ids.ts'
import type { Caller } from '../messages.ts'

export type TerminalEvent =
  /** For the viewer's terminal, as it is. The first paints the whole screen. */
  | { readonly type: 'output'; readonly data: string }
  /** Who has control, and why messages wait; told at the start and at every change. */
  | { readonly type: 'control'; readonly by: 'you' | 'another' | 'nobody'; readonly holds?: PersonHold }
  /** The last. */
  | { readonly type: 'closed'; readonly detail: string }

export interface Viewer {
  /** Of its own terminal, in cells. */
  readonly columns: number
  readonly rows: number
  /** Called while drivers are at work; must return at once. */
  readonly hear: (event: TerminalEvent) => void
}

/** A viewer's way to the terminal. After `closed`, or `detach`, nothing it does has any effect. */
export interface Attachment {
  readonly agentId: AgentId
  readonly name: string
  /** Paints the whole screen anew: for who missed something. */
  repaint(): void
  resize(columns: number, rows: number): void
  /** Answered by `control`. Refused: `not_allowed` where the caller may look and not rule. */
  takeControl(): void
  /** `clear`: what was typed and not submitted may be swept away. */
  releaseControl(clear: boolean): void
  /** What the viewer's terminal sent; ignored without control. */
  type(data: string): void
  detach(): void
}

export interface Attaching {
  /** Resolves when its screen has been painted. Refused: `unavailable` (it has no process now, or shows nothing). */
  attach(caller: Caller, reference: string, viewer: Viewer): Promise<Attachment>
}
