import { describe, expect, test } from 'vitest'
import { createSimulatedClock } from '../../../src/clock.ts'
import { scriptSchema, type ScriptInput } from '../../../src/drivers/scripted/script.ts'
import { createSession, type Session, type SessionEvent } from '../../../src/drivers/scripted/session.ts'
import { createMemoryTranscripts, type Transcript } from '../../../src/drivers/scripted/transcript.ts'

const clock = createSimulatedClock()

/** A session whose tools answer as told; calls without an answer stay open. */
function stage(script: ScriptInput = {}, tools: Record<string, (args: Record<string, unknown>) => { ok: boolean; text: string }> = {}) {
  const events: SessionEvent[] = []
  const calls: { tool: string; arguments: Record<string, unknown> }[] = []
  const pending: (() => void)[] = []
  const session: Session = createSession({
    agentName: 'ada',
    sessionId: 's',
    script: scriptSchema.parse(script),
    transcript: createMemoryTranscripts().open('s', false) as Transcript, // a fresh one is always opened
    clock,
    tell: event => {
      events.push(event)
      if (event.type !== 'toolCallRequested') return
      calls.push({ tool: event.tool, arguments: event.arguments })
      const answer = tools[event.tool]?.(event.arguments)
      if (answer) pending.push(() => session.returnToolResult(event.callId, answer.ok, answer.text))
    },
  })
  return {
    events,
    calls,
    session,
    submit: (text: string) => {
      session.submit(text, 'p')
      for (let next = pending.shift(); next; next = pending.shift()) next()
      return events.findLast(event => event.type === 'turnEnded')
    },
  }
}

const ok = (text: string) => () => ({ ok: true, text })
const replied = { reply_to_caller: ok('{}') }

