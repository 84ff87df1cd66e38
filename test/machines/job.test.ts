/** What a job does next, for everything that can be on record of it. */

import { describe, expect, test } from 'vitest'
import { type AgentId, asAgentId, asClientId, asJobId, asOwnerId } from '../../src/ids.ts'
import { type CoordinationType, coordinationTypes, type Job, type StepTaken } from '../../src/jobs.ts'
import { type JobPlan, owing, planJob } from '../../src/machines/job.ts'
import type { OutcomeStatus } from '../../src/messages.ts'

const around = { nameOf: (id: AgentId) => id.toUpperCase(), maxLength: 100_000 }
const aJob = (type: CoordinationType): Job => ({
  id: asJobId('j'), type, task: 'THE TASK', coordinator: asAgentId('lead'), participants: ['a', 'b', 'c'].map(asAgentId),
  caller: { kind: 'owner', ownerId: asOwnerId('local') }, from: { kind: 'client', id: asClientId('c1') }, ownerId: asOwnerId('local'), createdAt: 1,
})
const agents = ['a', 'b', 'c', 'lead']
/** How each step ended, or that it is open. */
type Statuses = (OutcomeStatus | 'open')[]
/** Steps by number, from 1. */
const taken = (...statuses: Statuses): readonly StepTaken[] =>
  statuses.map((status, index) => ({ jobId: asJobId('j'), number: index + 1, agentId: asAgentId(agents[index] ?? ''), ...(status === 'open' ? {} : { outcome: { status, text: `${agents[index]} said ${status}`, at: 2 } }) }))
const plan = (type: CoordinationType, ...statuses: Statuses): JobPlan => planJob(aJob(type), taken(...statuses), around)
/** As `send 1 2`, `wait`, `completed`. */
const brief = (of: JobPlan): string => (of.type === 'send' ? `send ${of.steps.map(({ number }) => number).join(' ')}` : of.type === 'end' ? of.status : of.type)
const textOf = (of: JobPlan, index = 0): string => (of.type === 'send' ? (of.steps[index]?.text ?? '') : of.type === 'end' ? of.text : '')

describe('a job', () => {
  test.each<[CoordinationType, string, Statuses]>([
    ['sequential', 'send 1', []],
    ['sequential', 'wait', ['open']],
    ['sequential', 'send 2', ['answered']],
    ['sequential', 'send 2', ['failed']],
    ['sequential', 'wait', ['answered', 'open']],
    ['sequential', 'send 3', ['answered', 'agent_gone']],
    ['parallel', 'send 1 2 3', []],
    ['parallel', 'send 3', ['open', 'open']], // killed while it sent them
    ['parallel', 'wait', ['answered', 'open', 'answered']],
    ['consensus', 'send 1 2 3', []],
    ['consensus', 'wait', ['open', 'answered', 'answered']],
  ])('that is %s does "%s" after %j', (type, does, statuses) => {
    expect(brief(plan(type, ...statuses))).toBe(does)
  })

  test.each(coordinationTypes)('that is %s ends with the coordinator\'s answer, and says whether somebody is missing from it', type => {
    expect(brief(plan(type, 'answered', 'answered', 'answered'))).toBe('send 4')
    expect(brief(plan(type, 'answered', 'failed', 'answered'))).toBe('send 4')
    expect(brief(plan(type, 'answered', 'answered', 'answered', 'open'))).toBe('wait')
    expect(plan(type, 'answered', 'answered', 'answered', 'answered')).toEqual({ type: 'end', status: 'completed', text: 'lead said answered' })
    expect(plan(type, 'answered', 'cancelled', 'answered', 'answered')).toEqual({ type: 'end', status: 'completed_with_failures', text: 'lead said answered' })
  })

  test.each(coordinationTypes)('that is %s fails where nobody answered, without asking the coordinator', type => {
    const ended = plan(type, 'failed', 'agent_gone', 'expired')
    expect(ended).toMatchObject({ type: 'end', status: 'failed' })
    for (const why of ['a said failed', 'b said agent_gone', 'c said expired']) expect(textOf(ended)).toContain(why)
  })

  test.each(coordinationTypes)('that is %s has what was gathered for its result where the coordinator does not answer', type => {
    const ended = plan(type, 'answered', 'failed', 'answered', 'agent_gone')
    expect(ended).toMatchObject({ type: 'end', status: 'completed_with_failures' })
    for (const part of ['LEAD did not make a whole of it (agent_gone: lead said agent_gone)', '--- A ---\na said answered', '--- B: no result (failed) ---', 'c said answered']) expect(textOf(ended)).toContain(part)
  })

  test('is owed by all whose step has no outcome, the coordinator included', () => {
    expect([owing(aJob('sequential'), []), owing(aJob('sequential'), taken('answered', 'open')), owing(aJob('parallel'), taken('answered', 'failed', 'answered', 'answered'))]).toEqual([['a', 'b', 'c', 'lead'], ['b', 'c', 'lead'], []])
  })
})

describe('the words', () => {
  test('of sequential carry the results so far, and who gave them', () => {
    expect(textOf(plan('sequential'))).toMatch(/number 1 of 3.*A, B, C\. LEAD sums up\.\n\nTHE TASK\n\nYou are the first\. .*passed on to B\./s)
    expect(textOf(plan('sequential', 'answered', 'failed'))).toMatch(/number 3 of 3.*THE TASK.*--- A ---\na said answered\n\n--- B: no result \(failed\) ---\nb said failed.*passed on to LEAD\./s)
  })

  test('of parallel name who works at the same time; those of consensus name nobody and ask for the whole', () => {
    expect(textOf(plan('parallel'), 1)).toMatch(/at the same time as A, C; LEAD.*THE TASK/s)
    expect(textOf(plan('consensus'), 1)).toMatch(/THE TASK.*on your own/s)
    expect(textOf(plan('consensus'), 1)).not.toMatch(/\b[ABC]\b/)
  })

  test.each([['sequential', /one after the other.*Sum up/s], ['parallel', /at the same time.*Make one whole/s], ['consensus', /independently.*name each disagreement/s]] as const)('to the coordinator of %s say what to make of the answers, and who is missing', (type, words) => {
    const text = textOf(plan(type, 'answered', 'failed', 'answered'))
    expect(text).toMatch(words)
    for (const part of ['THE TASK', '--- A ---\na said answered', '--- C ---\nc said answered', 'There is no result of B']) expect(text).toContain(part)
  })

  test('fit a message, however long the answers are, and say what was cut', () => {
    const long = taken('answered', 'answered', 'answered').map(step => ({ ...step, outcome: { status: 'answered' as const, text: 'x'.repeat(5_000), at: 2 } }))
    const text = textOf(planJob(aJob('parallel'), long, { ...around, maxLength: 4_000 }))
    expect(text.length).toBeLessThanOrEqual(4_000)
    expect(text.match(/\(cut: \d+ of 5000 characters\)/g)).toHaveLength(3)
  })
})
