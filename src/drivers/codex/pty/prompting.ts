/** Prompts on their way into the composer: refused, typed, confirmed or given up. Nothing is typed into a dialog or a running turn. */

import type { Clock } from '../../../clock.ts'
import type { FactOf } from '../../driver.ts'
import type { SourcedFact } from '../../facts.ts'
import { sanitiseInput, toPaste } from '../../pty/input.ts'
import { startTyping } from '../../pty/typing.ts'
import type { Signals } from './signals.ts'
import type { Turns } from './turns.ts'

/** Codex 0.169 takes no more in one message. */
const mostCharacters = 1_048_576
const confirmTimeoutMs = 1_500

export interface Prompting {
  /** `refusal`: why not, if the caller knows a reason. */
  submit(promptId: string, text: string, refusal: FactOf<'promptRefused'>['reason'] | undefined): void
  /** The prompt was confirmed, or can no more be. */
  stop(): void
  /** It was not: what may be left of it in the composer is swept away. */
  takeBack(): void
}

export interface PromptingOptions {
  readonly turns: Turns
  readonly signals: Signals
  readonly write: (bytes: string) => void
  readonly tell: (fact: SourcedFact<'promptRefused' | 'promptWritten' | 'promptUnconfirmed'>) => void
  readonly clock: Clock
  /** False: a person's text may be in the composer. */
  readonly maySweep: () => boolean
  readonly onGivenUp: () => void
}

export function createPrompting({ turns, signals, write, tell, clock, maySweep, onGivenUp }: PromptingOptions): Prompting {
  let stopTyping: (() => void) | undefined
  let lastTyped = ''
  const stop = (): void => {
    stopTyping?.()
    stopTyping = undefined
  }
  return {
    stop,
    takeBack() {
      if (stopTyping && maySweep()) write(toSweep(lastTyped.split('\n').length))
      stop()
    },
    submit(promptId, text, refusal) {
      if (refusal !== undefined) return tell({ type: 'promptRefused', source: 'osc', promptId, reason: refusal })
      const typed = toTyped(text)
      const length = countCharacters(typed)
      // Codex would refuse it on its screen and leave it in the composer.
      if (length > mostCharacters) return tell({ type: 'promptUnconfirmed', source: 'self', promptId, detail: `The message exceeds the maximum length of ${mostCharacters} characters that codex takes (${length} provided); it was not typed.` })
      lastTyped = typed
      turns.expect(promptId, typed)
      tell({ type: 'promptWritten', source: 'process', promptId })
      stopTyping = startTyping({
        // Codex takes Enter behind an `@` or `$` word for a choice in its list of files or skills; behind a blank there is none.
        pastes: [toPaste(`${typed} `)],
        patienceMs: confirmTimeoutMs + typed.length / 50,
        write,
        clock,
        mayPressEnter: () => !signals.isBusy && turns.current() === undefined,
        onGivenUp: () => {
          turns.unconfirm('Codex did not confirm the prompt; it was taken out of the composer again.')
          onGivenUp()
        },
      })
    },
  }
}

/** What is typed for a text: sanitised, and never a command. Codex runs what begins with `/` or `!`, even behind blanks, and nothing else; a blank prompt it passes over. */
export function toTyped(text: string): string {
  const clean = sanitiseInput(text)
  return /^\s*(?:[/!]|$)/.test(clean) ? `Message: ${clean}` : clean
}

/** As codex counts: by code point. */
function countCharacters(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}

/**
 * Ctrl-U and Ctrl-K, twice for each line the composer may hold, and Backspace, which at the start of an empty one leaves the mode for
 * shell commands that a `!` began (a prompt typed there would be run); more do nothing. Ctrl-C would end codex where the composer is empty.
 */
export function toSweep(mostLines: number): string {
  const lines = 4 + 2 * mostLines
  return `${'\x15'.repeat(lines)}${'\x0b'.repeat(lines)}\x7f`
}
