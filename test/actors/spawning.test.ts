import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { asAgentId } from '../../src/ids.ts'
import { createStage, type Stage } from './rig.ts'

const living = (stage: Stage): string[] => stage.system.list({ kind: 'owner', ownerId: stage.me.ownerId }).map(agent => agent.name)

const inbox = (stage: Stage) => stage.store.listReplies({ kind: 'client', id: stage.me.clientId }).map(({ kind, status, text }) => `${kind} ${status ?? ''}: ${text}`)

describe('spawning', () => {
  test('says who, where, under whom and why', async () => {
    const stage = createStage()
    const data = await stage.ask(stage.me, 'spawn_agent', { harness: 'hand', name: 'ada', workspace: 'isolated', model: 'any-model' })
    expect(data).toMatchObject({ name: 'ada', instance_type: 'hand', role: 'general', model: 'any-model', state: 'idle', parent_instance_id: null, parent_source: 'session: the calling client', workspace_kind: 'isolated' })
    const kid = await stage.ask(stage.as(data['instance_id'] as never), 'spawn_agent', { harness: 'hand', name: 'kid', workspace: 'isolated' }) // the id it gave
    expect(kid).toMatchObject({ parent_instance_id: data['instance_id'], parent_source: 'credential: the calling agent' })
  })

  test.each<[string, Record<string, unknown>, string]>([
    ['a harness nobody has', { harness: 'gpt' }, 'invalid_input'],
    ['a role nobody wrote', { role: 'architct' }, 'unknown_role'],
    ['a role that is a path', { role: '../../package' }, 'unknown_role'],
    ['a supervisor nobody knows', { parent_instance_id: 'nobody' }, 'not_found'],
    ['a workspace that is none', { workspace: 'somewhere' }, 'workspace_failed'],
    ['a workspace that does not exist', { workspace: '/does/not/exist' }, 'workspace_failed'],
    ['a name with quotes', { name: 'a"b' }, 'invalid_input'],
    ['a first task of blanks', { initial_prompt: '  \n' }, 'invalid_input'],
    ['a first task too long', { initial_prompt: 'x'.repeat(101) }, 'invalid_input'],
    ['a parameter nobody knows', { colour: 'red' }, 'invalid_input'],
  ])('refuses %s, and changes nothing', async (_, args, code) => {
    const stage = createStage({ limits: { maxMessageLength: 100 } })
    expect(await stage.refusal(stage.me, 'spawn_agent', { harness: 'hand', name: 'ada', workspace: 'isolated', ...args })).toBe(code)
    expect([living(stage), stage.store.listAgents(), stage.commands]).toEqual([[], [], []])
  })

  test('a role misspelt is answered with what was meant', async () => {
    const stage = createStage()
    expect(await stage.call(stage.me, 'spawn_agent', { harness: 'hand', name: 'a', role: 'architct' })).toMatchObject({ error: { remedy: expect.stringContaining('architect') } })
  })

  test('one that does not come up fails in its CLI\'s own words, and leaves nothing', async () => {
    const stage = createStage({ byHand: ['ada'] })
    const spawned = stage.call(stage.me, 'spawn_agent', { harness: 'hand', name: 'ada', workspace: 'isolated', initial_prompt: 'go' })
    await expect.poll(() => stage.commands[0]?.agentId).toBeDefined()
    const id = stage.commands[0]?.agentId ?? ''
    stage.fact(id as never, { type: 'startFailed', code: 'not_logged_in', detail: 'Please run /login.' }) // the id it was started under
    expect(await spawned).toMatchObject({ ok: false, error: { code: 'spawn_failed', message: '"ada" could not be spawned: it did not start (not_logged_in): Please run /login.' } })
    expect([living(stage), stage.store.listOpenMessages(), inbox(stage), readdirSync(join(stage.home, 'workspaces'))]).toEqual([[], [], [], []])
  })

  test('tells what an agent runs without, when it is spawned and whenever its status is asked for', async () => {
    const stage = createStage({ byHand: ['ada'] })
    const spawned = stage.ask(stage.me, 'spawn_agent', { harness: 'hand', name: 'ada', workspace: 'isolated' })
    await expect.poll(() => stage.commands[0]?.agentId).toBeDefined()
    stage.fact(stage.commands[0]?.agentId as never, { type: 'ready', sessionId: 's', warnings: ['It has no hands.'] }) // the id it was started under
    expect(await spawned).toMatchObject({ warnings: ['It has no hands.'] })
    expect(await stage.ask(stage.me, 'get_instance_status', { instance_id: 'ada' })).toMatchObject({ state: 'idle', warnings: ['It has no hands.'] })
    await stage.spawn('bob')
    expect(await stage.ask(stage.me, 'get_instance_status', { instance_id: 'bob' })).not.toHaveProperty('warnings')
  })

  test('waits for one time in all, not for one time each', async () => {
    const stage = createStage({ byHand: ['ada'] })
    const began = stage.clock.now()
    const spawned = stage.ask(stage.me, 'spawn_agent', { harness: 'hand', name: 'ada', workspace: 'isolated', initial_prompt: 'go', wait_for_response: true, timeout_seconds: 10 })
    await expect.poll(() => stage.commands[0]?.agentId).toBeDefined()
    await stage.settle()
    stage.clock.advance(8_000)
    stage.fact(stage.commands[0]?.agentId as never, { type: 'ready', sessionId: 's' }) // the id it was started under
    await stage.settle()
    stage.clock.advance(2_000)
    expect(await spawned).toMatchObject({ status: 'pending' })
    expect(stage.clock.now() - began).toBe(10_000)
    stage.byHand.clear()
  })

  test('a call that is cancelled ends the wait and not the agent', async () => {
    const stage = createStage({ byHand: ['ada'] })
    const abort = new AbortController()
    abort.abort()
    expect(await stage.call(stage.me, 'spawn_agent', { harness: 'hand', name: 'ada', workspace: 'isolated' }, { signal: abort.signal })).toMatchObject({ ok: true, data: { state: 'spawning' } })
    expect(living(stage)).toEqual(['ada'])
    stage.byHand.clear()
  })

  test('several at once come in the order given, and one that cannot harms none', async () => {
    const stage = createStage()
    const data = await stage.ask(stage.me, 'spawn_multiple_instances', { instances: [{ instance_type: 'hand', name: 'a', workspace: 'isolated' }, { instance_type: 'hand', name: 'b', role: 'nobody' }, { instance_type: 'hand', name: 'c', workspace: 'isolated' }, { instance_type: 'hand', name: 'd', colour: 'red' }] })
    expect(data).toMatchObject({ spawned: [{ name: 'a' }, { name: 'c' }], errors: [{ index: 1, name: 'b', code: 'unknown_role' }, { index: 3, name: 'd', code: 'invalid_input' }] })
  })
})

