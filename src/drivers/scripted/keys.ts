/** What is typed into the program: bracketed pastes and keys, in pieces of any size. Enter submits the line, Ctrl-C interrupts, Ctrl-U clears. */

const pasteStart = '\x1b[200~'
const pasteEnd = '\x1b[201~'

export interface KeyListener {
  submit(line: string): void
  interrupt(): void
  /** A key on an empty line; true: it was taken and is not text. */
  key(char: string): boolean
}

export function createKeyReader(listener: KeyListener): (chunk: string) => void {
  let line: string[] = []
  let pending = ''
  let isPasting = false
  const readPaste = (): boolean => {
    const at = pending.indexOf(pasteEnd)
    const taken = at < 0 ? Math.max(0, pending.length - pasteEnd.length + 1) : at // an end may be cut in two
    line.push(pending.slice(0, taken))
    pending = pending.slice(at < 0 ? taken : at + pasteEnd.length)
    isPasting = at < 0
    return at >= 0
  }
  const readKey = (): boolean => {
    if (pending.startsWith(pasteStart)) {
      pending = pending.slice(pasteStart.length)
      isPasting = true
      return true
    }
    const char = pending[0]
    if (char === undefined || (pending.length < pasteStart.length && pasteStart.startsWith(pending))) return false
    pending = pending.slice(1)
    take(char)
    return true
  }
  const take = (char: string): void => {
    if (char === '\r') {
      const text = line.join('')
      line = []
      if (text !== '') listener.submit(text)
    } else if (char === '\x03') listener.interrupt()
    else if (char === '\x15') line = []
    else if (char === '\x7f') line = [line.join('').slice(0, -1)]
    else if (line.length > 0 || !listener.key(char)) line.push(char)
  }
  return chunk => {
    pending += chunk
    while (isPasting ? readPaste() : readKey());
  }
}
