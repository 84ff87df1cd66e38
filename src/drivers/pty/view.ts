/**
 * One viewer's terminal as it was last told: only rows that changed are told again. What a viewer's terminal shows follows from
 * what it was told alone, so a viewer that missed something is told everything anew.
 */

import type { MirroredScreen } from './mirror.ts'
import { plainInputModes } from './mirror.ts'
import type { ScreenSize } from './screen.ts'

export interface View {
  readonly size: ScreenSize
  /** What brings the viewer's terminal from what it shows to this; empty: nothing changed. `typing`: its keys go to the program. */
  update(screen: MirroredScreen, typing: boolean): string
}

/** A terminal that does not know synchronised updates passes over these. */
const beginUpdate = '\x1b[?2026h'
const endUpdate = '\x1b[?2026l'

export function createView(size: ScreenSize): View {
  let shown: readonly string[] | undefined
  let lastEnd = ''
  return {
    size,
    update({ rows, cursor, inputModes }, typing) {
      const wanted = Array.from({ length: size.rows }, (_, row) => rows[row] ?? '')
      const changed = wanted.flatMap((text, row) => (shown?.[row] === text ? [] : [`\x1b[${row + 1};1H\x1b[0m\x1b[2K${text}`]))
      const end = [
        plainInputModes, typing ? inputModes : '',
        `\x1b[${cursor.row + 1};${cursor.column + 1}H`, cursor.isVisible ? '\x1b[?25h' : '\x1b[?25l',
      ].join('')
      if (changed.length === 0 && end === lastEnd) return ''
      // No wrapping: where the viewer's terminal takes a character for wider than ours does, its row is cut, and the next is unharmed.
      const begin = shown ? '' : '\x1b[?7l\x1b[0m\x1b[2J'
      shown = wanted
      lastEnd = end
      return `${beginUpdate}\x1b[?25l${begin}${changed.join('')}${end}${endUpdate}`
    },
  }
}
