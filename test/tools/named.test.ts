/** What the everyday tools give their callers, a test a tool, named by it: see test/handlers. Others have theirs where their subject is tested. */

import { describe, expect, test } from 'vitest'
import type { AgentId } from '../../src/ids.ts'
import { createStage, type Stage } from '../actors/rig.ts'

const free = { workspace: 'isolated' } as const
const asText = async (stage: Stage, tool: string, args: Readonly<Record<string, unknown>>, by: Parameters<Stage['ask']>[0] = stage.me): Promise<string> => String((await stage.ask(by, tool, args))['text'])

/** A lead with two kids, at work on what it was told. */
async function createTeam(stage: Stage) {
  const lead = await stage.spawn('lead')
  const [kid, twin] = [await stage.spawn('kid', stage.as(lead)), await stage.spawn('twin', stage.as(lead))]
  await stage.ask(stage.me, 'send_to_instance', { instance_id: lead, message: 'go', wait_for_response: false })
  stage.begin(lead)
  return { lead, kid, twin }
}

describe('spawning', () => {
  test.each([['spawn_claude', 'claude'], ['spawn_codex', 'codex']])('%s starts an agent of its own harness and no other', async (tool, harness) => {
    const stage = createStage({ played: [harness] })
    expect(await stage.ask(stage.me, tool, { name: 'ada', ...free })).toMatchObject({ name: 'ada', instance_type: harness, state: 'idle', parent_instance_id: null })
    expect(stage.system.list(stage.me).map(agent => agent.harness)).toEqual([harness])
  })

  test('spawn_claude starts an agent under the name, role and supervisor that are asked for', async () => {
    const stage = createStage({ played: ['claude'] })
    const lead = await stage.spawn('lead')
    expect(await stage.ask(stage.me, 'spawn_claude', { name: 'ada', role: 'tester', parent_instance_id: 'lead', ...free })).toMatchObject({ name: 'ada', role: 'tester', parent_instance_id: lead })
  })

  test('spawn_codex starts an agent with its first task, and gives the answer', async () => {
    const stage = createStage({ played: ['codex'] })
    expect(await stage.ask(stage.me, 'spawn_codex', { name: 'ada', initial_prompt: 'echo hello', wait_for_response: true, ...free })).toMatchObject({ instance_type: 'codex', status: 'answered', response: 'hello' })
  })

  test('spawn_agent starts an agent of any harness, and names those there are', async () => {
    const stage = createStage()
    expect(await stage.ask(stage.me, 'spawn_agent', { harness: 'scripted', name: 'ada', initial_prompt: 'echo hello', wait_for_response: true, ...free })).toMatchObject({ instance_type: 'scripted', response: 'hello' })
    expect(await stage.call(stage.me, 'spawn_agent', { harness: 'nothing', name: 'bob' })).toMatchObject({ error: { code: 'invalid_input', remedy: 'Harnesses: hand, scripted.' } })
  })

  test('spawn_multiple_instances starts those it can, in the order given, and says of each other why not', async () => {
    const stage = createStage()
    const lead = await stage.spawn('lead')
    const instances = [{ name: 'a', instance_type: 'hand', ...free }, { name: 'b', instance_type: 'nothing' }, { name: 'c', instance_type: 'scripted', ...free }]
    expect(await stage.ask(stage.me, 'spawn_multiple_instances', { instances, parent_instance_id: 'lead' })).toMatchObject({
      spawned: [{ name: 'a', parent_instance_id: lead }, { name: 'c', parent_instance_id: lead }], errors: [{ index: 1, name: 'b', code: 'invalid_input' }],
    })
  })
})

