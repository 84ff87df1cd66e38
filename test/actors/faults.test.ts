import { describe, expect, test } from 'vitest'
import { MadroxError } from '../../src/errors.ts'
import { asMessageId } from '../../src/ids.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { createStage, type Stage } from './rig.ts'

/** A store whose disk is full while `broken` names the call. */
function createFaultyStore(): Store & { broken: keyof Store | undefined } {
  const store = createMemoryStore()
  const faulty = { ...store, broken: undefined as keyof Store | undefined }
  for (const [name, work] of Object.entries(store) as [keyof Store, (...args: unknown[]) => unknown][]) {
    const guarded = (...args: unknown[]): unknown => {
      if (faulty.broken === name) throw new MadroxError('unavailable', 'The disk is full.')
      return work(...args)
    }
    Object.assign(faulty, { [name]: guarded })
  }
  return faulty
}

describe('a store that cannot write', () => {
  test('accepts nothing: the sender hears it, and the agent never sees the message', async () => {
    const store = createFaultyStore()
    const stage = createStage({ store })
    const ada = await stage.spawn('ada')
    store.broken = 'insertMessage'
    expect(await stage.refusal(stage.me, 'send_to_instance', { instance_id: ada, message: 'x' })).toBe('unavailable')
    store.broken = undefined
    expect([stage.state(ada), store.listOpenMessages()]).toEqual(['idle.live', []])
  })

  test('has nothing typed that a killed server would not know of; it is typed when the record can be kept again', async () => {
    const store = createFaultyStore()
    const stage = createStage({ store })
    const ada = await stage.spawn('ada')
    stage.commands.splice(0)
    store.broken = 'markHanded'
    const sent = await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false })
    expect([stage.state(ada), stage.commands]).toEqual(['busy.delivering', []])
    store.broken = undefined
    stage.clock.advance(1_000)
    expect(stage.commands).toMatchObject([{ type: 'submitPrompt', text: expect.stringContaining(String(sent['message_id'])) }])
    expect(stage.turn(ada, 'done')).toContain('x')
  })

  test('and dies just when an agent saw the answers it waited for: what it said before them is not taken for its own answer', async () => {
    const store = createFaultyStore()
    const first = createStage({ store })
    const boss = await first.spawn('boss')
    const kid = await first.spawn('kid', first.as(boss))
    const { message_id } = await first.ask(first.me, 'send_to_instance', { instance_id: boss, message: 'lead', wait_for_response: false })
    first.begin(boss)
    await first.ask(first.as(boss), 'send_to_instance', { instance_id: kid, message: 'part', wait_for_response: false })
    first.end(boss, { finalText: 'delegated' })
    first.turn(kid, 'part done')
    store.broken = 'markRested'
    first.begin(boss)
    store.broken = undefined
    const stage = first.crash()
    await stage.settle()
    stage.clock.advance(10_000)
    expect(stage.store.getMessage(asMessageId(String(message_id)))?.outcome).toBeUndefined()
    expect(stage.turn(boss, 'all done')).toContain('part done')
    expect(stage.store.getMessage(asMessageId(String(message_id)))?.outcome).toMatchObject({ text: 'all done' })
  })

  test('and an interrupt takes back what was not typed yet', async () => {
    const store = createFaultyStore()
    const stage = createStage({ store })
    const ada = await stage.spawn('ada')
    stage.commands.splice(0)
    store.broken = 'markHanded'
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false })
    void stage.call(stage.me, 'interrupt_instance', { instance_id: ada })
    await stage.settle()
    store.broken = undefined
    stage.clock.advance(1_000)
    expect(stage.commands).toMatchObject([{ type: 'interrupt' }])
  })

  test('knows a client again that went away meanwhile', async () => {
    const store = createFaultyStore()
    const stage = createStage({ store })
    const before = stage.client('claude-code', { root: '/repo' })
    store.broken = 'saveClient'
    expect(() => stage.system.disconnectClient(before.clientId)).toThrow('disk')
    store.broken = undefined
    expect(stage.client('claude-code', { root: '/repo' }).clientId).toBe(before.clientId)
  })

  test('an idempotent send that failed whole is made by the next try', async () => {
    const store = createFaultyStore()
    const stage = createStage({ store })
    const ada = await stage.spawn('ada')
    const send = () => stage.call(stage.me, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false }, { callKey: 'k' })
    store.broken = 'recordCall'
    expect(await send()).toMatchObject({ ok: false })
    store.broken = undefined
    expect(await send()).toMatchObject({ ok: true })
    expect(store.listOpenMessages()).toHaveLength(1)
  })

  test.each(['settleMessage', 'addReply', 'appendOutput'] as const)('nobody is told of an outcome that is not on record (%s); when it is, they are, once', async call => {
    const store = createFaultyStore()
    const stage = createStage({ store })
    const ada = await stage.spawn('ada')
    const waited = stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'x' })
    stage.begin(ada)
    let told = false
    void waited.then(() => (told = true))
    store.broken = call
    stage.end(ada, { finalText: 'done' })
    stage.clock.advance(5_000)
    await stage.settle()
    expect([told, store.listOpenMessages().length]).toEqual([false, 1])
    store.broken = undefined
    stage.clock.advance(1_000)
    expect(await waited).toMatchObject({ status: 'answered', response: 'done' })
    expect(store.listReplies({ kind: 'client', id: stage.me.clientId })).toEqual([])
  })

  test('ends an agent all the same, says that it is not on record yet, and records it later', async () => {
    const store = createFaultyStore()
    const stage = createStage({ store })
    const ada = await stage.spawn('ada')
    store.broken = 'updateAgent'
    expect(await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })).toMatchObject({ terminated: [{ reason: expect.stringContaining('not yet on record') }] })
    store.broken = undefined
    stage.clock.advance(1_000)
    expect(store.getAgent(ada)).toMatchObject({ state: 'terminated', endReason: 'terminated by its client' })
  })

  test('is no reason to wait for an agent that is gone', async () => {
    const store = createFaultyStore()
    const stage = createStage({ store })
    const ada = await stage.spawn('ada')
    store.broken = 'updateAgent'
    stage.fact(ada, { type: 'exited', expected: true, code: 1 })
    expect(await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })).toMatchObject({ already_ended: true, note: expect.stringContaining('not yet on record') })
  })

  test('is no reason not to start, or to die of it later: what is old is forgotten another day', async () => {
    const store = createFaultyStore()
    store.broken = 'prune'
    const stage = createStage({ store, retentionDays: 1 })
    expect(await stage.refusal(stage.me, 'spawn_agent', { harness: 'hand', name: 'bob', workspace: 'isolated' })).toBe('unavailable')
    stage.clock.advance(1_000) // a write of its own goes well
    const ada = await stage.spawn('ada')
    stage.clock.advance(86_400_000)
    expect(await stage.ask(stage.me, 'get_instance_status', { instance_id: ada })).toMatchObject({ state: 'idle' })
  })

  test('spawns nothing', async () => {
    const store = createFaultyStore()
    const stage = createStage({ store })
    store.broken = 'insertAgent'
    expect(await stage.refusal(stage.me, 'spawn_agent', { harness: 'hand', name: 'ada', workspace: 'isolated' })).toBe('unavailable')
    expect([stage.commands, stage.system.list(stage.me)]).toEqual([[], []])
  })
})

