import { describe, expect, test } from 'vitest'
import { asClientId, asMessageId, asOwnerId } from '../../src/ids.ts'
import { createStage } from './rig.ts'

const eve = asOwnerId('eve')

describe('rights', () => {
  test('an agent rules what is below it; its supervisor and peers it may only write to', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const [ada, bob] = [await stage.spawn('ada', stage.as(boss)), await stage.spawn('bob', stage.as(boss))]
    const low = await stage.spawn('low', stage.as(ada))
    const as = stage.as(ada)
    const may = async (tool: string, instance_id: string): Promise<string> => `${tool} ${instance_id === low ? 'low' : instance_id === bob ? 'peer' : instance_id === ada ? 'self' : 'supervisor'}: ${await stage.refusal(as, tool, { instance_id, ...(tool === 'send_to_instance' ? { message: 'x', wait_for_response: false } : {}) })}`
    expect(await Promise.all([low, bob, boss, ada].map(id => may('send_to_instance', id)))).toEqual(['send_to_instance low: ok', 'send_to_instance peer: ok', 'send_to_instance supervisor: ok', 'send_to_instance self: not_allowed'])
    expect(await Promise.all([low, bob, boss, ada].map(id => may('get_instance_status', id)))).toEqual(['get_instance_status low: ok', 'get_instance_status peer: not_allowed', 'get_instance_status supervisor: not_allowed', 'get_instance_status self: ok'])
    for (const tool of ['interrupt_instance', 'terminate_instance']) expect(await Promise.all([bob, boss, ada].map(id => may(tool, id)))).toEqual([`${tool} peer: not_allowed`, `${tool} supervisor: not_allowed`, `${tool} self: not_allowed`])
    for (const tool of ['get_instance_output', 'get_terminal_screen']) expect(await may(tool, bob)).toBe(`${tool} peer: not_allowed`)
    expect(await stage.refusal(as, 'spawn_agent', { harness: 'hand', name: 'x', parent_instance_id: bob })).toBe('not_allowed')
    expect(await stage.refusal(as, 'broadcast_to_children', { parent_id: boss, message: 'x' })).toBe('not_allowed')
    expect(await stage.ask(as, 'get_instance_tree')).toEqual({ text: `ada (${ada}) [idle] (hand)\n└── low (${low}) [busy] (hand)` })
    expect(await stage.ask(as, 'get_peers')).toMatchObject({ peers: [{ name: 'bob' }] })
    expect(await may('terminate_instance', low)).toBe('terminate_instance low: ok')
  })

  test('a supervisor that is no agent has no mailbox, and that is said', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    expect(await stage.call(stage.as(ada), 'send_to_instance', { instance_id: 'tester', message: 'x' })).toMatchObject({ error: { code: 'not_allowed', remedy: expect.stringContaining('reply_to_caller') } })
  })

  test('what another owner has does not exist', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const stranger = stage.client('tester', { ownerId: eve, root: stage.home })
    expect(stranger.clientId).not.toBe(stage.me.clientId)
    for (const [tool, args] of [['send_to_instance', { instance_id: ada, message: 'x' }], ['terminate_instance', { instance_id: 'ada' }], ['get_instance_status', { instance_id: ada.slice(0, 8) }], ['get_pending_replies', { instance_id: ada }], ['get_children', { parent_id: ada }]] as const) {
      expect(await stage.call(stranger, tool, args), tool).toMatchObject({ error: { code: 'not_found' } })
    }
    expect(await stage.ask(stranger, 'get_instance_tree')).toEqual({ text: 'There are no agents.' })
    const hers = await stage.spawn('hers', stranger)
    expect(await stage.call(stage.as(hers), 'send_to_instance', { instance_id: ada, message: 'x' })).toMatchObject({ error: { code: 'not_found' } })
    expect(await stage.ask(stage.me, 'get_instance_status')).toMatchObject({ total: 1 })
    await stage.ask(stranger, 'terminate_instance', { instance_id: hers })
  })

  test('a credential is one agent\'s, and ends with it; an owner\'s token is its owner\'s', async () => {
    const stage = createStage({ ownerTokens: { eve: 'eves-token' } })
    expect(stage.system.authenticate('eves-token', 'remote')).toEqual({ kind: 'owner', ownerId: 'eve' })
    expect(() => stage.system.authenticate('made up', 'loopback')).toThrow(expect.objectContaining({ code: 'unauthenticated' }))
    expect(() => stage.system.authenticate(undefined, 'remote')).toThrow(expect.objectContaining({ code: 'unauthenticated' }))
  })
})

