/** What tests know of processes by the pids that the processes themselves wrote down. */
import { existsSync, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'

export { isAlive } from '../contracts/processes.ts'

/** The number that a process writes into that file, once it is there. */
export async function readPid(directory: string, name: string): Promise<number> {
  const path = join(directory, name)
  const read = (): number => (existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0)
  const events = watch(directory)
  try {
    return read() || (await new Promise<number>(found => events.on('change', () => read() && found(read()))))
  } finally {
    events.close()
  }
}
