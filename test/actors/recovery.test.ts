/** What a system finds in the store of one that was killed, and what it makes of it. */

import { describe, expect, test } from 'vitest'
import { asAgentId, asMessageId } from '../../src/ids.ts'
import { createStage, type Stage } from './rig.ts'

/** What the session's record says, when it is asked. */
const recalls = (stage: Stage) => stage.commands.flatMap(command => (command.type === 'recallTurn' ? [command] : []))
const starts = (stage: Stage) => stage.commands.flatMap(command => (command.type === 'startAgent' ? [command.agentId] : []))
const answer = (stage: Stage, told: { readonly status: 'absent' | 'cut' | 'completed' | 'failed'; readonly finalText?: string; readonly error?: string }): void => {
  const command = recalls(stage).at(-1)
  if (!command) throw new Error('Nothing was asked of a session.')
  stage.fact(command.agentId as Parameters<Stage['fact']>[0], { type: 'turnRecalled', requestId: command.requestId, ...told }) // an id of ours
}
const send = async (stage: Stage, to: string, message: string, more = {}) => asMessageId(String((await stage.ask(stage.me, 'send_to_instance', { instance_id: to, message, wait_for_response: false, ...more }))['message_id']))
const outcomeOf = (stage: Stage, id: ReturnType<typeof asMessageId>) => stage.store.getMessage(id)?.outcome

