/** The app-server that many agents share: each with its own credential, and what becomes of all of them when it is killed. */
import { expect, test } from 'vitest'
import { hang } from '../fakes/openai/index.ts'
import { isAlive } from './processes.ts'
import { openRig, type Data, type Rig } from './rig.ts'

const names = ['ada', 'bob', 'cyd', 'dan', 'eve']
const wait = (rig: Rig, sent: Data): Promise<Data> => rig.call('wait_for_any', { message_ids: [sent.message_id] })
const post = (rig: Rig, to: string, message: string): Promise<Data> => rig.call('send_to_instance', { instance_id: to, message, wait_for_response: false })
const pidOf = async (rig: Rig, name: string): Promise<number> => Number((await rig.call('get_instance_status', { instance_id: name }))['pid'])

test('agents of one process answer at the same time, each its own message by its own credential', async () => {
  const rig = await openRig()
  const { spawned, errors } = await rig.call('spawn_multiple_instances', { instances: names.map(name => ({ name, instance_type: 'codex' })) })
  expect([spawned, errors]).toMatchObject([names.map(name => ({ name, state: 'idle' })), []])
  const pids = await Promise.all(names.map(name => pidOf(rig, name)))
  expect(new Set(pids).size).toBe(1)

  // No correlation id: whose reply it is follows from the credential alone. All of them are in their turns when the first goes on.
  const sent = await Promise.all(names.map(name => post(rig, name, `do:\ngate ${name}\ncall mcp__madrox__reply_to_caller {"reply_message":"I am ${name}"}\nsay over`)))
  await Promise.all(names.map(name => rig.openai.gate(name).reached))
  for (const name of names) rig.openai.gate(name).open()
  const answers = await Promise.all(sent.map(each => wait(rig, each)))
  expect(answers).toMatchObject(names.map((name, index) => ({ status: 'answered', via: 'reply_to_caller', response: `I am ${name}`, message_id: sent[index]?.message_id })))
})

test('an agent cannot answer what was given to another', async () => {
  const rig = await openRig()
  await rig.call('spawn_codex', { name: 'ada' })
  await rig.call('spawn_codex', { name: 'bob' })
  const toAda = await post(rig, 'ada', 'do:\ngate hold\nsay mine')
  await rig.openai.gate('hold').reached
  const theft = await rig.call('send_to_instance', { instance_id: 'bob', message: `do:\ncall mcp__madrox__reply_to_caller ${JSON.stringify({ reply_message: 'stolen', correlation_id: toAda.message_id })}\nsay tried` })
  expect(theft).toMatchObject({ response: 'tried' })
  expect(rig.openai.requests.at(-1)?.view.lastToolOutputs[0]?.output).toMatch(/not_found: No message "\S+" was given to you\. Open: /)
  rig.openai.gate('hold').open()
  expect(await wait(rig, toAda)).toMatchObject({ response: 'mine' })
})

test('killed from outside, the process takes nobody with it: supervisors are told, sessions resumed, messages delivered again', async () => {
  const rig = await openRig()
  const ada = await rig.call('spawn_codex', { name: 'ada' })
  await rig.call('spawn_codex', { name: 'kid', parent_instance_id: ada.instance_id })
  await rig.call('spawn_claude', { name: 'cleo' })
  await rig.call('spawn_agent', { name: 'sam', harness: 'scripted' })
  await rig.call('send_to_instance', { instance_id: 'ada', message: 'remember heliotrope' })
  const pid = await pidOf(rig, 'ada')
  const cleoPid = await pidOf(rig, 'cleo')
  const busy = await post(rig, 'ada', 'do:\nstream at work\ngate cut\nsay finished after all')
  const queued = await post(rig, 'ada', 'do:\nsay queued')
  const siblings = await post(rig, 'cleo', 'do:\ngate cleo\nsay unharmed')
  await Promise.all([rig.openai.gate('cut').reached, rig.anthropic.gate('cleo').reached])

  process.kill(pid, 'SIGKILL')
  const again = await rig.openai.waitForRequest(({ view }) => view.message?.id === busy.message_id && view.message?.body.startsWith('(delivered again') === true)
  expect(again.view.message?.body).toBe('(delivered again: you were cut off; check what is done, then finish) do:\nstream at work\ngate cut\nsay finished after all')
  expect(again.view.userTexts[0]).toContain('remember heliotrope')
  expect(isAlive(pid)).toBe(false)

  expect(await wait(rig, busy)).toMatchObject({ status: 'answered', response: expect.stringContaining('ack: (delivered again') })
  expect(await wait(rig, queued)).toMatchObject({ status: 'answered', response: 'queued' })
  const { replies } = await rig.call('get_pending_replies')
  expect(replies).toMatchObject([{ kind: 'notice', from: 'ada', response: expect.stringContaining('The CLI process of ada died (signal SIGKILL') }])
  const notice = await rig.openai.waitForRequest(({ view }) => view.lastUserText.startsWith('[NOTICE from kid] The CLI process of kid died (signal SIGKILL'))
  expect(notice.view.threadId).toBe(again.view.threadId)

  expect(await rig.call('send_to_instance', { instance_id: 'kid', message: 'do:\nsay still here' })).toMatchObject({ response: 'still here' })
  expect(new Set([await pidOf(rig, 'ada'), await pidOf(rig, 'kid')]).size).toBe(1)
  expect(await pidOf(rig, 'ada')).not.toBe(pid)
  // What was spent before, between and after is counted once; of the call that was cut, the API never said.
  const { inputTokens, cachedInputTokens, outputTokens } = rig.openai.usage(again.view.threadId)
  expect(await rig.call('get_instance_status', { instance_id: 'ada' })).toMatchObject({ usage: { input_tokens: inputTokens - cachedInputTokens, output_tokens: outputTokens, cache_read_tokens: cachedInputTokens } })
  rig.anthropic.gate('cleo').open()
  expect(await wait(rig, siblings)).toMatchObject({ status: 'answered', response: 'unharmed' })
  expect(await pidOf(rig, 'cleo')).toBe(cleoPid)
  expect(await rig.call('send_to_instance', { instance_id: 'sam', message: 'echo sam too' })).toMatchObject({ response: 'sam too' })
})

test('killed twice within one turn, a temporary agent is given up; one that had worked in between is brought back again', async () => {
  const rig = await openRig({ openai: { script: [{ when: 'doomed', then: [hang()] }] } })
  await rig.call('spawn_codex', { name: 'ada', restart: 'temporary' })
  await rig.call('spawn_codex', { name: 'bob' })
  const first = await pidOf(rig, 'ada')
  const doomed = await post(rig, 'ada', 'doomed')
  await rig.openai.waitForRequest(({ view }) => view.message?.id === doomed.message_id)
  process.kill(first, 'SIGKILL')
  await rig.openai.waitForRequest(({ view }) => view.message?.id === doomed.message_id && view.message?.body.startsWith('(delivered again') === true)
  expect(await rig.call('send_to_instance', { instance_id: 'bob', message: 'do:\nsay between' })).toMatchObject({ response: 'between' })

  process.kill(await pidOf(rig, 'ada'), 'SIGKILL')
  expect(await wait(rig, doomed)).toMatchObject({ status: 'agent_gone', response: expect.stringContaining('its CLI process died (signal SIGKILL') })
  expect(await rig.refusal('send_to_instance', { instance_id: 'ada', message: 'hello?' })).toMatch(/^agent_ended: .*SIGKILL/)
  expect(await rig.call('send_to_instance', { instance_id: 'bob', message: 'do:\nsay back again' })).toMatchObject({ response: 'back again' })
})
