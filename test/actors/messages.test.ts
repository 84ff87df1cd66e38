import { describe, expect, test } from 'vitest'
import { asMessageId } from '../../src/ids.ts'
import { createStage } from './rig.ts'

const idIn = (text: string): string => /\[(?:MSG|REPLY):(\w+)/.exec(text)?.[1] ?? ''

describe('sending', () => {
  test('a message is on record when it is accepted, and its outcome before anyone hears it', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const sent = await stage.ask(stage.me, 'send_to_instance', { instance_id: 'ada', message: 'hello', wait_for_response: false })
    expect(sent).toMatchObject({ status: 'accepted', instance_id: ada })
    const id = asMessageId(String(sent['message_id']))
    expect(stage.store.getMessage(id)).toMatchObject({ text: 'hello', to: ada })
    const waited = stage.ask(stage.me, 'wait_for_any', { message_ids: [id] })
    stage.turn(ada, 'hi')
    expect(stage.store.getMessage(id)?.outcome).toMatchObject({ status: 'answered', text: 'hi', via: 'turn_end' })
    expect(await waited).toMatchObject({ status: 'answered', response: 'hi', via: 'turn_end', open: [] })
  })

  test('waiting answers with what reply_to_caller said, and the turn\'s end adds nothing', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const waited = stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'hello' })
    stage.begin(ada)
    expect(await stage.ask(stage.as(ada), 'reply_to_caller', { reply_message: 'by tool' })).toMatchObject({ delivered_to: 'tester', kind: 'outcome' })
    stage.end(ada, { finalText: 'I have replied.' })
    expect(await waited).toMatchObject({ status: 'answered', response: 'by tool', via: 'reply_to_caller' })
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ count: 0 })
  })

  test('position counts those before it in the mailbox', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const send = (message: string) => stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message, wait_for_response: false })
    expect([(await send('one'))['position'], (await send('two'))['position'], (await send('three'))['position']]).toEqual([undefined, 1, 2])
  })

  test('a wait that times out is no outcome: the message stays open and its answer comes to the inbox', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const waited = stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'hello', timeout_seconds: 5 })
    stage.begin(ada)
    stage.clock.advance(5_000)
    expect(await waited).toMatchObject({ status: 'pending' })
    stage.end(ada, { finalText: 'late' })
    expect(await stage.ask(stage.me, 'get_instance_status', { instance_id: ada })).toMatchObject({ pending_replies: 1, state: 'idle' })
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ count: 1, replies: [{ response: 'late', status: 'answered', kind: 'outcome' }] })
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ count: 0 })
  })

  test('two who wait for the same message both hear its outcome', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const call = () => stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'hello' }, { callKey: 'k1' })
    const [first, second] = [call(), call()]
    expect(stage.turn(ada, 'hi')).toContain('hello')
    expect([await first, await second]).toMatchObject([{ response: 'hi' }, { response: 'hi' }])
    expect(stage.commands.filter(command => command.type === 'submitPrompt').length).toBe(1)
  })

  test('the same call again is the same message, also when its agent has ended since', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const call = () => stage.call(stage.me, 'send_to_instance', { instance_id: 'ada', message: 'hello', wait_for_response: false }, { callKey: 'k1' })
    const first = await call()
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    const again = await call()
    expect([first, again]).toMatchObject([{ ok: true }, { ok: true, data: { message_id: first.ok && first.data?.['message_id'], status: 'agent_gone' } }])
  })

  test('a note is worked on, and nothing comes back, not even when it is answered', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const sent = await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'fyi', expects_reply: false })
    expect(sent).not.toHaveProperty('hint')
    stage.begin(ada)
    expect(await stage.ask(stage.as(ada), 'reply_to_caller', { reply_message: 'thanks' })).toMatchObject({ delivered_to: expect.stringContaining('nobody') })
    await stage.ask(stage.as(ada), 'reply_to_caller', { reply_message: 'and again' })
    stage.end(ada, { finalText: 'ok' })
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ count: 0 })
    expect(stage.store.listOpenMessages()).toEqual([])
  })

  test('one that expires before it is seen ends expired', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'long', wait_for_response: false })
    stage.begin(ada)
    const waited = stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'quick', expires_at: new Date(stage.clock.now() + 1_000).toISOString() })
    stage.clock.advance(1_000)
    expect(await waited).toMatchObject({ status: 'expired' })
  })

  test.each<[string, Record<string, unknown>, string]>([
    ['nothing', { message: '' }, 'invalid_input'],
    ['blanks', { message: ' \n ' }, 'invalid_input'],
    ['too much', { message: 'x'.repeat(101) }, 'invalid_input'],
    ['what has expired', { message: 'x', expires_at: '2020-01-01T00:00:00Z' }, 'invalid_input'],
    ['to nobody', { message: 'x', instance_id: 'nobody' }, 'not_found'],
    ['a parameter nobody knows', { message: 'x', urgent: true }, 'invalid_input'],
    ['a time without sense', { message: 'x', timeout_seconds: -1 }, 'invalid_input'],
  ])('refuses %s, and changes nothing', async (_, args, code) => {
    const stage = createStage({ limits: { maxMessageLength: 100 } })
    await stage.spawn('ada')
    expect(await stage.refusal(stage.me, 'send_to_instance', { instance_id: 'ada', ...args })).toBe(code)
    expect(stage.store.listOpenMessages()).toEqual([])
  })

  test('a full mailbox refuses the next, in words', async () => {
    const stage = createStage({ limits: { maxMailbox: 2 } })
    const ada = await stage.spawn('ada')
    for (let count = 0; count < 3; count += 1) await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: `m${count}`, wait_for_response: false })
    expect(await stage.refusal(stage.me, 'send_to_instance', { instance_id: ada, message: 'one more' })).toBe('mailbox_full')
    expect(stage.store.listOpenMessages()).toHaveLength(3)
  })

  test('a full mailbox still takes the word that ends a hold: without it nothing in there would ever be worked on', async () => {
    const stage = createStage({ limits: { maxMailbox: 1 } })
    const boss = await stage.spawn('boss')
    const [ada, peer] = [await stage.spawn('ada', stage.as(boss)), await stage.spawn('peer', stage.as(boss))]
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'long', wait_for_response: false })
    stage.begin(ada)
    const interrupted = stage.ask(stage.me, 'interrupt_instance', { instance_id: ada })
    const command = stage.commands.at(-1)
    stage.end(ada, { status: 'interrupted' })
    stage.fact(ada, { type: 'interruptFinished', requestId: command?.type === 'interrupt' ? command.requestId : '', wasInTurn: true })
    await interrupted
    await stage.ask(stage.as(peer), 'send_to_instance', { instance_id: ada, message: 'psst', wait_for_response: false })
    expect(await stage.refusal(stage.as(peer), 'send_to_instance', { instance_id: ada, message: 'psst again' })).toBe('mailbox_full')
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'go on', wait_for_response: false })
    expect(stage.begin(ada)).toContain('go on')
  })

  test('an agent that names itself collects its own replies, and hands none of them to nobody', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const ada = await stage.spawn('ada', stage.as(boss))
    await stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'work', wait_for_response: false })
    stage.begin(boss)
    await stage.ask(stage.as(boss), 'send_to_instance', { instance_id: ada, message: 'help', wait_for_response: false })
    stage.turn(ada, 'helped')
    expect(await stage.ask(stage.as(boss), 'get_pending_replies', { instance_id: boss })).toMatchObject({ count: 1, replies: [{ response: 'helped' }] })
    expect(stage.store.listReplies({ kind: 'agent', id: boss })).toEqual([])
  })

  test('many at once: those that fail say so in their place', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const sent = stage.ask(stage.me, 'send_to_multiple_instances', { messages: [{ instance_id: 'ada', message: 'a' }, { instance_id: 'nobody', message: 'b' }], wait_for_responses: true })
    stage.turn(ada, 'done')
    expect(await sent).toMatchObject({ results: [{ status: 'answered', response: 'done' }, { status: 'error', code: 'not_found', instance_id: 'nobody' }] })
    expect(await stage.refusal(stage.me, 'send_to_multiple_instances', { instance_ids: ['ada'] })).toBe('invalid_input')
  })
})

