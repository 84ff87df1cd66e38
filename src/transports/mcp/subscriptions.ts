/**
 * What one session wants to be told of: resources it subscribed to, and whether the list of them is another. It hears of agents by
 * the facade's watch, as far as its caller's rights reach, and says no oftener than once a second what has changed; what is new is
 * read by who cares.
 */

import type { Happening, MadroxSystem, Watch } from '../../actors/system.ts'
import type { Clock } from '../../clock.ts'
import type { AgentId } from '../../ids.ts'
import type { Caller } from '../../messages.ts'
import { createThrottle, type Throttle } from './throttle.ts'

export interface Subscriptions {
  /** Repeated: as once. `of`: whose changes are the resource's; none: it never changes. */
  add(caller: Caller, uri: string, of: AgentId | 'tree' | undefined): void
  remove(uri: string): void
  /** The list was read: from now on its changes matter. */
  listed(caller: Caller): void
  stop(): void
}

export interface SubscriptionsOptions {
  readonly system: MadroxSystem
  readonly clock: Clock
  readonly updated: (uri: string) => void
  readonly listChanged: () => void
}

/** Of one resource, and of the list. Milliseconds. */
export const updatesEveryMs = 1_000

export function createSubscriptions({ system, clock, updated, listChanged }: SubscriptionsOptions): Subscriptions {
  const subscribed = new Map<string, { readonly of: AgentId | 'tree' | undefined; readonly throttle: Throttle }>()
  const list = createThrottle(clock, updatesEveryMs, listChanged)
  let wasListed = false
  let watch: Watch | undefined
  const tell = (of: AgentId | 'tree'): void => {
    for (const entry of subscribed.values()) if (entry.of === of) entry.throttle.ask()
  }
  const begin = (caller: Caller): void => {
    watch ??= system.inspect(caller, {
      happened: happening => {
        if (showsInTree(happening)) tell('tree')
        tell(happening.agentId)
        if (wasListed && happening.type !== 'changed') list.ask()
      },
      touched: tell,
      renamed: () => {
        tell('tree')
        if (wasListed) list.ask()
      },
    })
  }
  return {
    add(caller, uri, of) {
      begin(caller)
      if (subscribed.get(uri)?.of === of && subscribed.has(uri)) return // its second has not passed for that
      subscribed.get(uri)?.throttle.stop()
      subscribed.set(uri, { of, throttle: createThrottle(clock, updatesEveryMs, () => updated(uri)) })
    },
    remove(uri) {
      subscribed.get(uri)?.throttle.stop()
      subscribed.delete(uri)
    },
    listed(caller) {
      begin(caller)
      wasListed = true
    },
    stop() {
      watch?.stop()
      list.stop()
      for (const { throttle } of subscribed.values()) throttle.stop()
      subscribed.clear()
    },
  }
}

/** Of states it has the outer ones. */
const showsInTree = (happening: Happening): boolean => happening.type !== 'changed' || outer(happening.from) !== outer(happening.to)
const outer = (state: string | undefined): string | undefined => state?.split('.')[0]
