/**
 * Watching the tree: the newest happenings are kept, so that who comes later sees the recent past, and told to each watcher as
 * far as its rights reach.
 */

import { randomBytes } from 'node:crypto'
import { wordsOf } from '../errors.ts'
import type { AgentId } from '../ids.ts'
import type { Caller } from '../messages.ts'
import type { Core } from './core.ts'
import { isWithin } from './directory.ts'
import type { Happening, Watch, Watcher } from './facade.ts'
import { type BareHappening, observeAgents } from './observing.ts'

/** Some 300 bytes each; a team of ten changes state a few thousand times in an hour of work. */
export const keptHappenings = 2_000

/** Of a started tree. `also`: hears of every happening. */
export function createInspecting(core: Core, also: (happening: Happening) => void = () => {}): (caller: Caller, watcher: Watcher, after?: string) => Watch {
  const memory = createMemory(keptHappenings)
  const watching = new Set<{ readonly caller: Caller; readonly watcher: Watcher }>()
  const maySee = (caller: Caller, id: AgentId): boolean => {
    const row = core.rows.get(id)
    return row !== undefined && isWithin(core, caller, row, 'see')
  }
  const tell = (id: AgentId, say: (watcher: Watcher) => void): void => {
    for (const entry of watching) {
      if (!maySee(entry.caller, id)) continue
      try {
        say(entry.watcher)
      } catch (error) {
        // Neither the actor nor the other watchers have a part in it.
        watching.delete(entry)
        core.log.error('a watcher failed, and is told no more', { reason: wordsOf(error) })
      }
    }
  }

  observeAgents(core, {
    happened: bare => {
      const happening = memory.add(bare, core.rows.get(bare.agentId)?.name ?? bare.agentId)
      tell(bare.agentId, watcher => watcher.happened(happening))
      also(happening)
    },
    touched: agentId => tell(agentId, watcher => watcher.touched(agentId)),
    renamed: agentId => tell(agentId, watcher => watcher.renamed?.(agentId)),
  })
  return (caller, watcher, after) => {
    const { happenings, complete } = memory.after(after)
    const entry = { caller, watcher }
    watching.add(entry)
    return { past: happenings.filter(({ agentId }) => maySee(caller, agentId)), complete, stop: () => void watching.delete(entry) }
  }
}

/** The newest happenings, each numbered; the numbers of another run of Madrox are told apart by their beginning. */
function createMemory(capacity: number) {
  const run = randomBytes(6).toString('hex')
  const kept: Happening[] = []
  let count = 0
  /** The number of an id of this run that is not beyond what happened. */
  const numberOf = (id: string): number | undefined => {
    const [, ofRun, digits] = /^([0-9a-f]+)-([0-9]+)$/.exec(id) ?? []
    return ofRun === run && Number(digits) <= count ? Number(digits) : undefined
  }
  return {
    add: (bare: BareHappening, name: string): Happening => {
      const happening: Happening = { ...bare, name, id: `${run}-${++count}` }
      kept.push(happening)
      if (kept.length > capacity) kept.shift()
      return happening
    },
    /** `complete`: nothing is missing between that id and the first of these. */
    after: (id: string | undefined): { readonly happenings: readonly Happening[]; readonly complete: boolean } => {
      const number = id === undefined ? 0 : numberOf(id)
      const forgotten = count - kept.length
      if (number === undefined || number < forgotten) return { happenings: [...kept], complete: false }
      return { happenings: kept.slice(number - forgotten), complete: true }
    },
  }
}
