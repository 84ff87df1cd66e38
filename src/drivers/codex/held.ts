/** The requests of one thread that wait for a decision. */

import type { BareFact } from '../facts.ts'
import type { Asked } from '../permissions.ts'
import { toApprovalResponse, toDecision, type Decision } from './approvals.ts'
import type { ApprovalRequest } from './protocol.ts'
import type { RequestId, Rpc } from './rpc.ts'

export interface HeldRequests {
  readonly size: number
  /** Of one that waits for a decision. */
  toolOf(approvalId: string): string | undefined
  /** False: it is held already. */
  hold(requestId: RequestId, request: ApprovalRequest, asked: Asked): boolean
  answer(approvalId: string, decision: Decision): void
  /** In codex's own form. False: nothing is held under that id, it is answered already, or the answer says more than was asked. */
  answerAs(requestId: RequestId, result: unknown): boolean
  /** The server no longer waits for it, answered or not. */
  resolve(requestId: RequestId): void
  /** It no longer waits for any. */
  resolveAll(): void
}

interface Held {
  readonly requestId: RequestId
  readonly request: ApprovalRequest
  readonly tool: string
  decision?: Decision['decision']
}

export function createHeldRequests(rpc: Pick<Rpc, 'respond'>, tell: (fact: BareFact) => void): HeldRequests {
  const held = new Map<string, Held>()
  const settle = (approvalId: string, { decision = 'gone' }: { readonly decision?: Decision['decision'] | 'gone' }): void => {
    held.delete(approvalId)
    tell({ type: 'approvalResolved', approvalId, decision })
  }
  return {
    get size() {
      return held.size
    },
    toolOf(approvalId) {
      const one = held.get(approvalId)
      return one?.decision ? undefined : one?.tool
    },
    hold(requestId, request, { tool, detail, wants }) {
      const subject = 'itemId' in request.params ? request.params.itemId : request.params.serverName
      // Whoever resumes a thread is told again what it waits for: so a terminal that shows it does.
      if ([...held.values()].some(one => one.requestId === requestId)) return false
      // Request ids begin anew with each server process; the item's id is the thread's own.
      const approvalId = `${subject}/${requestId}`
      held.set(approvalId, { requestId, request, tool })
      tell({ type: 'approvalRequested', approvalId, tool, detail, ...(wants ? { wants: [...wants] } : {}) })
      return true
    },
    answer(approvalId, decision) {
      const one = held.get(approvalId)
      if (!one || one.decision) return
      one.decision = decision.decision
      rpc.respond(one.requestId, toApprovalResponse(one.request, decision))
    },
    answerAs(requestId, result) {
      const one = [...held.values()].find(each => each.requestId === requestId)
      const decision = one && !one.decision ? toDecision(one.request, result) : undefined
      if (!one || decision === undefined || typeof result !== 'object' || result === null) return false
      one.decision = decision
      rpc.respond(requestId, result)
      return true
    },
    resolve(requestId) {
      for (const [approvalId, one] of held) if (one.requestId === requestId) settle(approvalId, one)
    },
    resolveAll() {
      for (const [approvalId, one] of held) settle(approvalId, one)
    },
  }
}
