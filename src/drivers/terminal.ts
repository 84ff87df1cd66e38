/** What a driver answers of a terminal it does not have. */

import type { TerminalUse } from './driver.ts'
import type { BareFact } from './facts.ts'

/** `instead`: what there is to look at. */
export function refuseTerminal(tell: (fact: BareFact<'terminalClosed'>) => void, viewerId: string, use: TerminalUse, instead: string): void {
  if (use.action === 'attach') tell({ type: 'terminalClosed', viewerId, detail: `It has no terminal: ${instead}` })
}
