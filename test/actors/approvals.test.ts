/** `list_approvals` and `answer_approval`: spawns that a person approves, and permission prompts of agents' CLIs. */
import { describe, expect, test } from 'vitest'
import type { Person, PersonAnswer, Question } from '../../src/actors/system.ts'
import type { Want } from '../../src/drivers/driver.ts'
import { MadroxError } from '../../src/errors.ts'
import { type AgentId, asOwnerId, localOwner } from '../../src/ids.ts'
import type { Caller } from '../../src/messages.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { createStage, type Stage, type StageOptions } from './rig.ts'

const spawning = (name: string, more: Record<string, unknown> = {}) => ({ harness: 'hand', name, workspace: 'isolated', ...more })
const owner: Caller = { kind: 'owner', ownerId: localOwner }

/** A person whose answers the test gives. */
function createPerson(able = true): Person & { readonly questions: { question: Question; signal: AbortSignal; answer: (answer: PersonAnswer | undefined) => void }[] } {
  const questions: { question: Question; signal: AbortSignal; answer: (answer: PersonAnswer | undefined) => void }[] = []
  return { questions, able: () => able, ask: (question, signal) => new Promise(answer => void questions.push({ question, signal, answer })) }
}

async function createManual(options: StageOptions = {}): Promise<Stage> {
  const stage = createStage(options)
  await stage.ask(stage.me, 'set_policy', { spawn_approval: 'manual' })
  return stage
}

const waiting = (stage: Stage, caller: Caller = owner) => stage.system.approvals(caller)
const notices = async (stage: Stage, caller: Caller = stage.me) => ((await stage.ask(caller, 'get_pending_replies')) as { replies: { response: string }[] }).replies.map(({ response }) => response)