describe('a store that fails when the step is done', () => {
  const unread = (stage: Stage) => stage.store.countReplies({ kind: 'client', id: stage.me.clientId })
  const pending = (stage: Stage) => stage.system.pendingReplies(stage.me)

  test('a message that was accepted is said to be, though its record cannot be read', async () => {
    const store = createFaultyStore()
    const stage = createStage({ store })
    const ada = await stage.spawn('ada')
    store.broken = 'getMessage'
    expect(await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false })).toMatchObject({ status: 'accepted', message_id: expect.any(String) })
    store.broken = undefined
    expect(stage.begin(ada)).toContain('x')
  })

  test.each([true, false])('an answer that could not be told stays in the inbox (waited for: %s)', async waits => {
    const store = createFaultyStore()
    const stage = createStage({ store })
    const ada = await stage.spawn('ada')
    const sent = await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false })
    const wait = () => stage.call(stage.me, 'wait_for_any', { message_ids: [sent['message_id']] })
    stage.begin(ada)
    const first = waits ? wait() : undefined
    stage.end(ada, { finalText: 'done' })
    store.broken = 'usageTotals'
    expect(await (first ?? wait())).toMatchObject({ ok: false, error: { code: 'unavailable' } })
    store.broken = undefined
    expect([unread(stage), pending(stage)]).toEqual([1, 1])
    expect(await wait()).toMatchObject({ ok: true, data: { response: 'done' } })
    expect([unread(stage), pending(stage)]).toEqual([0, 0])
  })

  test('so does the first answer of an agent whose spawn cannot be told', async () => {
    const store = createFaultyStore()
    const stage = createStage({ store })
    const atWork = new Promise<void>(resolve => stage.system.inspect(stage.me, { happened: told => told.type === 'changed' && told.to.startsWith('busy') && resolve(), touched: () => {} }))
    const spawned = stage.call(stage.me, 'spawn_agent', { harness: 'hand', name: 'ada', workspace: 'isolated', initial_prompt: 'x', wait_for_response: true })
    await atWork
    const ada = stage.system.resolve(stage.me, 'ada')
    stage.begin(ada)
    store.broken = 'usageTotals'
    await stage.call(stage.as(ada), 'reply_to_caller', { reply_message: 'done' })
    expect(await spawned).toMatchObject({ ok: false, error: { code: 'unavailable' } })
    store.broken = undefined
    expect([unread(stage), pending(stage)]).toEqual([1, 1])
  })

  test('an answer that is not on record yet is not said to be delivered; it is, once, when the store can', async () => {
    const store = createFaultyStore()
    const stage = createStage({ store })
    const ada = await stage.spawn('ada')
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false })
    stage.begin(ada)
    store.broken = 'settleMessage'
    expect(await stage.call(stage.as(ada), 'reply_to_caller', { reply_message: 'done' })).toMatchObject({ error: { code: 'unavailable', remedy: expect.stringContaining('need not repeat') } })
    store.broken = undefined
    stage.clock.advance(1_000)
    stage.end(ada, { finalText: 'bye' })
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ replies: [{ response: 'done' }], count: 1 })
  })
})

