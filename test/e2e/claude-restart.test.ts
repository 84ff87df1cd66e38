/** The server ends under a connected client and live agents, politely or not, and comes back on the same port. */
import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { isAlive, readPid } from './processes.ts'
import { openRig, type Rig } from './rig.ts'

const pidOf = async ({ call }: Rig, name: string): Promise<number> => Number((await call('get_instance_status', { instance_id: name })).pid)

/** Leaves one answer unread, and one task in the middle of a Bash command with a child in a session of its own. */
async function leaveWork(rig: Rig): Promise<{ read: string; open: string; pids: number[] }> {
  const { call, anthropic } = rig
  const notes = rig.dir('notes')
  await call('spawn_claude', { name: 'ada', bypass_isolation: true })
  const answered = await call('send_to_instance', { instance_id: 'ada', message: 'do: reply unread', wait_for_response: false })
  await anthropic.waitForRequest(request => request.view.message?.id === answered.message_id && request.view.responseIndex === 1)
  const cut = await call('send_to_instance', {
    instance_id: 'ada', wait_for_response: false,
    message: `do: bash setsid bash -c 'trap "" HUP TERM; echo $$ > ${notes}/setsid; sleep 600' >/dev/null 2>&1 &\nbash echo $$ > ${notes}/bash; sleep 600`,
  })
  const pids = [await pidOf(rig, 'ada'), await readPid(notes, 'setsid'), await readPid(notes, 'bash')]
  expect(pids.filter(isAlive)).toEqual(pids)
  return { read: String(answered.message_id), open: String(cut.message_id), pids }
}

test('after SIGTERM and a new start nothing of the old is alive, and the client finds its session and its unread replies again', async () => {
  const rig = await openRig({ client: { roots: [tmpdir()] } })
  const { read, open, pids } = await leaveWork(rig)
  const before = rig.server.pid
  await rig.restart('SIGTERM')
  expect(rig.server.pid).not.toBe(before)
  expect(pids.filter(isAlive)).toEqual([])

  const { replies } = await rig.call('get_pending_replies')
  expect(rig.client.sessions).toBe(2)
  expect(replies?.filter(reply => reply.kind === 'outcome')).toMatchObject([
    { message_id: read, status: 'answered', response: 'unread' },
    { message_id: open, status: 'agent_gone', response: expect.stringMatching(/server/) },
  ])
  expect(await rig.call('get_pending_replies')).toMatchObject({ count: 0 })
  expect(await rig.text('get_instance_tree')).toBe('There are no agents.')
  // Its old agents are known, and new ones work as before.
  expect(await rig.call('get_instance_status', { instance_id: 'ada' })).toMatchObject({ state: 'terminated' })
  expect(await rig.call('spawn_claude', { name: 'bob', initial_prompt: 'do: reply as before', wait_for_response: true })).toMatchObject({ status: 'answered', response: 'as before' })
})

test('after SIGKILL and a new start nothing of the old is alive, unread replies are there, and the cut task is taken up again', async () => {
  const rig = await openRig({ client: { roots: [tmpdir()] } })
  const { read, open, pids } = await leaveWork(rig)
  await rig.restart('SIGKILL')
  expect(pids.filter(isAlive)).toEqual([])
  expect((await rig.call('get_pending_replies')).replies).toMatchObject([{ message_id: read, status: 'answered', response: 'unread' }])
  const again = await rig.anthropic.waitForRequest(({ view }) => view.message?.id === open && view.lastUserText.includes('delivered again'))
  expect(JSON.stringify(again.view.messages)).toContain('unread')
  expect(await rig.call('wait_for_any', { message_ids: [open] })).toMatchObject({ status: 'answered' })
})

test('a wait that a restart cuts can be taken up again, and has lost nothing', async () => {
  const rig = await openRig()
  await rig.call('spawn_claude', { name: 'ada' })
  const sent = await rig.call('send_to_instance', { instance_id: 'ada', message: 'do: gate work\nreply too late', wait_for_response: false })
  await rig.anthropic.gate('work').reached
  const waiting = rig.call('wait_for_any', { message_ids: [sent.message_id] }).then(data => data.status, () => 'cut')
  await rig.restart('SIGTERM')
  // Either the wait still heard of the end, or it was cut and is asked again.
  expect(['agent_gone', 'cut']).toContain(await waiting)
  expect(await rig.call('wait_for_any', { message_ids: [sent.message_id] })).toMatchObject({ status: 'agent_gone', message_id: sent.message_id })
})