describe('a model that the first turn shows to be refused', () => {
  const refused = { status: 'failed', cause: 'model_rejected', error: 'No such model.' } as const
  const message = '"ada" could not be spawned: its model was rejected: No such model.'
  const spawning = { harness: 'hand', name: 'ada', workspace: 'isolated', initial_prompt: 'go', wait_for_response: true }
  const startedId = (stage: Stage, name: string) => stage.system.list({ kind: 'owner', ownerId: stage.me.ownerId }).find(agent => agent.name === name)?.id

  /** A spawn call whose first turn runs. */
  async function begin(stage: Stage, call: Promise<unknown>) {
    void call.catch(() => {}) // the test looks at it later
    await expect.poll(() => stage.commands.some(command => command.type === 'submitPrompt')).toBe(true)
    const id = startedId(stage, 'ada') ?? asAgentId('')
    stage.begin(id)
    return id
  }

  test('is a spawn that failed in the CLI\'s own words, told when nothing is left, and told once', async () => {
    const stage = createStage()
    const spawned = stage.call(stage.me, 'spawn_agent', spawning)
    const id = await begin(stage, spawned)
    stage.byHand.add('ada') // its process takes its time to go
    let told = false
    void spawned.then(() => (told = true))
    stage.end(id, refused)
    await stage.settle()
    expect([told, stage.commands.at(-1)]).toMatchObject([false, { type: 'stopAgent', agentId: id, mode: 'force' }])
    stage.fact(id, { type: 'exited', expected: true })
    expect(await spawned).toMatchObject({ ok: false, error: { code: 'spawn_failed', message, data: { agentId: id } } })
    expect([living(stage), stage.store.listOpenMessages(), inbox(stage)]).toEqual([[], [], []])
  })

  test('is kept for the sender when the refusal could not leave', async () => {
    const stage = createStage()
    const spawned = stage.call(stage.me, 'spawn_agent', spawning, { leaves: false })
    stage.end(await begin(stage, spawned), refused)
    expect(await spawned).toMatchObject({ ok: false })
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ replies: [{ status: 'failed', response: 'No such model.' }] })
  })

  test('of one among several harms none, and its reply is handed out too', async () => {
    const stage = createStage()
    const { harness: _, ...item } = spawning
    const spawned = stage.ask(stage.me, 'spawn_multiple_instances', { instances: [{ ...item, instance_type: 'hand' }, { instance_type: 'hand', name: 'bob', workspace: 'isolated' }] })
    stage.end(await begin(stage, spawned), refused)
    expect(await spawned).toMatchObject({ spawned: [{ name: 'bob' }], errors: [{ index: 0, name: 'ada', code: 'spawn_failed', message }] })
    expect([living(stage), inbox(stage)]).toEqual([['bob'], []])
  })

  test('told to nobody who waits is the outcome of the first message, and no notice beside it', async () => {
    const stage = createStage()
    const id = await stage.spawn('ada')
    const sent = stage.ask(stage.me, 'send_to_instance', { instance_id: id, message: 'go', wait_for_response: false })
    await stage.ask(stage.me, 'send_to_instance', { instance_id: id, message: 'and this', wait_for_response: false })
    stage.begin(id)
    stage.end(id, refused)
    await stage.settle()
    expect(await sent).toMatchObject({ status: 'accepted' })
    expect(inbox(stage)).toEqual(['outcome failed: No such model.', 'outcome agent_gone: ada ended before it answered: its model was rejected: No such model.'])
    expect(living(stage)).toEqual([])
  })

  test('shown by another\'s message is told to the supervisor by a notice', async () => {
    const stage = createStage()
    const id = await stage.spawn('ada')
    await stage.ask(stage.client('other'), 'send_to_instance', { instance_id: id, message: 'go', wait_for_response: false })
    stage.begin(id)
    stage.end(id, refused)
    await stage.settle()
    expect(inbox(stage)).toEqual(['notice : ada has ended: its model was rejected: No such model.'])
  })

  test('is what the same spawn is answered when it is repeated', async () => {
    const stage = createStage()
    const spawned = stage.call(stage.me, 'spawn_agent', spawning, { callKey: 'k' })
    stage.end(await begin(stage, spawned), refused)
    await spawned
    expect(await stage.call(stage.me, 'spawn_agent', spawning, { callKey: 'k' })).toMatchObject({ ok: false, error: { code: 'spawn_failed', message } })
  })

  test('is no failed spawn in an agent that has done something before', async () => {
    const stage = createStage()
    const id = await stage.spawn('ada')
    const send = (text: string) => stage.ask(stage.me, 'send_to_instance', { instance_id: id, message: text })
    const first = send('one')
    stage.turn(id, 'done')
    expect(await first).toMatchObject({ status: 'answered' })
    const second = send('two')
    stage.begin(id)
    stage.end(id, refused)
    expect(await second).toMatchObject({ status: 'failed', response: 'No such model.' })
    expect(living(stage)).toEqual(['ada'])
  })

  test('a first turn that fails for another reason is an answer, and the agent lives', async () => {
    const stage = createStage()
    const spawned = stage.ask(stage.me, 'spawn_agent', spawning)
    stage.end(await begin(stage, spawned), { status: 'failed', error: '529 overloaded' })
    expect(await spawned).toMatchObject({ status: 'failed', response: '529 overloaded', state: 'idle' })
  })

  test('can be rehearsed with a scripted agent', async () => {
    const stage = createStage()
    const script = [{ when: 'go', steps: [{ fail: 'No such model.', cause: 'model_rejected' }] }]
    expect(await stage.call(stage.me, 'spawn_agent', { ...spawning, harness: 'scripted', script })).toMatchObject({ ok: false, error: { code: 'spawn_failed', message } })
    expect(living(stage)).toEqual([])
  })
})

