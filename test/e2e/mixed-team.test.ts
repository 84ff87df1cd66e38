/** A Claude Code session that has a Codex session that has a Claude Code session: answers up two levels, and one end for all. */
import { expect, test } from 'vitest'
import * as anthropic from '../fakes/anthropic/index.ts'
import * as openai from '../fakes/openai/index.ts'
import { isAlive, readPid } from './processes.ts'
import { openRig, type Data, type Rig } from './rig.ts'

/** Unconfined, so that the leaf can leave processes behind that nothing but their mark betrays. */
const free = { bypass_isolation: true, workspace: 'isolated' }
const nest = "do:\nbash (trap '' HUP TERM; echo $BASHPID > hup.pid; exec sleep 600) & setsid sh -c 'echo $$ > setsid.pid; exec sleep 600' & echo nested\nreply leaf done"
const leaf = { name: 'leaf', ...free, initial_prompt: nest }
const mid = { name: 'mid', ...free, initial_prompt: 'have a leaf do it' }

interface Family {
  readonly rig: Rig
  readonly statuses: readonly Data[]
  readonly pids: readonly number[]
}

/** Who is there, and by which process: the CLIs' own, and what the leaf's command wrote down. */
async function meet(rig: Rig): Promise<Family> {
  const statuses = await Promise.all(['lead', 'mid', 'leaf'].map(name => rig.call('get_instance_status', { instance_id: name })))
  const [lead, middle, last] = statuses
  expect([middle?.['parent_instance_id'], last?.['parent_instance_id']]).toEqual([lead?.instance_id, middle?.instance_id])
  expect(statuses.map(each => each['instance_type'])).toEqual(['claude', 'codex', 'claude'])
  const { path } = { path: '', ...(last?.workspace as { path: string } | undefined) } // as the tool's status has it
  const pids = [...statuses.map(each => Number(each['pid'])), await readPid(path, 'hup.pid'), await readPid(path, 'setsid.pid')]
  expect(pids.filter(isAlive)).toEqual(pids)
  return { rig, statuses, pids }
}

async function endAll({ rig, pids }: Family): Promise<void> {
  const ended = await rig.call('terminate_instance', { instance_id: 'lead' })
  expect(ended).toMatchObject({ already_ended: false, terminated: [{ name: 'leaf' }, { name: 'mid' }, { name: 'lead' }] })
  expect(pids.filter(isAlive)).toEqual([])
  expect(await rig.text('get_instance_tree')).toBe('There are no agents.')
}

test('answers travel up by themselves while everybody between has ended its turn', async () => {
  const heard = (text: string): string => text.replace(/^\[REPLY:\S+ from (\w+)\] /, '$1 says: ')
  const rig = await openRig({
    anthropic: { script: [
      { when: 'have a team do it', then: [anthropic.callTool('mcp__madrox__spawn_codex', mid), anthropic.say('waiting for mid')] },
      { when: /^\[REPLY:/, then: view => [anthropic.say(heard(view.lastUserText))] },
    ] },
    openai: { script: [
      { when: 'have a leaf do it', then: [openai.callTool('mcp__madrox__spawn_claude', leaf), openai.say('waiting for leaf')] },
      { when: /^\[REPLY:/, then: view => [openai.callTool('mcp__madrox__reply_to_caller', { reply_message: heard(view.lastUserText) }), openai.say('passed on')] },
    ] },
  })
  await rig.call('spawn_claude', { name: 'lead', ...free })
  const answer = await rig.call('send_to_instance', { instance_id: 'lead', message: 'have a team do it' })
  expect(answer).toMatchObject({ status: 'answered', via: 'turn_end', response: 'mid says: leaf says: leaf done' })
  expect((await rig.text('get_instance_tree')).replaceAll(/\(\w{8,}\) \[\w+\] /g, '').split('\n')).toEqual(['lead (claude)', '└── mid (codex)', '    └── leaf (claude)'])
  // Nobody was handed anything twice, and nobody polled.
  expect(await rig.call('get_pending_replies')).toMatchObject({ count: 0 })
  expect(rig.anthropic.requests.filter(({ view }) => view.responseIndex === 0 && view.lastUserText.startsWith('[REPLY:'))).toHaveLength(1)
  expect(rig.openai.requests.filter(({ view }) => view.callsMade === 0 && view.lastUserText.startsWith('[REPLY:'))).toHaveLength(1)
  await endAll(await meet(rig))
})

test('the same, with everybody waiting in the call', async () => {
  const response = (text: string | undefined): string => (JSON.parse((text ?? '').slice((text ?? '').indexOf('{'))) as { response: string }).response
  const rig = await openRig({
    anthropic: { script: [
      { when: 'have a team do it', then: [anthropic.callTool('mcp__madrox__spawn_codex', { ...mid, wait_for_response: true }), anthropic.say(view => `mid says: ${response(view.lastToolResults[0]?.text)}`)] },
    ] },
    openai: { script: [
      { when: 'have a leaf do it', then: [openai.callTool('mcp__madrox__spawn_claude', { ...leaf, wait_for_response: true }), openai.say(view => `leaf says: ${response(view.lastToolOutputs[0]?.output)}`)] },
    ] },
  })
  await rig.call('spawn_claude', { name: 'lead', ...free })
  const answer = await rig.call('send_to_instance', { instance_id: 'lead', message: 'have a team do it' })
  expect(answer).toMatchObject({ status: 'answered', via: 'turn_end', response: 'mid says: leaf says: leaf done' })
  expect([...rig.anthropic.requests, ...rig.openai.requests].filter(({ view }) => view.lastUserText.startsWith('[REPLY:'))).toEqual([])
  await endAll(await meet(rig))
})

test('ended in the middle of everything, all three go and their messages are settled', async () => {
  const rig = await openRig({
    anthropic: { script: [{ when: 'have a team do it', then: [anthropic.callTool('mcp__madrox__spawn_codex', { ...mid, wait_for_response: true }), anthropic.hang()] }] },
    openai: { script: [{ when: 'have a leaf do it', then: [openai.callTool('mcp__madrox__spawn_claude', { ...leaf, initial_prompt: nest.replace('reply leaf done', 'hang'), wait_for_response: true }), openai.hang()] }] },
  })
  await rig.call('spawn_claude', { name: 'lead', ...free })
  const sent = await rig.call('send_to_instance', { instance_id: 'lead', message: 'have a team do it', wait_for_response: false })
  await rig.anthropic.waitForRequest(({ view }) => view.message?.body.startsWith('do:') === true && view.responseIndex === 1)
  await endAll(await meet(rig))
  expect(await rig.call('wait_for_any', { message_ids: [sent.message_id] })).toMatchObject({ status: 'agent_gone', response: expect.stringContaining('lead ended before it answered') })
})
