/** A bracketed paste on its way in, behind the mark of its beginning: where it ends, and what text it is. */

import { toCleanText } from '../pty/input.ts'

export interface Pasting {
  begin(): void
  isOpen(): boolean
  /** `pasted`: the whole of it, when its end is there. `behind`: what comes after that. */
  take(data: string): { readonly pasted: string; readonly behind: string }
  /** Its end will not come; returns what has. */
  end(): string
}

const endMark = '\x1b[201~'

/** Keeps little more than `most` UTF-16 units of one, whatever its length. */
export function createPasting(most: number): Pasting {
  let taken: string | undefined
  /** May be the beginning of the mark of its end. */
  let undecided = ''
  const conclude = (): string => {
    const text = toCleanText(taken ?? '')
    taken = undefined
    undecided = ''
    return text
  }
  return {
    begin: () => void (taken = ''),
    isOpen: () => taken !== undefined,
    take(data) {
      const all = undecided + data
      const at = all.indexOf(endMark)
      const until = at < 0 ? Math.max(0, all.length - endMark.length + 1) : at
      taken = `${taken}${all.slice(0, Math.max(0, Math.min(until, most - (taken ?? '').length)))}`
      undecided = all.slice(until)
      return at < 0 ? { pasted: '', behind: '' } : { pasted: conclude(), behind: all.slice(at + endMark.length) }
    },
    end() {
      taken = `${taken ?? ''}${undecided.replace(/\x1b.*$/s, '')}`
      return conclude()
    },
  }
}