describe('the same spawn again', () => {
  const args = { harness: 'hand', name: 'ada', workspace: 'isolated', initial_prompt: 'go' }

  test('is the same agent, also while the first is still being made', async () => {
    const stage = createStage()
    const call = () => stage.ask(stage.me, 'spawn_agent', args, { callKey: 'k' })
    const [first, second] = await Promise.all([call(), call()])
    const third = await call()
    expect(new Set([first, second, third].map(data => data['instance_id'])).size).toBe(1)
    expect(new Set([first, second, third].map(data => data['message_id'])).size).toBe(1)
    expect(living(stage)).toEqual(['ada'])
  })

  test('is the same agent after it has ended, and another caller\'s key is another call', async () => {
    const stage = createStage()
    const first = await stage.ask(stage.me, 'spawn_agent', args, { callKey: 'k' })
    await stage.ask(stage.me, 'terminate_instance', { instance_id: 'ada' })
    expect(await stage.ask(stage.me, 'spawn_agent', args, { callKey: 'k' })).toMatchObject({ instance_id: first['instance_id'], state: 'terminated', message_id: first['message_id'] })
    const other = await stage.ask(stage.client('other'), 'spawn_agent', args, { callKey: 'k' })
    expect(other['instance_id']).not.toBe(first['instance_id'])
  })

  test('that failed is tried again', async () => {
    const stage = createStage()
    expect(await stage.call(stage.me, 'spawn_agent', { ...args, role: 'nobody' }, { callKey: 'k' })).toMatchObject({ ok: false })
    expect(await stage.call(stage.me, 'spawn_agent', args, { callKey: 'k' })).toMatchObject({ ok: true })
  })
})