describe('the default script', () => {
  test('echo answers a task by reply_to_caller, with its correlation id and the text unchanged', () => {
    const { submit, calls } = stage({}, replied)
    expect(submit('[MSG:m1] echo -x {{last}} `id` 🎉')).not.toHaveProperty('finalText')
    expect(calls).toEqual([{ tool: 'reply_to_caller', arguments: { correlation_id: 'm1', reply_message: '-x {{last}} `id` 🎉' } }])
  })

  test('echo without a task to answer is said', () => {
    expect(stage().submit('echo hi')).toMatchObject({ status: 'completed', finalText: 'hi' })
  })

  test('verbatim takes the whole rest, separators and line ends included', () => {
    const { submit, calls } = stage({}, replied)
    submit('[MSG:m1] verbatim  a; b\n}\n')
    expect(calls[0]?.arguments['reply_message']).toBe(' a; b\n}\n')
  })

  test('a task that is no command is acknowledged by a report, the same every time', () => {
    const ended = stage().submit('[MSG:m1] Please write\n  the parser; echo nothing')
    expect(ended).toMatchObject({ finalText: 'Report of ada: task of 39 characters taken and done: "Please write the parser; echo nothing"' })
  })

  test('commands separated by line ends or semicolons run in order', () => {
    const { submit, calls } = stage({}, { spawn_agent: ok('{"instance_id":"i1"}'), ...replied })
    expect(submit('[MSG:m1] spawn bob\necho {{last}}; say done')).toMatchObject({ finalText: 'spawned bob\ndone' })
    expect(calls.map(call => call.tool)).toEqual(['spawn_agent', 'reply_to_caller'])
    expect(calls[0]?.arguments).toEqual({ name: 'bob', harness: 'scripted' })
  })

  test('ask sends to whoever bears the name, and says the answer', () => {
    const { submit, calls } = stage({}, { send_to_instance: ok('{"status":"answered","response":"hi"}') })
    expect(submit('[MSG:m1] ask bob {wait 5; echo hi}')).toMatchObject({ finalText: 'hi' })
    expect(calls).toEqual([{ tool: 'send_to_instance', arguments: { instance_id: 'bob', message: 'wait 5; echo hi', wait_for_response: true } }])
  })

  test('ask spawns where nobody bears the name, then sends', () => {
    let known = false
    const { submit, calls } = stage({}, {
      spawn_agent: () => ((known = true), { ok: true, text: '{"instance_id":"i1"}' }),
      send_to_instance: () => (known ? { ok: true, text: '{"response":"hi"}' } : { ok: false, text: 'not_found: no instance "bob"' }),
    })
    expect(submit('ask bob echo hi')).toMatchObject({ finalText: 'hi' })
    expect(calls.map(call => call.tool)).toEqual(['send_to_instance', 'spawn_agent', 'send_to_instance'])
  })

  test('a refused tool call ends the turn with the refusal as its last words', () => {
    const { submit } = stage({}, { spawn_agent: () => ({ ok: false, text: 'limit_reached: 10 instances' }) })
    expect(submit('spawn bob; say never')).toMatchObject({ status: 'completed', finalText: 'spawn_agent was refused: limit_reached: 10 instances' })
  })

  test('delegate sends without waiting, and the reply handed in later is forwarded in its own words', () => {
    const { submit, calls } = stage({}, { send_to_instance: ok('{"status":"accepted","message_id":"m2"}') })
    expect(submit('[MSG:m1] delegate bob echo  two\nlines')).toMatchObject({ finalText: expect.stringContaining('delegated to bob') })
    expect(calls[0]?.arguments['wait_for_response']).toBe(false)
    expect(submit('[REPLY:m2 from bob]  two\n\nlines ')).toMatchObject({ finalText: ' two\n\nlines ' })
  })

  test('several replies and notices are repeated by name', () => {
    const ended = stage().submit('[REPLY:m2 from bob] one\n\n[REPLY:m3 from cyd] two\nlines\n\n[NOTICE from bob] ended: crashed')
    expect(ended).toMatchObject({ finalText: 'bob: one\ncyd: two\nlines\nbob (notice): ended: crashed' })
  })

  test('a second delivery is the same task', () => {
    expect(stage().submit('[MSG:m1] (delivered again: you were cut off; check what is done, then finish) fail no')).toMatchObject({ status: 'failed', error: 'no' })
  })

  test('a failure may be scripted to look like a refused model', () => {
    const { submit } = stage([{ when: 'go', steps: [{ fail: 'There is no model "{{name}}".', cause: 'model_rejected' }] }])
    expect(submit('[MSG:m1] go')).toMatchObject({ status: 'failed', error: 'There is no model "ada".', cause: 'model_rejected' })
    expect(submit('[MSG:m2] fail no')).not.toHaveProperty('cause')
  })

  test('recall answers with the earlier tasks, oldest first', () => {
    const { submit, calls } = stage({}, replied)
    submit('[MSG:m1] say one')
    submit('[MSG:m2] say two')
    submit('[MSG:m3] recall')
    expect(calls[0]?.arguments).toEqual({ correlation_id: 'm3', reply_message: 'say one\nsay two' })
  })

  test('wait keeps the turn open for that long, by the clock given', () => {
    const { submit, events } = stage()
    expect(submit('wait 100; wait 50')).toBeUndefined()
    clock.advance(149)
    expect(events.some(event => event.type === 'turnEnded')).toBe(false)
    clock.advance(1)
    expect(events.at(-1)).toMatchObject({ type: 'turnEnded', finalText: 'waited 100 ms\nwaited 50 ms' })
  })

  test('work says so many things over that time, each a model call of its own', () => {
    const { submit, events } = stage()
    submit('work 100 4')
    clock.advance(100)
    const units = events.flatMap(event => (event.type === 'usageReported' ? [event.unitId] : []))
    expect(units).toHaveLength(5)
    expect(new Set(units).size).toBe(5)
  })

  test('crash-once crashes the first time, and not when the task is delivered again', () => {
    const transcripts = createMemoryTranscripts()
    const events: SessionEvent[] = []
    const life = (resume: boolean, text: string): void =>
      createSession({
        agentName: 'ada', sessionId: 's', script: scriptSchema.parse(undefined), clock,
        transcript: transcripts.open('s', resume) as Transcript, // opened by the first life
        tell: event => events.push(event),
      }).submit(text, 'p')
    life(false, '[MSG:m1] crash-once oops; say survived')
    expect(events.at(-1)).toEqual({ type: 'crashed', words: 'oops' })
    life(true, '[MSG:m1] (delivered again: you were cut off; check what is done, then finish) crash-once oops; say survived')
    expect(events.at(-1)).toMatchObject({ type: 'turnEnded', finalText: 'survived' })
  })

  test('prose that only begins like a command is a task', () => {
    for (const text of ['wait for bob', 'hang on', 'work on it', 'spawn two agents']) expect(stage().submit(text)).toMatchObject({ finalText: expect.stringMatching(/^Report of ada/) })
  })
})

