/**
 * A PTY whose program asks, each time it is resized, where its cursor is. Nobody but a terminal can tell; codex 0.169 stands still
 * for two seconds where none does, and eats what is typed before it has the answer. So the answer comes from a terminal that is
 * made for it, and what is typed meanwhile goes behind it.
 */

import type { Clock } from '../../clock.ts'
import { createMirror, type Mirror } from './mirror.ts'
import type { PtyProcess } from './process.ts'

/** A program under load is slow to see that it was resized, and one that was given its old size back at once asks nothing. Milliseconds. */
const patienceMs = 1_000
/** Codex asks twice, where at all. Milliseconds. */
const settleMs = 100

/** All bytes for the program must go through what is returned. */
export function createAdjustingPty(pty: PtyProcess, clock: Clock): PtyProcess {
  let adjusting: { readonly mirror: Mirror; readonly stopListening: () => void; isFilled: boolean } | undefined
  let kept = ''
  let timer: unknown

  const finish = (): void => {
    clock.clearTimeout(timer)
    adjusting?.stopListening()
    adjusting?.mirror.dispose()
    adjusting = undefined
    if (kept !== '') pty.write(kept)
    kept = ''
  }
  const wait = (ms: number): void => {
    clock.clearTimeout(timer)
    timer = clock.setTimeout(finish, ms)
  }
  const begin = (): void => {
    const mirror = createMirror(pty, report => {
      if (!begun.isFilled) return // it was asked long ago
      pty.write(report)
      wait(settleMs)
    })
    const begun = { mirror, stopListening: pty.listen(chunk => mirror.write(chunk, () => {})), isFilled: false }
    adjusting = begun
    mirror.write(pty.tail(), () => {
      if (adjusting !== begun) return
      begun.isFilled = true
      mirror.resize(pty) // what is on it was drawn in the old size
    })
  }
  void pty.exited.then(finish)

  return {
    pid: pty.pid,
    get columns() {
      return pty.columns
    },
    get rows() {
      return pty.rows
    },
    write(bytes) {
      if (adjusting) kept += bytes
      else pty.write(bytes)
    },
    resize(columns, rows) {
      if (!adjusting) begin()
      pty.resize(columns, rows)
      if (adjusting?.isFilled) adjusting.mirror.resize(pty)
      wait(patienceMs)
    },
    listen: pty.listen,
    tail: pty.tail,
    exited: pty.exited,
    exit: pty.exit,
  }
}
