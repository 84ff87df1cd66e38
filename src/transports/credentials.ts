/** The credential of an HTTP request: a bearer token in its header, or that it shows none. Never in a URL: those are logged and shared. */

import type { Connection, MadroxSystem } from '../actors/system.ts'
import { MadroxError } from '../errors.ts'
import type { Caller } from '../messages.ts'

/** Who calls, or why that is nobody. */
export function authenticate(system: Pick<MadroxSystem, 'authenticate'>, request: Request, connection: Connection): Caller | MadroxError {
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.get('authorization') ?? '')
  try {
    return system.authenticate(bearer?.[1], connection)
  } catch (error) {
    if (error instanceof MadroxError) return error
    throw error
  }
}

/** What goes with a 401. */
export const challenge = { 'www-authenticate': 'Bearer realm="madrox"' } as const
