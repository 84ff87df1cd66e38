/**
 * How the program in the PTY tells its driver what happens: a private OSC with a fact in it, in order with everything it shows.
 * The key is a secret of the two, because whatever else writes to the terminal could say the same words.
 */

import { createOscReader } from '../pty/osc.ts'

const bell = '\x07'
const startOf = (key: string): string => `\x1b]7502;${key};`

/** Plain ASCII: a control character of the C1 range would end the sequence early in some terminals. */
export function toOsc(key: string, event: object): string {
  const json = JSON.stringify(event).replace(/[\u007f-\uffff]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return startOf(key) + json + bell
}

/** Feeds on output in pieces of any size, and hands out what the sequences carry. */
export const createFactReader = (key: string, onEvent: (event: unknown) => void): ((chunk: string) => void) =>
  createOscReader(startOf(key), body => onEvent(JSON.parse(body)))