describe('limits', () => {
  test('of living agents hold for those on their way too, and an ended one makes room', async () => {
    const stage = createStage({ limits: { maxInstances: 2 } })
    const data = await stage.ask(stage.me, 'spawn_multiple_instances', { instances: ['a', 'b', 'c'].map(name => ({ instance_type: 'hand', name, workspace: 'isolated' })) })
    expect(data).toMatchObject({ spawned: [{}, {}], errors: [{ code: 'limit_reached' }] })
    await stage.ask(stage.me, 'terminate_instance', { instance_id: 'a' })
    expect(await stage.refusal(stage.me, 'spawn_agent', { harness: 'hand', name: 'd', workspace: 'isolated' })).toBe('ok')
  })

  test('of depth are told, and the last level gets the tools of a leaf', async () => {
    const stage = createStage({ limits: { maxDepth: 2 } })
    const one = await stage.spawn('one')
    const two = await stage.spawn('two', stage.as(one))
    expect([stage.system.toolsetOf(stage.as(one)), stage.system.toolsetOf(stage.as(two))]).toEqual(['supervisor', 'leaf'])
    expect(await stage.refusal(stage.as(two), 'spawn_agent', { harness: 'hand', name: 'three' })).toBe('limit_reached')
  })
})

describe('who becomes the supervisor', () => {
  const owner = { kind: 'owner', ownerId: 'local' as never } as const // the local user
  const spawn = (stage: Stage, name: string, more = {}) => stage.ask(owner, 'spawn_agent', { harness: 'hand', name, workspace: 'isolated', ...more })

  test('for a caller without a session: the busy agent most recently active, else the last with a request', async () => {
    const stage = createStage()
    const [a, b] = [await stage.spawn('a'), await stage.spawn('b')]
    expect(await stage.call(owner, 'spawn_agent', { harness: 'hand', name: 'x' })).toMatchObject({ error: { code: 'parent_unknown', remedy: expect.stringContaining('main-orchestrator') } })
    for (const id of [b, a]) {
      stage.clock.advance(10)
      await stage.ask(stage.me, 'send_to_instance', { instance_id: id, message: 'go', wait_for_response: false })
      stage.begin(id)
    }
    expect(await spawn(stage, 'c')).toMatchObject({ parent_instance_id: a, parent_source: expect.stringContaining('busy: a') })
    stage.end(a)
    stage.clock.advance(10)
    expect(await spawn(stage, 'd')).toMatchObject({ parent_instance_id: b })
    stage.end(b)
    stage.clock.advance(10)
    expect(await spawn(stage, 'e')).toMatchObject({ parent_instance_id: b, parent_source: expect.stringContaining('recent: b') })
  })

  test('main-orchestrator may stand under its owner, and a named supervisor comes first', async () => {
    const stage = createStage()
    const main = await spawn(stage, 'main-orchestrator')
    expect(main).toMatchObject({ parent_instance_id: null })
    expect(await spawn(stage, 'x', { parent_instance_id: 'main-orchestrator' })).toMatchObject({ parent_instance_id: main['instance_id'], parent_source: 'parent_instance_id: given' })
  })

  test('a batch whose items all name theirs needs no other', async () => {
    const stage = createStage()
    await stage.spawn('a')
    expect(await stage.ask(owner, 'spawn_multiple_instances', { instances: [{ instance_type: 'hand', name: 'x', workspace: 'isolated', parent_instance_id: 'a' }] })).toMatchObject({ spawned: [{ name: 'x' }], errors: [] })
  })

  test('one that ends while the workspace is made gets no child', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const spawned = stage.call(stage.as(boss), 'spawn_agent', { harness: 'hand', name: 'kid', workspace: 'isolated' })
    await stage.ask(stage.me, 'terminate_instance', { instance_id: boss })
    expect(await spawned).toMatchObject({ error: { code: 'agent_ended' } })
    expect(living(stage)).toEqual([])
  })
})

