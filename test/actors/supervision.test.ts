/** Agents that die again, under supervisors that are agents and clients: who comes back, who with them, and who hears of it. */

import { describe, expect, test } from 'vitest'
import type { AgentId } from '../../src/ids.ts'
import { createStage, type Stage } from './rig.ts'

const kill = (stage: Stage, id: AgentId): void => stage.fact(id, { type: 'exited', expected: false, signal: 'SIGKILL' })
/** Its one free resumption is used up. */
async function kid(stage: Stage, name: string, boss: AgentId): Promise<AgentId> {
  const id = await stage.spawn(name, stage.as(boss))
  kill(stage, id)
  await stage.settle()
  return id
}
const names = (stage: Stage, type: 'startAgent' | 'stopAgent') => stage.commands.splice(0).flatMap(command => (command.type === type ? [stage.system.status(stage.me, command.agentId).name] : []))

describe('an agent that supervises', () => {
  test.each([
    ['one_for_one', ['b'], ['idle.live', 'idle.live']],
    ['rest_for_one', ['b', 'c'], ['idle.live', 'idle.live']],
    ['one_for_all', ['b', 'a', 'c'], ['idle.live', 'idle.live']],
  ] as const)('%s: who comes back when its second child dies', async (strategy, restarted, rest) => {
    const stage = createStage()
    const boss = await stage.spawn('boss', stage.me, { supervision: { strategy } })
    const [a, b, c] = [await kid(stage, 'a', boss), await kid(stage, 'b', boss), await kid(stage, 'c', boss)]
    stage.commands.splice(0)
    kill(stage, b)
    expect(stage.state(b)).toBe('spawning.awaitingRestart')
    await stage.settle()
    stage.clock.advance(1_000)
    await stage.settle()
    expect(names(stage, 'startAgent').toSorted()).toEqual(restarted.toSorted())
    expect([stage.state(a), stage.state(c)]).toEqual(rest)
    expect(stage.state(b)).toBe('idle.live')
  })

  test('beyond its intensity the death stands: it is told by what it is owed, and can act on it', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss', stage.me, { supervision: { max_restarts: 1, within_seconds: 60 } })
    const ada = await kid(stage, 'ada', boss)
    kill(stage, ada)
    stage.clock.advance(1_000)
    await stage.settle()
    await stage.ask(stage.as(boss), 'send_to_instance', { instance_id: ada, message: 'part', wait_for_response: false })
    stage.begin(ada)
    for (const _ of ['resumed', 'restarted']) stage.turn(boss, 'noted')
    kill(stage, ada)
    await stage.settle()
    expect(stage.state(boss)).toBe('busy.delivering')
    expect(stage.begin(boss)).toMatch(/^\[REPLY:\S+ from ada\] \(agent_gone\) ada ended before it answered: its CLI process died \(signal SIGKILL\), and its supervisor had one restart within 60 s, which is its limit/)
  })

  test('a restarted agent keeps its id, its queue and its open message', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const ada = await kid(stage, 'ada', boss)
    const ids = [await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'one', wait_for_response: false }), await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'two', wait_for_response: false })].map(sent => String(sent['message_id']))
    stage.begin(ada)
    kill(stage, ada)
    stage.clock.advance(1_000)
    await stage.settle()
    expect(stage.turn(ada, 'done')).toMatch(/^\[MSG:\S+\] \(delivered again.*one$/)
    stage.turn(ada, 'done too')
    const { replies } = await stage.ask(stage.me, 'get_pending_replies')
    expect(replies).toMatchObject([{ message_id: ids[0], response: 'done', instance_id: ada }, { message_id: ids[1], response: 'done too' }])
  })
})

test('a client supervises as the server was told', async () => {
  const stage = createStage({ supervision: { strategy: 'one_for_all', maxRestarts: 0, withinMs: 1_000 } })
  const ada = await stage.spawn('ada')
  kill(stage, ada)
  await stage.settle()
  kill(stage, ada)
  await stage.settle()
  expect(stage.system.list(stage.me)).toEqual([])
  expect(await stage.ask(stage.me, 'get_pending_replies')).toMatchObject({ replies: [{ kind: 'notice' }, { kind: 'notice', response: expect.stringMatching(/ada has ended: .*0 restarts within 1 s/) }] })
})
