/**
 * When the end of a turn is told: once the rollout and the terminal both say it. A prompt typed into a codex that has written of an
 * end and not yet come to rest would be a word to the old turn.
 */

import type { Clock } from '../../../clock.ts'
import type { Signals } from './signals.ts'
import type { Turn, Turns } from './turns.ts'

/** Codex comes to rest within 20 ms of writing so; not having said it by then, it is taken at its written word. */
const patienceMs = 2_000

export interface SettlingOptions {
  readonly turns: Turns
  readonly signals: Pick<Signals, 'isBusy'>
  readonly clock: Clock
  /** Draw conclusions again. */
  readonly lookSoon: () => void
  readonly onEnding: () => void
  readonly onEnded: (turn: Turn) => void
}

/** The returned function tells the end of the current turn, if it can be told. `isOver`: another turn has begun, so there is no rest to wait for. */
export function createSettling({ turns, signals, clock, lookSoon, onEnding, onEnded }: SettlingOptions): (isOver?: boolean) => void {
  let patience: { readonly turnId: string; readonly until: number } | undefined
  return (isOver = false) => {
    const turn = turns.current()
    if (!turn?.ending) return
    if (patience?.turnId !== turn.id) {
      patience = { turnId: turn.id, until: clock.now() + patienceMs }
      clock.setTimeout(lookSoon, patienceMs)
    }
    if (!isOver && signals.isBusy && clock.now() < patience.until) return
    onEnding()
    turns.endCurrent()
    onEnded(turn)
  }
}
