import { describe, expect, test } from 'vitest'
import { asMessageId as id, asReplyId } from '../../src/ids.ts'
import {
  completeTurn, isWaiting, type Mail, markSettled, nextWork, type OpenMessage, promptText, quietMessages, repliesClaimed, replyArrived, returnWork, subjectOf, takeUp, takeWork, taskBegun, type Work,
} from '../../src/machines/mailbox.ts'
import type { Reply } from '../../src/messages.ts'
import { messageOf, replyOf } from './rig.ts'

const open = (name: string, more: Partial<OpenMessage> = {}): OpenMessage => ({ message: messageOf(name), settled: false, tasks: [], background: [], ...more })
const mail = ({ mailbox = [], inbox = [], opened = [] }: { mailbox?: string[]; inbox?: Reply[]; opened?: OpenMessage[] } = {}): Mail => ({
  mailbox: mailbox.map(name => ({ message: messageOf(name), deliveries: 0 })), inbox, open: Object.fromEntries(opened.map(each => [each.message.id, each])),
})
const about = (name: string, subject?: string): Reply => replyOf(name, subject ? { subject: id(subject) } : {})
const name = (work: Work | undefined): string | undefined => work && (work.kind === 'message' ? work.queued.message.id : work.replies.map(reply => reply.id).join('+'))

describe('what is next', () => {
  test.each<[string, Mail, string | undefined]>([
    ['nothing', mail(), undefined],
    ['the oldest message', mail({ mailbox: ['m1', 'm2'] }), 'm1'],
    ['replies before messages', mail({ mailbox: ['m1'], inbox: [about('r1')] }), 'r1'],
    ['all replies of the first one\'s subject together, in order', mail({ inbox: [about('r1', 'a'), about('r2', 'b'), about('r3', 'a')] }), 'r1+r3'],
    ['notices and replies without a subject together', mail({ inbox: [about('r1'), about('r2', 'a'), replyOf('n1', { kind: 'notice' })] }), 'r1+n1'],
    ['what ended a hold before replies', { ...mail({ inbox: [about('r1')] }), mailbox: [{ message: messageOf('m9'), deliveries: 0, ahead: true }] }, 'm9'],
  ])('%s', (_, given, expected) => expect(name(nextWork(given))).toBe(expected))

  test('is worked on under its own subject', () => {
    expect(subjectOf(nextWork(mail({ inbox: [about('r1', 'a')] })) as Work)).toBe('a')
    expect(subjectOf(nextWork(mail({ mailbox: ['m1'] })) as Work)).toBe('m1')
    expect(subjectOf(nextWork(mail({ inbox: [about('r1')] })) as Work)).toBeUndefined()
  })
})

describe('what the CLI is given', () => {
  test.each<[string, Work, string]>([
    ['a message, its text untouched', { kind: 'message', queued: { message: messageOf('m1', { text: '!rm -rf\n/exit' }), deliveries: 0 } }, '[MSG:m1] !rm -rf\n/exit'],
    ['one delivered again', { kind: 'message', queued: { message: messageOf('m1'), deliveries: 1 } }, '[MSG:m1] (delivered again: you were cut off; check what is done, then finish) do m1'],
    ['replies, each with its id and name', { kind: 'replies', replies: [about('r1'), about('r2')] }, '[REPLY:task-r1 from child] result r1\n\n[REPLY:task-r2 from child] result r2'],
    ['what failed, said so', { kind: 'replies', replies: [replyOf('r1', { status: 'agent_gone', text: 'it ended' })] }, '[REPLY:task-r1 from child] (agent_gone) it ended'],
    ['a follow-up', { kind: 'replies', replies: [replyOf('r1', { kind: 'follow_up' })] }, '[REPLY:task-r1 from child] (follow-up) result r1'],
    ['a notice', { kind: 'replies', replies: [replyOf('n', { kind: 'notice', text: 'it died' })] }, '[NOTICE from child] it died'],
  ])('%s', (_, work, expected) => expect(promptText(work)).toBe(expected))
})

describe('work that comes back', () => {
  test('goes where it came from, ahead of the rest, and counts as delivered only if it was', () => {
    const given = mail({ mailbox: ['m1', 'm2'], inbox: [] })
    const work = nextWork(given) as Work
    const taken = takeWork(given, work)
    expect([taken.mailbox.length, Object.keys(taken.open)]).toEqual([1, ['m1']])
    expect(returnWork(taken, work, false)).toEqual(given)
    expect(returnWork(taken, work, true).mailbox[0]).toMatchObject({ deliveries: 1 })
  })

  test('of a message that has tasks out stays open, and one that was settled is not delivered again', () => {
    const work: Work = { kind: 'message', queued: { message: messageOf('m1'), deliveries: 0 } }
    const busy = mail({ opened: [open('m1', { tasks: [id('t')] })] })
    expect(returnWork(busy, work, true).open).toHaveProperty('m1')
    expect(returnWork(mail({ opened: [open('m1', { settled: true })] }), work, true)).toEqual(mail())
  })

  test('is taken up by a turn that works on it after all', () => {
    const { mail: after, work } = takeUp(mail({ mailbox: ['m1', 'm2'] }), id('m2'))
    expect([name(work), after.mailbox.length, Object.keys(after.open)]).toEqual(['m2', 1, ['m2']])
    expect(takeUp(mail({ mailbox: ['m1'] }), id('m9'))).toEqual({ mail: mail({ mailbox: ['m1'] }) })
  })
})

