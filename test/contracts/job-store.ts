/** The contract of the part of a store that holds jobs; run with that of the whole. */

import { describe, expect, test } from 'vitest'
import { asAgentId, asClientId, asJobId, asMessageId, asOwnerId, asReplyId } from '../../src/ids.ts'
import type { Job, JobStep } from '../../src/jobs.ts'
import type { Store } from '../../src/store/store.ts'

const aJob = (id: string, more: Partial<Job> = {}): Job => ({
  id: asJobId(id), type: 'sequential', task: 'a "task"\0', coordinator: asAgentId('ada'), participants: [asAgentId('ada'), asAgentId('bob')],
  caller: { kind: 'client', clientId: asClientId('c1'), ownerId: asOwnerId('local') }, from: { kind: 'client', id: asClientId('c1') }, ownerId: asOwnerId('local'), createdAt: 10, ...more,
})
const aStep = (job: string, number: number, more: Partial<JobStep> = {}): JobStep => ({ jobId: asJobId(job), number, agentId: asAgentId('ada'), messageId: asMessageId(`${job}-${number}`), ...more })

export function describeJobStore(store: () => Store): void {
  describe('jobs', () => {
    test('are given back as they were put in, whoever called, and run until they end, once', () => {
      const byAgent = aJob('j2', { type: 'consensus', caller: { kind: 'agent', agentId: asAgentId('ada') }, from: { kind: 'agent', id: asAgentId('ada') }, subject: asMessageId('m1') })
      const byOwner = aJob('j3', { type: 'parallel', caller: { kind: 'owner', ownerId: asOwnerId('local') } })
      for (const job of [aJob('j1'), byAgent, byOwner]) store().insertJob(job)
      expect(store().listRunningJobs()).toStrictEqual([aJob('j1'), byAgent, byOwner])
      const end = { status: 'completed', text: '\0 done', noticeId: asReplyId('r1'), at: 20 } as const
      expect(store().endJob(asJobId('j1'), end)).toBe(true)
      expect(store().endJob(asJobId('j1'), { status: 'cancelled', text: 'late', at: 21 })).toBe(false)
      expect(store().endJob(asJobId('j3'), { status: 'failed', text: '', at: 22 })).toBe(true)
      expect([store().getJob(asJobId('j1')), store().getJob(asJobId('j3')), store().getJob(asJobId('nothing'))]).toStrictEqual([{ ...aJob('j1'), end }, { ...byOwner, end: { status: 'failed', text: '', at: 22 } }, undefined])
      expect(store().listRunningJobs()).toStrictEqual([byAgent])
    })

    test('an id is used once, of agents there are, and only what is on record can end', () => {
      store().insertJob(aJob('j1'))
      expect(() => store().insertJob(aJob('j1'))).toThrow(expect.objectContaining({ code: 'internal' }))
      expect(() => store().insertJob(aJob('j2', { coordinator: asAgentId('nobody') }))).toThrow(expect.objectContaining({ code: 'internal' }))
      expect(() => store().endJob(asJobId('nothing'), { status: 'failed', text: '', at: 1 })).toThrow(expect.objectContaining({ code: 'internal' }))
    })

    test('are listed newest first, an owner\'s own and as many as are asked for', () => {
      for (const job of [aJob('j1'), aJob('j2', { ownerId: asOwnerId('bob') }), aJob('j3'), aJob('j4')]) store().insertJob(job)
      store().endJob(asJobId('j3'), { status: 'failed', text: '', at: 22 })
      expect(store().listJobs(asOwnerId('local'), 2).map(({ id, end }) => [id, end?.status])).toEqual([['j4', undefined], ['j3', 'failed']])
      expect([store().listJobs(asOwnerId('bob'), 9).map(({ id }) => id), store().listJobs(asOwnerId('nobody'), 9)]).toEqual([['j2'], []])
    })

    test('have their steps by number, and a message tells whose step it is', () => {
      for (const id of ['j1', 'j2']) store().insertJob(aJob(id))
      const refused = aStep('j1', 3, { messageId: undefined, refusal: { status: 'agent_gone', text: 'it has "ended"', at: 5 } })
      for (const step of [aStep('j1', 2), refused, aStep('j1', 1), aStep('j2', 1)]) store().addJobStep(step)
      const { messageId: _, ...kept } = refused
      expect(store().listJobSteps(asJobId('j1'))).toStrictEqual([aStep('j1', 1), aStep('j1', 2), kept])
      expect(['j1-2', 'j2-1', 'other'].map(id => store().findJobOf(asMessageId(id)))).toEqual(['j1', 'j2', undefined])
    })

    test('a step is taken once: a second of its number is refused, and undoes the transaction it was in', () => {
      store().insertJob(aJob('j1'))
      store().addJobStep(aStep('j1', 1))
      expect(() => store().transaction(() => {
        store().addJobStep(aStep('j1', 2))
        store().addJobStep(aStep('j1', 1, { messageId: asMessageId('another') }))
      })).toThrow(expect.objectContaining({ code: 'internal' }))
      expect(store().listJobSteps(asJobId('j1'))).toStrictEqual([aStep('j1', 1)])
      expect(() => store().addJobStep(aStep('nothing', 1))).toThrow(expect.objectContaining({ code: 'internal' }))
    })

    test('are kept by pruning', () => {
      store().insertJob(aJob('j1'))
      store().addJobStep(aStep('j1', 1))
      store().endJob(asJobId('j1'), { status: 'failed', text: '', at: 1 })
      store().prune(1_000)
      expect([store().getJob(asJobId('j1'))?.end?.status, store().listJobSteps(asJobId('j1')).length]).toEqual(['failed', 1])
    })
  })
}
