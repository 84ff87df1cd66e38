/** What reached nobody: kept, shown to those it concerns, sent again once. */

import { describe, expect, test } from 'vitest'
import { asAgentId, asClientId, asMessageId, asOwnerId } from '../../src/ids.ts'
import type { Caller } from '../../src/messages.ts'
import { createStage, type Stage } from './rig.ts'

interface Listed {
  readonly dead_letters: readonly Readonly<Record<string, unknown>>[]
  readonly count: number
  readonly older: number
}

const list = async (stage: Stage, by: Caller = stage.me, args = {}): Promise<Listed> => (await stage.ask(by, 'list_dead_letters', args)) as unknown as Listed // as its schema says
const idsOf = async (...args: Parameters<typeof list>) => (await list(...args)).dead_letters.map(letter => letter['id'])
const send = async (stage: Stage, to: string, message: string, { by = stage.me, ...more }: { by?: Caller } & Readonly<Record<string, unknown>> = {}) => asMessageId(String((await stage.ask(by, 'send_to_instance', { instance_id: to, message, wait_for_response: false, ...more }))['message_id']))
const inTime = (stage: Stage, ms: number) => ({ expires_at: new Date(stage.clock.now() + ms).toISOString() })

/** An agent at work, and a message that expires behind it. */
async function createLate(stage: Stage) {
  const ada = await stage.spawn('ada')
  await send(stage, ada, 'busy')
  stage.begin(ada)
  const late = await send(stage, ada, 'in time?', inTime(stage, 1_000))
  stage.clock.advance(1_000)
  return { ada, late }
}

/** A reply of ada's to an agent that is gone, and nobody above it is on record. */
async function createOrphan(stage: Stage) {
  const ada = await stage.spawn('ada')
  const row = stage.store.getAgent(ada)
  if (!row) throw new Error('It is not on record.')
  const ghost = asAgentId('ghost')
  stage.store.insertAgent({ ...row, id: ghost, name: 'ghost', parent: { kind: 'client', id: asClientId('gone') }, state: 'terminated', endedAt: 1, endReason: 'long ago' })
  stage.store.insertMessage({ id: asMessageId('m1'), to: ada, from: { kind: 'agent', id: ghost }, text: 'who are you?', expectsReply: true, acceptedAt: 1 })
  const next = stage.crash()
  await next.settle()
  next.turn(ada, 'ada')
  return { stage: next, ada }
}

