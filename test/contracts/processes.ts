/** Whether a process lives, asked of the operating system by pid: never by the scan of the code that was to end it. */
import { readFileSync } from 'node:fs'
import { codeOf } from '../../src/errors.ts'

/** A zombie is dead: nobody has collected its status yet, and for an orphan that is init's business. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    if (process.platform !== 'linux') return true
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z'
  } catch {
    return false // ESRCH: nobody of that id, or gone between the two looks
  }
}

/** By SIGKILL, after `isAlive`: one that ended by itself between the look and the signal has ended all the same. */
export function killLiving(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if (codeOf(error) !== 'ESRCH') throw error
    }
  }
}