describe('finding an agent', () => {
  test('by id, by a name one living agent bears, by the beginning of an id', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const status = async (instance_id: string): Promise<unknown> => (await stage.ask(stage.me, 'get_instance_status', { instance_id }))['instance_id']
    expect([await status(ada), await status('ada'), await status(ada.slice(0, 6))]).toEqual([ada, ada, ada])
    expect(await stage.refusal(stage.me, 'get_instance_status', { instance_id: ada.slice(0, 5) })).toBe('not_found')
    expect(await stage.call(stage.me, 'get_instance_status', { instance_id: 'adda' })).toMatchObject({ error: { code: 'not_found', remedy: expect.stringContaining('"ada"') } })
  })

  test('a name that several bear is refused with their ids; the ended one gives way to the living', async () => {
    const stage = createStage()
    const [one, two] = [await stage.spawn('ada'), await stage.spawn('ada')]
    expect(await stage.call(stage.me, 'send_to_instance', { instance_id: 'ada', message: 'x' })).toMatchObject({ error: { code: 'ambiguous_reference', message: expect.stringContaining(two), data: { candidates: [one, two] } } })
    await stage.ask(stage.me, 'terminate_instance', { instance_id: one })
    expect(await stage.ask(stage.me, 'get_instance_status', { instance_id: 'ada' })).toMatchObject({ instance_id: two })
    expect(await stage.ask(stage.me, 'get_instance_status', { instance_id: one })).toMatchObject({ state: 'terminated', end_reason: 'terminated by its client' })
  })
})

