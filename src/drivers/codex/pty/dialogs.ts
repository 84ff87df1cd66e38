/**
 * The one question codex asks before it says anything of itself: whether to open a folder that nobody trusts without the folder's
 * own configuration. No flag answers it (0.169.0), and no signal tells of it; so it is read off the screen, and only this one.
 */

import type { Clock } from '../../../clock.ts'
import { renderScreen } from '../../pty/screen.ts'
import type { PtyProcess } from '../../pty/process.ts'

const question = /^› 1\. Open restricted\s*$/m
const settleMs = 40
/** It may take no keys yet when it is drawn. */
const repeatMs = 1_000

/** To be called with each piece of output until codex is ready. */
export function answerFolderQuestion(terminal: () => PtyProcess | undefined, clock: Clock, isStarting: () => boolean): () => void {
  let isScheduled = false
  const look = (delayMs: number): void => {
    if (isScheduled) return
    isScheduled = true
    clock.setTimeout(() => {
      isScheduled = false
      const pty = terminal()
      if (!pty || !isStarting()) return
      void renderScreen(pty.tail(), pty).then(screen => {
        if (!isStarting() || !question.test(screen)) return
        pty.write('\r')
        look(repeatMs)
      })
    }, delayMs)
  }
  return () => look(settleMs)
}
