/**
 * The program's terminal, heard as it speaks: its facts are in its output, where `drivers/pty/process.ts` keeps output to be
 * looked at only. Ending the process tree is the reaper's.
 */

import { closeSync, constants, openSync } from 'node:fs'
import { spawn, type IPty } from 'node-pty'

export interface Terminal {
  readonly pid: number
  readonly size: { readonly columns: number; readonly rows: number }
  write(bytes: string): void
  /** The last output, bounded. */
  tail(): string
  /** Resolves behind the last byte of output. */
  readonly exited: Promise<{ readonly code: number; readonly signal: number }>
}

export interface TerminalLaunch {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

const size = { columns: 120, rows: 40 }
const keptCharacters = 200_000

/** Starts the program. Throws where the file cannot be executed at all. */
export function openTerminal(launch: TerminalLaunch, onOutput: (chunk: string) => void): Terminal {
  const pty = spawn(launch.file, [...launch.args], { name: 'xterm-256color', cols: size.columns, rows: size.rows, cwd: launch.cwd, env: launch.env })
  const release = holdOpen(pty)
  let tail = ''
  let isOver = false
  pty.onData(chunk => {
    tail = (tail.length > keptCharacters ? tail.slice(-keptCharacters / 2) : tail) + chunk
    onOutput(chunk)
  })
  const exited = new Promise<{ code: number; signal: number }>(resolve => {
    pty.onExit(({ exitCode, signal }) => {
      isOver = true
      release()
      resolve({ code: exitCode, signal: signal ?? 0 })
    })
  })
  return { pid: pty.pid, size, exited, tail: () => tail, write: bytes => void (isOver || pty.write(bytes)) }
}

/** A second descriptor of ours: without one, output written just before the exit is lost in most runs (node-pty 1.2.0-beta.15 on Linux). */
function holdOpen(pty: IPty): () => void {
  const name = (pty as IPty & { ptsName?: string }).ptsName // on Unix, and not in the typings
  if (name === undefined) return () => {}
  try {
    const descriptor = openSync(name, constants.O_RDWR | constants.O_NOCTTY)
    return () => closeSync(descriptor)
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EIO')) return () => {} // it was quicker than we are
    throw error
  }
}
