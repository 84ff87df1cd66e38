/** Permission requests a CLI waits on: each held until it is answered, or until nobody waits for it any more. */

import { randomUUID } from 'node:crypto'
import type { Want } from './driver.ts'
import type { SourcedFact } from './facts.ts'
import type { HookAnswer } from './hooks.ts'

/** As the CLI takes it, in whatever envelope. */
export type Verdict = { readonly behavior: 'allow' } | { readonly behavior: 'deny'; readonly message: string }

/** In a `PermissionRequest` hook; without a verdict nobody waits for one any more. */
export const toHookAnswer = (decision: Verdict | undefined): HookAnswer =>
  (decision ? { hookSpecificOutput: { hookEventName: 'PermissionRequest', decision } } : {})

export interface Asked {
  readonly tool: string
  readonly detail: string
  /** As a policy may judge it. */
  readonly wants?: readonly Want[] | undefined
}

export interface Approvals {
  /** Asks; resolves with the answer, undefined: nobody waits for one any more. */
  hold(asked: Asked, gone: AbortSignal): Promise<Verdict | undefined>
  /** An id that is not open is ignored: it was answered, or its dialog is gone. */
  answer(approvalId: string, decision: 'allow' | 'deny', message: string | undefined): void
  count(): number
  /** The one that has waited longest. */
  oldest(): string | undefined
  /** Lets go of all: the dialogs are over. */
  release(): void
}

/** `source`: what tells of requests, and of those that are gone. */
export function createApprovals(tell: (fact: SourcedFact<'approvalRequested' | 'approvalResolved'>) => void, source: 'hook' | 'protocol'): Approvals {
  const open = new Map<string, (answer: Verdict | undefined) => void>()
  const settle = (approvalId: string, decision: 'allow' | 'deny' | 'gone', answer?: Verdict): void => {
    const resolve = open.get(approvalId)
    if (!resolve) return
    open.delete(approvalId)
    tell({ type: 'approvalResolved', source: decision === 'gone' ? source : 'self', approvalId, decision })
    resolve(answer)
  }
  return {
    hold: ({ tool, detail, wants }, gone) => new Promise(resolve => {
      const approvalId = randomUUID()
      open.set(approvalId, resolve)
      tell({ type: 'approvalRequested', source, approvalId, tool, detail, ...(wants ? { wants: [...wants] } : {}) })
      gone.addEventListener('abort', () => settle(approvalId, 'gone'), { once: true })
    }),
    answer: (approvalId, decision, message) => settle(approvalId, decision, decision === 'allow' ? { behavior: 'allow' } : { behavior: 'deny', message: message ?? 'Denied.' }),
    count: () => open.size,
    oldest: () => open.keys().next().value,
    release: () => [...open.keys()].forEach(approvalId => settle(approvalId, 'gone')),
  }
}
