/**
 * One input box: keys in, text and cursor out. Keys, words and wide characters are Node's readline's business; what it lacks here
 * is text of several lines, which a paste or Alt-Enter makes. A paste is text and never keys, whatever is in it.
 */

import { createInterface, type Key } from 'node:readline'
import { Readable } from 'node:stream'
import { toPieces } from '../pty/input.ts'
import { createPasting } from './pasting.ts'

export interface Editor {
  /** What a terminal sent, in pieces of any size. */
  type(data: string): void
  /** As it would be submitted. */
  text(): string
  /** Where the next character goes, in UTF-16 units of `text`. */
  cursor(): number
  /** No text, and none on its way. */
  isEmpty(): boolean
  /** It takes no more text. */
  isFull(): boolean
  /** Who typed types no more: an Escape or a paste that is half sent is all there is of it, and touches nothing of the next one's. */
  release(): void
  clear(): void
  close(): void
}

export interface EditorOptions {
  /** Enter, and there is text. False: it stays in the box. */
  readonly onSubmit: (text: string) => boolean
  /** Escape or Ctrl-C. */
  readonly onInterrupt: () => void
  /** The box is empty, or has its first character. */
  readonly onBegun: () => void
  /** At the end of what was typed at once. */
  readonly onChange: () => void
}

/** What one box takes by typing and pasting. Readline keeps two thousand states of its text, so that each can be undone. UTF-16 units. */
export const mostText = 100_000
/** Stands for a line break in a line, since readline takes every break for Enter. No character of Unicode, nor ever one. */
const breakMark = '\ufdd0'
/** Behind an Escape, what comes by then belongs to it. Milliseconds. */
const escapeMs = 50
const escape = '\x1b'
/** Puts in again what was taken out: up to another whole text. */
const yank = '\x19'
/** Behind which it is to be seen what a key has done. The first is the last of the mark of a paste's beginning. */
const stops = /[~\x19]/
const hasKey = /[\0-\x1f\x7f]/
/** Ends a key that is half sent, and is none by itself. */
const noKey = '\0'
/** Neither keys nor text: an end of file would close readline, Ctrl-Z would stop this whole process, the others a terminal takes for commands. */
const nothing = /[\x04\x1a\x1c\x1d\x80-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufdd0]/g
/** What is taken between two looks at how much text there is: readline counts through all of it at the end of each. UTF-16 units. */
const [fewest, most] = [32, 1024]

export function createEditor({ onSubmit, onInterrupt, onBegun, onChange }: EditorOptions): Editor {
  const keys = new Readable({ read() {} })
  const line = createInterface({ input: keys, terminal: true, prompt: '', historySize: 0, escapeCodeTimeout: escapeMs })
  let isClosed = false
  /** Whether it is one is known when nothing has come behind it. */
  let isEscapeOpen = false
  const room = (): number => mostText - line.line.length
  const insert = (text: string): void => {
    const fitting = text.replaceAll(breakMark, '').slice(0, Math.max(0, room())).replace(/[\ud800-\udbff]$/, '')
    if (!isClosed && fitting !== '') line.write(fitting.replaceAll('\n', breakMark))
  }
  const pasting = createPasting(2 * mostText)

  line.on('line', entered => {
    const submitted = toText(entered)
    if (submitted.trim() !== '' && !onSubmit(submitted)) line.write(entered)
  })
  line.on('SIGINT', onInterrupt)
  const interruptByEscape = (): void => {
    if (!isEscapeOpen || isClosed) return
    isEscapeOpen = false
    onInterrupt()
  }
  keys.on('keypress', (_: string | undefined, { name, meta }: Key) => {
    if (name === 'paste-start') pasting.begin()
    else if (name === 'return' && meta) insert('\n')
    else if (name === 'escape') interruptByEscape()
    if (line.line.length <= 1) onBegun()
  })
  /** At once: what was typed is there when this returns. */
  const press = (data: string): void => {
    for (let rest = data.replace(nothing, ''); rest !== ''; ) {
      const before = line.line.length
      const [piece = ''] = toPieces(rest.slice(0, most + 1), { characters: Math.min(most, Math.max(fewest, room())), lineFeeds: most })
      rest = rest.slice(piece.length)
      if (room() <= 0 && !hasKey.test(piece)) continue
      keys.emit('data', Buffer.from(room() < mostText / 2 ? piece.replace(yank, '') : piece))
      for (let back = 0; back < most && line.line.length > Math.max(before, mostText); back++) line.write(null, { name: 'backspace' })
    }
  }

  return {
    type(data) {
      if (isClosed) return
      isEscapeOpen = false
      let rest = data
      while (rest !== '') {
        if (pasting.isOpen()) {
          const { pasted, behind } = pasting.take(rest)
          insert(pasted)
          rest = behind
        } else {
          const end = rest.search(stops) + 1 || rest.length
          press(rest.slice(0, end))
          rest = rest.slice(end)
          isEscapeOpen = rest === '' && data.endsWith(escape)
        }
      }
      onChange()
    },
    text: () => toText(line.line),
    cursor: () => line.cursor,
    isEmpty: () => line.line === '' && !pasting.isOpen(),
    isFull: () => room() < 2, // half a character is none
    release() {
      insert(pasting.end())
      interruptByEscape()
      press(noKey)
      onChange()
    },
    clear() {
      pasting.end()
      line.write(null, { ctrl: true, name: 'e' })
      line.write(null, { ctrl: true, name: 'u' })
    },
    close() {
      isClosed = true
      isEscapeOpen = false
      line.close()
    },
  }
}

/** Readline's words may end within a character of two units. */
const toText = (line: string): string => Buffer.from(line.replaceAll(breakMark, '\n')).toString()
