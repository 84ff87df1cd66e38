/**
 * Tells a turn's end once everything that belongs to it is there. Hook, status file and transcript say it apart: Stop comes
 * 30–70 ms before idle, and the transcript's last record about 100 ms after Stop.
 */

import { staleStatusMs, type Session } from './session.ts'
import type { Ending } from './turns.ts'

/** What is not there by then is not coming. */
const settleMs = 2_000

export interface Settling {
  /** A turn begins: its hook says so, and the CLI waits for the answer. What it does then is of later. */
  begins(): void
  /** Counts a Stop or StopFailure hook, whose record the transcript will bring. */
  heard(kind: 'stop' | 'failure'): void
  /** Tells what ends can be told. `explain` false: an idle CLI inside a turn is somebody else's to explain. */
  conclude(explain: boolean): void
}

export function createSettling({ clock, turns, records, status, lookIn }: Session): Settling {
  const heard = { stop: 0, failure: 0 }
  let patience: { readonly turnId: string; readonly until: number; readonly stops: number; readonly failures: number } | undefined
  let idleSince: number | undefined
  let begun: number | undefined
  /** When the current turn began, as far as that was told, or was first met, by the clock the CLI stamps its status with. */
  let met: { readonly turnId: string; readonly at: number } | undefined

  const isSettled = ({ kind, source }: Ending): boolean => {
    if (source === 'transcript' || kind === 'interrupt') return true
    if (turns.waiting() === 0 && !status.isReady()) return false
    return kind === 'stop' ? records.ends.stopped >= (patience?.stops ?? 0) : records.ends.failed >= (patience?.failures ?? 0)
  }

  /** Idle inside a turn, and no hook: somebody pressed Esc, or the hook never came. The transcript knows which. */
  const explainIdle = (): Ending | undefined => {
    if (!status.isReady()) return void (idleSince = undefined)
    idleSince ??= clock.now()
    const needMs = status.isSince(met?.at ?? 0) ? settleMs : staleStatusMs
    if (clock.now() - idleSince < needMs) return void lookIn(settleMs)
    idleSince = undefined
    if (records.ends.stopped <= heard.stop) return { kind: 'interrupt', source: 'status_file' }
    heard.stop = records.ends.stopped
    const lastText = records.lastText()
    return { kind: 'stop', source: 'transcript', ...(lastText === undefined ? {} : { finalText: lastText }) }
  }

  return {
    begins: () => void (begun = Date.now()),
    heard: kind => void (heard[kind] += 1),
    conclude(explain) {
      for (let turn = turns.current(); turn; turn = turns.current()) {
        if (met?.turnId !== turn.turnId) {
          met = { turnId: turn.turnId, at: begun ?? Date.now() }
          begun = undefined
        }
        if (explain) turn.ending ??= explainIdle()
        if (!turn.ending) return
        idleSince = undefined
        if (patience?.turnId !== turn.turnId) {
          patience = { turnId: turn.turnId, until: clock.now() + settleMs, stops: heard.stop, failures: heard.failure }
          lookIn(settleMs)
        }
        if (!isSettled(turn.ending) && clock.now() < patience.until) return
        patience = undefined
        turns.endCurrent()
      }
    },
  }
}
