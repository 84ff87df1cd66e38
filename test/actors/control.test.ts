import { describe, expect, test } from 'vitest'
import { asAgentId, asMessageId } from '../../src/ids.ts'
import { createStage } from './rig.ts'

describe('interrupting', () => {
  test('cuts the turn, cancels its message, and only those who may end the hold', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const [kid, peer] = [await stage.spawn('kid', stage.as(boss)), await stage.spawn('peer', stage.as(boss))]
    const waited = stage.ask(stage.as(boss), 'send_to_instance', { instance_id: kid, message: 'long' })
    stage.begin(kid)
    const interrupted = stage.ask(stage.as(boss), 'interrupt_instance', { instance_id: kid })
    const command = stage.commands.at(-1)
    stage.clock.advance(7)
    stage.end(kid, { status: 'interrupted' })
    stage.fact(kid, { type: 'interruptFinished', requestId: command?.type === 'interrupt' ? command.requestId : '', wasInTurn: true })
    expect(await interrupted).toMatchObject({ interrupted: true, was: 'busy', confirmed_by: 'self', after_ms: 7 })
    expect(await waited).toMatchObject({ status: 'cancelled' })
    await stage.ask(stage.as(peer), 'send_to_instance', { instance_id: kid, message: 'psst', wait_for_response: false })
    expect(stage.state(kid)).toBe('interrupted.live')
    await stage.ask(stage.me, 'send_to_instance', { instance_id: kid, message: 'instead', wait_for_response: false })
    expect(stage.begin(kid)).toContain('instead')
    stage.end(kid)
    expect(stage.begin(kid)).toContain('psst')
  })

  test('an agent without a turn is left as it is, and that is said', async () => {
    const stage = createStage()
    await stage.spawn('ada')
    expect(await stage.ask(stage.me, 'interrupt_instance', { instance_id: 'ada' })).toMatchObject({ interrupted: false, was: 'idle', note: expect.stringContaining('idle') })
    expect(stage.commands.some(command => command.type === 'interrupt')).toBe(false)
  })

  test('twice at the same time is one interrupt, and both are told of it', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'long', wait_for_response: false })
    stage.begin(ada)
    const both = stage.ask(stage.me, 'interrupt_multiple_instances', { instance_ids: ['ada', ada, 'nobody'] })
    const asked = stage.commands.filter(command => command.type === 'interrupt')
    expect(asked).toHaveLength(1)
    stage.end(ada, { status: 'interrupted' })
    stage.fact(ada, { type: 'interruptFinished', requestId: asked[0]?.requestId ?? '', wasInTurn: true })
    expect(await both).toMatchObject({ results: [{ interrupted: true }, { interrupted: true }, { instance_id: 'nobody', error: { code: 'not_found' } }] })
  })

  test('one whose CLI does not take it is not waited for forever', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'long', wait_for_response: false })
    stage.begin(ada)
    const interrupted = stage.ask(stage.me, 'interrupt_instance', { instance_id: ada })
    stage.clock.advance(60_000)
    expect(await interrupted).toMatchObject({ interrupted: false, note: expect.stringContaining('did not take') })
    expect(stage.state(ada)).toBe('busy.working')
  })

  test('one that is ended meanwhile answers too', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'long', wait_for_response: false })
    stage.begin(ada)
    const interrupted = stage.ask(stage.me, 'interrupt_instance', { instance_id: ada })
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    expect(await interrupted).toMatchObject({ interrupted: false })
  })

  test.each(['send_to_instance', 'get_pending_replies'] as const)('an agent that waits in a call (%s): the answer goes to its inbox, not to a call that nobody reads any more', async how => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kid = await stage.spawn('kid', stage.as(boss))
    await stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'long', wait_for_response: false })
    stage.begin(boss)
    const sent = stage.ask(stage.as(boss), 'send_to_instance', { instance_id: kid, message: 'part', wait_for_response: how === 'send_to_instance' })
    const waited = how === 'send_to_instance' ? sent : stage.ask(stage.as(boss), how, { wait_timeout: 60 })
    await stage.settle()
    void stage.ask(stage.me, 'interrupt_instance', { instance_id: boss, then: 'continue' })
    const asked = stage.commands.find(command => command.type === 'interrupt')
    stage.end(boss, { status: 'interrupted' })
    stage.fact(boss, { type: 'interruptFinished', requestId: asked?.requestId ?? '', wasInTurn: true })
    expect(await waited).toMatchObject(how === 'send_to_instance' ? { status: 'pending' } : { count: 0 })
    stage.turn(kid, 'part done')
    expect(stage.begin(boss)).toContain('part done')
  })

  test('a scripted agent that waits in a call: the answer that comes later is not lost', async () => {
    const stage = createStage()
    const boss = String((await stage.ask(stage.me, 'spawn_agent', { harness: 'scripted', name: 'boss', workspace: 'isolated' }))['instance_id'])
    const sent = await stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'ask kid {wait 1000; echo the result}', wait_for_response: false })
    await expect.poll(() => stage.system.list(stage.me).map(agent => [agent.name, agent.state])).toEqual([['boss', 'busy'], ['kid', 'busy']])
    expect(await stage.ask(stage.me, 'interrupt_instance', { instance_id: boss, then: 'continue' })).toMatchObject({ interrupted: true })
    expect(stage.store.getMessage(asMessageId(String(sent['message_id'])))?.outcome?.status).toBe('cancelled')
    stage.clock.advance(1_000)
    // Its kid's answer reaches it as a turn of its own.
    await expect.poll(async () => String((await stage.ask(stage.me, 'get_instance_output', { instance_id: boss }))['text'])).toContain('the result')
  })
})

