/**
 * Typing a prompt into a CLI's input box and pressing Enter until it is confirmed. Owns keystrokes and their times; what is typed,
 * and who confirms it, is the driver's.
 */

import type { Clock } from '../../clock.ts'

/** Between the paste and Enter. The two written back to back were taken well when idle; the rest is for a loaded machine. */
const enterDelayMs = 40
/** How often to ask again whether Enter may be pressed. */
const askAgainMs = 1_500
const mostEnters = 4

export interface TypingOptions {
  readonly pastes: readonly string[]
  /** For the first Enter; doubled with each: a machine under load is slow, and a prompt given up too early may be worked on twice. Milliseconds. */
  readonly patienceMs: number
  readonly write: (bytes: string) => void
  readonly clock: Clock
  /** False while Enter would do harm (a dialog is open) or no good (another turn runs): asked again later. */
  readonly mayPressEnter: () => boolean
  readonly onGivenUp: () => void
}

/** Types at once. The returned function stops pressing Enter: call it when the prompt was confirmed, or with the process. */
export function startTyping({ pastes, patienceMs, write, clock, mayPressEnter, onGivenUp }: TypingOptions): () => void {
  for (const paste of pastes) write(paste)
  let enters = 0
  let timer: unknown
  const next = (): void => {
    if (!mayPressEnter()) return arm(askAgainMs)
    if (enters === mostEnters) return onGivenUp()
    enters += 1
    write('\r')
    arm(patienceMs * 2 ** (enters - 1))
  }
  const arm = (delayMs: number): void => void (timer = clock.setTimeout(next, delayMs))
  arm(enterDelayMs)
  return () => clock.clearTimeout(timer)
}