describe('messages', () => {
  test('send_to_instance gives the answer of the agent it was sent to', async () => {
    const stage = createStage()
    await stage.ask(stage.me, 'spawn_agent', { harness: 'scripted', name: 'ada', ...free })
    expect(await stage.ask(stage.me, 'send_to_instance', { instance_id: 'ada', message: 'echo hello' })).toMatchObject({ status: 'answered', response: 'hello' })
  })

  // An agent is handed its replies between its turns; a client is handed nothing that it does not ask for.
  test.each([
    ['an agent is told that the answer comes', (stage: Stage, lead: AgentId) => stage.as(lead), /^The answer will come to you by itself/],
    ['a client is told where the answer will wait', (stage: Stage) => stage.me, /^The answer will wait for you: get_pending_replies hands it out/],
  ] as const)('of send_to_instance without waiting %s', async (_, by, words) => {
    const stage = createStage()
    const { lead, kid } = await createTeam(stage)
    expect(await stage.ask(by(stage, lead), 'send_to_instance', { instance_id: kid, message: 'go', wait_for_response: false })).toMatchObject({ status: 'accepted', hint: expect.stringMatching(words) })
  })

  test('send_to_multiple_instances with both forms at once is refused, and nothing is sent', async () => {
    const stage = createStage()
    const { kid, twin } = await createTeam(stage)
    const call = (args: Record<string, unknown>) => stage.call(stage.me, 'send_to_multiple_instances', args)
    const messages = [{ instance_id: kid, message: 'this' }]
    for (const more of [{ instance_ids: [twin] }, { message: 'that' }, { instance_ids: [twin], message: 'that' }]) {
      expect(await call({ messages, ...more })).toMatchObject({ ok: false, error: { code: 'invalid_input', message: expect.stringContaining('both') } })
    }
    expect([kid, twin].map(id => stage.store.countMessages(id).accepted)).toEqual([0, 0])
  })

  test('send_to_multiple_instances sends each its own, or all the same, and says which could not be sent', async () => {
    const stage = createStage()
    const { kid, twin } = await createTeam(stage)
    const sent = await stage.ask(stage.me, 'send_to_multiple_instances', { messages: [{ instance_id: 'kid', message: 'first' }, { instance_id: 'nobody', message: 'x' }, { instance_id: 'twin', message: 'second' }] })
    expect(sent).toMatchObject({ results: [{ instance_id: kid, status: 'accepted' }, { instance_id: 'nobody', status: 'error', code: 'not_found' }, { instance_id: twin, status: 'accepted' }] })
    expect([stage.turn(kid, 'one'), stage.turn(twin, 'two')]).toEqual([expect.stringContaining('first'), expect.stringContaining('second')])
  })

  test('broadcast_to_children tells those directly below, and their answers come to who called', async () => {
    const stage = createStage()
    const { kid, twin } = await createTeam(stage)
    const told = stage.ask(stage.me, 'broadcast_to_children', { parent_id: 'lead', message: 'all of you', wait_for_responses: true })
    await expect.poll(() => [stage.state(kid), stage.state(twin)]).toEqual(['busy.delivering', 'busy.delivering'])
    stage.turn(kid, 'one')
    stage.turn(twin, 'two')
    expect(await told).toMatchObject({ results: [{ instance_id: kid, response: 'one' }, { instance_id: twin, response: 'two' }] })
  })

  test('reply_to_caller answers the open message, and says to whom', async () => {
    const stage = createStage()
    const { lead } = await createTeam(stage)
    expect(await stage.ask(stage.as(lead), 'reply_to_caller', { reply_message: 'done' })).toMatchObject({ delivered_to: 'tester', kind: 'outcome' })
  })

  test('get_pending_replies hands out each answer once', async () => {
    const stage = createStage()
    const { lead } = await createTeam(stage)
    stage.end(lead, { finalText: 'done' })
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ count: 1, replies: [{ from: 'lead', response: 'done', status: 'answered' }] })
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ count: 0 })
  })

  test('wait_for_any gives the first answer, and names what is still open', async () => {
    const stage = createStage()
    const { kid } = await createTeam(stage)
    const ids = []
    for (const instance_id of ['kid', 'twin']) ids.push(String((await stage.ask(stage.me, 'send_to_instance', { instance_id, message: 'go', wait_for_response: false }))['message_id']))
    const waited = stage.ask(stage.me, 'wait_for_any', { message_ids: ids })
    stage.turn(kid, 'first')
    expect(await waited).toMatchObject({ status: 'answered', message_id: ids[0], response: 'first', open: [ids[1]] })
  })

  test('list_dead_letters shows what reached nobody, newest last', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    for (const message of ['one', 'two']) await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message, wait_for_response: false })
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    expect(await stage.ask(stage.me, 'list_dead_letters', { limit: 1 })).toMatchObject({ count: 1, older: 1, dead_letters: [{ text: 'two', to: 'ada' }] })
  })

  test('resend_dead_letter sends one again, once', async () => {
    const stage = createStage()
    const { kid, twin } = await createTeam(stage)
    const { message_id } = await stage.ask(stage.me, 'send_to_instance', { instance_id: kid, message: 'undone', wait_for_response: false })
    await stage.ask(stage.me, 'terminate_instance', { instance_id: kid })
    expect(await stage.ask(stage.me, 'resend_dead_letter', { dead_letter_id: message_id, instance_id: 'twin' })).toMatchObject({ to: 'twin' })
    expect(stage.turn(twin, 'done')).toContain('undone')
    expect(await stage.refusal(stage.me, 'resend_dead_letter', { dead_letter_id: message_id, instance_id: 'twin' })).toBe('already_resent')
  })
})

