/** What is answered to who attaches while there is no terminal yet. */

import type { TerminalUse } from '../driver.ts'
import type { BareFact } from '../facts.ts'

export function refuseTerminal(tell: (fact: BareFact<'terminalClosed'>) => void, viewerId: string, use: TerminalUse): void {
  if (use.action === 'attach') tell({ type: 'terminalClosed', viewerId, detail: 'It is not up yet.' })
}
