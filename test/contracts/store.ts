/** What every store must do. Each test opens its own; `open` is called once a test. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MadroxError } from '../../src/errors.ts'
import { type AgentId, asAgentId, asClientId, asMessageId, asOwnerId, asReplyId } from '../../src/ids.ts'
import type { Address, DeadLetter, Message, Outcome, Reply } from '../../src/messages.ts'
import type { AgentRow, AuditQuery, AuditRow, ClientRow, OutputRow, Store, UsageRow } from '../../src/store/store.ts'
import { describeJobStore } from './job-store.ts'
import { describePolicyStore } from './policy-store.ts'

export const anAgent = (more: Partial<AgentRow> = {}): AgentRow => ({
  id: asAgentId('ada'), name: 'ada', harness: 'scripted', role: 'general', parent: { kind: 'client', id: asClientId('c1') },
  clientId: asClientId('c1'), ownerId: asOwnerId('local'), spec: { model: 'm', mcpServers: {}, deep: [1, null, { a: true }] },
  workspace: { kind: 'isolated', path: '/w/ada' }, parentSource: 'caller', createdAt: 1_765_000_000_000, state: 'spawning', ...more,
})

const aClient = (more: Partial<ClientRow> = {}): ClientRow => ({ id: asClientId('c1'), ownerId: asOwnerId('local'), name: 'claude-code', connectedAt: 1, ...more })

export const aMessage = (id: string, more: Partial<Message> = {}): Message => ({
  id: asMessageId(id), to: asAgentId('ada'), from: { kind: 'client', id: asClientId('c1') }, text: `do ${id}`, expectsReply: true, acceptedAt: 10, ...more,
})

const aReply = (id: string, more: Partial<Reply> = {}): Reply => ({
  id: asReplyId(id), kind: 'outcome', to: { kind: 'client', id: asClientId('c1') }, from: asAgentId('ada'), fromName: 'ada', text: `said ${id}`, at: 20, ...more,
})

const aUsage = (unitId: string, more: Partial<UsageRow> = {}): UsageRow => ({
  agentId: asAgentId('ada'), unitId, model: 'm', inputTokens: 1, outputTokens: 20, cacheReadTokens: 300, cacheCreationTokens: 4000, at: 5, ...more,
})

const aLine = (at: number, content: string): OutputRow => ({ agentId: asAgentId('ada'), at, kind: 'text', content })

const answered = (text: string): Outcome => ({ status: 'answered', text, via: 'reply_to_caller', at: 30 })
const inbox: Address = { kind: 'client', id: asClientId('c1') }
const ids = (rows: readonly { readonly id: string }[]): readonly string[] => rows.map(row => row.id)

/** Text that breaks stores, by what is wrong with it. */
const awkwardTexts: readonly (readonly [name: string, text: string])[] = [
  ['nothing', ''], ['a blank', ' '], ['SQL', "'; DROP TABLE messages; --"], ['quotes and backslashes', '"\\"\\'], ['a NUL within', 'a\0b'], ['a NUL alone', '\0'],
  ['a lone surrogate', '\ud800 alone'], ['terminal escapes', '\u001b[201~\r\n\t'], ['emoji', '👩‍🚀 ünï'], ['a JSON null', 'null'], ['100 KB', 'x'.repeat(100_000)],
]

function refusalOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof MadroxError) return error.code
    throw error
  }
  return 'nothing refused'
}