describe('a client whose session is gone', () => {
  test('finds its inbox and its agents again by owner, name and root, and nobody else does', async () => {
    const stage = createStage()
    const before = stage.client('claude-code', { root: '/repo' })
    const ada = await stage.spawn('ada', before)
    await stage.ask(before, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false })
    stage.begin(ada)
    stage.system.disconnectClient(before.clientId)
    stage.end(ada, { finalText: 'while you were away' })
    for (const other of [stage.client('claude-code', { root: '/other' }), stage.client('codex', { root: '/repo' }), stage.client('claude-code', { root: '/repo', ownerId: eve })]) expect(await stage.ask(other, 'get_pending_replies')).toMatchObject({ count: 0 })
    const after = stage.client('claude-code', { root: '/repo' })
    expect(await stage.ask(after, 'get_pending_replies')).toMatchObject({ replies: [{ response: 'while you were away' }] })
    expect(await stage.ask(after, 'get_children')).toMatchObject({ children: [{ name: 'ada' }] })
  })

  test('one that is still connected is not taken over', () => {
    const stage = createStage()
    expect(stage.client('claude-code', { root: '/repo' }).clientId).not.toBe(stage.client('claude-code', { root: '/repo' }).clientId)
  })

  test('is known again when the new session\'s root is learned later', async () => {
    const stage = createStage()
    const before = stage.client('claude-code', { root: '/repo' })
    const ada = await stage.spawn('ada', before)
    stage.system.disconnectClient(before.clientId)
    const after = stage.client('claude-code')
    stage.system.locateClient(after.clientId, '/repo')
    expect(await stage.ask(after, 'get_children')).toMatchObject({ children: [{ name: 'ada' }] })
    await stage.ask(after, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false })
    stage.turn(ada, 'hello again')
    expect(await stage.ask(after, 'get_pending_replies')).toMatchObject({ count: 1 })
  })

  test('several that were lost have one successor: nothing waits for a session that will not come', async () => {
    const stage = createStage()
    const [one, two] = [stage.client('claude-code', { root: '/repo' }), stage.client('claude-code', { root: '/repo' })]
    const [ada, bob] = [await stage.spawn('ada', one), await stage.spawn('bob', two)]
    await stage.ask(one, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false })
    await stage.ask(two, 'send_to_instance', { instance_id: bob, message: 'x', wait_for_response: false })
    stage.turn(ada, 'early')
    for (const { clientId } of [one, two]) stage.system.disconnectClient(clientId)
    const after = stage.client('claude-code', { root: '/repo' })
    stage.turn(bob, 'late')
    expect(await stage.ask(after, 'get_pending_replies')).toMatchObject({ replies: [{ response: 'early' }, { response: 'late' }] })
  })

  test('also when the new session has begun work already: what comes later reaches it too', async () => {
    const stage = createStage()
    const before = stage.client('claude-code', { root: '/repo' })
    const ada = await stage.spawn('ada', before)
    for (const message of ['x', 'y']) await stage.ask(before, 'send_to_instance', { instance_id: ada, message, wait_for_response: false })
    stage.turn(ada, 'early')
    stage.system.disconnectClient(before.clientId)
    const after = stage.client('claude-code')
    await stage.spawn('new', after)
    stage.system.locateClient(after.clientId, '/repo')
    stage.turn(ada, 'late')
    expect(await stage.ask(after, 'get_pending_replies')).toMatchObject({ replies: [{ response: 'early' }, { response: 'late' }] })
    stage.system.disconnectClient(after.clientId)
    const third = stage.client('claude-code', { root: '/repo' })
    await stage.ask(third, 'send_to_instance', { instance_id: ada, message: 'z', wait_for_response: false })
    stage.turn(ada, 'third')
    expect(await stage.ask(third, 'get_pending_replies')).toMatchObject({ replies: [{ response: 'third' }] })
  })

  test('has its successor after a restart too: what its agents answer then, and they themselves, are there', async () => {
    const first = createStage()
    const before = first.client('claude-code', { root: '/repo' })
    const ada = await first.spawn('ada', before)
    await first.ask(before, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false })
    first.system.disconnectClient(before.clientId)
    const after = first.client('claude-code')
    await first.spawn('new', after)
    first.system.locateClient(after.clientId, '/repo')
    first.system.locateClient(after.clientId, '/elsewhere') // it alone knows now that it stands for the other
    const stage = first.crash()
    await stage.settle()
    const asked = stage.commands.find(command => command.type === 'recallTurn')
    stage.fact(ada, { type: 'turnRecalled', requestId: asked?.type === 'recallTurn' ? asked.requestId : '', status: 'absent' })
    stage.turn(ada, 'early')
    const again = stage.client('claude-code', { root: '/elsewhere' })
    await stage.ask(again, 'send_to_instance', { instance_id: ada, message: 'y', wait_for_response: false })
    stage.turn(ada, 'late')
    expect(again.clientId).toBe(after.clientId)
    expect(await stage.ask(again, 'get_pending_replies')).toMatchObject({ replies: [{ response: 'early' }, { response: 'late' }] })
    expect(await stage.ask(again, 'get_children')).toMatchObject({ children: [{ name: 'ada' }, { name: 'new' }] })
    expect(stage.client('claude-code', { root: '/repo' }).clientId).not.toBe(before.clientId)
  })

  test('that came back under its old id is found there after a restart, and the session that was to be new is nobody', async () => {
    const first = createStage()
    const before = first.client('claude-code', { root: '/repo' })
    const ada = await first.spawn('ada', before)
    first.system.disconnectClient(before.clientId)
    const after = first.client('claude-code')
    first.system.locateClient(after.clientId, '/repo')
    await first.ask(after, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false }, { callKey: 'k' })
    const stage = first.crash()
    await stage.settle()
    const again = stage.client('claude-code', { root: '/repo' })
    await stage.ask(again, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false }, { callKey: 'k' })
    expect([again.clientId, stage.client('claude-code').clientId]).toEqual([before.clientId, expect.not.stringContaining(after.clientId)])
    expect(stage.store.listOpenMessages()).toHaveLength(1)
  })

  test('leaves an answer to its successor once: handed out by a wait, it is in no inbox any more', async () => {
    const stage = createStage()
    const before = stage.client('claude-code', { root: '/repo' })
    const ada = await stage.spawn('ada', before)
    const sent = await stage.ask(before, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false })
    stage.turn(ada, 'done')
    stage.system.disconnectClient(before.clientId)
    const after = stage.client('claude-code')
    await stage.spawn('new', after)
    stage.system.locateClient(after.clientId, '/repo')
    expect(await stage.ask(after, 'wait_for_any', { message_ids: [sent['message_id']] })).toMatchObject({ response: 'done' })
    expect(await stage.ask(after, 'get_pending_replies')).toMatchObject({ count: 0 })
  })

  test('and the answer that is on its way to it out of its inbox: it reaches the successor only if it did not leave', async () => {
    const stage = createStage()
    const before = stage.client('claude-code', { root: '/repo' })
    const ada = await stage.spawn('ada', before)
    for (const message of ['x', 'y']) await stage.ask(before, 'send_to_instance', { instance_id: ada, message, wait_for_response: false })
    for (const text of ['left', 'did not leave']) stage.turn(ada, text)
    const { replies: held } = await stage.system.collectReplies(before, { wait: { timeoutMs: 0 } })
    stage.system.disconnectClient(before.clientId)
    const after = stage.client('claude-code')
    await stage.spawn('new', after)
    stage.system.locateClient(after.clientId, '/repo')
    expect(stage.system.pendingReplies(after)).toBe(0)
    stage.system.consumeReplies(held.slice(0, 1).map(reply => reply.id))
    stage.system.releaseReplies(held.slice(1).map(reply => reply.id))
    expect(await stage.ask(after, 'get_pending_replies')).toMatchObject({ replies: [{ response: 'did not leave' }] })
  })

  test('that held an agent: the word of its successor ends that, though the server is killed before it is on record', async () => {
    const first = createStage()
    const before = first.client('claude-code', { root: '/repo' })
    const ada = await first.spawn('ada', before)
    first.store.updateAgent(ada, { hold: { by: { kind: 'client', id: before.clientId }, at: first.clock.now() } })
    first.system.disconnectClient(before.clientId)
    const after = first.client('claude-code')
    await first.spawn('new', after)
    first.system.locateClient(after.clientId, '/repo')
    first.store.insertMessage({ id: asMessageId('go'), to: ada, from: { kind: 'client', id: after.clientId }, text: 'go on', expectsReply: true, acceptedAt: first.clock.now() + 1 })
    const stage = first.crash()
    await stage.settle()
    expect(stage.begin(ada)).toBe('[MSG:go] go on')
  })

  test('a session nobody knows is refused, in words', async () => {
    const stage = createStage()
    expect(await stage.refusal({ kind: 'client', clientId: asClientId('made-up'), ownerId: stage.me.ownerId }, 'spawn_agent', { harness: 'hand', name: 'x', workspace: 'isolated' })).not.toBe('ok')
    expect(stage.store.listAgents()).toEqual([])
  })
})
