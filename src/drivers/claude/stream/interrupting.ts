/** Interrupts by request. The CLI says at once that it has heard one; that the turn is over, its result says. */

import type { Clock } from '../../../clock.ts'
import type { SourcedFact } from '../../facts.ts'
import type { Channel } from './channel.ts'
import type { TurnTracker } from './turns.ts'

/** One that comes in the instant a prompt is taken up may be overtaken by it. */
const repeatMs = 2_000
const mostAsked = 5

export interface Interrupting {
  /** Of a turn that runs, or of a prompt that is about to be taken up. */
  request(requestId: string): void
  /** The same without anyone asking: before the process is ended. */
  cut(): void
  /** What was asked for while nothing could be interrupted is due. */
  begin(): void
  /** Behind the fact of it. */
  turnEnded(fact: SourcedFact<'turnEnded'>): void
  isActive(): boolean
}

export interface InterruptingOptions {
  readonly clock: Clock
  readonly turns: TurnTracker
  readonly channel: Pick<Channel, 'request'>
  /** The running turn has its result already: an interrupt now would meet the next one. */
  readonly isOver: () => boolean
  readonly tell: (fact: SourcedFact<'interruptFinished'>) => void
}

export function createInterrupting({ clock, turns, channel, isOver, tell }: InterruptingOptions): Interrupting {
  const requested: string[] = []
  let active: { readonly turnId: string; readonly requestIds: string[]; asked: number } | undefined

  const finish = (requestIds: readonly string[], wasInTurn: boolean): void => {
    for (const requestId of requestIds) tell({ type: 'interruptFinished', source: 'protocol', requestId, wasInTurn })
  }
  const ask = (): void => {
    const asking = active
    if (!asking || isOver() || asking.asked === mostAsked) return
    asking.asked += 1
    channel.request({ subtype: 'interrupt' })
    clock.setTimeout(() => {
      if (active === asking) ask()
    }, repeatMs)
  }
  const cut = (): void => {
    const turn = turns.current()
    if (!turn || active) return
    active = { turnId: turn.turnId, requestIds: [], asked: 0 }
    ask()
  }
  const begin = (): void => {
    if (requested.length === 0) return
    cut()
    const requestIds = requested.splice(0)
    if (active) active.requestIds.push(...requestIds)
    else finish(requestIds, false)
  }

  return {
    request(requestId) {
      requested.push(requestId)
      if (!turns.expected()) begin() // else once it is taken up or given up
    },
    cut,
    begin,
    turnEnded({ turnId, status }) {
      if (active?.turnId !== turnId) return
      const { requestIds } = active
      active = undefined
      finish(requestIds, status === 'interrupted') // it may have ended by itself meanwhile
    },
    isActive: () => active !== undefined,
  }
}