describe('rules', () => {
  const script: ScriptInput = [
    { when: '/^deploy (\\w+)$/', steps: [{ say: '{{name}} deploys {{1}} of "{{text}}"' }] },
    { when: 'deploy', steps: ['ask ops {{text}}'] },
    { when: 'ready', on: 'replies', steps: [{ say: 'so: {{text}}' }] },
  ]

  test('the first that fits is played, with its groups filled in', () => {
    expect(stage(script).submit('[MSG:m1] deploy web')).toMatchObject({ finalText: 'ada deploys web of "deploy web"' })
  })

  test('a line of the default language is a step', () => {
    const { submit, calls } = stage(script, { send_to_instance: ok('{"response":"done"}') })
    expect(submit('please deploy it')).toMatchObject({ finalText: 'done' })
    expect(calls[0]?.arguments['message']).toBe('please deploy it')
  })

  test('what is filled in is not filled in again', () => {
    expect(stage([{ when: '', steps: [{ say: '{{text}}' }] }]).submit('{{name}} {{toString}}')).toMatchObject({ finalText: '{{name}} {{toString}}' })
  })

  test('tasks and replies are told apart', () => {
    const { submit } = stage(script)
    expect(submit('[REPLY:m from bob] ready')).toMatchObject({ finalText: 'so: ready' })
    expect(submit('[MSG:m1] ready')).toMatchObject({ finalText: expect.stringMatching(/^Report/) })
  })

  test('a script handed to a child keeps its own templates', () => {
    const { submit, calls } = stage([{ when: 'go', steps: [{ spawn: { name: 'x-{{text}}', script: [{ when: '', steps: [{ say: '{{text}}' }] }] } }] }])
    submit('go')
    expect(calls[0]?.arguments).toMatchObject({ name: 'x-go', script: [{ steps: [{ say: '{{text}}' }] }] })
  })

  test('a pattern that does not compile, and a step nobody knows, are refused', () => {
    expect(scriptSchema.safeParse([{ when: '/(/', steps: [] }]).success).toBe(false)
    expect(scriptSchema.safeParse([{ when: 'x', steps: [{ dance: 'tango' }] }]).success).toBe(false)
  })
})

describe('a session', () => {
  test('a result that comes after its turn was cut is not taken for another call', () => {
    const { session, submit, events } = stage()
    submit('call a_tool')
    const call = events.find(event => event.type === 'toolCallRequested')
    expect(session.interrupt()).toBe(true)
    submit('call a_tool')
    session.returnToolResult(call?.type === 'toolCallRequested' ? call.callId : '', true, 'late')
    expect(session.state).toBe('inTurn')
  })

  test('an approval that is cut is told as gone', () => {
    const { session, submit, events } = stage()
    submit('approval Bash ls')
    expect(session.state).toBe('awaitingApproval')
    session.interrupt()
    expect(events.slice(-2)).toMatchObject([{ type: 'approvalResolved', decision: 'gone' }, { type: 'turnEnded', status: 'interrupted' }])
  })

  test('background work done inside another turn is named until it has been told of', () => {
    const { submit, events } = stage()
    submit('background 10 behind')
    submit('wait 20')
    clock.advance(20)
    const ends = events.filter(event => event.type === 'turnEnded')
    expect(ends.map(event => event.background.length)).toEqual([1, 1, 0])
    expect(events.find(event => event.type === 'turnStarted')).toMatchObject({ origin: 'self', causedByPromptId: 'p' })
    expect(ends.at(-1)).toMatchObject({ finalText: 'behind' })
  })
})
