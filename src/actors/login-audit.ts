/** The facade's words for refused logins. Types only; `refused-logins.ts` builds what they promise. */

import type { LoginRefusal } from '../audit.ts'

/** `peer`: the address the connection came from. */
export interface RefusedLogin {
  readonly reason: LoginRefusal
  readonly peer: string
}

export interface LoginAudit {
  /** A credential, or the way a request came, was refused. Never throws, and never waits. */
  recordRefusedLogin(refused: RefusedLogin): void
}
