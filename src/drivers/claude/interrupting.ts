/**
 * Interrupts: Esc, and the proof that it worked. No hook tells of an Esc; the status file goes idle within 200 ms, and the
 * transcript gets a record unless the cut came before the first byte.
 */

import { staleStatusMs, type Session } from './session.ts'

const escapeKey = '\x1b'
const recordMs = 400
/** An Esc typed in the instant a turn begins may be lost. */
const repeatMs = 2_000
const mostEscapes = 5

export interface Interrupting {
  /** Takes a request; `begin` is called when the CLI is known to be in a turn or at rest. */
  request(requestId: string): void
  begin(): void
  /** The same without anyone asking: before the process is ended. */
  cut(): void
  conclude(): void
  isActive(): boolean
}

interface Interruption {
  readonly requestIds: string[]
  readonly turnId: string
  /** By the CLI's clock, which stamps its status. */
  readonly pressedAt: number
  readonly beganAt: number
  readonly recordsBefore: number
  escapes: number
  idleAt: number | undefined
  didCut: boolean
}

/** `sweep` empties the input box: before its first byte, a cut prompt goes back into it and would stick to the next. */
export function createInterrupting(session: Session, sweep: () => void): Interrupting {
  const { clock, turns, records, status, tell, write, lookSoon, lookIn } = session
  const requested: string[] = []
  let active: Interruption | undefined

  const finish = (requestIds: readonly string[], wasInTurn: boolean): void => {
    for (const requestId of requestIds) tell({ type: 'interruptFinished', source: 'status_file', requestId, wasInTurn })
  }

  const pressEscape = (interruption: Interruption): void => {
    const escapes = (interruption.escapes += 1)
    write(escapeKey) // once: a second one on an idle box opens the Rewind dialog
    clock.setTimeout(() => {
      if (active !== interruption || interruption.escapes !== escapes || escapes >= mostEscapes) return
      status.refresh()
      if (status.isReady()) lookSoon()
      else pressEscape(interruption)
    }, repeatMs)
  }

  const open = (requestIds: string[], turnId: string, hasEnding: boolean): void => {
    active = { requestIds, turnId, pressedAt: Date.now(), beganAt: clock.now(), recordsBefore: records.ends.interrupted, escapes: 0, idleAt: undefined, didCut: false }
    if (!hasEnding) pressEscape(active)
    lookSoon()
  }

  /** True once the CLI is idle by our key, and the transcript has had its time. */
  const isProven = (interruption: Interruption): boolean => {
    const isFresh = status.isSince(interruption.pressedAt) || clock.now() - interruption.beganAt > staleStatusMs
    if (!status.isReady() || !isFresh) return false
    if (interruption.idleAt === undefined) {
      interruption.idleAt = clock.now()
      lookIn(recordMs)
    }
    return records.ends.interrupted > interruption.recordsBefore || clock.now() - interruption.idleAt >= recordMs
  }

  const begin = (): void => {
    if (requested.length === 0) return
    const requestIds = requested.splice(0)
    const turn = turns.current()
    if (active) active.requestIds.push(...requestIds)
    else if (turn) open(requestIds, turn.turnId, turn.ending !== undefined)
    else finish(requestIds, false)
  }

  return {
    request: requestId => void requested.push(requestId),
    begin,
    cut() {
      const turn = turns.current()
      if (turn && !turn.ending && !active) open([], turn.turnId, false)
    },
    conclude() {
      if (!active) return
      const turn = turns.current()
      if (turn?.turnId === active.turnId) {
        if (turn.ending || !isProven(active)) return // it may have ended by itself meanwhile
        turn.ending = { kind: 'interrupt', source: records.ends.interrupted > active.recordsBefore ? 'transcript' : 'status_file' }
        active.didCut = true
        sweep()
        return lookSoon()
      }
      const { requestIds, didCut } = active
      active = undefined
      finish(requestIds, didCut)
    },
    isActive: () => active !== undefined,
  }
}
