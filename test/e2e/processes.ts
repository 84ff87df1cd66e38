/** What tests know of processes by the pids that the processes themselves wrote down. */
import { existsSync, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'

/** A dead process that nobody has waited for yet counts as gone. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false // nobody of that id
  }
  const status = `/proc/${pid}/status`
  return !(existsSync(status) && /^State:\s+Z/m.test(readFileSync(status, 'utf8')))
}

/** The number that a process writes into that file, once it is there. */
export async function readPid(directory: string, name: string): Promise<number> {
  const path = join(directory, name)
  const read = (): number => (existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0)
  const events = watch(directory)
  try {
    return read() || (await new Promise<number>((found) => events.on('change', () => read() && found(read()))))
  } finally {
    events.close()
  }
}