describe('agents of a killed server', () => {
  test('are the tree they were, at rest: no process is started for those with nothing to do', async () => {
    const first = createStage()
    const boss = await first.spawn('boss')
    const kid = await first.spawn('kid', first.as(boss))
    const stage = first.crash()
    expect(await stage.ask(stage.me, 'get_instance_tree')).toEqual({ text: `boss (${boss}) [idle] (hand)\n└── kid (${kid}) [idle] (hand)` })
    expect([stage.state(boss), stage.state(kid), starts(stage)]).toEqual(['idle.suspended.resting', 'idle.suspended.resting', []])
    expect(await stage.ask(stage.me, 'terminate_instance', { instance_id: boss })).toMatchObject({ terminated: [{ name: 'kid' }, { name: 'boss' }] })
  })

  test('are woken by their next message, in the session they had', async () => {
    const first = createStage()
    const ada = await first.spawn('ada')
    const session = first.store.getAgent(ada)?.sessionId
    const stage = first.crash()
    const id = await send(stage, ada, 'on')
    await stage.settle()
    expect(stage.commands.find(command => command.type === 'startAgent')).toMatchObject({ launch: { resume: true, sessionId: session, systemPrompt: expect.stringContaining('You are "ada"') } })
    stage.turn(ada, 'done')
    expect(outcomeOf(stage, id)).toMatchObject({ status: 'answered', text: 'done' })
  })

  test('get what had been accepted and not handed over, in order and unmarked', async () => {
    const first = createStage({ byHand: ['ada'] })
    const { instance_id } = await first.ask(first.me, 'spawn_agent', { harness: 'hand', name: 'ada', workspace: 'isolated', wait_for_ready: false })
    const ids = [await send(first, String(instance_id), 'one'), await send(first, String(instance_id), 'two')]
    const stage = first.crash()
    await stage.settle()
    const [ada] = stage.system.list(stage.me)
    expect(stage.turn(ada?.id ?? stage.system.resolve(stage.me, 'ada'), 'first')).toBe(`[MSG:${ids[0]}] one`)
    expect(stage.turn(stage.system.resolve(stage.me, 'ada'), 'second')).toBe(`[MSG:${ids[1]}] two`)
    expect(ids.map(id => outcomeOf(stage, id)?.text)).toEqual(['first', 'second'])
  })

  test('that were in a turn: it is driven again and marked, where its record does not have its end', async () => {
    const first = createStage()
    const ada = await first.spawn('ada')
    const id = await send(first, ada, 'long work')
    first.begin(ada)
    const stage = first.crash()
    await stage.settle()
    expect(recalls(stage)).toMatchObject([{ agentId: ada, markers: [`[MSG:${id}]`] }])
    answer(stage, { status: 'cut' })
    expect(stage.turn(ada, 'done')).toMatch(/delivered again: you were cut off.*long work/)
    expect(outcomeOf(stage, id)).toMatchObject({ status: 'answered', text: 'done' })
  })

  test('whose turn had ended in their record: it is answered by that, and not driven again', async () => {
    const first = createStage()
    const ada = await first.spawn('ada')
    const id = await send(first, ada, 'long work')
    first.begin(ada)
    const stage = first.crash()
    await stage.settle()
    answer(stage, { status: 'completed', finalText: 'it is done' })
    expect([outcomeOf(stage, id), stage.state(ada)]).toMatchObject([{ status: 'answered', text: 'it is done', via: 'turn_end' }, 'idle.live'])
    expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ replies: [{ message_id: id, response: 'it is done' }] })
  })

  test('whose turn had failed in their record: it failed', async () => {
    const first = createStage()
    const ada = await first.spawn('ada')
    const id = await send(first, ada, 'long work')
    first.begin(ada)
    const stage = first.crash()
    await stage.settle()
    answer(stage, { status: 'failed', error: 'overloaded' })
    expect(outcomeOf(stage, id)).toMatchObject({ status: 'failed', text: 'overloaded' })
  })

  test('that had been typed a message their record does not have get it as if for the first time', async () => {
    const first = createStage()
    const ada = await first.spawn('ada')
    const id = await send(first, ada, 'hello')
    const prompt = first.commands.find(command => command.type === 'submitPrompt')
    first.fact(ada, { type: 'promptWritten', promptId: prompt?.type === 'submitPrompt' ? prompt.promptId : '' })
    const stage = first.crash()
    await stage.settle()
    answer(stage, { status: 'absent' })
    expect(stage.turn(ada, 'hi')).toBe(`[MSG:${id}] hello`)
  })

  test('that were being typed a message when the server was killed are asked about it too: typed is on record only afterwards', async () => {
    const first = createStage()
    const ada = await first.spawn('ada')
    const ids = [await send(first, ada, 'one'), await send(first, ada, 'two')]
    expect(first.commands.filter(command => command.type === 'submitPrompt')).toHaveLength(1)
    const stage = first.crash()
    await stage.settle()
    expect(recalls(stage)).toMatchObject([{ agentId: ada, markers: [`[MSG:${ids[0]}]`] }])
    answer(stage, { status: 'completed', finalText: 'one done' })
    expect(outcomeOf(stage, ids[0] ?? asMessageId(''))).toMatchObject({ status: 'answered', text: 'one done' })
    expect(stage.turn(ada, 'two done')).toBe(`[MSG:${ids[1]}] two`)
  })

  test.each([['absent', /^\[MSG:\w+\] one$/], ['cut', /delivered again.*one$/]] as const)('whose record says %s of it get it as fits', async (status, text) => {
    const first = createStage()
    const ada = await first.spawn('ada')
    await send(first, ada, 'one')
    const stage = first.crash()
    await stage.settle()
    answer(stage, { status })
    expect(stage.begin(ada)).toMatch(text)
  })

  test('whose record does not answer in time are taken for cut off', async () => {
    const first = createStage()
    const ada = await first.spawn('ada')
    await send(first, ada, 'long work')
    first.begin(ada)
    const stage = first.crash()
    await stage.settle()
    stage.clock.advance(60_000)
    expect(stage.begin(ada)).toContain('delivered again')
  })

  test('that are cut off with each server give the message up as poison after the third time', async () => {
    let stage = createStage()
    const ada = await stage.spawn('ada')
    const id = await send(stage, ada, 'kills servers')
    stage.begin(ada)
    for (const _ of [2, 3]) {
      stage = stage.crash()
      await stage.settle()
      answer(stage, { status: 'cut' })
      stage.begin(ada)
    }
    stage = stage.crash()
    await stage.settle()
    answer(stage, { status: 'cut' })
    expect(outcomeOf(stage, id)).toMatchObject({ status: 'failed', text: expect.stringContaining('poison') })
  })

  test('that wait for a child still do: what came in meanwhile is handed in, and then their own message is answered', async () => {
    const first = createStage()
    const boss = await first.spawn('boss')
    const kid = await first.spawn('kid', first.as(boss))
    const id = await send(first, boss, 'lead')
    first.begin(boss)
    const task = await first.ask(first.as(boss), 'send_to_instance', { instance_id: kid, message: 'part', wait_for_response: false })
    first.end(boss, { finalText: 'delegated' })
    first.begin(kid)
    const stage = first.crash()
    await stage.settle()
    expect([stage.state(boss), outcomeOf(stage, id), recalls(stage).map(command => command.agentId)]).toEqual(['idle.suspended.resting', undefined, [kid]])
    answer(stage, { status: 'completed', finalText: 'part done' })
    await stage.settle()
    expect(stage.turn(boss, 'all done')).toBe(`[REPLY:${task['message_id']} from kid] part done`)
    expect(outcomeOf(stage, id)).toMatchObject({ status: 'answered', text: 'all done' })
  })

  test('cut off while they worked on a child\'s answer are asked about that turn too', async () => {
    const first = createStage()
    const boss = await first.spawn('boss')
    const kid = await first.spawn('kid', first.as(boss))
    const id = await send(first, boss, 'lead')
    first.begin(boss)
    const task = await first.ask(first.as(boss), 'send_to_instance', { instance_id: kid, message: 'part', wait_for_response: false })
    first.end(boss, { finalText: 'delegated' })
    first.turn(kid, 'part done')
    first.begin(boss)
    const stage = first.crash()
    await stage.settle()
    expect(recalls(stage)).toMatchObject([{ agentId: boss, markers: [`[MSG:${id}]`, `[REPLY:${task['message_id']} `] }])
    answer(stage, { status: 'cut' })
    expect(stage.turn(boss, 'all done')).toMatch(/delivered again.*lead/)
    expect(outcomeOf(stage, id)).toMatchObject({ text: 'all done' })
  })

  test('cut off in the middle of what a child has answered meanwhile: they are given that answer, and their own message again', async () => {
    const first = createStage()
    const boss = await first.spawn('boss')
    const kid = await first.spawn('kid', first.as(boss))
    const id = await send(first, boss, 'lead')
    first.begin(boss)
    await first.ask(first.as(boss), 'send_to_instance', { instance_id: kid, message: 'part', wait_for_response: false })
    first.turn(kid, 'part done')
    const stage = first.crash()
    await stage.settle()
    answer(stage, { status: 'cut' })
    expect(stage.turn(boss, 'noted')).toMatch(/part done$/)
    expect(outcomeOf(stage, id)).toBeUndefined()
    expect(stage.turn(boss, 'all done')).toMatch(/delivered again.*lead$/)
    expect(outcomeOf(stage, id)).toMatchObject({ text: 'all done' })
  })

  test('that were held stay held, without a process, until the holder speaks: that goes first', async () => {
    const first = createStage()
    const boss = await first.spawn('boss')
    const peer = await first.spawn('peer')
    await send(first, boss, 'work')
    first.begin(boss)
    const cut = first.ask(first.me, 'interrupt_instance', { instance_id: boss })
    await first.settle()
    const command = first.commands.find(each => each.type === 'interrupt')
    first.end(boss, { status: 'interrupted' })
    first.fact(boss, { type: 'interruptFinished', requestId: command?.type === 'interrupt' ? command.requestId : '', wasInTurn: true })
    await cut
    await first.ask(first.as(peer), 'send_to_instance', { instance_id: boss, message: 'psst', wait_for_response: false })
    const stage = first.crash()
    await stage.settle()
    expect([stage.state(boss), starts(stage)]).toEqual(['interrupted.suspended', []])
    await send(stage, boss, 'go on')
    await stage.settle()
    expect(stage.turn(boss, 'ok')).toContain('go on')
    expect(stage.begin(boss)).toContain('psst')
  })

  test('that had not come up yet are started anew, and the repeated call has them', async () => {
    const first = createStage({ byHand: ['ada'] })
    const request = { harness: 'hand', name: 'ada', workspace: 'isolated' }
    await first.ask(first.me, 'spawn_agent', { ...request, wait_for_ready: false }, { callKey: 'k' })
    const stage = first.crash()
    expect(await stage.ask(stage.me, 'spawn_agent', request, { callKey: 'k' })).toMatchObject({ name: 'ada', state: 'idle' })
    expect(stage.commands.filter(command => command.type === 'startAgent')).toMatchObject([{ launch: { resume: false } }])
    expect(stage.system.list(stage.me)).toHaveLength(1)
  })

  test('that were being ended are, and all below them', async () => {
    const first = createStage({ byHand: ['boss'] })
    await first.ask(first.me, 'spawn_agent', { harness: 'hand', name: 'boss', workspace: 'isolated', wait_for_ready: false })
    const boss = first.system.resolve(first.me, 'boss')
    first.fact(boss, { type: 'ready', sessionId: 's1' })
    const id = await send(first, boss, 'work')
    void first.call(first.me, 'terminate_instance', { instance_id: boss })
    await first.settle()
    const stage = first.crash()
    expect([stage.system.list(stage.me), outcomeOf(stage, id)]).toMatchObject([[], { status: 'agent_gone' }])
  })

  test('keep a message\'s expiry', async () => {
    const first = createStage({ byHand: ['ada'] })
    const { instance_id } = await first.ask(first.me, 'spawn_agent', { harness: 'hand', name: 'ada', workspace: 'isolated', wait_for_ready: false })
    const id = await send(first, String(instance_id), 'soon', { expires_at: new Date(first.clock.now() + 1_000).toISOString() })
    const stage = first.crash({ byHand: ['ada'] })
    stage.clock.advance(2_000)
    expect(outcomeOf(stage, id)).toMatchObject({ status: 'expired' })
  })

  test('do not let a message expire that was begun in time and cut off, however late it is given again', async () => {
    const first = createStage()
    const ada = await first.spawn('ada')
    const id = await send(first, ada, 'soon', { expires_at: new Date(first.clock.now() + 1_000).toISOString() })
    first.begin(ada)
    const stage = first.crash({ startAt: first.clock.now() + 5_000 })
    await stage.settle()
    answer(stage, { status: 'cut' })
    const prompt = stage.commands.findLast(command => command.type === 'submitPrompt')
    stage.fact(ada, { type: 'promptRefused', promptId: prompt?.type === 'submitPrompt' ? prompt.promptId : '', reason: 'in_turn' })
    stage.clock.advance(2_000)
    expect(outcomeOf(stage, id)).toBeUndefined()
    stage.turn(ada, 'done')
    expect(outcomeOf(stage, id)).toMatchObject({ status: 'answered' })
  })

  test('of a harness that is not here any more are ended, with the reason', async () => {
    const first = createStage()
    const ada = await first.spawn('ada')
    first.store.transaction(() => first.store.insertAgent({ ...row(first, ada), id: asAgentId('zed'), name: 'zed', harness: 'gone' }))
    const stage = first.crash()
    expect(await stage.ask(stage.me, 'get_instance_status', { instance_id: 'zed' })).toMatchObject({ state: 'terminated', end_reason: 'there is no harness "gone" here' })
  })
})

const row = (stage: Stage, id: Parameters<Stage['state']>[0]) => {
  const found = stage.store.getAgent(id)
  if (!found) throw new Error('It is not on record.')
  return found
}

describe('who waited for an answer', () => {
  test('waits again, by the message or by the same call, and has the same outcome', async () => {
    const first = createStage()
    const ada = await first.spawn('ada')
    const call = { instance_id: ada, message: 'once', timeout_seconds: 60 }
    void first.call(first.me, 'send_to_instance', call, { callKey: 'k' })
    await first.settle()
    first.begin(ada)
    const stage = first.crash()
    const again = stage.ask(stage.me, 'send_to_instance', call, { callKey: 'k' })
    await stage.settle()
    answer(stage, { status: 'completed', finalText: 'the one answer' })
    const told = await again
    expect(told).toMatchObject({ status: 'answered', response: 'the one answer' })
    expect(await stage.ask(stage.me, 'wait_for_any', { message_ids: [told['message_id']] })).toMatchObject({ response: 'the one answer' })
    expect(stage.store.listOpenMessages()).toEqual([])
  })
})
