/** Jobs: coordinate_instances, get_job_status, cancel_job. Who is given what, in which order, and what becomes of it. */

import { describe, expect, test } from 'vitest'
import { MadroxError } from '../../src/errors.ts'
import { type AgentId, asMessageId, asOwnerId, localOwner } from '../../src/ids.ts'
import type { CoordinationType } from '../../src/jobs.ts'
import type { Caller } from '../../src/messages.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { createStage, type Stage } from './rig.ts'

interface Told {
  readonly job_id: string
  readonly status: string
  readonly parts: readonly { readonly name: string; readonly as: string; readonly status: string; readonly message_id?: string; readonly response?: string }[]
  readonly result?: string
  readonly [field: string]: unknown
}

interface Team {
  readonly lead: AgentId
  readonly ada: AgentId
  readonly bob: AgentId
}

const spawnTeam = async (stage: Stage, by: Caller = stage.me): Promise<Team> => ({ lead: await stage.spawn('lead', by), ada: await stage.spawn('ada', by), bob: await stage.spawn('bob', by) })
const members = { coordinator_id: 'lead', participant_ids: ['ada', 'bob'], task_description: 'count the beans' } as const
const coordinate = async (stage: Stage, type: CoordinationType = 'parallel', by: Caller = stage.me): Promise<Told> => (await stage.ask(by, 'coordinate_instances', { ...members, coordination_type: type })) as unknown as Told // as its schema says
const look = async (stage: Stage, { job_id }: Pick<Told, 'job_id'>, more = {}): Promise<Told> => (await stage.ask(stage.me, 'get_job_status', { job_id, ...more })) as unknown as Told // see above
const states = ({ parts }: Told): readonly string[] => parts.map(({ name, status }) => `${name} ${status}`)
const given = (stage: Stage): readonly string[] => stage.commands.splice(0).flatMap(command => (command.type === 'submitPrompt' ? [stage.system.status({ kind: 'owner', ownerId: localOwner }, command.agentId).name] : []))
const fail = (stage: Stage, id: AgentId): void => {
  stage.begin(id)
  stage.end(id, { status: 'failed', error: 'overloaded' })
}

