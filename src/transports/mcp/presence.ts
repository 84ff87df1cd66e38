/**
 * The actor behind an owner's session: when it is connected, where it stands, and when it is gone. A session may outlive its
 * client's presence (the process ended and said nothing) and find it again on the next request.
 */

import { fileURLToPath } from 'node:url'
import type { MadroxSystem, Person } from '../../actors/system.ts'
import type { ClientId } from '../../ids.ts'
import type { Log } from '../../log.ts'
import type { Caller } from '../../messages.ts'
import { report } from './report.ts'

export interface Presence {
  /** The caller; connects the client if it is not. */
  caller(): Caller
  /** The client told its root, a file URI. False: not one this machine can read. */
  locate(uri: string): boolean
  /** Nobody is there: another session of the same client may take over its inbox. */
  leave(): void
}

/** Agents, and clients the system already knows, are who their credential says: nothing to connect. */
export const fixedPresence = (caller: Caller): Presence => ({ caller: () => caller, locate: () => false, leave() {} })

/** `person`: whoever sits at its other end can be asked there. */
export function createClientPresence(system: MadroxSystem, owner: Caller & { kind: 'owner' }, name: string, cwd: string | undefined, log: Log, person?: () => Person): Presence {
  let root = cwd
  let clientId: ClientId | undefined
  let dismiss = (): void => {}
  return {
    caller() {
      if (clientId === undefined) {
        clientId = system.connectClient({ ownerId: owner.ownerId, name, root })
        if (person) dismiss = system.personAt(clientId, person())
      }
      return { kind: 'client', clientId, ownerId: owner.ownerId }
    },
    locate(uri) {
      const path = pathOfFileUri(uri)
      if (path === undefined) return false
      if (path === root) return true
      root = path
      if (clientId !== undefined) system.locateClient(clientId, path)
      return true
    },
    leave() {
      if (clientId === undefined) return
      const leaving = clientId
      clientId = undefined
      dismiss()
      report(log, 'a client that left could not be recorded as gone', () => system.disconnectClient(leaving))
    },
  }
}

/** The absolute path a file URI names here; nothing for other schemes, other hosts and nonsense. */
export function pathOfFileUri(uri: string): string | undefined {
  if (!URL.canParse(uri)) return undefined
  const url = new URL(uri)
  if (url.protocol !== 'file:') return undefined
  try {
    return fileURLToPath(url)
  } catch (error) {
    if (error instanceof TypeError || error instanceof URIError) return undefined // a host part, an encoded slash or a broken escape
    throw error
  }
}