describe('interrupting and ending', () => {
  test('interrupt_instance stops the running turn, and says what was cut', async () => {
    const stage = createStage()
    const { lead } = await createTeam(stage)
    const cut = stage.ask(stage.me, 'interrupt_instance', { instance_id: 'lead' })
    const asked = stage.commands.find(command => command.type === 'interrupt')
    stage.end(lead, { status: 'interrupted' })
    stage.fact(lead, { type: 'interruptFinished', requestId: asked?.requestId ?? '', wasInTurn: true })
    expect([await cut, stage.state(lead)]).toMatchObject([{ interrupted: true, was: 'busy' }, 'interrupted.live'])
  })

  test('interrupt_multiple_instances answers for each on its own', async () => {
    const stage = createStage()
    const { kid } = await createTeam(stage)
    expect(await stage.ask(stage.me, 'interrupt_multiple_instances', { instance_ids: ['kid', 'nobody'] })).toMatchObject({ results: [{ instance_id: kid, interrupted: false, was: 'idle' }, { instance_id: 'nobody', error: { code: 'not_found' } }] })
  })

  test('terminate_instance ends an agent and all below it, leaves first', async () => {
    const stage = createStage()
    await createTeam(stage)
    const ended = await stage.ask(stage.me, 'terminate_instance', { instance_id: 'lead' })
    expect((ended['terminated'] as { name: string }[]).map(({ name }) => name).toSorted((a, b) => a.localeCompare(b))).toEqual(['kid', 'lead', 'twin']) // as its schema says
    expect(stage.system.list(stage.me)).toEqual([])
  })

  test('terminate_multiple_instances ends those it can, and answers for each', async () => {
    const stage = createStage()
    const { lead } = await createTeam(stage)
    expect(await stage.ask(stage.me, 'terminate_multiple_instances', { instance_ids: ['kid', 'nobody', 'twin'] })).toMatchObject({ results: [{ terminated: [{ name: 'kid' }] }, { error: { code: 'not_found' } }, { terminated: [{ name: 'twin' }] }] })
    expect(stage.system.list(stage.me).map(agent => agent.id)).toEqual([lead])
  })
})

describe('asking first', () => {
  test('get_policy shows what holds, and who set it', async () => {
    const stage = createStage()
    await stage.ask(stage.me, 'set_policy', { max_children: 3, reason: 'asked to' })
    expect(JSON.stringify(await stage.ask(stage.me, 'get_policy'))).toMatch(/max_children.*3.*asked to/)
  })

  test('answer_approval lets a spawn that waits go on', async () => {
    const stage = createStage()
    await stage.ask(stage.me, 'set_policy', { spawn_approval: 'manual' })
    const spawning = stage.call(stage.me, 'spawn_agent', { harness: 'hand', name: 'ada', ...free })
    const [waiting] = stage.system.approvals(stage.me)
    expect(await stage.ask(stage.client('another'), 'answer_approval', { approval_id: waiting?.id, decision: 'allow' })).toMatchObject({ status: 'settled', decision: 'allow' })
    expect(await spawning).toMatchObject({ ok: true, data: { name: 'ada' } })
  })
})