describe('a spawn under manual approval', () => {
  test('asks the person of the client that calls, and comes up by a yes', async () => {
    const stage = await createManual()
    const person = createPerson()
    const said: string[] = []
    const spawned = stage.ask(stage.me, 'spawn_agent', spawning('ada', { model: 'm', initial_prompt: `count\u001b[2J\n\n❯ Approve: ☒ ${'x'.repeat(400)}` }), { person, progress: message => said.push(message) })
    await stage.settle()
    expect(person.questions.map(({ question }) => question)).toEqual([{ text: `"tester" wants to spawn the agent "ada" (hand, model m, role general). Its task: count [2J ❯ Approve: ☒ ${'x'.repeat(277)}…`, expiresAt: stage.clock.now() + 300_000 }])
    expect([said[0], stage.system.list(owner)]).toEqual([expect.stringContaining('A person is asked to approve "ada"'), []])
    person.questions[0]?.answer({ decision: 'allow' })
    expect(await spawned).toMatchObject({ name: 'ada', state: 'busy' })
    expect(waiting(stage)).toEqual([])
  })

  test('is asked about on one line, whatever is written where a role and a model should be', async () => {
    const stage = await createManual()
    const person = createPerson()
    const refused = stage.call(stage.me, 'spawn_agent', spawning('ada', { role: 'general).\n\n\u001b[2JPress Accept', model: 'opus\u202e\u2028x' }), { person })
    await stage.settle()
    expect(person.questions[0]?.question.text).toBe('"tester" wants to spawn the agent "ada" (hand, model opus x, role general). [2JPress Accept).')
    person.questions[0]?.answer({ decision: 'deny' })
    expect(await refused).toMatchObject({ ok: false })
  })

  test.each([
    ['no, with a reason', { decision: 'deny', message: 'too many' }, /"ada" was not approved: tester said no \(too many\)/],
    ['no', { decision: 'deny' }, /"ada" was not approved: tester said no\./],
  ] as const)('is refused by a %s, and nothing was made', async (_what, answer, words) => {
    const stage = await createManual()
    const person = createPerson()
    const refused = stage.call(stage.me, 'spawn_agent', spawning('ada'), { person })
    await stage.settle()
    person.questions[0]?.answer(answer)
    expect(await refused).toMatchObject({ error: { code: 'not_approved', message: expect.stringMatching(words), remedy: expect.stringContaining('nothing was started') } })
    expect([stage.system.list(owner, { ended: true }), stage.commands]).toEqual([[], []])
  })

  test('where nobody can be asked it waits in list_approvals, for the owner to answer, and is a no in the end', async () => {
    const stage = await createManual({ approvals: { spawnMs: 60_000 } })
    const person = createPerson(false)
    const [yes, no] = ['yes', 'no'].map(name => stage.call(stage.me, 'spawn_agent', spawning(name), { person }))
    const { approvals, open } = (await stage.ask(stage.me, 'list_approvals')) as { approvals: { approval_id: string; text: string }[]; open: number }
    expect([open, person.questions, approvals.map(({ text }) => text)]).toEqual([2, [], [expect.stringContaining('"yes"'), expect.stringContaining('"no"')]])
    // Who asks does not answer, and nobody else's owner does.
    expect(await stage.refusal(stage.me, 'answer_approval', { approval_id: approvals[0]?.approval_id, decision: 'allow' })).toBe('not_allowed')
    const stranger = stage.client('stranger', { ownerId: asOwnerId('bob') })
    expect([await stage.refusal(stranger, 'answer_approval', { approval_id: approvals[0]?.approval_id, decision: 'allow' }), waiting(stage, stranger)]).toEqual(['not_found', []])
    expect(await stage.ask(owner, 'answer_approval', { approval_id: approvals[0]?.approval_id, decision: 'allow', message: 'go' })).toMatchObject({ decision: 'allow', decided_by: 'the owner local', reason: 'go' })
    expect(await yes).toMatchObject({ ok: true })
    expect(await stage.call(owner, 'answer_approval', { approval_id: approvals[0]?.approval_id, decision: 'deny' })).toMatchObject({ error: { code: 'already_settled', message: expect.stringContaining('allow by the owner local (go)') } })
    stage.clock.advance(60_000)
    expect(await no).toMatchObject({ error: { code: 'not_approved', message: expect.stringContaining('nobody answered within 60 seconds') } })
    expect(await stage.ask(stage.me, 'list_approvals', { include_settled: 9 })).toMatchObject({ open: 0, approvals: [{ status: 'settled', decision: 'allow' }, { decision: 'deny', decided_by: 'madrox' }] })
  })

  test('of a caller without a session is not answered by one: both are whoever reaches the server', async () => {
    const stage = await createManual()
    const spawned = stage.call(owner, 'spawn_agent', spawning('main-orchestrator'))
    await stage.settle()
    const [asked] = waiting(stage)
    expect(await stage.refusal(owner, 'answer_approval', { approval_id: asked?.id, decision: 'allow' })).toBe('not_allowed')
    await stage.ask(stage.client('command line'), 'answer_approval', { approval_id: asked?.id, decision: 'allow' })
    expect(await spawned).toMatchObject({ ok: true })
  })

  test('that is answered elsewhere, or whose call is cancelled, takes its question back', async () => {
    const stage = await createManual()
    const person = createPerson()
    const call = new AbortController()
    const [elsewhere, cancelled] = [stage.call(stage.me, 'spawn_agent', spawning('a'), { person }), stage.call(stage.me, 'spawn_agent', spawning('b'), { person: createPerson(false), signal: call.signal })]
    await stage.settle()
    expect(person.questions[0]?.signal.aborted).toBe(false)
    const [first, second] = waiting(stage)
    await stage.ask(stage.client('other'), 'answer_approval', { approval_id: first?.id, decision: 'deny' })
    expect([person.questions[0]?.signal.aborted, await elsewhere]).toMatchObject([true, { error: { code: 'not_approved' } }])
    call.abort()
    expect(await cancelled).toMatchObject({ error: { code: 'not_approved', message: expect.stringContaining('the call was cancelled') } })
    expect([waiting(stage), await stage.refusal(owner, 'answer_approval', { approval_id: second?.id, decision: 'allow' })]).toEqual([[], 'already_settled'])
  })

  test('a batch is one question, and what one of its agents is denied elsewhere the others are still asked for', async () => {
    const stage = await createManual()
    const person = createPerson()
    const spawned = stage.ask(stage.me, 'spawn_multiple_instances', { instances: ['a', 'b', 'c'].map(name => ({ instance_type: 'hand', name, workspace: 'isolated' })) }, { person })
    await stage.settle()
    expect(person.questions.map(({ question }) => question.text)).toEqual([expect.stringMatching(/^3 requests, answered together:\n- .*"a".*\n- .*"b".*\n- .*"c"/)])
    await stage.ask(owner, 'answer_approval', { approval_id: waiting(stage)[1]?.id, decision: 'deny', message: 'not b' })
    expect(person.questions[0]?.signal.aborted).toBe(false)
    person.questions[0]?.answer({ decision: 'allow' })
    expect(await spawned).toMatchObject({ spawned: [{ name: 'a' }, { name: 'c' }], errors: [{ name: 'b', code: 'not_approved' }] })
  })

  test('of an agent asks the person of its client, by whatever session that has; its own CLI is never asked, and no agent answers', async () => {
    const stage = await createManual()
    const [person, own] = [createPerson(), createPerson()]
    const bosses = stage.ask(owner, 'set_policy', { spawn_approval: 'auto' })
    await bosses
    const top = await stage.spawn('top')
    const boss = await stage.spawn('boss', stage.as(top))
    await stage.ask(owner, 'set_policy', { spawn_approval: 'manual' })
    const dismiss = stage.system.personAt(stage.me.clientId, person)
    const spawned = stage.call(stage.as(boss), 'spawn_agent', spawning('kid'), { person: own })
    await stage.settle()
    expect([person.questions.map(({ question }) => question.text), own.questions]).toEqual([['"boss" wants to spawn the agent "kid" (hand, role general).'], []])
    for (const agent of [top, boss]) expect(await stage.refusal(stage.as(agent), 'answer_approval', { approval_id: waiting(stage)[0]?.id, decision: 'allow' })).toBe('not_allowed')
    person.questions[0]?.answer({ decision: 'allow' })
    expect(await spawned).toMatchObject({ ok: true })
    dismiss()
    const later = stage.call(stage.as(boss), 'spawn_agent', spawning('later'))
    await stage.settle()
    const [note] = await notices(stage)
    expect(note).toContain('"boss" wants to spawn the agent "later"')
    await stage.ask(stage.me, 'answer_approval', { approval_id: /approval_id (\w+)/.exec(note ?? '')?.[1], decision: 'deny', message: 'enough' })
    expect(await later).toMatchObject({ error: { message: expect.stringContaining('tester said no (enough)') } })
  })

  test('a question that could not be put is told to the client of an agent, and the call goes on waiting', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    await stage.ask(stage.me, 'set_policy', { spawn_approval: 'manual' })
    const person = createPerson()
    stage.system.personAt(stage.me.clientId, person)
    const spawned = stage.call(stage.as(boss), 'spawn_agent', spawning('kid'))
    await stage.settle()
    person.questions[0]?.answer(undefined)
    await stage.settle()
    expect([await notices(stage), waiting(stage)]).toMatchObject([[expect.stringContaining('answer_approval')], [{ kind: 'spawn' }]])
    await stage.ask(owner, 'answer_approval', { approval_id: waiting(stage)[0]?.id, decision: 'allow' })
    expect(await spawned).toMatchObject({ ok: true })
  })

  test('a yes does not outrun what changed meanwhile: limits, policy, the supervisor', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    await stage.ask(stage.me, 'set_policy', { spawn_approval: 'manual' })
    const [first, second] = [stage.call(stage.me, 'spawn_agent', spawning('a')), stage.call(stage.as(boss), 'spawn_agent', spawning('b'))]
    const [one, two] = waiting(stage)
    await stage.ask(stage.me, 'set_policy', { orchestration: 'off' })
    await stage.ask(owner, 'answer_approval', { approval_id: one?.id, decision: 'allow' })
    expect(await first).toMatchObject({ error: { code: 'against_policy' } })
    await stage.ask(stage.me, 'set_policy', { orchestration: 'on' })
    await stage.ask(stage.me, 'terminate_instance', { instance_id: boss })
    await stage.ask(owner, 'answer_approval', { approval_id: two?.id, decision: 'allow' })
    expect(await second).toMatchObject({ error: { code: 'agent_ended' } })
  })

  test('the same call twice asks once', async () => {
    const stage = await createManual()
    const person = createPerson()
    const both = [1, 2].map(() => stage.ask(stage.me, 'spawn_agent', spawning('ada'), { person, callKey: 'k' }))
    await stage.settle()
    expect(person.questions).toHaveLength(1)
    person.questions[0]?.answer({ decision: 'allow' })
    const [one, two] = await Promise.all(both)
    expect(one?.['instance_id']).toBe(two?.['instance_id'])
  })

  test('a server that is started again, or shut down, has said no to what it left open', async () => {
    const stage = await createManual()
    void stage.call(stage.me, 'spawn_agent', spawning('ada'))
    const [left] = waiting(stage)
    const next = stage.crash()
    expect(await next.ask(next.me, 'list_approvals', { include_settled: 5 })).toMatchObject({ open: 0, approvals: [{ approval_id: left?.id, decision: 'deny', reason: 'the server was started again before it was answered' }] })
    const pending = next.call(next.me, 'spawn_agent', spawning('bob'))
    await next.settle()
    await next.system.close()
    expect(await pending).toMatchObject({ error: { code: 'not_approved', message: expect.stringContaining('shutting down') } })
  })
})

