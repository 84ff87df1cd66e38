/** What the contract does not ask of every driver: misbehaviour on demand, and the same run twice. */
import { expect, test } from 'vitest'
import { createSimulatedClock } from '../../../src/clock.ts'
import type { DriverCommand, DriverFact } from '../../../src/drivers/driver.ts'
import { createScriptedDriver } from '../../../src/drivers/scripted/driver.ts'
import type { ScriptInput } from '../../../src/drivers/scripted/script.ts'
import { createMemoryTranscripts, type Transcripts } from '../../../src/drivers/scripted/transcript.ts'
import { silentLog } from '../../../src/log.ts'

/** A driver whose time and whose turn to work are the test's: nothing happens by itself. */
function stage(transcripts: Transcripts = createMemoryTranscripts()) {
  const clock = createSimulatedClock()
  const facts: DriverFact[] = []
  const deferred: (() => void)[] = []
  const driver = createScriptedDriver({ bin: '', env: {}, childEnv: [], stateDir: '/nowhere', clock, log: silentLog, transcripts, defer: task => deferred.push(task) }, fact => facts.push(fact))
  return {
    clock,
    facts,
    types: () => facts.map(fact => fact.type),
    dispatch: (...commands: DriverCommand[]) => {
      for (const command of commands) driver.dispatch(command)
      for (let task = deferred.shift(); task; task = deferred.shift()) task()
    },
    close: () => {
      const closed = driver.close()
      deferred.shift()?.()
      return closed
    },
  }
}

const start = (script?: ScriptInput, agentId = 'ada', more: object = {}): DriverCommand => ({
  type: 'startAgent',
  agentId,
  launch: { name: agentId, cwd: '/', systemPrompt: '', sessionId: `session of ${agentId}`, confinement: {}, marker: {}, ...(script !== undefined && { script }), ...more },
})
const submit = (text: string, promptId = 'p'): DriverCommand => ({ type: 'submitPrompt', agentId: 'ada', promptId, text })

test('a slow start is ready when its time has come', () => {
  const { dispatch, clock, types } = stage()
  dispatch(start({ misbehave: { startDelayMs: 100 } }))
  clock.advance(99)
  expect(types()).toEqual(['processStarted'])
  clock.advance(1)
  expect(types()).toEqual(['processStarted', 'ready'])
  clock.advance(1_000_000)
  expect(types()).toHaveLength(2)
})

test('a start that is never ready fails at its deadline, and can be tried again', () => {
  const { dispatch, clock, facts } = stage()
  dispatch(start({ misbehave: { neverReady: true } }, 'ada', { readyTimeoutMs: 500 }))
  clock.advance(500)
  expect(facts.at(-1)).toMatchObject({ type: 'startFailed', code: 'timeout' })
  dispatch(start())
  expect(facts.at(-1)).toMatchObject({ type: 'ready' })
})

test('an exit at the start is told with its words', () => {
  const { dispatch, facts } = stage()
  dispatch(start({ misbehave: { exitAtStart: { words: 'Please log in.' } } }))
  expect(facts.at(-1)).toMatchObject({ type: 'startFailed', code: 'exited', detail: 'Please log in.' })
})

test('a dropped prompt is written and never confirmed; the next is heard', () => {
  const { dispatch, types, facts } = stage()
  dispatch(start({ misbehave: { dropPrompts: 1 } }), submit('say lost'), submit('say heard', 'q'))
  expect(types().slice(2, 4)).toEqual(['promptWritten', 'promptUnconfirmed'])
  expect(facts.at(-1)).toMatchObject({ type: 'turnEnded', promptId: 'q', finalText: 'heard' })
})

test.each([
  [{ rules: [{ when: '/(/', steps: [] }] }, 'rules[0].when'],
  [[{ when: 'hi' }], 'rules[0].steps'],
  [{ rules: [{ when: 'hi', steps: [{ shout: 'ho' }] }] }, 'rules[0].steps[0]'],
])('the script %j does not fit: it fails the start and says where', (script, where) => {
  const { dispatch, facts } = stage()
  dispatch(start(script as ScriptInput)) // what does not fit is not of the type either
  expect(facts).toMatchObject([{ type: 'startFailed', code: 'invalid_launch', detail: expect.stringContaining(`at ${where}`) }])
})

