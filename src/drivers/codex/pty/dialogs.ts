/**
 * The one question codex asks before it says anything of itself: whether to open a folder that nobody trusts without the folder's
 * own configuration. No flag answers it (0.169.0), and no signal tells of it; so it is read off the screen, and only this one.
 */

import type { Clock } from '../../../clock.ts'
import { renderScreen } from '../../pty/screen.ts'
import type { PtyProcess } from '../../pty/process.ts'

const question = /^› 1\. Open restricted\s*$/m
const settleMs = 40
/** When it has drawn the question, codex throws away what was typed before, and fails where that takes it longer than a second: typed later, Enter is not in its way. */
const drawnMs = 150
/** Thrown away all the same, it is typed again. */
const repeatMs = 1_000

/** Codex's own words (0.169.0) for that failure, which says nothing of the agent: a machine stood still for a second. */
export const couldNotAsk = (words: string): boolean => /timed out discarding buffered terminal input/.test(words)

/** To be called with each piece of output until codex is ready. */
export function answerFolderQuestion(terminal: () => PtyProcess | undefined, clock: Clock, isStarting: () => boolean): () => void {
  let isScheduled = false
  let isDrawn = false
  const look = (delayMs: number): void => {
    if (isScheduled) return
    isScheduled = true
    clock.setTimeout(() => {
      isScheduled = false
      const pty = terminal()
      if (!pty || !isStarting()) return
      void renderScreen(pty.tail(), pty).then(screen => {
        if (!isStarting()) return
        if (!question.test(screen)) return void (isDrawn = false)
        if (isDrawn) pty.write('\r')
        look(isDrawn ? repeatMs : drawnMs)
        isDrawn = true
      })
    }, delayMs)
  }
  return () => look(settleMs)
}
