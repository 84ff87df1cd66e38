/**
 * Text on its way into a terminal program: what is taken out of it, and how it is pasted. The rules are those all our CLIs
 * share; what one program does to text besides is its driver's to know.
 */

const PASTE_START = '\x1b[200~'
const PASTE_END = '\x1b[201~'

/**
 * Normalises text for pasting. ANSI sequences go whole (an embedded end-of-paste would end it, and what follows be typed
 * as keys); other control characters and C1 go, because they are keys or eat the text behind them; CR and CRLF, VT and FF
 * become LF, a tab four spaces (both CLIs do the same); bidirectional controls go, because Claude Code 2.1.328 answers
 * them with a warning instead of submitting.
 */
export const sanitiseInput = (text: string): string => toCleanText(text).trimEnd()

/** The same for text that more text may follow: its end stays. */
export function toCleanText(text: string): string {
  return text
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd')
    .replace(/\r\n?|[\v\f\u0085\u2028\u2029]/g, '\n')
    .replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])?/g, '')
    .replace(/\t/g, '    ')
    .replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, '')
    .replace(/[\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/gu, '')
    .normalize('NFC')
}

/** As one bracketed paste. The text must be sanitised. */
export const toPaste = (text: string): string => PASTE_START + text + PASTE_END

export interface PieceLimits {
  readonly characters: number
  readonly lineFeeds: number
}

/** Cuts text into pieces that stay within the limits, never inside a surrogate pair. */
export function toPieces(text: string, limits: PieceLimits): string[] {
  const pieces: string[] = []
  let start = 0
  let lineFeeds = 0
  for (let at = 0; at < text.length; at++) {
    const isLineFeed = text.charCodeAt(at) === 10
    const isSecondHalf = (text.charCodeAt(at) & 0xfc00) === 0xdc00
    if ((at - start >= limits.characters && !isSecondHalf) || (isLineFeed && lineFeeds >= limits.lineFeeds)) {
      pieces.push(text.slice(start, at))
      start = at
      lineFeeds = 0
    }
    if (isLineFeed) lineFeeds += 1
  }
  if (start < text.length) pieces.push(text.slice(start))
  return pieces
}
