/**
 * Who a REST caller is to the system. Without a session it is its owner, whose agents have no supervisor but those the design
 * finds for them; one that names itself (the command line does) is a client like any other, with an inbox and a place to stand.
 */

import type { MadroxSystem } from '../../actors/system.ts'
import { MadroxError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Caller } from '../../messages.ts'
import { cwdHeader } from '../mcp/endpoint.ts'
import { createClientPresence, pathOfFileUri, type Presence } from '../mcp/presence.ts'

/** Set by a caller that wants to be found again: with the same name and directory it has its inbox back. */
export const clientHeader = 'x-madrox-client'

/** A name, as MCP's clients have one. */
const plainName = /^[\w .-]{1,80}$/

export interface RestCallers {
  /** @throws MadroxError `invalid_input`. `leave`: its answer is out, or nobody waits for it any more. */
  enter(principal: Caller, headers: Headers): { readonly caller: Caller; leave(): void }
}

export function createRestCallers(system: MadroxSystem, log: Log): RestCallers {
  const present = new Map<string, { readonly presence: Presence; calls: number }>()
  return {
    enter(principal, headers) {
      const name = headers.get(clientHeader)
      if (principal.kind !== 'owner' || name === null) return { caller: principal, leave() {} }
      if (!plainName.test(name)) throw new MadroxError('invalid_input', `${clientHeader} is no name of a client.`, { remedy: 'Use letters, digits, spaces, dots and hyphens, 80 at most; or leave it out.' })
      const cwd = pathOfFileUri(headers.get(cwdHeader) ?? '')
      const key = `${principal.ownerId} ${name} ${cwd ?? ''}`
      // Calls at the same time are of one client.
      const entry = present.get(key) ?? { presence: createClientPresence(system, principal, name, cwd, log), calls: 0 }
      const caller = entry.presence.caller()
      present.set(key, entry)
      entry.calls++
      return {
        caller,
        leave() {
          if (--entry.calls > 0) return
          present.delete(key)
          entry.presence.leave()
        },
      }
    },
  }
}
