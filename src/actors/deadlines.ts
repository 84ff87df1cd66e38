/**
 * One actor for every deadline of the system: it keeps absolute times and one timer. XState's own `after` is not used,
 * because each stopped actor scans all scheduled events of its system.
 */

import { type AnyActorRef, fromCallback } from 'xstate'
import type { Clock } from '../clock.ts'
import type { DeadlinesEvent } from '../machines/effects.ts'

type Deadline = Extract<DeadlinesEvent, { type: 'setDeadline' }> & { readonly at: number }

// Beyond this, timers fire at once (a 32-bit signed delay); a later deadline is looked at again then.
const longestDelayMs = 2 ** 31 - 1

export const createDeadlines = (clock: Clock) =>
  fromCallback<DeadlinesEvent>(({ receive, system }) => {
    const deadlines = new Map<string, Deadline>()
    let timer: unknown
    let armedFor = Number.POSITIVE_INFINITY

    const rearm = (): void => {
      if (timer !== undefined) clock.clearTimeout(timer)
      timer = undefined
      armedFor = Math.min(...[...deadlines.values()].map(({ at }) => at))
      if (deadlines.size > 0) timer = clock.setTimeout(fire, Math.min(Math.max(0, armedFor - clock.now()), longestDelayMs))
    }
    const fire = (): void => {
      const at = clock.now()
      const due = [...deadlines.values()].filter(deadline => deadline.at <= at).toSorted((a, b) => a.at - b.at)
      for (const { key } of due) deadlines.delete(key)
      rearm()
      for (const { notify, event } of due) (system.get(notify) as AnyActorRef | undefined)?.send({ ...event, at }) // an actor that has ended needs no reminder
    }

    receive(event => {
      if (event.type === 'clearDeadline') {
        if (deadlines.delete(event.key)) rearm()
        return
      }
      const at = typeof event.at === 'number' ? event.at : clock.now() + event.at.afterMs
      deadlines.set(event.key, { ...event, at })
      if (at < armedFor) rearm()
    })
    return () => {
      if (timer !== undefined) clock.clearTimeout(timer)
    }
  })