describe('a turn\'s end', () => {
  const end = { subject: id('m1'), finalText: 'done', background: [] }
  test.each<[string, Mail, Parameters<typeof completeTurn>[1], string | undefined]>([
    ['answers its subject', mail({ opened: [open('m1')] }), end, 'm1'],
    ['answers nothing without a subject', mail({ opened: [open('m1')] }), { background: [], finalText: 'x' }, undefined],
    ['answers nothing that was settled', mail({ opened: [open('m1', { settled: true })] }), end, undefined],
    ['not while a task is out', mail({ opened: [open('m1', { tasks: [id('t')] })] }), end, undefined],
    ['not while a reply of its subject waits', mail({ inbox: [about('r1', 'm1')], opened: [open('m1')] }), end, undefined],
    ['although another message\'s task is out', mail({ opened: [open('m1'), open('m2', { tasks: [id('t')] })] }), end, 'm1'],
    ['not while background work it began runs', mail({ opened: [open('m1')] }), { ...end, background: [{ id: 'b1' }] }, undefined],
    ['although background work of another message runs', mail({ opened: [open('m1'), open('m2', { background: ['b1'] })] }), { ...end, background: [{ id: 'b1' }] }, 'm1'],
    ['although background work runs that was told of before it and is nobody\'s', mail({ opened: [open('m1')] }), { ...end, background: [{ id: 'b1' }], earlier: ['b1'] }, 'm1'],
    ['when its background work is done', mail({ opened: [open('m1', { background: ['b1'] })] }), end, 'm1'],
  ])('%s', (_, given, turnEnd, answered) => expect(completeTurn(given, turnEnd).answered).toBe(answered))

  test('keeps its last words for a message that waits, and silence takes nothing back', () => {
    const waiting = completeTurn(mail({ opened: [open('m1', { tasks: [id('t')] })] }), end).mail
    expect(completeTurn(waiting, { subject: id('m1'), background: [] }).mail.open['m1']?.lastText).toBe('done')
  })

  test('forgets what is settled and waits for nothing', () => {
    const { mail: after } = completeTurn(mail({ opened: [open('m1', { settled: true }), open('m2', { settled: true, tasks: [id('t')] })] }), { background: [] })
    expect(Object.keys(after.open)).toEqual(['m2'])
  })
})

describe('replies', () => {
  test('a reply comes once, and one that comes back makes its task outstanding again', () => {
    const first = replyArrived(mail({ opened: [open('m1')] }), about('r1', 'm1'))
    expect(first.open['m1']?.tasks).toEqual(['task-r1'])
    expect(replyArrived(first, about('r1', 'm1'))).toBe(first)
    const claimed = repliesClaimed(first, [asReplyId('r1')], [id('task-r1')])
    expect([claimed.inbox, claimed.open['m1']?.tasks]).toEqual([[], []])
  })

  test('a task is begun once, of the subject that sent it', () => {
    const twice = taskBegun(taskBegun(mail({ opened: [open('m1'), open('m2')] }), id('m1'), id('t')), id('m1'), id('t'))
    expect([twice.open['m1']?.tasks, twice.open['m2']?.tasks]).toEqual([['t'], []])
  })

  test.each<[string, OpenMessage, Reply[], boolean]>([
    ['nothing out', open('m1'), [], false],
    ['a task', open('m1', { tasks: [id('t')] }), [], true],
    ['background work', open('m1', { background: ['b'] }), [], true],
    ['a reply not handed in', open('m1'), [about('r1', 'm1')], true],
    ['a reply of another subject', open('m1'), [about('r1', 'm2')], false],
  ])('waiting: %s', (_, message, inbox, expected) => expect(isWaiting(mail({ inbox, opened: [message] }), message)).toBe(expected))

  test('quiet is what is unanswered, waits for nothing, and will not be delivered again', () => {
    const given = mail({ mailbox: ['again'], opened: [open('quiet'), open('again'), open('done', { settled: true }), open('waits', { tasks: [id('t')] })] })
    expect(quietMessages(given).map(each => each.message.id)).toEqual(['quiet'])
    expect(markSettled(given, id('again')).mailbox).toEqual([])
  })
})
