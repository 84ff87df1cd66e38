/** What fails, told in the CLI's own words and in time: model APIs that fail, and agents that never come up. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { fail, hang } from '../fakes/anthropic/index.ts'
import { isAlive, readPid, stubbornServer } from './processes.ts'
import { byClaudeDriver, claudeDrivers, findOwned, openRig, type RigOptions } from './rig.ts'

test.each([[529, /529|overloaded/i], [401, /401|authenticat/i], [400, /400|scripted 400/i]])('an API that answers %d fails the message in the words of the CLI, and the agent goes on', async (status, words) => {
  const { call, anthropic } = await openRig({ env: { CLAUDE_CODE_MAX_RETRIES: '1' }, anthropic: { script: [{ when: 'broken', then: [fail(status)] }] } })
  await call('spawn_claude', { name: 'ada' })
  const failed = await call('send_to_instance', { instance_id: 'ada', message: 'broken' })
  expect(failed.status).toBe('failed')
  expect(failed.response).toMatch(words)
  expect(anthropic.requests.every(request => request.status === status)).toBe(true)
  expect(await call('get_instance_status', { instance_id: 'ada' })).toMatchObject({ state: 'idle', last_error: failed.response })
  expect(await call('send_to_instance', { instance_id: 'ada', message: 'do: reply mended' })).toMatchObject({ status: 'answered', response: 'mended' })
})

test('an API that never answers fails the message when the CLI has had enough', async () => {
  const { call } = await openRig({ env: { API_TIMEOUT_MS: '3000' }, args: ['--child-env', 'API_TIMEOUT_MS'], anthropic: { script: [{ when: 'silence', then: [hang()] }] } })
  await call('spawn_claude', { name: 'ada' })
  const failed = await call('send_to_instance', { instance_id: 'ada', message: 'silence' })
  expect(failed.status).toBe('failed')
  expect(failed.response).toMatch(/time[d ]*out|timeout/i)
})

test('an API that is not there fails the message, and says that it could not be reached', async () => {
  const { call } = await openRig({ env: { ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' } })
  await call('spawn_claude', { name: 'ada' })
  const failed = await call('send_to_instance', { instance_id: 'ada', message: 'anyone there?' })
  expect(failed.status).toBe('failed')
  expect(failed.response).toMatch(/connect/i)
})

const noSuchModel = fail(404, { body: { type: 'error', error: { type: 'not_found_error', message: 'model: no-such-model' } } })
const words = "There's an issue with the selected model (no-such-model). It may not exist or you may not have access to it."
const openWithout = (options?: RigOptions) => openRig({ ...options, anthropic: { script: [{ when: view => view.model === 'no-such-model', then: [noSuchModel] }, { when: 'withdrawn', then: [noSuchModel] }] } })

test('a model that the API rejects is a spawn that failed in the words of the CLI, and nothing of it lives on', async () => {
  const { refusal, text, call, dir } = await openWithout()
  const notes = dir('notes')
  const spawning = { name: 'ada', model: 'no-such-model', mcp_servers: { stubborn: { command: process.execPath, args: ['-e', stubbornServer, join(notes, 'pid')] } } }
  expect(await refusal('spawn_claude', { ...spawning, initial_prompt: 'hello', wait_for_response: true })).toContain(`spawn_failed: "ada" could not be spawned: its model was rejected: ${words}`)
  expect(isAlive(await readPid(notes, 'pid'))).toBe(false)
  expect([await text('get_instance_tree'), (await call('get_pending_replies')).count]).toEqual(['There are no agents.', 0])
})

test.each(claudeDrivers)('a model that the first task shows to be rejected fails the task in those words, and the agent is gone whole (%s)', async driver => {
  const { call, text, refusal } = await openWithout(byClaudeDriver(driver))
  await call('spawn_claude', { name: 'ada', model: 'no-such-model' })
  const { pid } = await call('get_instance_status', { instance_id: 'ada' })
  expect(isAlive(Number(pid))).toBe(true)
  expect(await call('send_to_instance', { instance_id: 'ada', message: 'hello' })).toMatchObject({ status: 'failed', response: expect.stringContaining(words) })
  expect([isAlive(Number(pid)), await text('get_instance_tree')]).toEqual([false, 'There are no agents.'])
  expect(await refusal('send_to_instance', { instance_id: 'ada', message: 'again' })).toMatch(/^agent_ended: .*its model was rejected/s)
  expect(await call('get_pending_replies')).toMatchObject({ count: 0 })
})

test('a model that is refused to an agent at work fails that message, and the agent goes on', async () => {
  const { call } = await openWithout()
  await call('spawn_claude', { name: 'ada' })
  expect(await call('send_to_instance', { instance_id: 'ada', message: 'do: reply fine' })).toMatchObject({ status: 'answered' })
  expect(await call('send_to_instance', { instance_id: 'ada', message: 'withdrawn' })).toMatchObject({ status: 'failed', response: expect.stringContaining('selected model') })
  expect(await call('send_to_instance', { instance_id: 'ada', message: 'do: reply fine again' })).toMatchObject({ status: 'answered', response: 'fine again' })
})

/** A directory with a program of that name in it. */
function programDir(name: string, body: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'madrox-bin-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  writeFileSync(join(dir, name), `#!/bin/sh\n${body}\n`)
  chmodSync(join(dir, name), 0o755)
  return dir
}

test('a CLI that is not installed is a spawn that failed, with the remedy', async () => {
  const rig = await openRig({ env: { MADROX_CLAUDE_BIN: '/nowhere/claude' } })
  expect(await rig.refusal('spawn_claude', { name: 'ada' })).toMatch(/^spawn_failed: .*\/nowhere\/claude.*MADROX_CLAUDE_BIN/s)
  expect(await rig.text('get_instance_tree')).toBe('There are no agents.')
  expect(findOwned(rig.home)).toEqual([])
})

test('a program that is no CLI, or says why it will not run, is a spawn that failed in its words, and nothing of it lives on', async () => {
  const dir = programDir('claude', '[ "$1" = auth ] && exit 0\necho $$ > "$0.pid"; setsid sleep 600 & echo $! > "$0.child"; echo "licence expired: ask Bob"; exit 3')
  const rig = await openRig({ env: { MADROX_CLAUDE_BIN: join(dir, 'claude') } })
  expect(await rig.refusal('spawn_claude', { name: 'ada' })).toMatch(/^spawn_failed: .*licence expired: ask Bob/s)
  const pids = [await readPid(dir, 'claude.pid'), await readPid(dir, 'claude.child')]
  expect(pids.filter(isAlive)).toEqual([])
  expect(await rig.text('get_instance_tree')).toBe('There are no agents.')
  // A failed spawn takes no place among its siblings, and its name is free again.
  expect(await rig.refusal('spawn_claude', { name: 'ada' })).toMatch(/^spawn_failed/)
})

test('who is not logged in is told so', async () => {
  const { refusal, text } = await openRig({ env: { ANTHROPIC_AUTH_TOKEN: undefined } })
  expect(await refusal('spawn_claude', { name: 'ada' })).toMatch(/^spawn_failed: .*not logged in\. Run "claude"/)
  expect(await text('get_instance_tree')).toBe('There are no agents.')
})