export function describeStore(name: string, open: () => Store): void {
  describe(name, () => {
    let store: Store
    beforeEach(() => {
      store = open()
      store.insertAgent(anAgent())
    })
    afterEach(() => store.close())

    describe('agents and clients', () => {
      const full = anAgent({
        id: asAgentId('bob'), parent: { kind: 'agent', id: asAgentId('ada') }, sessionId: 's', pid: 7, state: 'terminated', endedAt: 5, endReason: 'asked',
        workspace: { kind: 'worktree', path: '/w/bob', branch: 'madrox/bob', repository: '/r' }, hold: { by: { kind: 'agent', id: asAgentId('ada') }, at: 4 },
        atLimit: [{ limit: 'max_cost', detail: 'max_cost $5 ($6 used)', at: 3 }],
      })

      test('gives an agent back as it was put in, optional fields present or absent', () => {
        store.insertAgent(full)
        expect(store.getAgent(full.id)).toStrictEqual(full)
        expect(store.getAgent(asAgentId('ada'))).toStrictEqual(anAgent())
        expect(store.getAgent(asAgentId('nobody'))).toBeUndefined()
      })

      test('lists agents in order of creation, whatever their clocks said', () => {
        store.insertAgent(anAgent({ id: asAgentId('z'), createdAt: 3 }))
        store.insertAgent(anAgent({ id: asAgentId('b'), createdAt: 1 }))
        expect(ids(store.listAgents())).toEqual(['ada', 'z', 'b'])
      })

      test('a patch can give an agent another name, other words to start with, and another supervisor', () => {
        store.insertAgent(full)
        const patch = { name: 'a\0b', spec: { model: 'other', deep: [null] }, parent: { kind: 'client', id: asClientId('c2') }, parentSource: 'resumed', state: 'idle' } as const
        store.updateAgent(full.id, { ...patch, endedAt: undefined, endReason: undefined, hold: undefined, atLimit: undefined })
        const { endedAt: _, endReason: __, hold: ___, atLimit: ____, ...rest } = full
        expect(store.getAgent(full.id)).toStrictEqual({ ...rest, ...patch })
      })

      test('a patch changes what it names, clears what it names as undefined, and leaves the rest', () => {
        store.updateAgent(asAgentId('ada'), { state: 'idle', pid: 12, sessionId: 's1' })
        expect(store.getAgent(asAgentId('ada'))).toStrictEqual(anAgent({ state: 'idle', pid: 12, sessionId: 's1' }))
        store.updateAgent(asAgentId('ada'), { pid: undefined })
        expect(store.getAgent(asAgentId('ada'))).toStrictEqual(anAgent({ state: 'idle', sessionId: 's1' }))
        store.updateAgent(asAgentId('ada'), { hold: { by: inbox, at: 3 } })
        expect(store.getAgent(asAgentId('ada'))?.hold).toStrictEqual({ by: inbox, at: 3 })
        store.updateAgent(asAgentId('ada'), { hold: undefined, atLimit: [{ limit: 'timeout_minutes', detail: 'timeout_minutes 30', at: 9 }] })
        expect(store.getAgent(asAgentId('ada'))).toStrictEqual(anAgent({ state: 'idle', sessionId: 's1', atLimit: [{ limit: 'timeout_minutes', detail: 'timeout_minutes 30', at: 9 }] }))
        store.updateAgent(asAgentId('ada'), { atLimit: undefined })
        store.updateAgent(asAgentId('ada'), {})
        expect(store.getAgent(asAgentId('ada'))).toStrictEqual(anAgent({ state: 'idle', sessionId: 's1' }))
        expect(store.getAgent(asAgentId('ada'))?.state).toBe('idle')
      })

      test('refuses a second agent of one id, and a patch of an agent it never saw', () => {
        expect(refusalOf(() => store.insertAgent(anAgent({ name: 'other' })))).toBe('internal')
        expect(refusalOf(() => store.updateAgent(asAgentId('nobody'), { state: 'idle' }))).toBe('internal')
        expect(store.listAgents()).toStrictEqual([anAgent()])
      })

      test('saving a client again replaces it and keeps its place', () => {
        store.saveClient(aClient({ root: '/repo' }))
        store.saveClient(aClient({ id: asClientId('c2') }))
        store.saveClient(aClient({ disconnectedAt: 9 }))
        expect(store.listClients()).toStrictEqual([aClient({ disconnectedAt: 9 }), aClient({ id: asClientId('c2') })])
        store.saveClient(aClient({ successor: asClientId('c2') }))
        expect(store.getClient(asClientId('c1'))).toStrictEqual(aClient({ successor: asClientId('c2') }))
        expect(store.getClient(asClientId('c2'))).toStrictEqual(aClient({ id: asClientId('c2') }))
        expect(store.getClient(asClientId('c3'))).toBeUndefined()
      })
    })

    describe('messages', () => {
      test.each(awkwardTexts)('keeps %s exactly, as the text of a message and of its outcome', (_name, text) => {
        store.insertMessage(aMessage('m1', { text }))
        store.settleMessage(asMessageId('m1'), answered(text))
        expect(store.getMessage(asMessageId('m1'))).toStrictEqual({ ...aMessage('m1', { text }), deliveries: 0, outcome: answered(text) })
      })

      test('keeps every optional field', () => {
        const message = aMessage('m1', { from: { kind: 'agent', id: asAgentId('ada') }, expectsReply: false, causedBy: asMessageId('m0'), expiresAt: 99 })
        store.insertMessage(message)
        expect(store.getMessage(message.id)).toStrictEqual({ ...message, deliveries: 0 })
        expect(store.getMessage(asMessageId('m9'))).toBeUndefined()
      })

      test('refuses an id used twice, and a message to an agent without a row', () => {
        store.insertMessage(aMessage('m1'))
        expect(refusalOf(() => store.insertMessage(aMessage('m1', { text: 'other' })))).toBe('internal')
        expect(refusalOf(() => store.insertMessage(aMessage('m2', { to: asAgentId('nobody') })))).toBe('internal')
        expect(store.listOpenMessages().map(row => row.text)).toEqual(['do m1'])
      })

      test('counts deliveries, keeps the latest, and keeps when it was first seen', () => {
        store.insertMessage(aMessage('m1'))
        store.markHanded(asMessageId('m1'), 10)
        expect(store.getMessage(asMessageId('m1'))).toStrictEqual({ ...aMessage('m1'), deliveries: 0, handedAt: 10 })
        store.markDelivered(asMessageId('m1'), 11)
        store.markSeen(asMessageId('m1'), 12)
        store.markDelivered(asMessageId('m1'), 13)
        store.markSeen(asMessageId('m1'), 14)
        expect(store.getMessage(asMessageId('m1'))).toMatchObject({ deliveries: 2, deliveredAt: 13, seenAt: 12 })
        expect(refusalOf(() => store.markDelivered(asMessageId('m9'), 1))).toBe('internal')
        expect(refusalOf(() => store.markSeen(asMessageId('m9'), 1))).toBe('internal')
      })

      test('records one outcome; the second is refused and the first stands', () => {
        store.insertMessage(aMessage('m1'))
        expect(store.settleMessage(asMessageId('m1'), answered('first'))).toBe(true)
        expect(store.settleMessage(asMessageId('m1'), { status: 'failed', text: 'second', at: 31 })).toBe(false)
        expect(store.getMessage(asMessageId('m1'))?.outcome).toStrictEqual(answered('first'))
        expect(refusalOf(() => store.settleMessage(asMessageId('m9'), answered('x')))).toBe('internal')
      })

      test('lists open messages in order of arrival, of one agent or of all', () => {
        store.insertAgent(anAgent({ id: asAgentId('bob') }))
        store.insertMessage(aMessage('m3', { acceptedAt: 30 }))
        store.insertMessage(aMessage('m2', { acceptedAt: 20, to: asAgentId('bob') }))
        store.insertMessage(aMessage('m1', { acceptedAt: 10 }))
        store.insertMessage(aMessage('m0'))
        store.settleMessage(asMessageId('m0'), { status: 'cancelled', text: '', at: 1 })
        expect(ids(store.listOpenMessages())).toEqual(['m3', 'm2', 'm1'])
        expect(ids(store.listOpenMessages(asAgentId('ada')))).toEqual(['m3', 'm1'])
        expect(store.listOpenMessages(asAgentId('nobody'))).toEqual([])
      })

      test('a message rests until a turn works on it again', () => {
        store.insertMessage(aMessage('m1'))
        store.markSeen(asMessageId('m1'), 11)
        store.markRested(asMessageId('m1'), { at: 12, lastText: 'so\0far' })
        expect(store.getMessage(asMessageId('m1'))?.rested).toStrictEqual({ at: 12, lastText: 'so\0far' })
        store.markRested(asMessageId('m1'), undefined)
        expect(store.getMessage(asMessageId('m1'))).toStrictEqual({ ...aMessage('m1'), deliveries: 0, seenAt: 11 })
        store.markRested(asMessageId('m1'), { at: 13 })
        expect(store.listOpenMessages()[0]?.rested).toStrictEqual({ at: 13 })
        store.markSeen(asMessageId('m1'), 14)
        expect(store.getMessage(asMessageId('m1'))?.rested).toBeUndefined()
        expect(refusalOf(() => store.markRested(asMessageId('m9'), undefined))).toBe('internal')
      })

      test('counts what an agent was given, and what of it its turns have been through', () => {
        store.insertAgent(anAgent({ id: asAgentId('bob') }))
        for (const id of ['m1', 'm2', 'm3', 'm4']) store.insertMessage(aMessage(id))
        store.insertMessage(aMessage('m5', { to: asAgentId('bob') }))
        store.markSeen(asMessageId('m1'), 1)
        store.settleMessage(asMessageId('m1'), answered('x'))
        store.markSeen(asMessageId('m2'), 1)
        store.markRested(asMessageId('m2'), { at: 2 })
        store.markSeen(asMessageId('m3'), 1)
        store.settleMessage(asMessageId('m4'), { status: 'expired', text: '', at: 3 })
        expect(store.countMessages(asAgentId('ada'))).toEqual({ accepted: 4, worked: 2 })
        expect(store.countMessages(asAgentId('nobody'))).toEqual({ accepted: 0, worked: 0 })
      })

      test('lists what a subject caused, settled or not', () => {
        store.insertMessage(aMessage('m1'))
        store.insertMessage(aMessage('m2', { causedBy: asMessageId('m1') }))
        store.insertMessage(aMessage('m3', { causedBy: asMessageId('m2') }))
        store.insertMessage(aMessage('m4', { causedBy: asMessageId('m1') }))
        store.settleMessage(asMessageId('m2'), answered('x'))
        expect(ids(store.listCausedBy(asMessageId('m1')))).toEqual(['m2', 'm4'])
        expect(store.listCausedBy(asMessageId('m4'))).toEqual([])
      })
    })

    describe('replies', () => {
      test('keeps a reply whole, and hands replies out in order of arrival', () => {
        const whole = aReply('r2', { kind: 'follow_up', messageId: asMessageId('m1'), subject: asMessageId('m0'), status: 'failed', text: 'a\0b', fromName: 'Ada "A"' })
        store.addReply(whole)
        store.addReply(aReply('r1', { at: 1 }))
        expect(store.listReplies(inbox)).toStrictEqual([whole, aReply('r1', { at: 1 })])
        expect(store.countReplies(inbox)).toBe(2)
      })

      test('keeps inboxes apart, also of an agent and a client of one id', () => {
        store.addReply(aReply('r1'))
        store.addReply(aReply('r2', { to: { kind: 'agent', id: asAgentId('c1') } }))
        expect(ids(store.listReplies(inbox))).toEqual(['r1'])
        expect(store.countReplies({ kind: 'agent', id: asAgentId('c1') })).toBe(1)
        expect(store.countReplies({ kind: 'client', id: asClientId('c2') })).toBe(0)
      })

      test('a consumed reply is gone for good; unknown and repeated ids are ignored', () => {
        for (const id of ['r1', 'r2', 'r3']) store.addReply(aReply(id))
        store.consumeReplies(['r1', 'r3', 'r9'].map(asReplyId), 40)
        store.consumeReplies(['r1'].map(asReplyId), 41)
        store.consumeReplies([], 42)
        expect(ids(store.listReplies(inbox))).toEqual(['r2'])
        expect(refusalOf(() => store.addReply(aReply('r1')))).toBe('internal')
      })

      test('redirects unread replies alone, in their order, and says how many', () => {
        const heir: Address = { kind: 'client', id: asClientId('c2') }
        for (const id of ['r1', 'r2', 'r3']) store.addReply(aReply(id, { subject: asMessageId('m1') }))
        store.addReply(aReply('r4', { to: heir }))
        store.consumeReplies([asReplyId('r1')], 40)
        expect(store.redirectReplies(inbox, heir)).toBe(2)
        expect(store.redirectReplies(inbox, heir)).toBe(0)
        expect(ids(store.listReplies(heir))).toEqual(['r2', 'r3', 'r4'])
        expect(store.listReplies(heir)[0]).toStrictEqual(aReply('r2', { to: heir }))
        expect(store.countReplies(inbox)).toBe(0)
      })

      test('a dead one is in no inbox, whether it was in one before or not', () => {
        store.addReply(aReply('r1'))
        store.addDeadReply(aReply('r1'), 'its client ended', 50)
        store.addDeadReply(aReply('r2'), 'no address', 51)
        expect(store.countReplies(inbox)).toBe(0)
        expect(store.redirectReplies(inbox, { kind: 'client', id: asClientId('c2') })).toBe(0)
      })
    })

    describe('dead letters', () => {
      const gone = (text: string): Outcome => ({ status: 'agent_gone', text, at: 40 })
      const replyLetter = (id: string, reason: string, at: number): DeadLetter => ({ kind: 'reply', at, reason, reply: aReply(id) })
      const messageLetter = (id: string, reason: string, at: number): DeadLetter => ({ kind: 'message', at, reason, status: 'agent_gone', message: aMessage(id) })
      beforeEach(() => {
        store.insertMessage(aMessage('m1'))
        store.markDelivered(asMessageId('m1'), 11)
        store.settleMessage(asMessageId('m1'), gone('ada ended'))
        store.addReply(aReply('r1'))
      })

      test('are listed with what they say and why they died, in the order they did, whatever their clocks said', () => {
        store.addDeadReply(aReply('r1'), 'its client ended\0', 50)
        store.addDeadMessage(asMessageId('m1'), 49)
        store.addDeadReply(aReply('r2'), 'no address', 48)
        const all = [replyLetter('r1', 'its client ended\0', 50), messageLetter('m1', 'ada ended', 49), replyLetter('r2', 'no address', 48)]
        expect(store.listDeadLetters()).toStrictEqual(all)
        expect(store.listDeadLetters({ since: 49 })).toStrictEqual(all.slice(0, 2))
        expect([store.getDeadLetter(asReplyId('r1')), store.getDeadLetter(asMessageId('m1')), store.getDeadLetter(asMessageId('m9'))]).toStrictEqual([all[0], all[1], undefined])
      })

      test('die once', () => {
        for (const at of [50, 51]) {
          store.addDeadMessage(asMessageId('m1'), at)
          store.addDeadReply(aReply('r1'), `at ${at}`, at)
        }
        expect(store.listDeadLetters()).toStrictEqual([messageLetter('m1', 'ada ended', 50), replyLetter('r1', 'at 51', 50)])
      })

      test('that were sent again are kept, and listed when asked for; once each', () => {
        store.addDeadMessage(asMessageId('m1'), 50)
        store.addDeadReply(aReply('r1'), 'why', 51)
        store.markResent(asMessageId('m1'), asMessageId('m2'), 60)
        store.markResent(asReplyId('r1'), asReplyId('r2'), 61)
        const both = [{ ...messageLetter('m1', 'ada ended', 50), resent: { as: 'm2', at: 60 } }, { ...replyLetter('r1', 'why', 51), resent: { as: 'r2', at: 61 } }]
        expect([store.listDeadLetters(), store.listDeadLetters({ resent: true })]).toStrictEqual([[], both])
        expect([refusalOf(() => store.markResent(asMessageId('m1'), asMessageId('m3'), 62)), refusalOf(() => store.markResent(asMessageId('m9'), asMessageId('m3'), 62))]).toEqual(['internal', 'internal'])
        expect(store.getDeadLetter(asMessageId('m1'))).toStrictEqual(both[0])
      })

      test('are no more when the message was answered after all; a reply that died stays dead', () => {
        store.addDeadMessage(asMessageId('m1'), 50)
        store.addDeadReply(aReply('r1'), 'why', 51)
        for (const id of ['m1', 'r1', 'm9']) store.dropDeadMessage(asMessageId(id))
        expect(store.listDeadLetters()).toStrictEqual([replyLetter('r1', 'why', 51)])
      })

      test('are messages that have ended: no other can be one', () => {
        store.insertMessage(aMessage('m2'))
        expect([refusalOf(() => store.addDeadMessage(asMessageId('m2'), 50)), refusalOf(() => store.addDeadMessage(asMessageId('m9'), 50))]).toEqual(['internal', 'internal'])
      })
    })

    describe('pruning', () => {
      const [ada, bob] = [asAgentId('ada'), asAgentId('bob')]
      const old = 100
      beforeEach(() => {
        store.insertAgent(anAgent({ id: bob }))
        store.updateAgent(bob, { state: 'terminated', endedAt: old - 1 })
        for (const agentId of [ada, bob]) store.appendOutput({ ...aLine(1, `of ${agentId}`), agentId })
      })
      const lines = (id: typeof ada) => store.listOutput(id, { limit: 9 }).map(row => row.content)

      test('forgets the output of agents that ended before then, and of no other', () => {
        expect([store.prune(old - 1), lines(bob)]).toEqual([0, ['of bob']])
        expect([store.prune(old), lines(ada), lines(bob)]).toEqual([1, ['of ada'], []])
        store.appendOutput(aLine(2, 'more'))
        expect(lines(ada)).toEqual(['of ada', 'more'])
      })

      test('forgets consumed replies of such agents, and keeps the unread and the dead', () => {
        store.addReply(aReply('r1', { from: bob }))
        store.addReply(aReply('r2', { from: bob }))
        store.addReply(aReply('r3', { from: ada }))
        store.addReply(aReply('r4', { from: bob }))
        store.addReply(aReply('r5', { from: bob }))
        store.consumeReplies([asReplyId('r1'), asReplyId('r3'), asReplyId('r5')], old - 1)
        store.addDeadReply(aReply('r5', { from: bob }), 'why', old - 1)
        store.consumeReplies([asReplyId('r4')], old)
        expect(store.prune(old)).toBe(2) // r1, and bob's line
        expect([ids(store.listReplies(inbox)), store.listDeadLetters().length]).toEqual([['r2'], 1])
        store.addReply(aReply('r1')) // its id is free
        for (const id of ['r3', 'r4', 'r5']) expect(refusalOf(() => store.addReply(aReply(id)))).toBe('internal')
      })

      test('forgets calls of before then, unless the agent they were about is there, or was until then', () => {
        store.recordCall('c1', 'nobody', 1, old - 1)
        store.recordCall('c1', 'gone', 2, old - 1, bob)
        store.recordCall('c1', 'living', 3, old - 1, ada)
        store.recordCall('c1', 'young', 4, old, bob)
        store.prune(old)
        expect(['nobody', 'gone', 'living', 'young'].map(key => store.findCall('c1', key))).toEqual([undefined, undefined, 3, 4])
      })

      test('forgets audit rows of before then, and nothing else: agents, outcomes and usage stay', () => {
        store.insertMessage(aMessage('m1', { to: bob }))
        store.settleMessage(asMessageId('m1'), answered('x'))
        store.addUsage(aUsage('u1', { agentId: bob }))
        for (const at of [1, 99, 100]) store.appendAudit({ at, event: 'x', agentId: ada, data: {} })
        expect([store.prune(old), store.prune(old)]).toEqual([3, 0])
        expect([store.getAgent(bob)?.endedAt, store.getMessage(asMessageId('m1'))?.outcome?.text, store.usageTotals(bob).inputTokens]).toEqual([old - 1, 'x', 1])
        store.appendAudit({ at: 101, event: 'x', data: {} })
      })

      test('is undone whole with the transaction it was in, order and all', () => {
        store.updateAgent(ada, { endedAt: 1 })
        store.appendOutput(aLine(1, 'second'))
        expect(() => store.transaction(() => {
          store.prune(old)
          throw new RangeError('stop')
        })).toThrow(RangeError)
        expect([lines(ada), lines(bob)]).toEqual([['of ada', 'second'], ['of bob']])
      })
    })

    describe('calls', () => {
      test('the first result recorded under a key stands, per caller', () => {
        expect(store.findCall('c1', 'k')).toBeUndefined()
        store.recordCall('c1', 'k', { agentId: 'ada', deep: [1] }, 1)
        store.recordCall('c1', 'k', { agentId: 'bob' }, 2)
        store.recordCall('c2', 'k', 'other', 3)
        expect(store.findCall('c1', 'k')).toEqual({ agentId: 'ada', deep: [1] })
        expect(store.findCall('c2', 'k')).toBe('other')
        expect(store.findCall('c1', 'K')).toBeUndefined()
      })

      test('caller and key do not run into each other', () => {
        store.recordCall('a', 'b:c', 1, 1)
        store.recordCall('a","b', 'c', 2, 1)
        expect(store.findCall('a:b', 'c')).toBeUndefined()
        expect(store.findCall('a', 'b:c')).toBe(1)
      })
    })

    describe('usage, output, audit', () => {
      test('counts a unit once, per agent, and sums the kinds apart', () => {
        store.insertAgent(anAgent({ id: asAgentId('bob') }))
        expect(store.addUsage(aUsage('u1'))).toBe(true)
        expect(store.addUsage(aUsage('u1', { inputTokens: 999 }))).toBe(false)
        expect(store.addUsage(aUsage('u2', { inputTokens: 10 }))).toBe(true)
        expect(store.addUsage(aUsage('u1', { agentId: asAgentId('bob') }))).toBe(true)
        expect(store.usageTotals(asAgentId('ada'))).toEqual({ inputTokens: 11, outputTokens: 40, cacheReadTokens: 600, cacheCreationTokens: 8000 })
        const span = (since: number, until: number) => store.usageTotals(asAgentId('ada'), { since, until }).inputTokens
        store.addUsage(aUsage('u3', { inputTokens: 100, at: 50_000 }))
        expect([span(50_000, 50_000), span(0, 49_999), span(50_001, 60_000)]).toEqual([100, 11, 0])
        expect(store.usageTotals(asAgentId('nobody'))).toEqual({ inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheCreationTokens: 0 })
      })

      test('sums by model, and apart what was asked with larger prompts than the sizes named', () => {
        store.insertAgent(anAgent({ id: asAgentId('bob') }))
        const call = (unitId: string, model: string, inputTokens: number): unknown => store.addUsage(aUsage(unitId, { model, inputTokens, cacheReadTokens: 10, cacheCreationTokens: 5 }))
        call('u1', 'b', 85) // 100 in all: not over 100
        call('u2', 'b', 86)
        call('u3', 'a', 1)
        call('u4', 'b', 300)
        call('u5', 'b', 5)
        call('u5', 'b', 5)
        store.addUsage(aUsage('u6', { agentId: asAgentId('bob') }))
        const row = (model: string, promptOver: number, inputTokens: number, calls: number) => ({ model, promptOver, inputTokens, outputTokens: 20 * calls, cacheReadTokens: 10 * calls, cacheCreationTokens: 5 * calls })
        expect(store.usageByModel(asAgentId('ada'), [100, 200])).toStrictEqual([row('a', 0, 1, 1), row('b', 0, 90, 2), row('b', 100, 86, 1), row('b', 200, 300, 1)])
        expect(store.usageByModel(asAgentId('ada'), [])).toStrictEqual([row('a', 0, 1, 1), row('b', 0, 476, 4)])
        expect(store.usageByModel(asAgentId('nobody'), [100])).toEqual([])
      })

      test('gives the newest lines at or after a time, oldest first', () => {
        for (const [at, content] of [[1, 'a'], [2, 'b'], [2, 'c'], [5, 'e'], [4, 'd'], [6, 'f\0g']] as const) store.appendOutput(aLine(at, content))
        const listed = (limit: number, since?: number) => store.listOutput(asAgentId('ada'), { limit, ...(since === undefined ? {} : { since }) }).map(row => row.content)
        expect(listed(100)).toEqual(['a', 'b', 'c', 'd', 'e', 'f\0g'])
        expect(listed(2)).toEqual(['e', 'f\0g'])
        expect(listed(100, 2)).toEqual(['b', 'c', 'd', 'e', 'f\0g'])
        expect(listed(1, 7)).toEqual([])
        expect(listed(0)).toEqual([])
        expect(listed(Number.POSITIVE_INFINITY)).toHaveLength(6)
        expect(store.listOutput(asAgentId('nobody'), { limit: 5 })).toEqual([])
      })

      test('takes the word of a CLI for what a call cost, once, and sums such calls apart', () => {
        const ada = asAgentId('ada')
        for (const unit of ['u1', 'u2', 'u3']) store.addUsage(aUsage(unit, { model: 'a', inputTokens: 10, cacheReadTokens: 0, cacheCreationTokens: 0, outputTokens: 1 }))
        store.addUsage(aUsage('u4', { model: 'a', inputTokens: 10, cacheReadTokens: 0, cacheCreationTokens: 0, outputTokens: 1, costUsd: 0.5 }))
        expect([store.tellCost(ada, 'u1', 0.25), store.tellCost(ada, 'u2', 0), store.tellCost(ada, 'u1', 9), store.tellCost(ada, 'u4', 9)]).toEqual([true, true, false, false])
        expect([store.tellCost(ada, 'nothing', 1), store.tellCost(asAgentId('nobody'), 'u3', 1), store.addUsage(aUsage('u3', { costUsd: 9 }))]).toEqual([false, false, false])
        const calls = (count: number) => ({ model: 'a', promptOver: 0, inputTokens: 10 * count, outputTokens: count, cacheReadTokens: 0, cacheCreationTokens: 0 })
        expect(store.usageByModel(ada, [])).toStrictEqual([calls(1), { ...calls(3), costUsd: 0.75 }])
      })

      test('refuses usage and output of an agent without a row', () => {
        expect(refusalOf(() => store.addUsage(aUsage('u1', { agentId: asAgentId('nobody') })))).toBe('internal')
        expect(refusalOf(() => store.appendOutput({ ...aLine(1, 'x'), agentId: asAgentId('nobody') }))).toBe('internal')
      })

      test('takes audit lines with and without an agent', () => {
        store.appendAudit({ at: 1, event: 'spawned', agentId: asAgentId('ada'), data: { by: 'c1' } })
        store.appendAudit({ at: 2, event: 'started', data: {} })
        expect(refusalOf(() => store.transaction(() => store.appendAudit({ at: 3, event: 'x', data: {} })))).toBe('nothing refused')
      })

      describe('of the audit', () => {
        const [ada, bob, other] = [asAgentId('ada'), asAgentId('bob'), asOwnerId('other')]
        const events = (query: Partial<AuditQuery>): readonly string[] => store.listAudit({ limit: 100, ...query }).map(row => row.event)
        beforeEach(() => {
          store.insertAgent(anAgent({ id: bob, ownerId: other }))
          const rows: readonly AuditRow[] = [
            { at: 1, event: 'a', agentId: ada, data: { by: 'c1', deep: [1, null] } }, { at: 4, event: 'd', agentId: bob, data: {} }, { at: 2, event: 'b', data: {} },
            { at: 3, event: 'c', ownerId: other, data: {} }, { at: 4, event: 'a', agentId: ada, data: {} }, { at: 5, event: 'e', agentId: asAgentId('unknown'), data: {} },
          ]
          for (const row of rows) store.appendAudit(row)
        })

        test('gives the newest that fit, oldest first, equal times in order of arrival', () => {
          expect(events({})).toEqual(['a', 'b', 'c', 'd', 'a', 'e'])
          expect([events({ limit: 2 }), events({ limit: 0 }), events({ limit: Number.POSITIVE_INFINITY }).length]).toEqual([['a', 'e'], [], 6])
          expect(store.listAudit({ limit: 100 })[0]).toStrictEqual({ at: 1, event: 'a', agentId: ada, ownerId: asOwnerId('local'), data: { by: 'c1', deep: [1, null] } })
        })

        test('by time, both ends included, by event, by agents, and these together', () => {
          expect(events({ since: 2, until: 3 })).toEqual(['b', 'c'])
          expect(events({ event: 'a' })).toEqual(['a', 'a'])
          expect([events({ agents: [bob] }), events({ agents: [ada, bob] }), events({ agents: [] })]).toEqual([['d'], ['a', 'd', 'a'], []])
          expect(events({ agents: [ada], event: 'a', since: 2, limit: 1 })).toEqual(['a'])
        })

        test('by owner: of its agents and its own, and what concerns everybody; of nobody else', () => {
          expect(events({ ownerId: other })).toEqual(['b', 'c', 'd'])
          expect(events({ ownerId: asOwnerId('local') })).toEqual(['a', 'b', 'a'])
        })
      })

      test('gives what was said to and by an agent in order of time, each outcome at its own', () => {
        const [ada, bob] = [asAgentId('ada'), asAgentId('bob')]
        store.insertAgent(anAgent({ id: bob }))
        store.insertMessage(aMessage('m1', { acceptedAt: 10 }))
        store.insertMessage(aMessage('m2', { acceptedAt: 11, to: bob, from: { kind: 'agent', id: ada } }))
        store.insertMessage(aMessage('m3', { acceptedAt: 12, to: bob }))
        store.settleMessage(asMessageId('m2'), answered('of bob'))
        store.addReply(aReply('r1', { kind: 'follow_up', messageId: asMessageId('m1'), at: 40 }))
        store.addReply(aReply('r2', { messageId: asMessageId('m1'), at: 41 })) // an outcome: told with its message
        store.addReply(aReply('r3', { kind: 'notice', from: bob, to: { kind: 'agent', id: ada }, at: 42 }))
        store.addReply(aReply('r4', { kind: 'notice', from: bob, at: 43 }))
        const said = (id: AgentId, more: Partial<Parameters<Store['listSaid']>[1]> = {}): readonly string[] =>
          store.listSaid(id, { limit: 100, ...more }).map(each => `${each.kind} ${each.kind === 'reply' ? each.reply.id : each.message.id} ${each.at}`)
        expect(said(ada)).toEqual(['message m1 10', 'message m2 11', 'outcome m2 30', 'reply r1 40', 'reply r3 42'])
        expect(said(bob)).toEqual(['message m2 11', 'message m3 12', 'outcome m2 30', 'reply r3 42', 'reply r4 43'])
        expect([said(ada, { limit: 2 }), said(ada, { limit: 0 }), said(ada, { since: 11, until: 40 }), said(asAgentId('nobody'))]).toEqual([['reply r1 40', 'reply r3 42'], [], ['message m2 11', 'outcome m2 30', 'reply r1 40'], []])
        store.consumeReplies([asReplyId('r1')], 50)
        expect(said(ada, { since: 40, until: 40 })).toEqual(['reply r1 40'])
      })

      test('counts turns that began and did not complete, each once, and keeps agents apart', () => {
        const ada = asAgentId('ada')
        store.insertAgent(anAgent({ id: asAgentId('bob') }))
        for (const turn of ['t1', 't2', 't2', 't3', 't4']) store.beginTurn(ada, turn)
        store.beginTurn(asAgentId('bob'), 't1')
        store.completeTurn(ada, 't1')
        store.completeTurn(ada, 'unknown')
        expect([store.countUnfinishedTurns(ada), store.countUnfinishedTurns(asAgentId('bob'))]).toEqual([3, 1])
        store.completeTurn(ada, undefined)
        store.completeTurn(ada, 't4') // it was the latest, and is completed already
        expect(store.countUnfinishedTurns(ada)).toBe(2)
        store.completeTurn(asAgentId('nobody'), undefined)
        expect(refusalOf(() => store.beginTurn(asAgentId('nobody'), 't1'))).toBe('internal')
      })
    })

    describePolicyStore(() => store)
    describeJobStore(() => store)

    describe('transactions', () => {
      class Stop extends Error {}
      const stop = (): never => {
        throw new Stop('stop')
      }

      test('give back what the work gives, and keep what it wrote', () => {
        expect(store.transaction(() => {
          store.insertMessage(aMessage('m1'))
          return store.listOpenMessages().length
        })).toBe(1)
        expect(ids(store.listOpenMessages())).toEqual(['m1'])
      })

      test('a throw undoes every kind of write and reaches the caller as it is', () => {
        store.insertMessage(aMessage('m1'))
        store.addReply(aReply('r1'))
        store.saveClient(aClient())
        store.appendOutput(aLine(1, 'before'))
        expect(() => store.transaction(() => {
          store.insertAgent(anAgent({ id: asAgentId('bob') }))
          store.updateAgent(asAgentId('ada'), { state: 'idle' })
          store.saveClient(aClient({ disconnectedAt: 4 }))
          store.markDelivered(asMessageId('m1'), 1)
          store.settleMessage(asMessageId('m1'), answered('x'))
          store.consumeReplies([asReplyId('r1')], 1)
          store.addDeadReply(aReply('r2'), 'x', 1)
          store.recordCall('c1', 'k', 1, 1)
          store.addUsage(aUsage('u1'))
          store.appendOutput(aLine(2, 'within'))
          stop()
        })).toThrow(Stop)
        expect(store.listAgents()).toStrictEqual([anAgent()])
        expect(store.getClient(asClientId('c1'))).toStrictEqual(aClient())
        expect(store.getMessage(asMessageId('m1'))).toStrictEqual({ ...aMessage('m1'), deliveries: 0 })
        expect(ids(store.listReplies(inbox))).toEqual(['r1'])
        expect(store.listDeadLetters()).toEqual([])
        expect(store.findCall('c1', 'k')).toBeUndefined()
        expect(store.addUsage(aUsage('u1'))).toBe(true)
        store.appendOutput(aLine(3, 'after'))
        expect(store.listOutput(asAgentId('ada'), { limit: 9 }).map(row => row.content)).toEqual(['before', 'after'])
      })

      test('a nested one joins: the outer throw undoes it too', () => {
        expect(() => store.transaction(() => {
          store.transaction(() => store.insertMessage(aMessage('m1')))
          stop()
        })).toThrow(Stop)
        expect(store.listOpenMessages()).toEqual([])
      })

      test('a nested throw that the outer catches undoes the nested one alone', () => {
        store.transaction(() => {
          store.insertMessage(aMessage('m1'))
          expect(() => store.transaction(() => {
            store.insertMessage(aMessage('m2'))
            stop()
          })).toThrow(Stop)
          store.insertMessage(aMessage('m3'))
        })
        expect(ids(store.listOpenMessages())).toEqual(['m1', 'm3'])
      })

      test('a refused write inside does not end the transaction', () => {
        store.transaction(() => {
          store.insertMessage(aMessage('m1'))
          expect(refusalOf(() => store.insertMessage(aMessage('m1')))).toBe('internal')
          store.insertMessage(aMessage('m2'))
        })
        expect(ids(store.listOpenMessages())).toEqual(['m1', 'm2'])
      })
    })

    test('changing what was put in, afterwards, changes nothing on record', () => {
      const spec = { model: 'm' }
      store.insertAgent(anAgent({ id: asAgentId('bob'), spec }))
      spec.model = 'other'
      expect(store.getAgent(asAgentId('bob'))?.spec).toEqual({ model: 'm' })
    })

    test('once closed, refuses reads and writes as unavailable, and closes again without a word', () => {
      store.close()
      expect(refusalOf(() => store.insertMessage(aMessage('m1')))).toBe('unavailable')
      expect(refusalOf(() => store.listAgents())).toBe('unavailable')
      expect(refusalOf(() => store.transaction(() => 1))).toBe('unavailable')
      store.close()
    })
  })
}