describe('a child has at most what its supervisor has', () => {
  const server = { command: 'node', args: ['server.js'] }
  test.each<[string, Record<string, unknown>, Record<string, unknown>, string]>([
    ['isolation', {}, { bypass_isolation: true }, 'bypass_isolation'],
    ['isolation, by mode', {}, { permission_mode: 'bypassPermissions' }, 'sandbox_mode'],
    ['isolation, by sandbox', {}, { sandbox_mode: 'danger-full-access' }, 'sandbox_mode'],
    ['writing', { sandbox_mode: 'read-only' }, { sandbox_mode: 'workspace-write' }, 'sandbox_mode'],
    ['tools', { allowed_tools: ['Read'] }, { allowed_tools: ['Read', 'Bash'] }, 'allowed_tools'],
    ['servers', {}, { mcp_servers: { x: server } }, 'mcp_servers'],
    ['servers of a name it has', { mcp_servers: { x: server } }, { mcp_servers: { x: { command: 'sh' } } }, 'mcp_servers'],
    ['servers, where it inherits the user\'s', { inherit_mcp: true }, { mcp_servers: { x: server } }, 'mcp_servers'],
    ['the user\'s servers', {}, { inherit_mcp: true }, 'inherit_mcp'],
  ])('%s', async (_, own, asked, parameter) => {
    const stage = createStage()
    const boss = await stage.spawn('boss', stage.me, own)
    expect(await stage.call(stage.as(boss), 'spawn_agent', { harness: 'hand', name: 'kid', workspace: 'isolated', ...asked })).toMatchObject({ error: { code: 'exceeds_parent', data: { parameter } } })
    expect(living(stage)).toEqual(['boss'])
    // Also when a person asks for it in the agent's name.
    expect(await stage.refusal(stage.me, 'spawn_agent', { harness: 'hand', name: 'kid', workspace: 'isolated', parent_instance_id: boss, ...asked })).toBe('exceeds_parent')
  })

  test('and what it has, it may give', async () => {
    const stage = createStage()
    const all = { bypass_isolation: true, allowed_tools: ['Read', 'Bash'], mcp_servers: { x: server }, inherit_mcp: true }
    const boss = await stage.spawn('boss', stage.me, all)
    await stage.spawn('kid', stage.as(boss), all)
    const plain = await stage.spawn('plain', stage.as(boss))
    expect(stage.commands.find(command => command.type === 'startAgent' && command.agentId === plain)).toMatchObject({ launch: { confinement: { allowedTools: ['Read', 'Bash'] }, mcpServers: {} } })
  })

  test('and works inside its workspace', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const inside = join(stage.system.status(stage.me, boss).workspace.path, 'sub')
    mkdirSync(inside)
    expect(await stage.refusal(stage.as(boss), 'spawn_agent', { harness: 'hand', name: 'kid', workspace: stage.home })).toBe('exceeds_parent')
    expect(await stage.refusal(stage.as(boss), 'spawn_agent', { harness: 'hand', name: 'kid', workspace: inside })).toBe('ok')
  })
})
