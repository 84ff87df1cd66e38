import { describe, expect, test } from 'vitest'
import type { AgentId } from '../../src/ids.ts'
import { createStage, type Stage } from './rig.ts'

/** Three peers, each in a turn of its own. */
async function createRing(stage: Stage): Promise<AgentId[]> {
  const ids: AgentId[] = []
  for (const name of ['a', 'b', 'c']) {
    const id = await stage.spawn(name)
    await stage.ask(stage.me, 'send_to_instance', { instance_id: id, message: 'work', wait_for_response: false })
    stage.begin(id)
    ids.push(id)
  }
  return ids
}

const askPeer = (stage: Stage, from: AgentId | undefined, to: string, more = {}) => stage.call(stage.as(from as AgentId), 'send_to_instance', { instance_id: to, message: 'tell me', ...more }) // an id of the ring

describe('a wait that could never end', () => {
  test('is refused at once, naming the circle and the way out, and nothing is sent', async () => {
    const stage = createStage()
    const [a, b, c] = await createRing(stage)
    const [first, second] = [askPeer(stage, a, 'b'), askPeer(stage, b, 'c')]
    const third = await askPeer(stage, c, 'a')
    expect(third).toMatchObject({ ok: false, error: { code: 'wait_cycle', message: 'This wait could never end: c waits for a waits for b waits for c.', remedy: expect.stringContaining('wait_for_response=false') } })
    expect(stage.store.listOpenMessages(a)).toHaveLength(1) // the one it works on
    // Ending its turn frees them all.
    stage.end(c as AgentId, { finalText: 'c is done' })
    stage.turn(c as AgentId, 'c tells')
    expect(await second).toMatchObject({ data: { response: 'c tells' } })
    stage.end(b as AgentId)
    stage.turn(b as AgentId, 'b tells')
    expect(await first).toMatchObject({ data: { response: 'b tells' } })
  })

  test('is refused by wait_for_any too, unless one of them is free', async () => {
    const stage = createStage()
    const [a, b] = await createRing(stage)
    const id = async (from: AgentId | undefined, to: string): Promise<unknown> => {
      const sent = await askPeer(stage, from, to, { wait_for_response: false })
      return sent.ok && sent.data?.['message_id']
    }
    const [atB, atC] = [await id(a, 'b'), await id(a, 'c')]
    const waiting = askPeer(stage, b, 'a', { timeout_seconds: 10 })
    expect(await stage.refusal(stage.as(a as AgentId), 'wait_for_any', { message_ids: [atB] })).toBe('wait_cycle')
    const any = stage.call(stage.as(a as AgentId), 'wait_for_any', { message_ids: [atB, atC], timeout_seconds: 5 })
    stage.clock.advance(10_000)
    expect([await any, await waiting]).toMatchObject([{ data: { status: 'pending', open: [atB, atC] } }, { data: { status: 'pending' } }])
  })

  test('is answered by who met it, and holds up none of those above', async () => {
    const stage = createStage()
    for (const name of ['x', 'y', 'z']) await stage.ask(stage.me, 'spawn_agent', { harness: 'scripted', name, workspace: 'isolated' })
    const asked = await stage.ask(stage.me, 'send_to_instance', { instance_id: 'x', message: 'ask y {ask z {ask x {echo never}}}' })
    expect(asked).toMatchObject({ status: 'answered', response: expect.stringContaining('z waits for x waits for y waits for z') })
  })

  test('is no circle once the other has stopped waiting', async () => {
    const stage = createStage()
    const [a, b] = await createRing(stage)
    const abort = new AbortController()
    const waiting = stage.call(stage.as(a as AgentId), 'send_to_instance', { instance_id: 'b', message: 'x' }, { signal: abort.signal })
    abort.abort()
    expect(await waiting).toMatchObject({ data: { status: 'pending' } })
    const back = askPeer(stage, b, 'a', { timeout_seconds: 1 })
    stage.clock.advance(1_000)
    expect(await back).toMatchObject({ ok: true })
  })
})