describe('coordinate_instances', () => {
  test('sequential gives the task to one after the other, each with the results so far, and the coordinator last', async () => {
    const stage = createStage()
    const { lead, ada, bob } = await spawnTeam(stage)
    const job = await coordinate(stage, 'sequential')
    expect(job).toMatchObject({ status: 'running', coordination_type: 'sequential' })
    expect([given(stage), states(await look(stage, job))]).toEqual([['ada'], ['ada open', 'bob waiting', 'lead waiting']])
    expect(stage.turn(ada, 'seven beans')).toMatch(/^\[MSG:\w+\] You are number 1 of 2.*count the beans/s)
    expect([given(stage), states(await look(stage, job))]).toEqual([['bob'], ['ada answered', 'bob open', 'lead waiting']])
    expect(stage.turn(bob, 'eight, one was under the plate')).toMatch(/count the beans.*--- ada ---\nseven beans/s)
    expect(given(stage)).toEqual(['lead'])
    expect(stage.turn(lead, 'eight beans')).toMatch(/--- ada ---\nseven beans.*--- bob ---\neight, one was under the plate.*Sum up/s)
    expect(await look(stage, job)).toMatchObject({ status: 'completed', result: 'eight beans', parts: [{ name: 'ada', as: 'participant', response: 'seven beans' }, { name: 'bob' }, { name: 'lead', as: 'coordinator', response: 'eight beans' }] })
    expect(given(stage)).toEqual([])
  })

  test.each([['parallel', /at the same time as (?:ada|bob)/, /Make one whole/], ['consensus', /on your own/, /name each disagreement/]] as const)('%s gives it to all at once, none knows what another says, and the coordinator is given all of it', async (type, words, what) => {
    const stage = createStage()
    const { lead, ada, bob } = await spawnTeam(stage)
    const job = await coordinate(stage, type)
    expect(given(stage)).toEqual(['ada', 'bob'])
    expect(stage.turn(bob, 'eight')).toMatch(words)
    expect([given(stage), states(await look(stage, job))]).toEqual([[], ['ada open', 'bob answered', 'lead waiting']])
    const text = stage.turn(ada, 'seven')
    expect(text).toMatch(words)
    expect(text).not.toContain('eight')
    expect(given(stage)).toEqual(['lead'])
    expect(stage.turn(lead, 'about seven and a half')).toMatch(new RegExp(`--- ada ---\nseven\n\n--- bob ---\neight.*${what.source}`, 's'))
    expect(await look(stage, job)).toMatchObject({ status: 'completed', result: 'about seven and a half' })
  })

  test('goes on with what there is: a part that failed, and one whose agent has ended, are missing from it', async () => {
    const stage = createStage()
    const { lead, ada, bob } = await spawnTeam(stage)
    const cleo = await stage.spawn('cleo')
    const job = (await stage.ask(stage.me, 'coordinate_instances', { ...members, participant_ids: [ada, bob, cleo], coordination_type: 'sequential' })) as unknown as Told // as its schema says
    await stage.ask(stage.me, 'terminate_instance', { instance_id: bob })
    fail(stage, ada)
    expect(states(await look(stage, job))).toEqual(['ada failed', 'bob agent_gone', 'cleo open', 'lead waiting'])
    expect(stage.turn(cleo, 'nine')).toMatch(/--- ada: no result \(failed\) ---\noverloaded.*--- bob: no result \(agent_gone\) ---/s)
    expect(stage.turn(lead, 'nine, by cleo alone')).toContain('There is no result of ada, bob')
    expect(await look(stage, job)).toMatchObject({ status: 'completed_with_failures', result: 'nine, by cleo alone' })
  })

  test('fails where nobody answers, and keeps what was gathered where the coordinator does not', async () => {
    const stage = createStage()
    const { lead, ada, bob } = await spawnTeam(stage)
    const nothing = await coordinate(stage)
    fail(stage, ada)
    fail(stage, bob)
    expect(await look(stage, nothing)).toMatchObject({ status: 'failed', result: expect.stringContaining('overloaded') })
    const half = await coordinate(stage)
    await stage.ask(stage.me, 'terminate_instance', { instance_id: lead })
    stage.turn(ada, 'seven')
    stage.turn(bob, 'eight')
    expect(await look(stage, half)).toMatchObject({ status: 'completed_with_failures', result: expect.stringMatching(/lead did not make a whole of it.*--- ada ---\nseven.*--- bob ---\neight/s) })
  })

  test('the answers go to the job and not to the caller\'s inbox; its end does, once', async () => {
    const stage = createStage()
    const { lead, ada, bob } = await spawnTeam(stage)
    const job = await coordinate(stage)
    stage.begin(ada)
    await stage.ask(stage.as(ada), 'reply_to_caller', { reply_message: 'seven' })
    await stage.ask(stage.as(ada), 'reply_to_caller', { reply_message: 'no, eight' }) // a follow-up
    stage.end(ada)
    stage.turn(bob, 'eight')
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ count: 0 })
    stage.turn(lead, 'eight beans')
    const told = await stage.ask(stage.me, 'get_pending_replies')
    expect(told).toMatchObject({ count: 1, replies: [{ kind: 'notice', from: 'lead', response: `The parallel job ${job.job_id} you had lead coordinate is completed. eight beans` }] })
    const again = await coordinate(stage)
    for (const id of [ada, bob, lead]) stage.turn(id, 'same')
    expect(await look(stage, again)).toMatchObject({ status: 'completed' })
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ count: 0 }) // told by get_job_status
  })

  test('an id that is none is answered with those the caller has, newest first, and with nobody else\'s', async () => {
    const stage = createStage()
    const { ada, bob, lead } = await spawnTeam(stage)
    const outside = await stage.spawn('outside')
    const remedyOf = async (who: Caller) => ((await stage.call(who, 'get_job_status', { job_id: 'lost' })) as { error: { remedy: string } }).error.remedy
    expect(await remedyOf(stage.me)).toBe('Use the job_id that coordinate_instances returned. You have had none.')
    const first = await coordinate(stage, 'sequential')
    for (const id of [ada, bob, lead]) stage.turn(id, 'seven')
    const second = await coordinate(stage, 'consensus')
    expect(await remedyOf(stage.me)).toBe(`Use the job_id that coordinate_instances returned. Yours, newest first: ${second.job_id} (consensus, running: count the beans); ${first.job_id} (sequential, completed: count the beans).`)
    for (const who of [stage.as(lead), stage.as(outside), stage.client('stranger', { ownerId: asOwnerId('bob') })]) expect(await remedyOf(who)).toContain('You have had none.')
  })

  test('the same call again is the same job', async () => {
    const stage = createStage()
    await spawnTeam(stage)
    const call = () => stage.ask(stage.me, 'coordinate_instances', { ...members, coordination_type: 'parallel' }, { callKey: 'k' })
    expect((await call())['job_id']).toBe((await call())['job_id'])
    expect(given(stage)).toEqual(['ada', 'bob'])
    const next = stage.crash()
    expect((await next.ask(next.me, 'coordinate_instances', members, { callKey: 'k' }))['job_id']).toBe(next.store.listRunningJobs()[0]?.id)
    expect(next.store.listRunningJobs()).toHaveLength(1)
  })

  test.each([
    ['a participant twice', { participant_ids: ['ada', 'ada'] }, 'invalid_input'],
    ['the coordinator among the participants', { participant_ids: ['ada', 'lead'] }, 'invalid_input'],
    ['nobody', { participant_ids: [] }, 'invalid_input'],
    ['somebody unknown', { participant_ids: ['ada', 'nobody'] }, 'not_found'],
    ['an unknown coordinator', { coordinator_id: 'leda' }, 'not_found'],
    ['one that has ended', { participant_ids: ['gone'] }, 'agent_ended'],
    ['an empty task', { task_description: ' \n' }, 'invalid_input'],
    ['a task that leaves no room for the words around it', { task_description: 'x'.repeat(490) }, 'invalid_input'],
    ['a manner nobody knows', { coordination_type: 'serial' }, 'invalid_input'],
  ])('refuses %s, and changes nothing', async (_what, args, code) => {
    const stage = createStage({ limits: { maxMessageLength: 500 } })
    await spawnTeam(stage)
    await stage.spawn('gone')
    await stage.ask(stage.me, 'terminate_instance', { instance_id: 'gone' })
    expect(await stage.refusal(stage.me, 'coordinate_instances', { ...members, ...args })).toBe(code)
    expect([stage.store.listRunningJobs(), stage.store.listOpenMessages()]).toEqual([[], []])
  })

  test('is for those whom the caller may message, all of them, and its job for the caller, its owner and those above', async () => {
    const stage = createStage({ ownerTokens: { other: 'the-token-of-another-owner' } })
    const boss = await stage.spawn('boss')
    await spawnTeam(stage, stage.as(boss))
    const outside = await stage.spawn('outside')
    const below = await stage.spawn('below', stage.as(outside))
    const stranger = stage.client('stranger', { ownerId: asOwnerId('other') })
    expect(await stage.refusal(stage.as(boss), 'coordinate_instances', { ...members, participant_ids: ['ada', below] })).toBe('not_allowed')
    expect(await stage.refusal(stranger, 'coordinate_instances', members)).toBe('not_found')
    const job = await coordinate(stage, 'parallel', stage.as(boss))
    for (const who of [stage.as(boss), stage.me, { kind: 'owner', ownerId: localOwner } as const]) expect(await stage.refusal(who, 'get_job_status', { job_id: job.job_id })).toBe('ok')
    for (const who of [stage.as(outside), stranger]) for (const tool of ['get_job_status', 'cancel_job']) expect(await stage.refusal(who, tool, { job_id: job.job_id })).toBe('not_found')
    expect(stage.store.listOpenMessages().map(({ from }) => from)).toEqual([{ kind: 'agent', id: boss }, { kind: 'agent', id: boss }])
  })

  test.each([['coordinator_id', { coordinator_id: 'boss' }], ['participant_ids', { participant_ids: ['ada', 'boss'] }]])('refuses an agent that names itself as %s: it would wait for itself', async (_where, args) => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    await spawnTeam(stage, stage.as(boss))
    expect(await stage.refusal(stage.as(boss), 'coordinate_instances', { ...members, ...args })).toBe('wait_cycle')
  })

  test('of an agent keeps its own message open, and the end of the job is its next turn', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const { lead, ada, bob } = await spawnTeam(stage, stage.as(boss))
    const sent = await stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'beans?', wait_for_response: false })
    const outcome = () => stage.store.getMessage(asMessageId(String(sent['message_id'])))?.outcome
    stage.begin(boss)
    await coordinate(stage, 'sequential', stage.as(boss))
    stage.end(boss, { finalText: 'I let them count.' })
    for (const id of [ada, bob]) {
      stage.turn(id, 'eight')
      stage.clock.advance(10_000)
      expect(outcome()).toBeUndefined()
    }
    stage.turn(lead, 'eight beans')
    stage.clock.advance(10_000)
    expect(outcome()).toBeUndefined()
    expect(stage.turn(boss, 'Eight.')).toMatch(/^\[NOTICE from lead\] The sequential job .*eight beans$/)
    expect(outcome()).toMatchObject({ status: 'answered', text: 'Eight.' })
  })
})

