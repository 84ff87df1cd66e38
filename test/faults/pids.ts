/** Processes by the pids that the fixtures wrote down themselves, each at its start. */

import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive } from '../contracts/processes.ts'

export interface Pids {
  /** Where the agent of that name and what it starts note theirs. */
  fileOf(agent: string): string
  /** Those of an agent that live, oldest first. */
  alive(agent?: string): readonly number[]
  /** Those that live and are older than the process given: what an earlier server left. */
  olderThan(pid: number): readonly number[]
}

/** `home`: below it all of them stand, which tells them from others that were given a pid of theirs later. */
export function createPids(dir: string, home: string): Pids {
  const fileOf = (agent: string): string => join(dir, agent)
  const noted = (name: string): number[] => (existsSync(fileOf(name)) ? readFileSync(fileOf(name), 'utf8').split('\n').filter(line => line !== '').map(Number) : [])
  const alive = (agent?: string): number[] => [...new Set(agent === undefined ? readdirSync(dir).flatMap(noted) : noted(agent))].filter(pid => isAlive(pid) && standsBelow(home, pid))
  return {
    fileOf,
    alive,
    olderThan: pid => {
      const since = startOf(pid)
      return alive().filter(each => startOf(each) < since)
    },
  }
}

function standsBelow(home: string, pid: number): boolean {
  if (process.platform !== 'linux') return true
  try {
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(home)
  } catch {
    return false // gone between the two looks
  }
}

/** In the kernel's ticks since boot; never, of one that is gone. */
function startOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
  } catch {
    return Infinity // gone between the two looks
  }
}