describe('deadlines', () => {
  test('a wait inside a wait ends with it, however long it asked for', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kid = await stage.spawn('kid', stage.as(boss))
    const outer = stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'go', timeout_seconds: 10 })
    stage.begin(boss)
    const inner = stage.ask(stage.as(boss), 'send_to_instance', { instance_id: kid, message: 'go', timeout_seconds: 1_000 })
    stage.clock.advance(10_000)
    expect([await outer, await inner]).toMatchObject([{ status: 'pending' }, { status: 'pending' }])
  })

  test('so does a wait for whatever comes, which is of no message', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const outer = stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'go', timeout_seconds: 10 })
    stage.begin(boss)
    const inner = stage.ask(stage.as(boss), 'get_pending_replies', { wait_timeout: 1_000 })
    stage.clock.advance(10_000)
    expect([await outer, await inner]).toMatchObject([{ status: 'pending' }, { count: 0 }])
  })

  test('of several who wait for the same, the last one counts', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kid = await stage.spawn('kid', stage.as(boss))
    const outer = stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'go', timeout_seconds: 10 }, { callKey: 'k' })
    const longer = stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'go', timeout_seconds: 50 }, { callKey: 'k' })
    stage.begin(boss)
    const inner = stage.ask(stage.as(boss), 'send_to_instance', { instance_id: kid, message: 'go', timeout_seconds: 1_000 })
    stage.clock.advance(20_000)
    stage.turn(kid, 'part')
    stage.end(boss, { finalText: 'whole' })
    expect([await outer, await inner, await longer]).toMatchObject([{ status: 'pending' }, { response: 'part' }, { response: 'whole' }])
  })
})

describe('wait_for_any', () => {
  test('gives the first outcome, keeps the rest, and one that is on record at once', async () => {
    const stage = createStage()
    const [a, b] = [await stage.spawn('a'), await stage.spawn('b')]
    const { results } = await stage.ask(stage.me, 'send_to_multiple_instances', { instance_ids: [a, b], message: 'race' })
    const ids = (results as { message_id: string }[]).map(result => result.message_id)
    const waited = stage.ask(stage.me, 'wait_for_any', { message_ids: ids })
    stage.turn(b, 'b is first')
    expect(await waited).toMatchObject({ response: 'b is first', open: [ids[0]] })
    stage.turn(a, 'a comes after')
    expect(await stage.ask(stage.me, 'wait_for_any', { message_ids: [ids[0]] })).toMatchObject({ response: 'a comes after', open: [] })
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ count: 0 })
    expect(await stage.refusal(stage.me, 'wait_for_any', { message_ids: [] })).toBe('invalid_input')
  })

  test('is for what one sent oneself', async () => {
    const stage = createStage()
    const [a, b] = [await stage.spawn('a'), await stage.spawn('b')]
    const sent = await stage.ask(stage.me, 'send_to_instance', { instance_id: a, message: 'x', wait_for_response: false })
    expect(await stage.refusal(stage.as(b), 'wait_for_any', { message_ids: [sent['message_id']] })).toBe('not_found')
    stage.turn(a, 'done')
    expect(await stage.ask(stage.client('another session of the owner'), 'wait_for_any', { message_ids: [sent['message_id']] })).toMatchObject({ response: 'done' })
  })
})

describe('the inbox', () => {
  test('waits for the first, hands each out once, in order, as many as asked for', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const waiting = stage.ask(stage.me, 'get_pending_replies', { wait_timeout: 60 })
    for (const text of ['one', 'two', 'three']) await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: text, wait_for_response: false })
    stage.turn(ada, 'first')
    expect(await waiting).toMatchObject({ count: 1, replies: [{ response: 'first' }] })
    stage.turn(ada, 'second')
    stage.turn(ada, 'third')
    expect(await stage.ask(stage.me, 'get_pending_replies', { limit: 1 })).toMatchObject({ replies: [{ response: 'second' }], pending_replies: 1 })
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ replies: [{ response: 'third' }] })
  })

  test('two who wait: what comes goes to one, and the other waits on', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const waiting = [0, 1].map(() => stage.ask(stage.me, 'get_pending_replies', { wait_timeout: 60 }))
    for (const text of ['one', 'two']) await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: text, wait_for_response: false })
    stage.turn(ada, 'first')
    await stage.settle()
    stage.turn(ada, 'second')
    expect((await Promise.all(waiting)).flatMap(data => data['replies'])).toMatchObject([{ response: 'first' }, { response: 'second' }])
  })

  test('what was handed out and did not leave comes again, once', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false })
    stage.turn(ada, 'precious')
    await stage.ask(stage.me, 'get_pending_replies', {}, { leaves: false })
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ replies: [{ response: 'precious' }] })
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ count: 0 })
  })

  test('of another is looked at and stays; of a stranger, not', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kid = await stage.spawn('kid', stage.as(boss))
    await stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'x', wait_for_response: false })
    stage.begin(boss)
    await stage.ask(stage.as(boss), 'send_to_instance', { instance_id: kid, message: 'y', wait_for_response: false })
    stage.turn(kid, 'for the boss')
    for (let look = 0; look < 2; look += 1) expect(await stage.ask(stage.me, 'get_pending_replies', { instance_id: boss })).toMatchObject({ count: 1 })
    expect(await stage.refusal(stage.as(kid), 'get_pending_replies', { instance_id: boss })).toBe('not_allowed')
    stage.end(boss)
    expect(stage.begin(boss)).toContain('for the boss')
  })
})
