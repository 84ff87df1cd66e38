/**
 * The terminal of an agent that lives in an app-server: there is one while somebody looks. Owns which session that is, and that none
 * is left when the agent ends.
 */

import type { PersonHold, TerminalUse } from '../../driver.ts'
import { startSession, type Session, type SessionOptions } from './session.ts'

export interface ThreadTerminal {
  use(viewerId: string, use: TerminalUse): void
  /** Why no prompt may be given now. */
  holds(): PersonHold | undefined
  /** A prompt was seen, or given up. */
  settled(): void
  /** Resolves when no process of it is left. */
  close(detail: string): Promise<void>
}

export function createThreadTerminal(options: Omit<SessionOptions, 'size' | 'onEnding'>): ThreadTerminal {
  let session: Session | undefined
  /** Those under way to their end included. */
  const sessions = new Set<Session>()
  let isClosed = false

  const start = (size: SessionOptions['size']): Session => {
    const started = startSession({
      ...options,
      size,
      onEnding: () => {
        if (session === started) session = undefined
        void started.end('').then(() => sessions.delete(started))
      },
    })
    sessions.add(started)
    return started
  }

  return {
    use(viewerId, use) {
      if (isClosed) return
      if (use.action === 'attach') session ??= start({ columns: use.columns, rows: use.rows })
      session?.use(viewerId, use)
    },
    holds: () => session?.holds(),
    settled: () => session?.settled(),
    async close(detail) {
      isClosed = true
      await Promise.all([...sessions].map(each => each.end(detail)))
    },
  }
}
