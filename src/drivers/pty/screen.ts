/** Renders terminal output to text for people. Made on demand, because a terminal costs megabytes and most are never looked at. */

import xterm from '@xterm/headless'

export interface ScreenSize {
  readonly columns: number
  readonly rows: number
}

/** The visible screen as text, without trailing blank lines; `lines` asks for that many last lines, scrollback included. */
export async function renderScreen(output: string, size: ScreenSize, lines?: number): Promise<string> {
  const terminal = new xterm.Terminal({ cols: size.columns, rows: size.rows, scrollback: 5000, allowProposedApi: true })
  try {
    await new Promise<void>(written => terminal.write(output, written))
    const buffer = terminal.buffer.active
    const text: string[] = []
    const first = lines === undefined ? buffer.viewportY : 0
    for (let row = first; row < buffer.length; row++) text.push(buffer.getLine(row)?.translateToString(true) ?? '')
    while (text.length > 0 && text.at(-1) === '') text.pop()
    return (lines === undefined ? text : text.slice(-lines)).join('\n')
  } finally {
    terminal.dispose()
  }
}

/** The last words of a process for an error message: its screen, without blank lines, bounded. */
export async function renderLastWords(output: string, size: ScreenSize): Promise<string> {
  const text = await renderScreen(output, size, 200)
  return text.split('\n').filter(line => line.trim() !== '').slice(-12).join('\n').slice(-2000)
}