describe('a dead letter', () => {
  test('is a message whose agent ended before it answered, whoever ended it', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const [first, second] = [await send(stage, ada, 'one'), await send(stage, ada, 'two', { expects_reply: false })]
    stage.begin(ada)
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    const base = { kind: 'message', from: 'tester', from_id: stage.me.clientId, to: 'ada', to_id: ada, status: 'agent_gone', reason: 'ada ended before it answered: terminated by its client.' }
    expect(await list(stage)).toEqual({ dead_letters: [{ ...base, id: first, text: 'one', at: expect.any(String) }, { ...base, id: second, text: 'two', at: expect.any(String) }], count: 2, older: 0, pending_replies: 1 })
  })

  test('is a message that expired, and one that was cut off each time', async () => {
    const stage = createStage()
    const { ada, late } = await createLate(stage)
    stage.end(ada)
    const bad = await send(stage, ada, 'kills')
    for (const _ of [1, 2, 3]) {
      const prompt = stage.commands.findLast(each => each.type === 'submitPrompt')
      stage.fact(ada, { type: 'promptUnconfirmed', promptId: prompt?.type === 'submitPrompt' ? prompt.promptId : '', detail: 'no hook' })
      await stage.settle()
    }
    expect((await list(stage)).dead_letters).toMatchObject([{ id: late, status: 'expired' }, { id: bad, text: 'kills', status: 'failed', reason: expect.stringMatching(/^poison: /) }])
  })

  test('is no message that was answered, failed in its turn, or was cancelled by somebody', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    await send(stage, ada, 'one')
    stage.turn(ada, 'done')
    await send(stage, ada, 'two')
    stage.begin(ada)
    stage.end(ada, { status: 'failed', error: 'poisonous: overloaded' })
    await send(stage, ada, 'three')
    stage.begin(ada)
    const cut = stage.ask(stage.me, 'interrupt_instance', { instance_id: ada })
    await stage.settle()
    stage.end(ada, { status: 'interrupted' })
    const command = stage.commands.findLast(each => each.type === 'interrupt')
    stage.fact(ada, { type: 'interruptFinished', requestId: command?.type === 'interrupt' ? command.requestId : '', wasInTurn: true })
    await cut
    expect(await list(stage)).toMatchObject({ count: 0, older: 0 })
  })

  test('is one no more when its agent answers it after all', async () => {
    const stage = createStage()
    const { ada, late } = await createLate(stage)
    expect(await idsOf(stage)).toEqual([late])
    await stage.ask(stage.as(ada), 'reply_to_caller', { reply_message: 'here I am', correlation_id: late })
    expect(await idsOf(stage)).toEqual([])
  })

  test('is a reply that nobody is left to hear', async () => {
    const { stage, ada } = await createOrphan(createStage())
    expect((await list(stage)).dead_letters).toMatchObject([{ kind: 'reply', from: 'ada', from_id: ada, to: 'ghost', text: 'ada', status: 'answered', message_id: 'm1', reason: 'its addressee and everyone above it have ended' }])
  })

  test('is listed newest last, the newest so many, since a time; also after a restart', async () => {
    const first = createStage()
    const ids: string[] = []
    for (const name of ['ada', 'bob', 'eve']) {
      const agent = await first.spawn(name)
      ids.push(await send(first, agent, name))
      await first.ask(first.me, 'terminate_instance', { instance_id: agent })
      first.clock.advance(1_000)
    }
    const stage = first.crash()
    expect(await list(stage, stage.me, { limit: 2 })).toMatchObject({ dead_letters: [{ id: ids[1] }, { id: ids[2] }], older: 1 })
    expect(await idsOf(stage, stage.me, { since: new Date(Date.UTC(2026, 0, 1) + 1_000).toISOString() })).toEqual(ids.slice(1))
  })

  test('is seen by its owner, and by agents in whose subtree it was written or was to be read', async () => {
    const stage = createStage()
    const [boss, peer] = [await stage.spawn('boss'), await stage.spawn('peer')]
    const kid = await stage.spawn('kid', stage.as(boss))
    const id = await send(stage, kid, 'part', { by: stage.as(boss) })
    await stage.ask(stage.me, 'terminate_instance', { instance_id: kid })
    const owner: Caller = { kind: 'owner', ownerId: stage.me.ownerId }
    const stranger = stage.client('tester', { ownerId: asOwnerId('eve') })
    const seen = await Promise.all([stage.me, owner, stage.client('another'), stage.as(boss), stage.as(peer), stranger].map(by => idsOf(stage, by)))
    expect(seen).toEqual([[id], [id], [id], [id], [], []])
    expect(await Promise.all([stage.as(peer), stranger].map(by => stage.refusal(by, 'resend_dead_letter', { dead_letter_id: id, instance_id: 'boss' })))).toEqual(['not_found', 'not_found'])
    expect(await idsOf(stage)).toEqual([id])
  })
})

