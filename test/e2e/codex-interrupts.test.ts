/** Interrupts of real Codex agents through the whole of Madrox: the turn is cut, the context is kept, the queue waits. */
import { expect, test } from 'vitest'
import { stream } from '../fakes/openai/index.ts'
import { isAlive, readPid } from './processes.ts'
import type { CodexDriverName } from '../../src/config.ts'
import { byCodexDriver, openRig, type Data, type Rig } from './rig.ts'

const wait = (rig: Rig, sent: Data): Promise<Data> => rig.call('wait_for_any', { message_ids: [sent.message_id] })
const post = (rig: Rig, to: string, message: string): Promise<Data> => rig.call('send_to_instance', { instance_id: to, message, wait_for_response: false })
/** The prompts that reached the model, in order: the start of each turn. */
const prompts = (rig: Rig, threadId: unknown): string[] => rig.openai.requests.filter(({ view }) => view.callsMade === 0 && view.threadId === threadId).map(({ view }) => view.lastUserText)

const proofs: readonly [CodexDriverName, string][] = [['app-server', 'protocol'], ['pty', 'transcript']]

test.each(proofs)('%s: a streaming turn is cut; its message ends as cancelled, the queue waits, and the next word goes ahead of it', async (driver, proof) => {
  const rig = await openRig({ ...byCodexDriver(driver), openai: { script: [{ when: 'long', then: [stream('a long answer that never ends', { gate: 'middle' })] }] } })
  await rig.call('spawn_codex', { name: 'ada' })
  await rig.call('spawn_codex', { name: 'bob' })
  const cut = await post(rig, 'ada', 'say something long')
  await rig.openai.gate('middle').reached
  const queued = await post(rig, 'ada', 'do:\nsay queued')
  const report = await rig.call('interrupt_instance', { instance_id: 'ada' })
  expect(report).toMatchObject({ interrupted: true, was: 'busy', confirmed_by: proof, cancelled_message_id: cut.message_id })
  expect(await wait(rig, cut)).toMatchObject({ status: 'cancelled' })

  // A whole turn of another agent in the same process goes by, and still nothing is delivered.
  expect(await rig.call('send_to_instance', { instance_id: 'bob', message: 'hello' })).toMatchObject({ status: 'answered' })
  const held = await rig.call('get_instance_status', { instance_id: 'ada' })
  expect(held).toMatchObject({ state: 'interrupted', mailbox: 1, open_messages: [] })

  const next = await rig.call('send_to_instance', { instance_id: 'ada', message: 'do:\nsay next' })
  expect(next).toMatchObject({ status: 'answered', response: 'next' })
  expect(await wait(rig, queued)).toMatchObject({ status: 'answered', response: 'queued' })
  expect(prompts(rig, held['session_id'])).toEqual([`[MSG:${cut.message_id}] say something long`, `[MSG:${next.message_id}] do:\nsay next`, `[MSG:${queued.message_id}] do:\nsay queued`])
  expect(rig.openai.requests.at(-1)?.view.userTexts).toHaveLength(3) // the cut prompt is still in its context
})

test('commands are ended with the turn that ran them, and an idle agent has nothing to interrupt', async () => {
  const rig = await openRig()
  const ada = await rig.call('spawn_codex', { name: 'ada', sandbox_mode: 'danger-full-access' })
  const cut = await post(rig, 'ada', 'do:\nbg echo $$ > beside.pid; exec sleep 600\nbash echo $$ > command.pid; exec sleep 600\nsay never said')
  const pids = [await readPid(String(ada.workspace), 'beside.pid'), await readPid(String(ada.workspace), 'command.pid')]
  expect(await rig.call('interrupt_instance', { instance_id: 'ada' })).toMatchObject({ interrupted: true, cancelled_message_id: cut.message_id })
  expect(pids.filter(isAlive)).toEqual([])
  expect(await wait(rig, cut)).toMatchObject({ status: 'cancelled' })
  expect(await rig.call('interrupt_instance', { instance_id: 'ada' })).toMatchObject({ interrupted: false, was: 'interrupted', note: expect.stringContaining('no turn') })
  expect(await rig.call('send_to_instance', { instance_id: 'ada', message: 'do:\nsay here' })).toMatchObject({ response: 'here' })
  expect(await rig.call('interrupt_instance', { instance_id: 'ada' })).toMatchObject({ interrupted: false, was: 'idle' })
})

test('an agent that waits for its child is cut out of the wait; the child works on, and its answer comes after the next word', async () => {
  const rig = await openRig()
  const ada = await rig.call('spawn_codex', { name: 'ada' })
  await rig.call('spawn_codex', { name: 'kid', parent_instance_id: ada.instance_id })
  const cut = await post(rig, 'ada', `do:\ncall mcp__madrox__send_to_instance ${JSON.stringify({ instance_id: 'kid', message: 'do:\ngate slow\nsay the child is done' })}\nsay never said`)
  await rig.openai.gate('slow').reached
  expect(await rig.call('interrupt_instance', { instance_id: 'ada' })).toMatchObject({ interrupted: true, cancelled_message_id: cut.message_id })
  expect(await rig.call('get_instance_status', { instance_id: 'kid' })).toMatchObject({ state: 'busy' })

  rig.openai.gate('slow').open()
  await expect.poll(() => rig.call('get_instance_status', { instance_id: 'ada' })).toMatchObject({ state: 'interrupted', pending_replies_of_agent: 1 })
  const next = await rig.call('send_to_instance', { instance_id: 'ada', message: 'do:\nsay next' })
  expect(next).toMatchObject({ status: 'answered', response: 'next' })
  const handedIn = await rig.openai.waitForRequest(({ view }) => view.lastUserText.startsWith('[REPLY:'))
  expect(handedIn.view.lastUserText).toMatch(/^\[REPLY:\S+ from kid\] the child is done$/)
  expect(handedIn.view.userTexts.map(text => text.slice(0, 5))).toEqual(['[MSG:', '[MSG:', '[REPL'])
})

test('then: continue goes on with the queue at once, then: clear empties it', async () => {
  const rig = await openRig()
  await rig.call('spawn_codex', { name: 'ada' })
  const first = await post(rig, 'ada', 'do:\nhang')
  const second = await post(rig, 'ada', 'do:\nstream still\nhang')
  const third = await post(rig, 'ada', 'do:\nsay never')
  await rig.openai.waitForRequest(({ view }) => view.message?.id === first.message_id)
  expect(await rig.call('interrupt_instance', { instance_id: 'ada', then: 'continue' })).toMatchObject({ interrupted: true, cancelled_message_id: first.message_id })
  await rig.openai.waitForRequest(({ view }) => view.message?.id === second.message_id)
  expect(await rig.call('interrupt_instance', { instance_id: 'ada', then: 'clear' })).toMatchObject({ interrupted: true, cancelled_message_id: second.message_id })
  expect(await Promise.all([first, second, third].map(each => wait(rig, each)))).toMatchObject([{ status: 'cancelled' }, { status: 'cancelled' }, { status: 'cancelled', response: expect.stringContaining('queue cleared') }])
  expect(rig.openai.requests.some(({ view }) => view.message?.id === third.message_id)).toBe(false)
})
