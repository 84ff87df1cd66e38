/** The credential of an HTTP request: a bearer token in its header, or that it shows none. Never in a URL: those are logged and shared. */

import type { MadroxSystem } from '../actors/system.ts'
import { MadroxError } from '../errors.ts'
import type { Caller } from '../messages.ts'
import type { From } from './guard.ts'

/** Who calls, or why that is nobody, which is then in the audit. */
export function authenticate(system: Pick<MadroxSystem, 'authenticate' | 'recordRefusedLogin'>, request: Request, { connection, peer }: From): Caller | MadroxError {
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.get('authorization') ?? '')
  try {
    return system.authenticate(bearer?.[1], connection)
  } catch (error) {
    if (!(error instanceof MadroxError)) throw error
    if (error.code === 'unauthenticated') system.recordRefusedLogin({ reason: bearer ? 'unknown_token' : 'no_token', peer })
    return error
  }
}

/** What goes with a 401. */
export const challenge = { 'www-authenticate': 'Bearer realm="madrox"' } as const