describe('get_job_status with wait_for_completion', () => {
  test('answers when the job has ended, and tells how it goes on until then', async () => {
    const stage = createStage()
    const { lead, ada, bob } = await spawnTeam(stage)
    const { job_id } = await coordinate(stage)
    const waited = look(stage, { job_id }, { wait_for_completion: true })
    const said: string[] = []
    const beside = stage.system.jobStatus(stage.me, job_id, { timeoutMs: 60_000, progress: message => void said.push(message) })
    for (const id of [ada, bob, lead]) stage.turn(id, 'eight')
    expect([await waited, (await beside).job]).toMatchObject([{ status: 'completed', result: 'eight' }, { status: 'completed' }])
    expect(said).toEqual(['0 of 3 parts are done; ada, bob at work', '1 of 3 parts are done; bob at work', '2 of 3 parts are done; lead at work'])
  })

  test('ends with max_wait, with its cancellation and with the server, and leaves the job as it is', async () => {
    const stage = createStage()
    await spawnTeam(stage)
    const job = await coordinate(stage)
    const wait = { job_id: job.job_id, wait_for_completion: true, max_wait: 5 }
    const short = look(stage, job, wait)
    stage.clock.advance(5_000)
    const abort = new AbortController()
    const cancelled = stage.call(stage.me, 'get_job_status', wait, { signal: abort.signal })
    abort.abort()
    expect([await short, await cancelled]).toMatchObject([{ status: 'running' }, { ok: true, data: { status: 'running' } }])
    expect(states(await look(stage, job))).toEqual(['ada open', 'bob open', 'lead waiting'])
    const long = stage.call(stage.me, 'get_job_status', wait)
    await stage.system.close()
    expect(await long).toMatchObject({ ok: true })
  })

  test('is refused where somebody the job still needs waits for the caller, at once or as soon as it does', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const { ada } = await spawnTeam(stage, stage.as(boss))
    await stage.ask(stage.me, 'send_to_instance', { instance_id: boss, message: 'beans?', wait_for_response: false })
    stage.begin(boss)
    const job = await coordinate(stage, 'sequential', stage.as(boss))
    stage.begin(ada)
    const waiting = stage.call(stage.as(boss), 'get_job_status', { job_id: job.job_id, wait_for_completion: true })
    expect(await stage.call(stage.as(ada), 'send_to_instance', { instance_id: boss, message: 'which beans?' })).toMatchObject({ ok: false, error: { code: 'wait_cycle', message: 'This wait could never end: ada waits for boss waits for ada.' } })
    stage.clock.advance(180_000)
    expect(await waiting).toMatchObject({ ok: true, data: { status: 'running' } })
    const asking = stage.call(stage.as(ada), 'send_to_instance', { instance_id: boss, message: 'which beans?', timeout_seconds: 5 })
    expect(await stage.refusal(stage.as(boss), 'get_job_status', { job_id: job.job_id, wait_for_completion: true })).toBe('wait_cycle')
    stage.clock.advance(5_000)
    expect(await asking).toMatchObject({ ok: true, data: { status: 'pending' } })
  })
})