describe('replying', () => {
  test('without an id goes to the one open message; with several, the error lists them', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const kid = await stage.spawn('kid', stage.as(ada))
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'first', wait_for_response: false })
    stage.begin(ada)
    await stage.ask(stage.as(ada), 'send_to_instance', { instance_id: kid, message: 'sub', wait_for_response: false })
    stage.end(ada, { finalText: 'delegated' })
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'second', wait_for_response: false })
    const second = idIn(stage.begin(ada))
    const outcome = await stage.call(stage.as(ada), 'reply_to_caller', { reply_message: 'x' })
    expect(outcome).toMatchObject({ ok: false, error: { code: 'ambiguous_message', message: expect.stringContaining(second) } })
    expect(await stage.ask(stage.as(ada), 'reply_to_caller', { reply_message: 'two', correlation_id: `[MSG:${second}]` })).toMatchObject({ kind: 'outcome', correlation_id: second })
    // The first one is open, and this is not its answer.
    expect(await stage.ask(stage.as(ada), 'reply_to_caller', { reply_message: 'two, again' })).toMatchObject({ kind: 'follow_up', correlation_id: second })
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ replies: [{ kind: 'outcome', response: 'two' }, { kind: 'follow_up', response: 'two, again' }] })
  })

  test('with nothing open, to what one was never given, or as no agent: refused with a way out', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    expect(await stage.call(stage.as(ada), 'reply_to_caller', { reply_message: 'x' })).toMatchObject({ error: { code: 'no_open_message', remedy: expect.stringContaining('send_to_instance') } })
    expect(await stage.refusal(stage.as(ada), 'reply_to_caller', { reply_message: 'x', correlation_id: 'made-up' })).toBe('not_found')
    expect(await stage.refusal(stage.me, 'reply_to_caller', { reply_message: 'x' })).toBe('not_allowed')
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'one', wait_for_response: false })
    const queued = await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'two', wait_for_response: false })
    stage.begin(ada)
    expect(await stage.refusal(stage.as(ada), 'reply_to_caller', { reply_message: 'x', correlation_id: queued['message_id'] })).toBe('not_found')
  })

  test('to a message of somebody else\'s agent is refused', async () => {
    const stage = createStage()
    const [ada, bob] = [await stage.spawn('ada'), await stage.spawn('bob')]
    const sent = await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'secret', wait_for_response: false })
    stage.begin(ada)
    expect(await stage.refusal(stage.as(bob), 'reply_to_caller', { reply_message: 'x', correlation_id: sent['message_id'] })).toBe('not_found')
  })
})