test.each(['its id', 'its name', 'a name that another bears'])('who looks at its own inbox by %s has its replies handed out, once', async by => {
  const stage = createStage()
  const boss = await stage.spawn('boss')
  const kid = await stage.spawn('kid', stage.as(boss))
  await stage.ask(stage.as(boss), 'send_to_instance', { instance_id: kid, message: 'x', wait_for_response: false })
  await stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'work', wait_for_response: false })
  stage.begin(boss)
  const waiting = stage.call(stage.as(boss), 'get_pending_replies', { instance_id: by === 'its id' ? boss : 'boss', wait_timeout: 60 })
  await stage.spawn(by === 'a name that another bears' ? 'boss' : 'other', stage.as(boss))
  stage.turn(kid, 'done')
  expect(await waiting).toMatchObject({ ok: true, data: { replies: [{ response: 'done' }] } })
  expect(stage.store.countReplies({ kind: 'agent', id: boss })).toBe(0)
})

test('the end of an agent is told when its own outcomes are: sender, inbox and heir in one go', async () => {
  const stage = createStage()
  const boss = await stage.spawn('boss')
  const kid = await stage.spawn('kid', stage.as(boss))
  const low = await stage.spawn('low', stage.as(kid))
  await stage.ask(stage.me, 'send_to_instance', { instance_id: kid, message: 'go', wait_for_response: false })
  stage.begin(kid)
  await stage.ask(stage.as(kid), 'send_to_instance', { instance_id: low, message: 'part', wait_for_response: false })
  stage.turn(low, 'part done')
  expect(stage.store.countReplies({ kind: 'agent', id: kid })).toBe(1)
  stage.fact(kid, { type: 'exited', expected: true, code: 1 })
  await stage.settle()
  // A notice says why, and kid's unread reply is its supervisor's now.
  expect(stage.turn(boss, '')).toBe('[NOTICE from kid] kid has ended: its CLI process died (exit code 1).')
  expect([stage.begin(boss), stage.store.countReplies({ kind: 'agent', id: kid })]).toEqual([expect.stringContaining('part done'), 0])
  expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ replies: [{ status: 'agent_gone', from: 'kid' }] })
})
