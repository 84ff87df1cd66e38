/** What happened, line by line: hashed always, kept when somebody wants to read it. */

import { createHash } from 'node:crypto'

export interface Trace {
  note(kind: string, what: unknown): void
  /** Equal for two runs exactly when every line was. */
  digest(): string
  readonly lines: readonly string[]
}

export function createTrace(now: () => number, keep: boolean): Trace {
  const hash = createHash('sha256')
  const startAt = now()
  const lines: string[] = []
  return {
    note: (kind, what) => {
      const line = `${String(now() - startAt).padStart(8)} ${kind.padEnd(8)} ${typeof what === 'string' ? what : JSON.stringify(what)}`
      hash.update(line)
      if (keep) lines.push(line)
    },
    digest: () => hash.copy().digest('hex'),
    lines,
  }
}
