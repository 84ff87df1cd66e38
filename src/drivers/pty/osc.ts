/** Operating system commands in a terminal's output: how a program tells its terminal, or us, what no screen shows. */

/** BEL, or ESC and a backslash: programs use either. */
const end = /\x07|\x1b\\/

/** Feeds on output in pieces of any size, and hands out the bodies of the sequences that begin with `start`. */
export function createOscReader(start: string, onBody: (body: string) => void): (chunk: string) => void {
  let parts: string[] | undefined
  let pending = ''
  const outside = (): boolean => {
    const at = pending.indexOf(start)
    if (at < 0) {
      pending = pending.slice(-(start.length - 1)) // a start may be cut in two
      return false
    }
    pending = pending.slice(at + start.length)
    parts = []
    return true
  }
  const inside = (open: string[]): boolean => {
    const found = end.exec(pending)
    if (!found) {
      const kept = pending.endsWith('\x1b') ? 1 : 0 // an end may be cut in two as well
      open.push(pending.slice(0, pending.length - kept))
      pending = pending.slice(pending.length - kept)
      return false
    }
    open.push(pending.slice(0, found.index))
    pending = pending.slice(found.index + found[0].length)
    parts = undefined
    onBody(open.join(''))
    return true
  }
  return chunk => {
    pending += chunk
    while (parts ? inside(parts) : outside());
  }
}
