/** A person at a terminal of their own who runs `madrox`: what they see, and what they press. Everything is by the terminal's bytes. */

import xterm from '@xterm/headless'
import { startPty } from '../../src/drivers/pty/process.ts'
import { codeOf } from '../../src/errors.ts'
import { cli } from './server.ts'

export interface Person {
  /** Resolves when the screen shows it; rows end with a line feed. */
  sees(text: string): Promise<void>
  screen(): string
  /** Of the terminal's window. */
  title(): string
  titles(): readonly string[]
  titled(text: string): Promise<void>
  types(text: string): void
  /** Each key by itself. */
  presses(...keys: readonly string[]): void
  /** By key, and until it is theirs. */
  takesControl(prefix?: string): Promise<void>
  resizes(size: { readonly columns: number; readonly rows: number }): void
  kill(signal: NodeJS.Signals): void
  /** Resolves when the program has ended: its exit code, and the last line on the ordinary screen. */
  leaves(): Promise<{ readonly code: number; readonly line: string }>
  /** What is still otherwise than the program found it. */
  terminalIsAsBefore(): string[]
  wroteToAlternateScreen(): boolean
  end(): Promise<void>
}

/** How long anything may take on a machine under load. Milliseconds. */
const patienceMs = 20_000

export function createPerson(args: readonly string[], size: { readonly columns: number; readonly rows: number }, env: Readonly<Record<string, string>> = {}): Person {
  const terminal = new xterm.Terminal({ cols: size.columns, rows: size.rows, allowProposedApi: true })
  const titles: string[] = []
  const watchers = new Set<() => void>()
  const looked = (): void => watchers.forEach(look => look())
  let written = ''
  terminal.onTitleChange(title => {
    titles.push(title)
    looked()
  })
  const pty = startPty({
    file: process.execPath, args: [cli, ...args], cwd: process.cwd(), ...size,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    onOutput: chunk => {
      written += chunk
      terminal.write(chunk, looked)
    },
  })
  const screen = (): string => {
    const { active } = terminal.buffer
    return Array.from({ length: terminal.rows }, (_, row) => `${active.getLine(active.baseY + row)?.translateToString(true) ?? ''}\n`).join('')
  }
  const until = (what: string, isSo: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer)
        watchers.delete(look)
      }
      const look = (): void => {
        if (!isSo()) return
        settle()
        resolve()
      }
      const timer = setTimeout(() => {
        settle()
        reject(new Error(`${what} did not come. Title: ${titles.at(-1)}. Screen:\n${screen()}`))
      }, patienceMs)
      watchers.add(look)
      look()
    })
  const kill = (signal: NodeJS.Signals): void => {
    try {
      process.kill(pty.pid, signal)
    } catch (error) {
      if (codeOf(error) !== 'ESRCH') throw error // it has left by itself
    }
  }
  const titled = (text: string): Promise<void> => until(`the title "${text}"`, () => titles.at(-1)?.includes(text) === true)
  return {
    screen,
    sees: text => until(`"${text}"`, () => screen().includes(text)),
    title: () => titles.at(-1) ?? '',
    titles: () => titles,
    titled,
    types: pty.write,
    presses: (...keys) => keys.forEach(key => pty.write(key)),
    async takesControl(prefix = '\x1c') {
      await titled('watching')
      pty.write(prefix)
      pty.write('c')
      await titled('you have control')
    },
    resizes: ({ columns, rows }) => {
      terminal.resize(columns, rows)
      pty.resize(columns, rows)
    },
    kill,
    async leaves() {
      const { code } = await pty.exited
      await new Promise<void>(done => terminal.write('', done))
      return { code, line: lastLine(terminal) }
    },
    terminalIsAsBefore: () => {
      const { applicationCursorKeysMode, bracketedPasteMode, mouseTrackingMode, sendFocusMode, wraparoundMode } = terminal.modes
      const left = { alternate: terminal.buffer.active.type === 'alternate', applicationCursorKeysMode, bracketedPasteMode, mouse: mouseTrackingMode !== 'none', sendFocusMode, noWrap: !wraparoundMode, hiddenCursor: written.lastIndexOf('\x1b[?25l') > written.lastIndexOf('\x1b[?25h') }
      return Object.entries(left).flatMap(([name, isLeft]) => (isLeft ? [name] : []))
    },
    wroteToAlternateScreen: () => written.includes('\x1b[?1049h'),
    async end() {
      kill('SIGKILL')
      await pty.exited
      terminal.dispose()
    },
  }
}

/** As it was written, however many rows it takes. */
function lastLine(terminal: xterm.Terminal): string {
  const { active } = terminal.buffer
  const lines: string[] = []
  for (let row = 0; row < active.length; row++) {
    const line = active.getLine(row)
    const text = line?.translateToString(true) ?? ''
    if (line?.isWrapped) lines.push(`${lines.pop() ?? ''}${text}`)
    else lines.push(text)
  }
  return lines.findLast(line => line !== '') ?? ''
}