describe('a permission prompt of a CLI', () => {
  const answers = (stage: Stage) => stage.commands.flatMap(command => (command.type === 'answerApproval' ? [command] : []))

  async function createAsking(route: string, options: StageOptions = {}): Promise<{ stage: Stage; boss: AgentId; ada: AgentId }> {
    const stage = createStage(options)
    await stage.ask(stage.me, 'set_policy', { permission_prompts: route })
    const boss = await stage.spawn('boss')
    const ada = await stage.spawn('ada', stage.as(boss))
    await stage.ask(stage.as(boss), 'send_to_instance', { instance_id: ada, message: 'work', wait_for_response: false })
    stage.begin(ada)
    stage.fact(ada, { type: 'approvalRequested', approvalId: 'cli-1', tool: 'Bash', detail: 'rm -r x' })
    return { stage, boss, ada }
  }

  test.each(['policy', 'supervisor'])('%s: its supervisor is told with the id, and answers; status shows it', async route => {
    const { stage, boss, ada } = await createAsking(route)
    const told = stage.begin(boss)
    expect(told).toMatch(/ada waits for permission to use Bash: rm -r x\nAllow or deny it by answer_approval with approval_id \w+ \(by call_tool\); without an answer by 2026-01-01T00:10:00.000Z it is denied\./)
    const id = /approval_id (\w+)/.exec(told)?.[1]
    expect(await stage.ask(stage.me, 'get_instance_status', { instance_id: ada })).toMatchObject({ detail: 'busy.awaitingApproval', approval: { approval_id: id, tool: 'Bash', detail: 'rm -r x', asked: 'supervisor', expires_at: '2026-01-01T00:10:00.000Z' } })
    expect(await stage.ask(stage.as(boss), 'list_approvals')).toMatchObject({ open: 1, approvals: [{ approval_id: id, kind: 'permission', by: 'ada', tool: 'Bash' }] })
    expect(await stage.refusal(stage.as(ada), 'answer_approval', { approval_id: id, decision: 'allow' })).toBe('not_allowed')
    const peer = await stage.spawn('peer')
    expect(await stage.refusal(stage.as(peer), 'answer_approval', { approval_id: id, decision: 'allow' })).toBe('not_found')
    await stage.ask(stage.as(boss), 'call_tool', { name: 'answer_approval', arguments: { approval_id: id, decision: 'deny', message: 'not that one' } })
    expect(answers(stage)).toMatchObject([{ agentId: ada, approvalId: 'cli-1', decision: 'deny', message: 'not that one' }])
    stage.fact(ada, { type: 'approvalResolved', approvalId: 'cli-1', decision: 'deny' })
    expect([stage.state(ada), waiting(stage)]).toEqual(['busy.working', []])
  })

  test('person: the person of its client is asked, and no agent may answer', async () => {
    const person = createPerson()
    const stage = createStage()
    stage.system.personAt(stage.me.clientId, person)
    await stage.ask(stage.me, 'set_policy', { permission_prompts: 'person' })
    const boss = await stage.spawn('boss')
    const ada = await stage.spawn('ada', stage.as(boss))
    await stage.ask(stage.as(boss), 'send_to_instance', { instance_id: ada, message: 'work', wait_for_response: false })
    stage.begin(ada)
    stage.fact(ada, { type: 'approvalRequested', approvalId: 'cli-1', tool: 'Bash', detail: 'ls' })
    await stage.settle()
    expect(person.questions.map(({ question }) => question.text)).toEqual(['ada waits for permission to use Bash: ls'])
    expect([stage.state(boss), await notices(stage)]).toEqual(['idle.live', []])
    expect(await stage.refusal(stage.as(boss), 'answer_approval', { approval_id: waiting(stage)[0]?.id, decision: 'allow' })).toBe('not_allowed')
    person.questions[0]?.answer({ decision: 'allow' })
    await stage.settle()
    expect(answers(stage)).toMatchObject([{ approvalId: 'cli-1', decision: 'allow' }])
  })

  const writing = (...paths: string[]): Want => ({ kind: 'write', paths })
  /** Asks for that at `ada`'s own CLI, in its workspace unless another place is named. */
  async function createJudged(policy: Record<string, unknown>, want: (workspace: string) => Want, options: StageOptions = {}) {
    const stage = createStage(options)
    if (Object.keys(policy).length > 0) await stage.ask(stage.me, 'set_policy', policy)
    const boss = await stage.spawn('boss')
    const ada = await stage.spawn('ada', stage.as(boss))
    await stage.ask(stage.as(boss), 'send_to_instance', { instance_id: ada, message: 'work', wait_for_response: false })
    stage.begin(ada)
    const { workspace } = stage.system.status(owner, ada)
    stage.fact(ada, { type: 'approvalRequested', approvalId: 'cli-1', tool: 'Write', detail: 'a file', wants: [want(workspace.path)] })
    return { stage, boss, ada }
  }
  const settledOf = async (stage: Stage) => ((await stage.ask(stage.me, 'list_approvals', { include_settled: 5 })) as { approvals: Record<string, unknown>[] }).approvals
  const auditOf = async (stage: Stage) => ((await stage.ask(stage.me, 'get_audit_logs', { event: 'answer_settled' })) as { entries: Record<string, unknown>[] }).entries

  test.each([['by default', {}], ['policy', { permission_prompts: 'policy', unjudged_prompts: 'person' }]])('%s: what lies within its rights is allowed and nobody is asked or told; on record with the reason', async (_, policy) => {
    const { stage, boss } = await createJudged(policy, workspace => writing(`${workspace}/a`))
    expect(answers(stage)).toMatchObject([{ approvalId: 'cli-1', decision: 'allow' }])
    expect([stage.state(boss), await notices(stage), waiting(stage)]).toEqual(['idle.live', [], []])
    expect(await settledOf(stage)).toMatchObject([{ by: 'ada', tool: 'Write', asked: 'policy', decision: 'allow', decided_by: 'policy', reason: 'it writes inside its workspace' }])
    expect(await auditOf(stage)).toMatchObject([{ kind: 'permission', decision: 'allow', by: 'policy', reason: 'it writes inside its workspace' }])
  })

  test('policy: what lies outside is denied at once, in words for the model, on record, and nobody is asked', async () => {
    const { stage, boss } = await createJudged({}, () => writing('/etc/passwd'))
    expect(answers(stage)).toMatchObject([{ decision: 'deny', message: expect.stringMatching(/^You may write inside your workspace .* only, and \/etc\/passwd lies outside\. Write it there/) }])
    expect([stage.state(boss), await notices(stage), waiting(stage)]).toEqual(['idle.live', [], []])
    expect(await auditOf(stage)).toMatchObject([{ decision: 'deny', by: 'policy', reason: expect.stringContaining('/etc/passwd') }])
  })

  test('policy: what it cannot judge goes to the supervisor, saying why; to a person, or to nobody, where that is set', async () => {
    const tool: Want = { kind: 'tool' }
    const asked = await createJudged({}, () => tool)
    expect(asked.stage.begin(asked.boss)).toMatch(/ada waits for permission to use Write: a file\n.* it is denied\. Policy leaves it open: nobody has said whether it may use Write\./)
    const person = await createJudged({ unjudged_prompts: 'person' }, () => tool)
    expect([person.stage.state(person.boss), await notices(person.stage)]).toEqual(['idle.live', [expect.stringContaining('Policy leaves it open')]])
    const nobody = await createJudged({ unjudged_prompts: 'deny' }, () => tool)
    expect(answers(nobody.stage)).toMatchObject([{ decision: 'deny', message: expect.stringMatching(/^This is not plainly within your rights .* Do it in another way/) }])
    expect([nobody.stage.state(nobody.boss), await notices(nobody.stage)]).toEqual(['idle.live', []])
  })

  test('who wants to be asked in any case is asked, of what policy would allow or deny too', async () => {
    const { stage, boss } = await createJudged({ permission_prompts: 'supervisor', unjudged_prompts: 'deny' }, workspace => writing(`${workspace}/a`))
    expect([answers(stage), stage.begin(boss)]).toEqual([[], expect.stringContaining('ada waits for permission')])
  })

  test.each<[string, (workspace: string) => Want, string]>([
    ['a write outside', () => writing('/etc/passwd'), 'exceeds_parent'],
    ['a command out of the sandbox', () => ({ kind: 'run', unsandboxed: true }), 'exceeds_parent'],
    ['the network', () => ({ kind: 'network' }), 'exceeds_parent'],
    ['a hook of git', workspace => writing(`${workspace}/.git/hooks/pre-commit`), 'exceeds_parent'],
    ['what it may do anyway', workspace => writing(`${workspace}/a`), 'ok'],
    ['a tool that nobody has spoken of', () => ({ kind: 'tool' }), 'ok'],
  ])('a confined supervisor that has itself asked allows no more than it has: %s', async (_, want, verdict) => {
    const { stage, boss } = await createJudged({ permission_prompts: 'supervisor' }, want)
    const [asked] = waiting(stage)
    expect(await stage.refusal(stage.as(boss), 'answer_approval', { approval_id: asked?.id, decision: 'allow' })).toBe(verdict)
  })

  test('what a confined supervisor may not allow it denies, or those above it allow', async () => {
    const [first, second] = [await createJudged({ permission_prompts: 'supervisor' }, () => writing('/etc/passwd')), await createJudged({ permission_prompts: 'supervisor' }, () => writing('/etc/passwd'))]
    await first.stage.ask(first.stage.as(first.boss), 'answer_approval', { approval_id: waiting(first.stage)[0]?.id, decision: 'deny' })
    expect(answers(first.stage)).toMatchObject([{ decision: 'deny' }])
    await second.stage.ask(second.stage.me, 'answer_approval', { approval_id: waiting(second.stage)[0]?.id, decision: 'allow' })
    expect(answers(second.stage)).toMatchObject([{ decision: 'allow' }])
  })

  test('policy: a yes that cannot be put on record is a no', async () => {
    const memory = createMemoryStore()
    const store = { ...memory, settleApproval: () => { throw new MadroxError('unavailable', 'The disk is full.') } }
    const { stage } = await createJudged({}, workspace => writing(`${workspace}/a`), { store })
    expect(answers(stage)).toMatchObject([{ decision: 'deny', message: expect.stringContaining('could not be put on record') }])
  })

  test('an agent tightens what nobody judges for those below it, and never loosens it', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    await stage.ask(stage.me, 'set_policy', { unjudged_prompts: 'person' })
    expect(await stage.refusal(stage.as(boss), 'set_policy', { unjudged_prompts: 'supervisor' })).toBe('exceeds_parent')
    expect(await stage.ask(stage.as(boss), 'set_policy', { unjudged_prompts: 'deny' })).toMatchObject({ effective: { unjudged_prompts: { value: 'deny', set_by: 'boss' } } })
  })

  test('person: where none can be asked, its client finds a notice and answers', async () => {
    const { stage, ada } = await createAsking('person')
    const [note] = await notices(stage)
    expect(note).toContain('ada waits for permission to use Bash')
    await stage.ask(stage.me, 'answer_approval', { approval_id: /approval_id (\w+)/.exec(note ?? '')?.[1], decision: 'allow' })
    expect(answers(stage)).toMatchObject([{ agentId: ada, decision: 'allow' }])
  })

  test('that nobody answers is denied at its deadline, with the reason', async () => {
    const { stage } = await createAsking('supervisor', { approvals: { promptMs: 30_000 } })
    stage.clock.advance(29_999)
    expect(answers(stage)).toEqual([])
    stage.clock.advance(1)
    expect(answers(stage)).toMatchObject([{ approvalId: 'cli-1', decision: 'deny', message: 'nobody answered within 30 seconds' }])
    expect(await stage.ask(stage.me, 'list_approvals', { include_settled: 1 })).toMatchObject({ open: 0, approvals: [{ decision: 'deny', decided_by: 'madrox' }] })
  })

  test('is over when its CLI asks no more, and two at once are answered each by its own id', async () => {
    const { stage, ada } = await createAsking('supervisor')
    stage.fact(ada, { type: 'approvalRequested', approvalId: 'cli-2', tool: 'Write', detail: 'y' })
    const [first, second] = waiting(stage)
    await stage.ask(stage.me, 'answer_approval', { approval_id: second?.id, decision: 'allow' })
    stage.fact(ada, { type: 'approvalResolved', approvalId: 'cli-2', decision: 'allow' })
    expect([answers(stage).map(({ approvalId }) => approvalId), stage.state(ada), waiting(stage).map(({ id }) => id)]).toEqual([['cli-2'], 'busy.awaitingApproval', [first?.id]])
    stage.fact(ada, { type: 'approvalResolved', approvalId: 'cli-1', decision: 'gone' })
    expect([stage.state(ada), waiting(stage)]).toEqual(['busy.working', []])
    expect(await stage.call(stage.me, 'answer_approval', { approval_id: first?.id, decision: 'allow' })).toMatchObject({ error: { code: 'already_settled', message: expect.stringContaining('gone') } })
  })

  test('of an agent that is ended is over with it', async () => {
    const { stage, ada } = await createAsking('supervisor')
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    expect([waiting(stage), answers(stage)]).toEqual([[], []])
  })

  test('told twice is one', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'work', wait_for_response: false })
    stage.begin(ada)
    stage.fact(ada, { type: 'approvalRequested', approvalId: 'cli-1', tool: 'Bash', detail: 'ls' })
    stage.fact(ada, { type: 'approvalRequested', approvalId: 'cli-1', tool: 'Bash', detail: 'ls' })
    const [one, ...more] = waiting(stage)
    await stage.ask(stage.me, 'answer_approval', { approval_id: one?.id, decision: 'allow' })
    expect([more, answers(stage)]).toMatchObject([[], [{ decision: 'allow' }]])
  })
})