describe('sending it again', () => {
  test('a message goes to the agent it was for, as a new one of the caller\'s, and is answered like any', async () => {
    const stage = createStage()
    const { ada, late } = await createLate(stage)
    stage.end(ada)
    const other = stage.client('other', { root: '/elsewhere' })
    const again = await stage.ask(other, 'resend_dead_letter', { dead_letter_id: late })
    expect(again).toMatchObject({ status: 'accepted', kind: 'message', dead_letter_id: late, message_id: expect.not.stringContaining(late), to: 'ada', to_id: ada })
    expect(stage.turn(ada, 'now')).toBe(`[MSG:${again['message_id']}] in time?`)
    expect(await stage.ask(other, 'get_pending_replies')).toMatchObject({ replies: [{ message_id: again['message_id'], response: 'now' }] })
    expect(stage.store.getMessage(late)?.outcome?.status).toBe('expired')
  })

  test('a note stays a note', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const id = await send(stage, ada, 'fyi', { expects_reply: false })
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    const bob = await stage.spawn('bob')
    const again = await stage.ask(stage.me, 'resend_dead_letter', { dead_letter_id: id, instance_id: 'bob' })
    expect([again['hint'], stage.store.getMessage(asMessageId(String(again['message_id'])))]).toMatchObject([undefined, { to: bob, text: 'fyi', expectsReply: false }])
  })

  test('a message whose agent has ended needs another one named; refused, it is still there', async () => {
    const stage = createStage({ limits: { maxMailbox: 1 } })
    const ada = await stage.spawn('ada')
    const id = await send(stage, ada, 'do it')
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    expect(await stage.call(stage.me, 'resend_dead_letter', { dead_letter_id: id })).toMatchObject({ error: { code: 'agent_ended', remedy: expect.stringContaining('instance_id') } })
    const bob = await stage.spawn('bob')
    for (const message of ['one', 'two']) await send(stage, bob, message)
    expect(await stage.refusal(stage.me, 'resend_dead_letter', { dead_letter_id: id, instance_id: bob })).toBe('mailbox_full')
    expect(await idsOf(stage)).toEqual([id])
    stage.turn(bob, 'one done')
    expect(await stage.refusal(stage.me, 'resend_dead_letter', { dead_letter_id: id, instance_id: bob })).toBe('ok')
  })

  test('happens once: it is kept and marked, a second time is refused with what the first made, the same call has the same result', async () => {
    const stage = createStage()
    const { late } = await createLate(stage)
    const call = () => stage.ask(stage.me, 'resend_dead_letter', { dead_letter_id: late }, { callKey: 'k' })
    const again = await call()
    expect(await call()).toEqual(again)
    expect(await stage.call(stage.me, 'resend_dead_letter', { dead_letter_id: late })).toMatchObject({ error: { code: 'already_resent', message: expect.stringContaining(String(again['message_id'])), data: { resentAs: again['message_id'] } } })
    expect([await idsOf(stage), (await list(stage, stage.me, { include_resent: true })).dead_letters]).toMatchObject([[], [{ id: late, resent_as: again['message_id'] }]])
    const next = stage.crash()
    expect(await next.ask(next.me, 'resend_dead_letter', { dead_letter_id: late }, { callKey: 'k' })).toMatchObject({ message_id: again['message_id'] })
    expect(next.store.listOpenMessages().map(message => message.text)).toEqual(['busy', 'in time?'])
  })

  test('a reply comes to the caller, or to the agent it names', async () => {
    const { stage, ada } = await createOrphan(createStage())
    const [id] = await idsOf(stage)
    const again = await stage.ask(stage.me, 'resend_dead_letter', { dead_letter_id: id })
    expect(again).toMatchObject({ kind: 'reply', reply_id: expect.not.stringContaining(String(id)), to: 'tester', to_id: stage.me.clientId, pending_replies: 1 })
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ replies: [{ from: 'ada', instance_id: ada, message_id: 'm1', response: 'ada' }], count: 1 })
    expect(await stage.refusal(stage.me, 'resend_dead_letter', { dead_letter_id: id })).toBe('already_resent')
  })

  test('a reply for an agent is its next turn', async () => {
    const { stage } = await createOrphan(createStage())
    const bob = await stage.spawn('bob')
    const [id] = await idsOf(stage)
    expect(await stage.ask(stage.me, 'resend_dead_letter', { dead_letter_id: id, instance_id: 'bob' })).toMatchObject({ to: 'bob', to_id: bob })
    expect(stage.begin(bob)).toBe('[REPLY:m1 from ada] ada')
  })
})