describe('ending', () => {
  test('takes all below along, leaves first, and lists them; again, it says so', async () => {
    const stage = createStage()
    const top = await stage.spawn('top')
    const mid = await stage.spawn('mid', stage.as(top))
    await stage.spawn('low', stage.as(mid))
    const other = await stage.spawn('other')
    const waited = stage.ask(stage.me, 'send_to_instance', { instance_id: 'low', message: 'long' })
    const done = await stage.ask(stage.me, 'terminate_instance', { instance_id: 'top' })
    expect(done).toMatchObject({ already_ended: false, terminated: [{ name: 'low' }, { name: 'mid' }, { name: 'top', reason: 'terminated by its client' }] })
    expect(await waited).toMatchObject({ status: 'agent_gone', response: expect.stringContaining('low ended before it answered') })
    expect(await stage.ask(stage.me, 'terminate_instance', { instance_id: top })).toMatchObject({ already_ended: true, terminated: [], note: expect.stringContaining('terminated by its client') })
    expect(stage.system.list(stage.me).map(agent => agent.id)).toEqual([other])
    expect(await stage.refusal(stage.me, 'send_to_instance', { instance_id: 'mid', message: 'x' })).toBe('agent_ended')
  })

  test('a parent and its child in one call: each result is true', async () => {
    const stage = createStage()
    const top = await stage.spawn('top')
    await stage.spawn('low', stage.as(top))
    expect(await stage.ask(stage.me, 'terminate_multiple_instances', { instance_ids: ['top', 'low', 'nobody'] })).toMatchObject({
      results: [{ terminated: [{ name: 'low' }, { name: 'top' }] }, { terminated: [{ name: 'low' }] }, { error: { code: 'not_found' } }],
    })
  })

  test('by force overtakes a polite end that hangs', async () => {
    const stage = createStage({ byHand: ['ada'] })
    const spawned = stage.spawn('ada', stage.me, { wait_for_ready: false })
    const ada = await spawned
    stage.fact(ada, { type: 'ready', sessionId: 's' })
    const polite = stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    const forced = stage.ask(stage.me, 'terminate_instance', { instance_id: ada, force: true })
    expect(stage.commands.flatMap(command => (command.type === 'stopAgent' ? [command.mode] : []))).toEqual(['graceful', 'force'])
    stage.fact(ada, { type: 'exited', expected: true })
    expect([await polite, await forced]).toMatchObject([{ already_ended: false }, { already_ended: false }])
  })

  test('of one whose driver never says it is gone comes to an end, and says what is wrong', async () => {
    const stage = createStage({ byHand: ['ada'] })
    const ada = await stage.spawn('ada', stage.me, { wait_for_ready: false })
    const ending = stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    stage.clock.advance(30_000)
    expect(await ending).toMatchObject({ terminated: [{ reason: expect.stringContaining('did not report its process gone') }] })
  })

  test('ends the credential with the agent', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    expect(await stage.refusal(stage.as(ada), 'get_pending_replies')).toBe('ok')
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    expect(await stage.refusal(stage.as(ada), 'reply_to_caller', { reply_message: 'x' })).toBe('agent_ended')
  })

  test('an agent\'s crash is its own: siblings and supervisor work on, what was below it ends, its sender is told', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const [bad, good] = [await stage.spawn('bad', stage.as(boss)), await stage.spawn('good', stage.as(boss))]
    await stage.spawn('below', stage.as(bad))
    const waited = stage.ask(stage.as(boss), 'send_to_instance', { instance_id: bad, message: 'go' })
    stage.begin(bad)
    stage.end(bad, { background: undefined as never }) // what no driver may tell: reading it throws
    expect(await waited).toMatchObject({ status: 'agent_gone', response: expect.stringContaining('its actor failed') })
    await expect.poll(() => stage.system.list(stage.me).map(agent => agent.name)).toEqual(['boss', 'good'])
    const still = stage.ask(stage.as(boss), 'send_to_instance', { instance_id: good, message: 'go' })
    stage.turn(good, 'fine')
    expect(await still).toMatchObject({ response: 'fine' })
    expect(await stage.ask(stage.me, 'terminate_instance', { instance_id: boss })).toMatchObject({ terminated: [{ name: 'good' }, { name: 'boss' }] })
  })

  // What no driver may tell: reading it throws. An error nobody listens for would be thrown at the whole process, and fails the run.
  const poison = { background: undefined as never }
  test.each([
    ['is interrupted', 'interrupt_instance', { ok: true, data: { interrupted: false, note: expect.stringContaining('actor failed') } }],
    ['is asked for its screen', 'get_terminal_screen', { ok: false, error: { code: 'unavailable' } }],
  ])('an agent\'s crash while it %s is told to the one who waits', async (_what, tool, answer) => {
    const stage = createStage()
    const [bad, good] = [await stage.spawn('bad'), await stage.spawn('good')]
    await stage.ask(stage.me, 'send_to_instance', { instance_id: bad, message: 'go', wait_for_response: false })
    stage.begin(bad)
    const waiting = stage.call(stage.me, tool, { instance_id: bad })
    stage.end(bad, poison)
    expect(await waiting).toMatchObject(answer)
    expect(stage.state(good)).toBe('idle.live')
  })

  test('an agent\'s crash ends what it itself waits for', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kid = await stage.spawn('kid', stage.as(boss))
    await stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'go', wait_for_response: false })
    stage.begin(boss)
    const collecting = stage.call(stage.as(boss), 'get_pending_replies', { wait_timeout: 60 })
    const asking = stage.call(stage.as(boss), 'send_to_instance', { instance_id: kid, message: 'help' })
    stage.end(boss, poison)
    expect(await collecting).toMatchObject({ ok: true, data: { count: 0 } })
    expect(await asking).toMatchObject({ ok: true, data: { status: 'pending' } })
  })

  test('an agent\'s crash while it starts is a failed spawn', async () => {
    const stage = createStage({ byHand: ['ada'] })
    const spawning = stage.call(stage.me, 'spawn_agent', { harness: 'hand', name: 'ada', workspace: 'isolated' })
    await expect.poll(() => stage.commands.length).toBe(1)
    stage.fact(stage.system.list(stage.me)[0]?.id ?? asAgentId(''), { type: 'turnEnded', turnId: 't', status: 'completed', ...poison })
    expect(await spawning).toMatchObject({ ok: false, error: { code: 'spawn_failed', message: expect.stringContaining('its actor failed') } })
  })
})