describe('cancel_job', () => {
  test('sends nothing more, withdraws what has not begun, and interrupts the turns at work on it', async () => {
    const stage = createStage()
    const { ada, bob } = await spawnTeam(stage)
    await stage.ask(stage.me, 'send_to_instance', { instance_id: bob, message: 'something else', wait_for_response: false })
    stage.begin(bob)
    const job = await coordinate(stage)
    stage.begin(ada)
    const cancelling = stage.ask(stage.me, 'cancel_job', { job_id: job.job_id })
    await stage.settle()
    const command = stage.commands.findLast(each => each.type === 'interrupt')
    stage.end(ada, { status: 'interrupted' })
    stage.fact(ada, { type: 'interruptFinished', requestId: command?.type === 'interrupt' ? command.requestId : '', wasInTurn: true })
    expect(await cancelling).toMatchObject({ status: 'cancelled', cancelled: true, interrupted: ['ada'], withdrawn: ['bob'], left: [] })
    stage.end(bob, { finalText: 'done with that' })
    expect([stage.state(ada), stage.state(bob), stage.store.listOpenMessages()]).toEqual(['idle.live', 'idle.live', []])
    expect(states(await look(stage, job))).toEqual(['ada cancelled', 'bob cancelled', 'lead waiting'])
    expect(await stage.ask(stage.me, 'cancel_job', { job_id: job.job_id })).toMatchObject({ cancelled: false, status: 'cancelled', note: expect.stringContaining('ended before') })
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ replies: [{ response: 'done with that' }] }) // it cancelled by itself, and need not be told
  })

  test('leaves a peer its turn, and what that answers goes nowhere; the caller is told when somebody above cancels', async () => {
    const stage = createStage()
    const { ada } = await spawnTeam(stage)
    const peer = await stage.spawn('peer')
    const mine = await coordinate(stage, 'sequential', stage.as(peer))
    stage.begin(ada)
    expect(await stage.ask(stage.as(peer), 'cancel_job', { job_id: mine.job_id })).toMatchObject({ interrupted: [], withdrawn: [], left: ['ada'] })
    stage.end(ada, { finalText: 'seven' })
    expect([states(await look(stage, mine)), stage.state(peer)]).toEqual([['ada answered', 'bob waiting', 'lead waiting'], 'idle.live'])
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'something else', wait_for_response: false })
    const next = await coordinate(stage, 'sequential', stage.as(peer))
    expect(await stage.ask(stage.me, 'cancel_job', { job_id: next.job_id })).toMatchObject({ withdrawn: ['ada'] })
    expect(stage.begin(peer)).toBe(`[NOTICE from lead] The sequential job ${next.job_id} you had lead coordinate is cancelled. It was cancelled.`)
  })
})

