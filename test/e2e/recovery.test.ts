/** The server is killed at its agents' worst moments, and the next one on the same home goes on with them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isAlive } from './processes.ts'
import { byCodexDriver, openRig, type Data, type Rig, type RigOptions } from './rig.ts'

type Harness = 'claude' | 'codex'
const harnesses: readonly [Harness][] = [['claude'], ['codex']]
const apiOf = (rig: Rig, harness: Harness) => (harness === 'claude' ? rig.anthropic : rig.openai)
/** How often the model was given this message anew. */
const turnsOf = (rig: Rig, harness: Harness, { message_id }: Data): string[] =>
  harness === 'claude'
    ? rig.anthropic.requests.filter(({ view }) => view.message?.id === message_id && view.responseIndex === 0).map(({ view }) => view.message?.body ?? '')
    : rig.openai.requests.filter(({ view }) => view.message?.id === message_id && view.callsMade === 0).map(({ view }) => view.message?.body ?? '')
const send = (rig: Rig, message: string, more = {}): Promise<Data> => rig.call('send_to_instance', { instance_id: 'ada', message, wait_for_response: false, ...more })
const wait = (rig: Rig, sent: Data): Promise<Data> => rig.call('wait_for_any', { message_ids: [sent.message_id] })

const kinds: readonly [string, Harness, RigOptions][] = [['claude', 'claude', {}], ['codex', 'codex', {}], ['codex in a PTY', 'codex', byCodexDriver('pty')]]

test.each(kinds)('%s, killed with the server in the middle of a turn: the session is resumed, the task given again, marked, once, and its context is there', async (_, harness, options) => {
  const rig = await openRig(options)
  await rig.call(`spawn_${harness}`, { name: 'ada' })
  expect(await rig.call('send_to_instance', { instance_id: 'ada', message: 'do:\nsay the word is heliotrope' })).toMatchObject({ status: 'answered' })
  const sent = await send(rig, 'do:\ngate work\nsay done')
  await apiOf(rig, harness).gate('work').reached
  const { pid } = await rig.call('get_instance_status', { instance_id: 'ada' })
  await rig.restart('SIGKILL')
  expect(isAlive(Number(pid))).toBe(false)
  expect(await wait(rig, sent)).toMatchObject({ status: 'answered', message_id: sent.message_id })
  const turns = turnsOf(rig, harness, sent)
  expect(turns).toHaveLength(2)
  expect(turns[1]).toMatch(/^\(delivered again: you were cut off/)
  expect(JSON.stringify(apiOf(rig, harness).requests.at(-1)?.view)).toContain('heliotrope')
  expect(await rig.call('send_to_instance', { instance_id: 'ada', message: 'do:\nsay as before' })).toMatchObject({ response: 'as before' })
})

test.each(harnesses)('%s, whose turn ended while the server was frozen and then killed: answered from its own record, and not driven again', async harness => {
  const rig = await openRig()
  await rig.call(`spawn_${harness}`, { name: 'ada' })
  const sent = await send(rig, 'do:\ngate work\nsay the whole answer')
  await apiOf(rig, harness).gate('work').reached
  process.kill(rig.server.pid, 'SIGSTOP')
  apiOf(rig, harness).gate('work').open()
  await expect.poll(() => isTurnOnRecord(rig, harness), { timeout: 20_000 }).toBe(true)
  await rig.restart('SIGKILL')
  expect(await wait(rig, sent)).toMatchObject({ status: 'answered', response: 'the whole answer', via: 'turn_end' })
  expect(turnsOf(rig, harness, sent)).toHaveLength(1)
  expect(await rig.call('send_to_instance', { instance_id: 'ada', message: 'do:\nsay as before' })).toMatchObject({ response: 'as before' })
})

/** Read by ourselves, in the files the CLIs keep. */
function isTurnOnRecord(rig: Rig, harness: Harness): boolean {
  const root = harness === 'claude' ? join(rig.root, 'claude', 'projects') : join(rig.codexHome, 'sessions')
  const records = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.jsonl')).map(name => readFileSync(join(root, name), 'utf8'))
  const lines = records.flatMap(text => text.split('\n'))
  return harness === 'claude' ? lines.some(line => line.includes('"assistant"') && line.includes('the whole answer')) : lines.some(line => line.includes('task_complete') && line.includes('the whole answer'))
}

test('a team of both, idle when the server was killed, is the same team: woken by its next task, with what it was told before', async () => {
  const rig = await openRig()
  await rig.call('spawn_claude', { name: 'lead', initial_prompt: 'do:\ncall mcp__madrox__spawn_codex {"name":"kid","initial_prompt":"do:\\nsay the word is heliotrope","wait_for_response":true}\nreply ready', wait_for_response: true })
  await expect.poll(() => rig.text('get_instance_tree')).toMatch(/^lead .*\[idle\] \(claude\)\n└── kid .*\[idle\] \(codex\)$/)
  const tree = await rig.text('get_instance_tree')
  await rig.restart('SIGKILL')
  expect(await rig.text('get_instance_tree')).toBe(tree)
  const seen = rig.openai.requests.length
  expect(await rig.call('send_to_instance', { instance_id: 'kid', message: 'do:\nreply as before' })).toMatchObject({ status: 'answered', response: 'as before' })
  expect(JSON.stringify(rig.openai.requests[seen]?.view)).toContain('heliotrope')
  expect(await rig.call('terminate_instance', { instance_id: 'lead' })).toMatchObject({ terminated: [{ name: 'kid' }, { name: 'lead' }] })
})