describe('a supervisor', () => {
  test('is handed its children\'s replies as its next turn, those of one task together, and answers only then', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kids = [await stage.spawn('k1', stage.as(boss)), await stage.spawn('k2', stage.as(boss))]
    const waited = stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'both' })
    stage.begin(boss)
    await stage.ask(stage.as(boss), 'send_to_multiple_instances', { instance_ids: kids, message: 'part' })
    for (const kid of kids) stage.turn(kid, `part of ${kid}`)
    stage.end(boss, { finalText: 'delegated' })
    const text = stage.begin(boss)
    expect(text.match(/\[REPLY:/g)).toHaveLength(2)
    expect(text).toContain(`from k1] part of ${kids[0]}`)
    stage.end(boss, { finalText: 'all parts' })
    expect(await waited).toMatchObject({ status: 'answered', response: 'all parts', via: 'turn_end' })
    expect(stage.state(boss)).toBe('idle.live')
  })

  test('that waits for a child still takes what the child asks it, and so neither waits for ever', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kid = await stage.spawn('kid', stage.as(boss))
    const waited = stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'go' })
    stage.begin(boss)
    await stage.ask(stage.as(boss), 'send_to_instance', { instance_id: kid, message: 'part', wait_for_response: false })
    stage.end(boss, { finalText: 'delegated' })
    stage.begin(kid)
    const asked = stage.ask(stage.as(kid), 'send_to_instance', { instance_id: boss, message: 'which part?' })
    expect(stage.turn(boss, 'the left one')).toMatch(/^\[MSG:\w+\] which part\?$/)
    expect(await asked).toMatchObject({ status: 'answered', response: 'the left one' })
    stage.end(kid, { finalText: 'the left one is done' })
    expect(stage.turn(boss, 'all done')).toContain('the left one is done')
    expect(await waited).toMatchObject({ status: 'answered', response: 'all done' })
  })

  test('that waited in the turn has its answer in the call, and not a second time', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kid = await stage.spawn('kid', stage.as(boss))
    await stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'go', wait_for_response: false })
    stage.begin(boss)
    const waited = stage.ask(stage.as(boss), 'send_to_instance', { instance_id: kid, message: 'part' })
    stage.turn(kid, 'part done')
    expect(await waited).toMatchObject({ response: 'part done' })
    stage.end(boss, { finalText: 'whole' })
    expect(stage.state(boss)).toBe('idle.live')
    expect(stage.store.listReplies({ kind: 'agent', id: boss })).toEqual([])
  })

  test('whose answer in the call did not leave gets it as a turn, and its task waits for that', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kid = await stage.spawn('kid', stage.as(boss))
    const sent = await stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'go', wait_for_response: false })
    stage.begin(boss)
    const waited = stage.ask(stage.as(boss), 'send_to_instance', { instance_id: kid, message: 'part' }, { leaves: false })
    stage.turn(kid, 'part done')
    await waited
    stage.end(boss, { finalText: 'whole' })
    expect(stage.store.getMessage(asMessageId(String(sent['message_id'])))?.outcome).toBeUndefined()
    expect(stage.turn(boss, 'now whole')).toContain('part done')
    expect(stage.store.getMessage(asMessageId(String(sent['message_id'])))?.outcome?.text).toBe('now whole')
  })

  test('that collects a child\'s reply in another task\'s turn still answers the first task', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kid = await stage.spawn('kid', stage.as(boss))
    const first = stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'one' })
    stage.begin(boss)
    await stage.ask(stage.as(boss), 'send_to_instance', { instance_id: kid, message: 'part', wait_for_response: false })
    stage.end(boss, { finalText: 'one is delegated' })
    const second = stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'two' })
    stage.begin(boss)
    stage.turn(kid, 'part done')
    expect(await stage.ask(stage.as(boss), 'get_pending_replies')).toMatchObject({ count: 1 })
    stage.end(boss, { finalText: 'two done' })
    stage.clock.advance(10_000)
    expect([await first, await second]).toMatchObject([{ response: 'one is delegated' }, { response: 'two done' }])
  })

  test('is told of a child that died, once: by the message it is owed, else by a notice', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const [one, two] = [await stage.spawn('one', stage.as(boss)), await stage.spawn('two', stage.as(boss))]
    await stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'go', wait_for_response: false })
    stage.begin(boss)
    await stage.ask(stage.as(boss), 'send_to_instance', { instance_id: one, message: 'part', wait_for_response: false })
    for (const id of [one, two]) stage.fact(id, { type: 'exited', expected: true, code: 3 })
    const { replies } = await stage.ask(stage.as(boss), 'get_pending_replies')
    expect(replies).toMatchObject([{ kind: 'outcome', status: 'agent_gone', from: 'one' }, { kind: 'notice', from: 'two', response: expect.stringContaining('exit code 3') }])
  })
})

describe('where a reply goes when its sender has ended', () => {
  test('to the nearest living ancestor, then the client', async () => {
    const stage = createStage()
    const top = await stage.spawn('top')
    const mid = await stage.spawn('mid', stage.as(top))
    const low = await stage.spawn('low', stage.as(mid))
    const peer = await stage.spawn('peer', stage.as(mid))
    await stage.ask(stage.as(low), 'send_to_instance', { instance_id: peer, message: 'to a peer', wait_for_response: false })
    await stage.ask(stage.me, 'terminate_instance', { instance_id: low })
    stage.byHand.add('mid')
    const ending = stage.ask(stage.me, 'terminate_instance', { instance_id: mid })
    await stage.settle()
    // The peer ended with mid, before it answered: told to the first who lives above low.
    expect(stage.store.listReplies({ kind: 'agent', id: mid })).toMatchObject([{ status: 'agent_gone', from: peer }])
    stage.fact(mid, { type: 'exited', expected: true })
    await ending
    expect(stage.begin(top)).toContain('from peer] (agent_gone)')
  })
})