describe('a job outlives its server', () => {
  test.each([['sequential'], ['parallel'], ['consensus']] as const)('%s, killed after every step: it goes on from what is on record, and no step is sent twice', async type => {
    let stage = createStage()
    const { lead, ada, bob } = await spawnTeam(stage)
    const job = await coordinate(stage, type)
    for (const [id, text] of [[ada, 'seven'], [bob, 'eight'], [lead, 'eight beans']] as const) {
      stage = stage.crash()
      await stage.settle()
      const asked = stage.commands.findLast(command => command.type === 'recallTurn' && command.agentId === id)
      stage.fact(id, { type: 'turnRecalled', requestId: asked?.type === 'recallTurn' ? asked.requestId : '', status: 'absent' })
      expect(stage.turn(id, text)).toContain('count the beans')
    }
    expect(await look(stage, job)).toMatchObject({ status: 'completed', result: 'eight beans' })
    expect([ada, bob, lead].map(id => stage.store.countMessages(id).accepted)).toEqual([1, 1, 1])
  })

  test('whose outcome was recorded and whose next step was not: the next server sends it', async () => {
    let full = false
    const memory = createMemoryStore()
    const guard = <Args extends readonly unknown[]>(write: (...args: Args) => void) => (...args: Args): void => {
      if (full) throw new MadroxError('unavailable', 'The disk is full.')
      write(...args)
    }
    const first = createStage({ store: { ...memory, addJobStep: guard(memory.addJobStep) } })
    const { ada, bob, lead } = await spawnTeam(first)
    const job = await coordinate(first, 'sequential')
    full = true
    first.turn(ada, 'seven')
    expect([states(await look(first, job)), first.store.countMessages(bob).accepted]).toEqual([['ada answered', 'bob waiting', 'lead waiting'], 0]) // nor was its message kept
    full = false
    const stage = first.crash()
    await stage.settle()
    expect(stage.turn(bob, 'eight')).toContain('--- ada ---\nseven')
    full = true
    stage.clock.advance(3_000)
    full = false
    await stage.settle()
    stage.turn(lead, 'eight beans')
    expect(await look(stage, job)).toMatchObject({ status: 'completed', result: 'eight beans' })
  })

  test('goes on when the store can write again, with nobody asking', async () => {
    let full = false
    const memory = createMemoryStore()
    const store = { ...memory, insertMessage: (message: Parameters<typeof memory.insertMessage>[0]) => {
      if (full) throw new MadroxError('unavailable', 'The disk is full.')
      memory.insertMessage(message)
    } }
    const stage = createStage({ store })
    const { ada, bob } = await spawnTeam(stage)
    const job = await coordinate(stage, 'sequential')
    full = true
    stage.turn(ada, 'seven')
    stage.clock.advance(5_000)
    expect(states(await look(stage, job))).toEqual(['ada answered', 'bob waiting', 'lead waiting'])
    full = false
    stage.clock.advance(1_000)
    expect(stage.begin(bob)).toContain('seven')
    expect(stage.store.countMessages(bob).accepted).toBe(1)
  })

  test('and an agent that did not come back is missing from it: the next is given its turn', async () => {
    const first = createStage({ played: ['odd'] })
    await first.ask(first.me, 'spawn_agent', { harness: 'odd', name: 'odd', workspace: 'isolated', script: [{ when: 'beans', steps: [{ hang: true }] }] })
    const { ada, lead } = await spawnTeam(first)
    const job = (await first.ask(first.me, 'coordinate_instances', { ...members, participant_ids: ['odd', 'ada'] })) as unknown as Told // as its schema says
    const stage = first.crash({ played: [] })
    expect(states(await look(stage, job))).toEqual(['odd agent_gone', 'ada open', 'lead waiting'])
    await stage.settle()
    expect(stage.turn(ada, 'eight')).toContain('--- odd: no result (agent_gone) ---')
    await stage.settle()
    stage.turn(lead, 'eight, by ada alone')
    expect(await look(stage, job)).toMatchObject({ status: 'completed_with_failures' })
  })
})
