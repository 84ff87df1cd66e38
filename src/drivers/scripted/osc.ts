/**
 * How the program in the PTY tells its driver what happens: a private OSC with a fact in it, in order with everything it shows.
 * The key is a secret of the two, because whatever else writes to the terminal could say the same words.
 */

const bell = '\x07'
const startOf = (key: string): string => `\x1b]7502;${key};`

/** Plain ASCII: a control character of the C1 range would end the sequence early in some terminals. */
export function toOsc(key: string, event: object): string {
  const json = JSON.stringify(event).replace(/[\u007f-\uffff]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return startOf(key) + json + bell
}

/** Feeds on output in pieces of any size, and hands out what the sequences carry. */
export function createOscReader(key: string, onEvent: (event: unknown) => void): (chunk: string) => void {
  const start = startOf(key)
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
    const at = pending.indexOf(bell)
    open.push(at < 0 ? pending : pending.slice(0, at))
    pending = at < 0 ? '' : pending.slice(at + 1)
    if (at < 0) return false
    parts = undefined
    onEvent(JSON.parse(open.join('')))
    return true
  }
  return chunk => {
    pending += chunk
    while (parts ? inside(parts) : outside());
  }
}
