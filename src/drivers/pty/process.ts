/**
 * One process in a pseudo-terminal. Owns the PTY, its bytes and its exit; knows nothing of any CLI. Ending the process
 * tree is the reaper's.
 */

import { closeSync, constants, openSync } from 'node:fs'
import { spawn as spawnPty, type IPty } from 'node-pty'
import { codeOf, wordsOf } from '../../errors.ts'

export interface PtyLaunch {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly columns?: number
  readonly rows?: number
  /** Hears all output, in order and before `exited`: for a program that tells facts in what it writes. */
  readonly onOutput?: (chunk: string) => void
}

export interface PtyExit {
  readonly code: number
  /** The signal's number; 0 when the process exited by itself. */
  readonly signal: number
}

export interface PtyProcess {
  readonly pid: number
  /** As of now. */
  readonly columns: number
  readonly rows: number
  write(bytes: string): void
  resize(columns: number, rows: number): void
  /** Hears all output from now on; the returned function ends that. */
  listen(onOutput: (chunk: string) => void): () => void
  /** The last output, bounded: what a screen is rendered from. */
  tail(): string
  /** Resolves behind the last byte of output. */
  readonly exited: Promise<PtyExit>
  /** Undefined while it runs. */
  exit(): PtyExit | undefined
}

/** Enough for several full repaints of a terminal program. */
const keptCharacters = 400_000

/** Starts a process in a PTY of its own session. Throws when the file cannot be executed at all. */
export function startPty(launch: PtyLaunch): PtyProcess {
  const columns = launch.columns ?? 120
  const rows = launch.rows ?? 40
  const pty = spawnPty(launch.file, [...launch.args], {
    name: 'xterm-256color', cols: columns, rows, cwd: launch.cwd, env: withoutUndefined(launch.env),
  })
  const releaseTerminal = holdTerminal(pty)
  const output = createTail(keptCharacters)
  let ended: PtyExit | undefined
  pty.onData(output.append)
  if (launch.onOutput) pty.onData(launch.onOutput)
  const exited = new Promise<PtyExit>(resolve => {
    pty.onExit(({ exitCode, signal }) => {
      releaseTerminal()
      ended = { code: exitCode, signal: signal ?? 0 }
      resolve(ended)
    })
  })
  return {
    pid: pty.pid,
    get columns() {
      return pty.cols
    },
    get rows() {
      return pty.rows
    },
    // Writing to a PTY whose process has gone raises EIO inside node-pty; the exit tells the story.
    write: bytes => void (ended === undefined && pty.write(bytes)),
    resize: (columns, rows) => {
      if (ended === undefined) resizePty(pty, columns, rows)
    },
    listen: onOutput => {
      const listening = pty.onData(onOutput)
      return () => listening.dispose()
    },
    tail: output.read,
    exited,
    exit: () => ended,
  }
}

/**
 * Output written just before exit is lost in most runs once the last holder of the terminal closes it while the reader is
 * busy (measured with node-pty 1.2.0-beta.15 on Linux). A second descriptor of ours keeps it readable until exit is known.
 */
function holdTerminal(pty: IPty): () => void {
  const name = (pty as IPty & { ptsName?: string }).ptsName // present on Unix, absent from the typings
  if (name === undefined) return () => {}
  try {
    const descriptor = openSync(name, constants.O_RDWR | constants.O_NOCTTY)
    return () => closeSync(descriptor)
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'EIO') return () => {} // the process was faster than we are: nothing left to hold
    throw error
  }
}

function resizePty(pty: IPty, columns: number, rows: number): void {
  try {
    pty.resize(columns, rows)
  } catch (error) {
    // The terminal has gone and its exit is yet to be heard: there is nothing left to resize.
    if (!/ioctl/.test(wordsOf(error))) throw error
  }
}

/** node-pty turns undefined into the text "undefined". */
const withoutUndefined = (env: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined))

function createTail(limit: number): { append(chunk: string): void; read(): string } {
  let chunks: string[] = []
  let length = 0
  return {
    append(chunk) {
      chunks.push(chunk)
      length += chunk.length
      while (chunks.length > 1 && length - (chunks[0]?.length ?? 0) >= limit) length -= chunks.shift()?.length ?? 0
      if (chunks.length > 4096) chunks = [chunks.join('')]
    },
    read: () => chunks.join(''),
  }
}
