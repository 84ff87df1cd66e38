/** The contract of the part of a store that holds policies and approvals; run with that of the whole. */

import { describe, expect, test } from 'vitest'
import { asAgentId, asClientId, asOwnerId } from '../../src/ids.ts'
import type { ApprovalRow, PolicyRow } from '../../src/store/policy-store.ts'
import type { Store } from '../../src/store/store.ts'

const aPolicy = (more: Partial<PolicyRow> = {}): PolicyRow => ({ scope: 'owner:local', key: 'max_instances', value: 5, setBy: 'client:c1', at: 10, ...more })
const anApproval = (id: string, more: Partial<ApprovalRow> = {}): ApprovalRow => ({
  id, kind: 'spawn', ownerId: asOwnerId('local'), clientId: asClientId('c1'), request: { name: 'ada', deep: [null, { a: '\0 "x"' }] }, askedAt: 10, expiresAt: 20, ...more,
})

export function describePolicyStore(store: () => Store): void {
  describe('policies', () => {
    test('are kept by scope and key; a new value takes the place of the old one', () => {
      store().putPolicy(aPolicy())
      store().putPolicy(aPolicy({ scope: 'agent:ada', value: ['a*', 'b'], reason: 'a "reason"\0' }))
      store().putPolicy(aPolicy({ key: 'orchestration', value: 'off' }))
      store().putPolicy(aPolicy({ value: 3, setBy: 'agent:ada', at: 11 }))
      expect(store().listPolicies()).toStrictEqual([aPolicy({ value: 3, setBy: 'agent:ada', at: 11 }), aPolicy({ scope: 'agent:ada', value: ['a*', 'b'], reason: 'a "reason"\0' }), aPolicy({ key: 'orchestration', value: 'off' })])
    })

    test('one that is removed is gone, and no other', () => {
      store().putPolicy(aPolicy())
      store().putPolicy(aPolicy({ scope: 'agent:ada' }))
      store().removePolicy('owner:local', 'max_instances')
      store().removePolicy('owner:local', 'nothing')
      expect(store().listPolicies()).toStrictEqual([aPolicy({ scope: 'agent:ada' })])
    })
  })

  describe('approvals', () => {
    test('are open until they are settled, once, and then listed newest last', () => {
      const asked = [anApproval('a1'), anApproval('a2', { kind: 'permission', agentId: asAgentId('ada') }), anApproval('a3')] as const
      for (const row of asked) store().addApproval(row)
      expect(store().listApprovals()).toStrictEqual(asked)
      expect(store().settleApproval('a1', { decision: 'allow', by: 'owner:local', reason: 'why "not"', at: 12 })).toBe(true)
      expect(store().settleApproval('a1', { decision: 'deny', by: 'madrox', at: 13 })).toBe(false)
      expect(store().settleApproval('a3', { decision: 'gone', by: 'madrox', at: 14 })).toBe(true)
      expect(store().listApprovals()).toStrictEqual([asked[1]])
      const settled = [{ ...asked[0], settled: { decision: 'allow', by: 'owner:local', reason: 'why "not"', at: 12 } }, { ...asked[2], settled: { decision: 'gone', by: 'madrox', at: 14 } }]
      expect(store().listApprovals({ settled: 9 })).toStrictEqual(settled)
      expect(store().listApprovals({ settled: 1 })).toStrictEqual(settled.slice(1))
      expect(store().listApprovals({ settled: 0 })).toEqual([])
    })

    test('an id is used once, and only what is on record can be settled', () => {
      store().addApproval(anApproval('a1'))
      expect(() => store().addApproval(anApproval('a1'))).toThrow(expect.objectContaining({ code: 'internal' }))
      expect(() => store().settleApproval('nobody', { decision: 'deny', by: 'madrox', at: 1 })).toThrow(expect.objectContaining({ code: 'internal' }))
    })

    test('are undone with the transaction they were in, and pruned when they were settled long ago', () => {
      store().addApproval(anApproval('a1'))
      expect(() => store().transaction(() => {
        store().putPolicy(aPolicy())
        store().addApproval(anApproval('a2'))
        store().settleApproval('a1', { decision: 'allow', by: 'madrox', at: 5 })
        throw new Error('undo')
      })).toThrow('undo')
      expect([store().listPolicies(), store().listApprovals().map(({ id }) => id)]).toEqual([[], ['a1']])
      store().settleApproval('a1', { decision: 'allow', by: 'madrox', at: 5 })
      store().addApproval(anApproval('a2', { askedAt: 1 }))
      expect(store().prune(6)).toBe(1)
      expect([store().listApprovals({ settled: 9 }), store().listApprovals().map(({ id }) => id)]).toEqual([[], ['a2']])
    })
  })
}
