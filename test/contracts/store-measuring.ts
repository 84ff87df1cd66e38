/** What every store must count. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AgentId, asAgentId, asMessageId, asOwnerId } from '../../src/ids.ts'
import type { OutcomeStatus } from '../../src/messages.ts'
import type { AuditRow, Store } from '../../src/store/store.ts'
import { aMessage, anAgent } from './store.ts'

const ada = asAgentId('ada')
const bob = asAgentId('bob')
const both = [ada, bob]

export function describeMeasuring(open: () => Store): void {
  describe('what is counted', () => {
    let store: Store
    beforeEach(() => {
      store = open()
      for (const id of [...both, asAgentId('eve')]) store.insertAgent(anAgent({ id, name: id }))
    })
    afterEach(() => store.close())

    const settled = (id: string, to: AgentId, status: OutcomeStatus, afterMs: number): void => {
      store.insertMessage(aMessage(id, { to, acceptedAt: 100 }))
      store.settleMessage(asMessageId(id), { status, text: 't', at: 100 + afterMs })
    }
    const told = (at: number, agentId: AgentId, event: string, data: AuditRow['data'] = {}): void => store.appendAudit({ at, event, agentId, data })
    const changed = (at: number, agentId: AgentId, state: string, source?: string): void => told(at, agentId, 'agent_changed', { state, ...(source ? { source } : {}) })

    test('ends by reason, of those agents alone; an unknown reason is empty', () => {
      store.updateAgent(ada, { endedAt: 5, endReason: 'asked "nicely"' })
      store.updateAgent(asAgentId('eve'), { endedAt: 5, endReason: 'asked "nicely"' })
      expect(store.countEnds(both)).toEqual([{ reason: 'asked "nicely"', count: 1 }])
      store.updateAgent(bob, { endedAt: 6 })
      expect(store.countEnds(both)).toEqual([{ reason: 'asked "nicely"', count: 1 }, { reason: '', count: 1 }])
      expect(store.countEnds([])).toEqual([])
    })

    test('outcomes, and what is open', () => {
      settled('m1', ada, 'answered', 10)
      settled('m2', bob, 'answered', 10)
      settled('m3', bob, 'failed', 10)
      settled('m4', asAgentId('eve'), 'cancelled', 10)
      store.insertMessage(aMessage('m5'))
      expect(store.countOutcomes(both)).toEqual({ answered: 2, failed: 1, open: 1 })
      expect(store.countOutcomes([])).toEqual({})
    })

    test('the times of answers, ascending, and of nothing but answers', () => {
      settled('m1', ada, 'answered', 250.5)
      settled('m2', bob, 'answered', 30)
      settled('m3', bob, 'failed', 10)
      settled('m4', asAgentId('eve'), 'answered', 1)
      expect(store.listAnswerTimes(both)).toEqual([30, 250.5])
      expect(store.listAnswerTimes([])).toEqual([])
    })

    test('busy spans: to the next state, or still running; none that was cut from outside', () => {
      changed(10, ada, 'spawning', 'command')
      changed(20, ada, 'busy', 'command')
      told(21, ada, 'message_settled', { message: 'm', status: 'answered' })
      changed(22, ada, 'spawning')
      changed(25, bob, 'busy', 'command')
      changed(30, ada, 'idle', 'hook')
      changed(40, ada, 'busy', 'command')
      changed(45, ada, 'spawning', 'command')
      told(46, ada, 'agent_recovered')
      changed(50, ada, 'busy', 'command')
      changed(60, ada, 'spawning', 'process')
      changed(70, ada, 'busy', 'command')
      told(80, ada, 'agent_ended', { reason: 'r', unasked: true })
      changed(1, asAgentId('eve'), 'busy', 'command')
      const { cursor, from, ...spans } = store.listBusySpans(both)
      expect(spans).toEqual({ ended: [{ since: 20, until: 30 }, { since: 50, until: 60 }], running: [25] })
      expect(store.listBusySpans([])).toMatchObject({ ended: [], running: [] })
      changed(90, bob, 'idle', 'hook')
      expect(store.listBusySpans(both, cursor)).toMatchObject({ ended: [{ since: 25, until: 90 }], running: [], from })
    })

    test('what was forgotten is in no number, and that some was can be seen', () => {
      changed(10, ada, 'busy', 'command')
      changed(20, ada, 'idle', 'hook')
      changed(21, ada, 'spawning', 'process')
      told(22, ada, 'call_refused', { by: 'b', tool: 't', code: 'not_found' })
      changed(30, ada, 'busy', 'command')
      told(31, ada, 'call_refused', { by: 'b', tool: 't', code: 'not_found' })
      const { from } = store.listBusySpans([ada])
      store.prune(25)
      const after = store.listBusySpans([ada])
      expect(after).toMatchObject({ ended: [], running: [30] })
      expect(after.from).not.toBe(from)
      expect([store.countRevivals([ada]), store.countRefusals({ agents: [ada] })]).toEqual([0, { not_found: 1 }])
    })

    test('refusals by their code, of agents, or of an owner with what concerns nobody', () => {
      const refused = (row: Partial<AuditRow>, code: string): void => store.appendAudit({ at: 1, event: 'call_refused', data: { by: 'b', tool: 't', code }, ...row })
      refused({ agentId: ada }, 'not_found')
      refused({ agentId: ada }, 'not_found')
      refused({ agentId: bob }, 'agent_busy')
      refused({ ownerId: asOwnerId('else') }, 'not_found')
      refused({}, 'unknown_tool')
      const owner = anAgent({ id: ada }).ownerId
      expect(store.countRefusals({ agents: [ada] })).toEqual({ not_found: 2 })
      expect(store.countRefusals({ agents: both })).toEqual({ not_found: 2, agent_busy: 1 })
      expect(store.countRefusals({ agents: [] })).toEqual({})
      expect(store.countRefusals({ ownerId: owner })).toEqual({ not_found: 2, agent_busy: 1, unknown_tool: 1 })
      expect(store.countRefusals({ ownerId: asOwnerId('else') })).toEqual({ not_found: 1, unknown_tool: 1 })
    })

    test('revivals: an entry into spawning that a fact told of, and no other', () => {
      changed(10, ada, 'spawning', 'command')
      changed(11, ada, 'spawning')
      expect(store.countRevivals(both)).toBe(0)
      changed(12, ada, 'spawning', 'process')
      changed(13, bob, 'busy', 'process')
      changed(14, asAgentId('eve'), 'spawning', 'process')
      expect(store.countRevivals(both)).toBe(1)
    })
  })
}
