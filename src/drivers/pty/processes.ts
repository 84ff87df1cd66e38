/** The operating system's table of processes: /proc on Linux; elsewhere `ps`, which shows the environment of our own only. */

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { codeOf } from '../../errors.ts'

export interface ProcessEntry {
  readonly pid: number
  readonly parent: number
  readonly session: number
  /** One letter, as ps shows it; `Z` is dead and waits for its parent. */
  readonly state: string
  /** With the pid, the identity: pids are used again. */
  readonly startedAt: string
}

export function listProcesses(): ProcessEntry[] {
  return process.platform === 'linux' ? listFromProc() : listFromPs()
}

/** True when the environment the process was started with holds every entry of the marker. No entries mark nothing: what is marked is ended. */
export function isMarked(pid: number, marker: Readonly<Record<string, string>>): boolean {
  if (Object.keys(marker).length === 0) return false
  const variables = readEnvironment(pid)
  return variables !== undefined && Object.entries(marker).every(([name, value]) => variables.has(`${name}=${value}`))
}

function listFromProc(): ProcessEntry[] {
  return readdirSync('/proc').flatMap(name => {
    if (!/^\d+$/.test(name)) return []
    const stat = readIfThere(`/proc/${name}/stat`)
    if (stat === undefined) return []
    // The command name in parentheses may hold spaces and parentheses; fields count from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return [{ pid: Number(name), state: fields[0] ?? '', parent: Number(fields[1]), session: Number(fields[3]), startedAt: fields[19] ?? '' }]
  })
}

function listFromPs(): ProcessEntry[] {
  const output = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,sess=,state=,lstart='], { encoding: 'utf8' })
  return output.split('\n').flatMap(line => {
    const [pid, parent, session, state, ...started] = line.trim().split(/\s+/)
    if (!pid || !parent) return []
    // macOS prints sess as an address; 0 then, and the tree rests on parents and the marker.
    return [{ pid: Number(pid), parent: Number(parent), session: Number(session) || 0, state: state?.[0] ?? '', startedAt: started.join(' ') }]
  })
}

function readEnvironment(pid: number): ReadonlySet<string> | undefined {
  if (process.platform === 'linux') {
    const text = readIfThere(`/proc/${pid}/environ`)
    return text === undefined ? undefined : new Set(text.split('\0'))
  }
  try {
    return new Set(execFileSync('ps', ['-E', '-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).split(/\s+/))
  } catch {
    return undefined // ps exits 1 for a pid that is gone
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return undefined
    throw error
  }
}