describe('seeing', () => {
  test('get_instance_status tells of one, and without a name of all', async () => {
    const stage = createStage()
    const { lead } = await createTeam(stage)
    expect(await stage.ask(stage.me, 'get_instance_status', { instance_id: 'lead' })).toMatchObject({ instance_id: lead, state: 'busy' })
    expect(await stage.ask(stage.me, 'get_instance_status')).toMatchObject({ total: 3 })
  })

  test('get_instance_status of one that has ended tells how many messages it was given', async () => {
    const stage = createStage()
    const { lead, kid } = await createTeam(stage)
    const before = await stage.ask(stage.me, 'get_instance_status', { instance_id: lead })
    await stage.ask(stage.me, 'terminate_instance', { instance_id: lead })
    const [ofLead, ofKid] = await Promise.all([lead, kid].map(id => stage.ask(stage.me, 'get_instance_status', { instance_id: id })))
    expect([before['request_count'], ofLead?.['state'], ofLead?.['request_count'], ofKid?.['request_count']]).toEqual([1, 'terminated', 1, 0])
  })

  test('get_instance_tree draws who works for whom', async () => {
    const stage = createStage()
    const { lead, kid, twin } = await createTeam(stage)
    expect(await asText(stage, 'get_instance_tree', {})).toBe(`lead (${lead}) [busy] (hand)\n├── kid (${kid}) [idle] (hand)\n└── twin (${twin}) [idle] (hand)`)
  })

  test('get_children lists those directly below', async () => {
    const stage = createStage()
    const { kid, twin } = await createTeam(stage)
    expect(await stage.ask(stage.me, 'get_children', { parent_id: 'lead' })).toMatchObject({ children: [{ instance_id: kid }, { instance_id: twin }] })
  })

  test('get_peers lists those with the same supervisor', async () => {
    const stage = createStage()
    const { kid, twin } = await createTeam(stage)
    expect(await stage.ask(stage.as(kid), 'get_peers')).toMatchObject({ peers: [{ instance_id: twin }] })
  })

  test('get_instance_output shows what an agent was told and said', async () => {
    const stage = createStage()
    await stage.ask(stage.me, 'spawn_agent', { harness: 'scripted', name: 'ada', initial_prompt: 'echo hello', wait_for_response: true, ...free })
    expect(await asText(stage, 'get_instance_output', { instance_id: 'ada' })).toMatch(/\[message\] echo hello[^]*\] hello/)
  })

  test('get_terminal_screen shows what an agent shows', async () => {
    const stage = createStage()
    await stage.ask(stage.me, 'spawn_agent', { harness: 'scripted', name: 'ada', initial_prompt: 'echo hello', wait_for_response: true, ...free })
    expect(await asText(stage, 'get_terminal_screen', { instance_id: 'ada' })).toContain('hello')
  })

  test('list_tools names the tools an agent is not shown, by topic', async () => {
    const stage = createStage()
    const { lead } = await createTeam(stage)
    const listed = await asText(stage, 'list_tools', { topic: 'logs' }, stage.as(lead))
    expect(listed.match(/^\w+(?=:)/gm)).toEqual(expect.arrayContaining(['get_instance_logs', 'get_audit_logs']))
    expect(listed).not.toMatch(/^send_to_instance:/m)
  })

  test('list_tools names nothing that spawns while orchestration is switched off, and all of it again when it is on', async () => {
    const stage = createStage()
    const lead = await stage.spawn('lead')
    const spawning = async () => (await asText(stage, 'list_tools', {}, stage.as(lead))).match(/^spawn_\w+(?=:)/gm) ?? []
    expect(await spawning()).toEqual(['spawn_agent', 'spawn_team_from_template'])
    await stage.ask(stage.me, 'set_policy', { orchestration: 'off' })
    expect(await spawning()).toEqual([])
    await stage.ask(stage.me, 'set_policy', { orchestration: null })
    expect(await spawning()).toHaveLength(2)
  })

  test('call_tool calls what list_tools names', async () => {
    const stage = createStage()
    const { lead, kid, twin } = await createTeam(stage)
    expect(await stage.ask(stage.as(lead), 'call_tool', { name: 'get_children', arguments: {} })).toMatchObject({ children: [{ instance_id: kid }, { instance_id: twin }] })
  })
})
