/**
 * One input box: keys in, text and cursor out. Keys, words and wide characters are Node's readline's business; what it lacks here
 * is text of several lines, which a paste or Alt-Enter makes.
 */

import { createInterface, type Key } from 'node:readline'
import { Readable } from 'node:stream'

export interface Editor {
  /** What a terminal sent, in pieces of any size. */
  type(data: string): void
  /** As it would be submitted. */
  text(): string
  /** Where the next character goes, in UTF-16 units of `text`. */
  cursor(): number
  clear(): void
  close(): void
}

export interface EditorOptions {
  /** Enter, and there is text. False: it stays in the box. */
  readonly onSubmit: (text: string) => boolean
  /** Escape or Ctrl-C. */
  readonly onInterrupt: () => void
  readonly onChange: () => void
}

/** Stands for a line break in a line, since readline takes every break for Enter. Of a private plane: no keyboard has it. */
const breakMark = '\u{e00a}'
/** Behind an Escape, what comes by then belongs to it. Milliseconds. */
const escapeMs = 50
/** End of file, which would close it. */
const endOfFile = '\x04'

export function createEditor({ onSubmit, onInterrupt, onChange }: EditorOptions): Editor {
  const keys = new Readable({ read() {} })
  const line = createInterface({ input: keys, terminal: true, prompt: '', historySize: 0, escapeCodeTimeout: escapeMs })
  let isPasting = false
  const text = (): string => line.line.replaceAll(breakMark, '\n')

  line.on('line', entered => {
    if (isPasting) return line.write(entered + breakMark)
    const submitted = entered.replaceAll(breakMark, '\n')
    if (submitted.trim() !== '' && !onSubmit(submitted)) line.write(entered)
  })
  line.on('SIGINT', () => {
    if (!isPasting) onInterrupt()
  })
  keys.on('keypress', (_: string | undefined, { name, meta }: Key) => {
    if (name === 'paste-start' || name === 'paste-end') isPasting = name === 'paste-start'
    else if (name === 'return' && meta) line.write(breakMark)
    else if (name === 'escape' && !isPasting) onInterrupt()
    onChange()
  })

  return {
    type: data => void keys.emit('data', Buffer.from(data.replaceAll(endOfFile, '').replaceAll('\r\n', '\r'))), // at once: what was typed is there when this returns
    text,
    cursor: () => line.cursor,
    clear() {
      line.write(null, { ctrl: true, name: 'e' })
      line.write(null, { ctrl: true, name: 'u' })
    },
    close: () => line.close(),
  }
}
