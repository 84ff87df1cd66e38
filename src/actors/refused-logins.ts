/**
 * Who was refused at the door, for the audit: from where and why, and never what was shown. Anybody may knock as often as they like, so the
 * first refusal of a kind is put on record at once, and what follows from the same peer is counted and put on record together. No flood
 * adds more than some rows a window.
 */

import { type Core, ledgerActor } from './core.ts'
import type { LoginAudit, RefusedLogin } from './login-audit.ts'

export interface RefusedLogins extends LoginAudit {
  /** Puts on record what has been counted, and counts no more. */
  end(): void
}

/** What comes from the same peer for the same reason within it is one row. Milliseconds. */
export const countedForMs = 10 * 60_000
/** Told apart in one window; the others of a reason are counted as one. */
export const mostPeers = 32
export const otherPeers = 'others'

export function createRefusedLogins(core: Core, isWritable: () => boolean): RefusedLogins {
  /** Refusals that are on no record yet, and who was refused in this window at all. */
  let counted = new Map<string, RefusedLogin & { count: number; since: number }>()
  let timer: unknown
  const write = ({ reason, peer, count, since }: RefusedLogin & { readonly count: number; readonly since: number }): void =>
    ledgerActor(core).send({ type: 'audited', event: { at: core.clock.now(), event: 'login_refused', data: { reason, peer, count, ...(count > 1 ? { since } : {}) } } })
  const settle = (): void => {
    timer = undefined
    const unwritten = [...counted.values()].filter(({ count }) => count > 0)
    counted = new Map()
    if (unwritten.length === 0) return
    const isWritten = isWritable()
    // Who was counted goes on being counted: the next row is due a window later.
    for (const each of unwritten) {
      if (isWritten) write(each)
      counted.set(keyOf(each), isWritten ? { ...each, count: 0 } : each)
    }
    timer = core.clock.setTimeout(settle, countedForMs)
  }
  const known = (refused: RefusedLogin): RefusedLogin => (counted.has(keyOf(refused)) || counted.size < mostPeers ? refused : { ...refused, peer: otherPeers })
  return {
    recordRefusedLogin: refused => {
      const { reason, peer } = known(refused)
      const key = keyOf({ reason, peer })
      const before = counted.get(key)
      const now = core.clock.now()
      timer ??= core.clock.setTimeout(settle, countedForMs)
      if (before) {
        if (before.count === 0) before.since = now
        before.count += 1
      } else if (isWritable()) {
        write({ reason, peer, count: 1, since: now })
        counted.set(key, { reason, peer, count: 0, since: now })
      } else counted.set(key, { reason, peer, count: 1, since: now })
    },
    end: () => {
      core.clock.clearTimeout(timer)
      if (isWritable()) for (const each of counted.values()) if (each.count > 0) write(each)
      counted = new Map()
    },
  }
}

const keyOf = ({ reason, peer }: RefusedLogin): string => `${reason} ${peer}`
