/** What users of Codex agents are told when the model's API, or the CLI itself, does not do its part: clearly, and in time. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fail } from '../fakes/openai/index.ts'
import { isAlive, readPid, stubbornServer } from './processes.ts'
import type { CodexDriverName } from '../../src/config.ts'
import { byCodexDriver, openRig, type Rig } from './rig.ts'

const ask = (rig: Rig, message: string) => rig.call('send_to_instance', { instance_id: 'ada', message, timeout_seconds: 60 })

// Codex 0.169 has words of its own for a server that fails; of a refusal it tells the status.
const words: readonly [CodexDriverName, Record<number, RegExp>][] = [
  ['app-server', { 401: /401/, 500: /high demand/, 529: /529|high demand/ }],
  ['pty', { 401: /401/, 429: /429|usage limit|rate limit/i }],
]

test.each(words)('%s: an API that refuses or fails ends the message as failed, in the words of the CLI, and the agent stays usable', async (driver, said) => {
  const rig = await openRig(byCodexDriver(driver))
  await rig.call('spawn_codex', { name: 'ada' })
  for (const [status, word] of Object.entries(said)) {
    expect(await ask(rig, `do:\nfail ${status}`)).toMatchObject({ status: 'failed', response: expect.stringMatching(word) })
    expect(await rig.call('get_instance_status', { instance_id: 'ada' })).toMatchObject({ state: 'idle', last_error: expect.stringMatching(word), open_messages: [] })
    expect(await ask(rig, `do:\nsay fine after ${status}`)).toMatchObject({ status: 'answered', response: `fine after ${status}` })
  }
})

test('an API that falls silent, hangs up, or is not there', async () => {
  const rig = await openRig({ openai: { config: 'stream_idle_timeout_ms = 1500' } })
  await rig.call('spawn_codex', { name: 'ada' })
  for (const step of ['hang', 'drop']) {
    expect(await ask(rig, `do:\nstream half of it\n${step}`)).toMatchObject({ status: 'failed', response: expect.stringMatching(/stream disconnected/) })
  }
  await rig.openai.close()
  expect(await ask(rig, 'anybody there?')).toMatchObject({ status: 'failed', response: expect.stringMatching(/error sending request|stream disconnected/) })
})

const noSuchModel = { error: { message: 'The model `no-such-model` does not exist or you do not have access to it.', type: 'invalid_request_error', param: null, code: 'model_not_found' } }
const notForAccount = { detail: "The 'no-such-model' model is not supported when using Codex with a ChatGPT account." }

test.each([
  [404, noSuchModel, noSuchModel.error.message],
  [400, notForAccount, notForAccount.detail],
])('a model that the API rejects with %d is a spawn that failed in the words of the CLI, and nothing of it lives on', async (status, body, said) => {
  const rig = await openRig({ openai: { script: [{ when: view => view.model === 'no-such-model', then: [fail(status, { body })] }] } })
  const notes = rig.dir('notes')
  const spawning = { name: 'ada', model: 'no-such-model', mcp_servers: { stubborn: { command: process.execPath, args: ['-e', stubbornServer, join(notes, 'pid')] } } }
  const refusal = await rig.refusal('spawn_codex', { ...spawning, initial_prompt: 'hello', wait_for_response: true })
  expect(refusal).toContain('spawn_failed: "ada" could not be spawned: its model was rejected: ')
  expect(refusal).toContain(said.replace(/\.$/, ''))
  expect(isAlive(await readPid(notes, 'pid'))).toBe(false)
  expect([await rig.text('get_instance_tree'), (await rig.call('get_pending_replies')).count]).toEqual(['There are no agents.', 0])
})

test('a model that the first task shows to be rejected fails the task in those words, and the agent is gone whole', async () => {
  const rig = await openRig({ openai: { script: [{ when: view => view.model === 'no-such-model', then: [fail(404, { body: noSuchModel })] }] } })
  await rig.call('spawn_codex', { name: 'ada', model: 'no-such-model' })
  const { pid } = await rig.call('get_instance_status', { instance_id: 'ada' })
  expect(isAlive(Number(pid))).toBe(true)
  expect(await ask(rig, 'hello')).toMatchObject({ status: 'failed', response: noSuchModel.error.message })
  expect([isAlive(Number(pid)), await rig.text('get_instance_tree')]).toEqual([false, 'There are no agents.'])
})

test('a model that is refused to an agent at work fails that message, and the agent goes on', async () => {
  const rig = await openRig({ openai: { script: [{ when: 'withdrawn', then: [fail(404, { body: noSuchModel })] }] } })
  await rig.call('spawn_codex', { name: 'ada' })
  expect(await ask(rig, 'do:\nsay fine')).toMatchObject({ status: 'answered' })
  expect(await ask(rig, 'withdrawn')).toMatchObject({ status: 'failed', response: noSuchModel.error.message })
  expect(await ask(rig, 'do:\nsay fine again')).toMatchObject({ status: 'answered', response: 'fine again' })
})

test('a supervisor is told of its failed task like of any other outcome', async () => {
  const rig = await openRig()
  const ada = await rig.call('spawn_codex', { name: 'ada' })
  await rig.call('spawn_codex', { name: 'kid', parent_instance_id: ada.instance_id })
  const sent = await rig.call('send_to_instance', {
    instance_id: 'ada', wait_for_response: false,
    message: `do:\ncall mcp__madrox__send_to_instance ${JSON.stringify({ instance_id: 'kid', message: 'do:\nfail 401', wait_for_response: false })}\nsay waiting for kid`,
  })
  const handedIn = await rig.openai.waitForRequest(({ view }) => view.lastUserText.startsWith('[REPLY:'))
  expect(handedIn.view.lastUserText).toMatch(/^\[REPLY:\S+ from kid\] \(failed\) [\s\S]*401/)
  expect(await rig.call('wait_for_any', { message_ids: [sent.message_id] })).toMatchObject({ status: 'answered', via: 'turn_end', response: expect.stringContaining('ack: [REPLY:') })
})

test('a start that fails says why in the words of the CLI, and leaves nothing behind', async () => {
  const rig = await openRig({ env: { MADROX_CODEX_BIN: 'codex-that-is-not-there' } })
  expect(await rig.refusal('spawn_codex', { name: 'ada' })).toMatch(/^spawn_failed: "ada" could not be spawned: it did not start \(cli_missing\): .*ENOENT/)
  expect(await rig.text('get_instance_tree')).toBe('There are no agents.')
  // The message of a spawn that fails has an outcome too.
  const spawned = await rig.call('spawn_codex', { name: 'bob', initial_prompt: 'hello', wait_for_ready: false })
  expect(await rig.call('wait_for_any', { message_ids: [spawned.message_id] })).toMatchObject({ status: 'agent_gone', response: expect.stringContaining('ENOENT') })
})

test('nobody logged in, and a configuration Codex does not understand', async () => {
  const rig = await openRig({ env: { CODEX_HOME: undefined } })
  expect(await rig.refusal('spawn_codex', { name: 'ada' })).toMatch(/^spawn_failed: .*\(not_logged_in\).*codex login/)
  const codexHome = join(rig.dir('home'), '.codex')
  writeFileSync(join(codexHome, 'config.toml'), 'model = [')
  expect(await rig.refusal('spawn_codex', { name: 'ada' })).toMatch(/^spawn_failed: .*config\.toml:1:\d+: unclosed array/)
  expect(await rig.text('get_instance_tree')).toBe('There are no agents.')
})
