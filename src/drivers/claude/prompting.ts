/** Prompts on their way in: refused, typed, confirmed or given up. Nothing is typed into a dialog or a running turn. */

import type { FactOf } from '../driver.ts'
import type { Session } from './session.ts'
import { startTyping, toSweep, toTyped } from './typing.ts'

/** How long a prompt waits for a CLI that is ending a turn, or beginning one of its own. */
const readyWaitMs = 10_000

type Reason = FactOf<'promptRefused'>['reason']

export interface Prompting {
  /** `refusal`: why not, if the caller knows a reason. */
  submit(promptId: string, text: string, refusal: Reason | undefined): void
  /** Types the prompt that waits, once the CLI is ready. */
  conclude(): void
  /** Takes back what waits and is not typed yet. */
  withdraw(): void
  /** The CLI has confirmed the prompt, or is gone. */
  stop(): void
  sweep(): void
  isActive(): boolean
}

export function createPrompting(session: Session, onSettled: () => void): Prompting {
  const { clock, turns, status, tell, write, lookIn } = session
  let waiting: { readonly promptId: string; readonly text: string; readonly until: number } | undefined
  let stopTyping: (() => void) | undefined
  let lastTyped = ''

  const refuse = (promptId: string, reason: Reason): void => tell({ type: 'promptRefused', source: 'status_file', promptId, reason })
  const sweep = (): void => write(toSweep(lastTyped))
  const stop = (): void => {
    stopTyping?.()
    stopTyping = undefined
  }

  const type = (promptId: string, text: string): void => {
    lastTyped = toTyped(text)
    turns.expect(promptId, lastTyped)
    tell({ type: 'promptWritten', source: 'process', promptId })
    stopTyping = startTyping({
      typed: lastTyped,
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
    const { promptId, text, until } = waiting
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
      waiting = { promptId, text, until: clock.now() + readyWaitMs }
      conclude()
    },
    conclude,
    withdraw() {
      if (waiting) refuse(waiting.promptId, 'in_turn')
      waiting = undefined
    },
    stop,
    sweep,
    isActive: () => waiting !== undefined || turns.expected() !== undefined,
  }
}
