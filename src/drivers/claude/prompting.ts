/** Prompts on their way in: refused, typed, confirmed or given up. Nothing is typed into a dialog or a running turn. */

import type { FactOf } from '../driver.ts'
import { startTyping } from '../pty/typing.ts'
import type { Session } from './session.ts'
import { hasStuckTo } from './turns.ts'
import { toPastes, toPatienceMs, toSweep, toTyped } from './typing.ts'

/** How long a prompt waits for a CLI that is ending a turn, or beginning one of its own. */
const readyWaitMs = 10_000

/** A blocked prompt is back in the input box by then, mostly; each further time waits longer. */
const refillMs = 200

/** How often a prompt is typed again because something stuck to it. */
const mostSpoilt = 5

type Reason = FactOf<'promptRefused'>['reason']

export interface Prompting {
  /** `refusal`: why not, if the caller knows a reason. */
  submit(promptId: string, text: string, refusal: Reason | undefined): void
  /** Types the prompt that waits, once the CLI is ready. */
  conclude(): void
  /** Takes back what waits and is not typed yet. */
  withdraw(reason: Reason): void
  /**
   * The CLI is about to take this as a prompt. True where it is ours with something stuck before it: it must be blocked, and is
   * typed again. A prompt cut before its first byte goes back into the input box, and may come there behind our sweep.
   */
  isSpoilt(submitted: string): boolean
  /** The CLI has confirmed the prompt, or is gone. */
  stop(): void
  sweep(): void
  isActive(): boolean
}

export function createPrompting(session: Session, onSettled: () => void): Prompting {
  const { clock, turns, status, tell, write, lookIn } = session
  let waiting: { readonly promptId: string; readonly text: string; readonly from: number; readonly until: number } | undefined
  let stopTyping: (() => void) | undefined
  let lastText = ''
  let lastTyped = ''
  let spoilt = 0
  /** What the box may hold though it was swept: the CLI puts a cut or blocked prompt back in its own time. */
  let inBox = ''

  const refuse = (promptId: string, reason: Reason): void => {
    if (turns.expected()?.promptId === promptId) turns.giveUp() // it was to be typed again
    tell({ type: 'promptRefused', source: 'status_file', promptId, reason })
  }
  const sweep = (): void => {
    inBox = lastTyped // swept before the next prompt, if not now
    if (session.maySweep()) write(toSweep(inBox))
  }
  const stop = (): void => {
    stopTyping?.()
    stopTyping = undefined
  }

  const type = (promptId: string, text: string): void => {
    if (inBox !== '') write(toSweep(inBox))
    inBox = ''
    lastText = text
    lastTyped = toTyped(text)
    turns.expect(promptId, lastTyped)
    if (spoilt === 0) tell({ type: 'promptWritten', source: 'process', promptId })
    const pastes = toPastes(lastTyped)
    stopTyping = startTyping({
      pastes,
      patienceMs: toPatienceMs(lastTyped, pastes),
      write,
      clock,
      mayPressEnter: () => !status.isWaiting() && turns.current() === undefined && turns.expected()?.queuedIn === undefined,
      onGivenUp: () => {
        stop()
        turns.giveUp()
        sweep()
        tell({ type: 'promptUnconfirmed', source: 'hook', promptId, detail: 'Claude Code did not confirm the prompt; it was taken out of the input box again.' })
        onSettled()
      },
    })
  }

  const conclude = (): void => {
    if (!waiting) return
    const { promptId, text, from, until } = waiting
    if (clock.now() < from) return lookIn(from - clock.now())
    const isBusy = !status.isReady()
    if (isBusy && !turns.current() && !status.isWaiting() && clock.now() < until) return lookIn(100)
    waiting = undefined
    if (status.isWaiting()) return refuse(promptId, 'awaiting_approval')
    if (isBusy || turns.current()) return refuse(promptId, 'in_turn')
    type(promptId, text)
  }

  return {
    submit(promptId, text, refusal) {
      if (refusal !== undefined) return refuse(promptId, refusal)
      status.refresh()
      spoilt = 0
      waiting = { promptId, text, from: clock.now(), until: clock.now() + readyWaitMs }
      conclude()
    },
    conclude,
    isSpoilt(submitted) {
      const expected = turns.expected()
      if (!expected || !stopTyping || spoilt >= mostSpoilt || !hasStuckTo(lastTyped, submitted)) return false
      spoilt += 1
      stop()
      inBox = submitted
      waiting = { promptId: expected.promptId, text: lastText, from: clock.now() + refillMs * spoilt, until: clock.now() + readyWaitMs }
      lookIn(refillMs * spoilt)
      return true
    },
    withdraw(reason) {
      if (waiting) refuse(waiting.promptId, reason)
      waiting = undefined
    },
    stop,
    sweep,
    isActive: () => waiting !== undefined || turns.expected() !== undefined,
  }
}
