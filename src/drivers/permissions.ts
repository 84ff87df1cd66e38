/** Permission requests a CLI waits on in a `PermissionRequest` hook, whose answer is the same for all our CLIs: each held until it is answered, or until nobody waits for it any more. */

import { randomUUID } from 'node:crypto'
import type { SourcedFact } from './facts.ts'
import type { HookAnswer } from './hooks.ts'

export interface Approvals {
  /** Asks; the promise is the hook's answer. */
  hold(tool: string, detail: string, gone: AbortSignal): Promise<HookAnswer>
  /** An id that is not open is ignored: it was answered, or its dialog is gone. */
  answer(approvalId: string, decision: 'allow' | 'deny', message: string | undefined): void
  count(): number
  /** Lets go of all: the dialogs are over. */
  release(): void
}

export function createApprovals(tell: (fact: SourcedFact<'approvalRequested' | 'approvalResolved'>) => void): Approvals {
  const open = new Map<string, (answer: HookAnswer) => void>()
  const settle = (approvalId: string, decision: 'allow' | 'deny' | 'gone', answer: HookAnswer): void => {
    const resolve = open.get(approvalId)
    if (!resolve) return
    open.delete(approvalId)
    tell({ type: 'approvalResolved', source: decision === 'gone' ? 'hook' : 'self', approvalId, decision })
    resolve(answer)
  }
  return {
    hold: (tool, detail, gone) => new Promise(resolve => {
      const approvalId = randomUUID()
      open.set(approvalId, resolve)
      tell({ type: 'approvalRequested', source: 'hook', approvalId, tool, detail })
      gone.addEventListener('abort', () => settle(approvalId, 'gone', {}), { once: true })
    }),
    answer: (approvalId, decision, message) => settle(approvalId, decision, {
      hookSpecificOutput: {
        hookEventName: 'PermissionRequest',
        decision: decision === 'allow' ? { behavior: 'allow' } : { behavior: 'deny', message: message ?? 'Denied.' },
      },
    }),
    count: () => open.size,
    release: () => [...open.keys()].forEach(approvalId => settle(approvalId, 'gone', {})),
  }
}
