/**
 * Which tools one session was shown, and whether it would be shown others now. Two things decide that: the toolset, which an agent has
 * from its spawn on and a client by its URL, and whether policy lets the caller have agents at all. Only the second changes while a session
 * lasts; rights to call stay what they are, and a call of what is not shown is refused in words.
 */

import type { Tool as McpTool } from '@modelcontextprotocol/sdk/types.js'
import type { MadroxSystem } from '../../actors/system.ts'
import { wordsOf } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Caller } from '../../messages.ts'
import type { Toolset } from '../../tools/tool.ts'
import type { Listing } from './listing.ts'
import { report } from './report.ts'

export interface ShownTools {
  list(caller: Caller, override: Toolset | undefined): readonly McpTool[]
  /** Tells the client, if it was shown others than it would be now; one that never asked for them is told nothing. */
  allowedAnew(): void
}

interface Surroundings {
  readonly system: MadroxSystem
  readonly listing: Listing
  readonly log: Log
}

export function createShownTools({ system, listing, log }: Surroundings, changed: () => Promise<void>): ShownTools {
  let last: { readonly caller: Caller; readonly override: Toolset | undefined; shown: readonly McpTool[] } | undefined
  const toolsFor = (caller: Caller, override: Toolset | undefined): readonly McpTool[] =>
    listing(override ?? system.toolsetOf(caller), caller.kind, system.policy(caller).effective.orchestration?.value !== 'off')
  return {
    list(caller, override) {
      const shown = toolsFor(caller, override)
      last = { caller, override, shown }
      return shown
    },
    allowedAnew: () => report(log, 'whether a session is to be shown other tools could not be read', () => {
      const now = last && toolsFor(last.caller, last.override)
      if (!last || !now || namesOf(now) === namesOf(last.shown)) return
      last.shown = now
      changed().catch((error: unknown) => log.debug('other tools were told to nobody', { reason: wordsOf(error) }))
    }),
  }
}

const namesOf = (tools: readonly McpTool[]): string => tools.map(({ name }) => name).join()