test('two agents never share a session', () => {
  const { dispatch, facts } = stage()
  dispatch(start(), start(undefined, 'bob', { sessionId: 'session of ada' }))
  expect(facts.at(-1)).toMatchObject({ type: 'startFailed', agentId: 'bob', code: 'session_locked' })
})

test('a session that cannot be written is its agent\u2019s death, and nobody else\u2019s', () => {
  const memory = createMemoryTranscripts()
  const { dispatch, facts } = stage({
    open: (sessionId, resume) => {
      const transcript = memory.open(sessionId, resume)
      const isFull = sessionId === 'session of ada'
      return transcript && { ...transcript, append: entry => (isFull && entry.type === 'turnBegan' ? fail() : transcript.append(entry)) }
    },
  })
  const fail = (): never => {
    throw new Error('ENOSPC: no space left on device')
  }
  dispatch(start(), start(undefined, 'bob'), submit('say hi'), { ...submit('say hi'), agentId: 'bob' } as DriverCommand) // the same command for another agent
  expect(facts.find(fact => fact.agentId === 'ada' && fact.type === 'exited')).toMatchObject({ expected: false, lastWords: expect.stringContaining('ENOSPC') })
  expect(facts.at(-1)).toMatchObject({ agentId: 'bob', type: 'turnEnded', finalText: 'hi' })
})

test('the same commands at the same times tell the same facts', async () => {
  const play = async (): Promise<readonly DriverFact[]> => {
    const { dispatch, clock, facts, close } = stage()
    dispatch(start(), start([{ when: 'go', steps: [{ work: { ms: 90, count: 3 } }, 'background 40 later', 'wait 10'] }], 'bob'))
    dispatch(submit('call a_tool {"x":1}'), { type: 'submitPrompt', agentId: 'bob', promptId: 'b', text: 'go' })
    clock.advance(50)
    dispatch({ type: 'returnToolResult', agentId: 'ada', callId: 'session of ada.1.call1', ok: true, result: 'done' }, { type: 'interrupt', agentId: 'bob', requestId: 'i' })
    clock.advance(500)
    await close()
    return facts
  }
  const first = await play()
  expect(first.length).toBeGreaterThan(15)
  expect(await play()).toEqual(first)
})

test('close leaves no timer behind', async () => {
  const { dispatch, clock, facts, close } = stage()
  dispatch(start(), start({ misbehave: { startDelayMs: 100 } }, 'bob'), submit('background 50 later; wait 100'))
  await close()
  const told = facts.length
  clock.advance(1_000_000)
  expect(facts).toHaveLength(told)
})

test("a pattern that would search for ever is its agent's death, and holds up nobody else", () => {
  const { dispatch, facts } = stage()
  dispatch(start([{ when: '/^(a+)+$/', steps: ['echo found'] }]), start(undefined, 'bob'))
  dispatch(submit(`${'a'.repeat(50)}!`), { ...submit('say here'), agentId: 'bob' })
  expect(facts.filter(fact => fact.agentId === 'ada').at(-1)).toMatchObject({ type: 'exited', expected: false, lastWords: expect.stringContaining('timed out') })
  expect(facts.at(-1)).toMatchObject({ type: 'turnEnded', agentId: 'bob', finalText: 'here' })
})

test('work that would be said without end, or a wait beyond what a timer can, is no script', () => {
  const { dispatch, facts } = stage()
  for (const step of [{ work: { count: 1e12 } }, { wait: 1e12 }, { background: { ms: 1e12, text: 'late' } }]) {
    dispatch(start([{ when: 'go', steps: [step] }]))
    expect(facts.at(-1)).toMatchObject({ type: 'startFailed', code: 'invalid_launch' })
  }
  dispatch(start(), submit('work 0 1000000000'))
  expect(facts.at(-1)).toMatchObject({ type: 'turnEnded', finalText: expect.stringMatching(/^Report of ada/) })
})
