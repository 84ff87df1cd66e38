/** Real Claude Code processes that die, and trees of them that are ended. Judged by pids that the processes wrote down themselves. */
import { expect, test } from 'vitest'
import { hang } from '../fakes/anthropic/index.ts'
import { byClaudeDriver, claudeDrivers, openRig, type Rig } from './rig.ts'
import { isAlive, readPid } from './processes.ts'

const pidOf = async ({ call }: Rig, name: string): Promise<number> => Number((await call('get_instance_status', { instance_id: name })).pid)

test.each(claudeDrivers)('a CLI killed from outside is resumed once: its supervisor is told, its task delivered again, its sibling unharmed (%s)', async driver => {
  const rig = await openRig(byClaudeDriver(driver))
  const { call, anthropic } = rig
  await call('spawn_multiple_instances', { instances: [{ name: 'ada' }, { name: 'bob' }] })
  await call('send_to_instance', { instance_id: 'ada', message: 'do: say remember heliotrope' })
  const before = await pidOf(rig, 'ada')
  const sibling = await pidOf(rig, 'bob')
  const held = await call('send_to_instance', { instance_id: 'bob', message: 'do: gate bob\nsay unharmed', wait_for_response: false })
  await anthropic.gate('bob').reached
  anthropic.addRule({ when: /delivered again/, then: view => [{ kind: 'text', text: `finished, and I know of ${JSON.stringify(view.messages).includes('heliotrope') ? 'heliotrope' : 'nothing'}` }] })
  const task = await call('send_to_instance', { instance_id: 'ada', message: 'do: hang', wait_for_response: false })
  await anthropic.waitForRequest(request => request.view.message?.id === task.message_id)

  process.kill(before, 'SIGKILL')
  expect(await call('wait_for_any', { message_ids: [task.message_id] })).toMatchObject({ status: 'answered', response: 'finished, and I know of heliotrope' })
  const again = anthropic.requests.filter(request => request.view.message?.id === task.message_id).at(-1)
  expect(again?.view.lastUserText).toContain('delivered again: you were cut off')
  expect(await pidOf(rig, 'ada')).not.toBe(before)
  expect(isAlive(before)).toBe(false)
  const { replies } = await call('get_pending_replies')
  expect(replies).toMatchObject([{ kind: 'notice', from: 'ada' }])
  expect(replies?.[0]?.response).toMatch(/died \(signal (9|SIGKILL)/)

  expect(await pidOf(rig, 'bob')).toBe(sibling)
  anthropic.gate('bob').open()
  expect(await call('wait_for_any', { message_ids: [held.message_id] })).toMatchObject({ status: 'answered', response: 'unharmed' })
})

test('killed before it has done anything, an agent starts afresh; a temporary one killed again in the same task has ended, and says why', async () => {
  const rig = await openRig()
  const { call, text, anthropic } = rig
  anthropic.addRule({ when: 'think', then: [hang()] })
  await call('spawn_claude', { name: 'ada', restart: 'temporary' })
  const task = await call('send_to_instance', { instance_id: 'ada', message: 'think', wait_for_response: false })
  await anthropic.waitForRequest(request => request.view.message?.id === task.message_id)
  const first = await pidOf(rig, 'ada')
  process.kill(first, 'SIGKILL')
  await anthropic.waitForRequest(request => request.view.lastUserText.includes('delivered again'))
  const second = await pidOf(rig, 'ada')
  process.kill(second, 'SIGKILL')
  const outcome = await call('wait_for_any', { message_ids: [task.message_id] })
  expect(outcome.status).toBe('agent_gone')
  expect(outcome.response).toMatch(/died \(signal (9|SIGKILL)/)
  expect([first, second].filter(isAlive)).toEqual([])
  expect(await call('get_instance_status', { instance_id: 'ada' })).toMatchObject({ state: 'terminated', end_reason: expect.stringMatching(/died/) })
  expect(await text('get_instance_tree')).toBe('There are no agents.')
  expect(await rig.refusal('send_to_instance', { instance_id: 'ada', message: 'still there?' })).toMatch(/ended/)
})

test('an agent is told of the death of its child, and handed the end of the task it gave it', async () => {
  const rig = await openRig({ anthropic: { script: [{ when: /think$/, then: [hang()] }] } })
  const { call, anthropic } = rig
  await call('spawn_claude', { name: 'lead' })
  const task = await call('send_to_instance', {
    instance_id: 'lead', wait_for_response: false,
    message: `do: call mcp__madrox__spawn_claude ${JSON.stringify({ name: 'kid', initial_prompt: 'think', restart: 'temporary' })}\nsay kid is at work`,
  })
  const isAtWork = (again: boolean) => anthropic.waitForRequest(({ view }) => view.message?.body.endsWith('think') === true && view.message.body.includes('delivered again') === again)
  await isAtWork(false)
  process.kill(await pidOf(rig, 'kid'), 'SIGKILL')
  expect((await anthropic.waitForRequest(({ view }) => view.lastUserText.startsWith('[NOTICE from kid]'))).view.lastUserText).toBe('[NOTICE from kid] The CLI process of kid died (signal 9); its session is being resumed.')
  await isAtWork(true)
  process.kill(await pidOf(rig, 'kid'), 'SIGKILL')
  const handed = await anthropic.waitForRequest(({ view }) => view.lastUserText.includes('(agent_gone)'))
  expect(handed.view.lastUserText).toMatch(/\[REPLY:\S+ from kid\] \(agent_gone\) kid ended before it answered: its CLI process died/)
  expect((await call('wait_for_any', { message_ids: [task.message_id] })).status).toBe('answered')
  expect(await call('get_instance_status', { instance_id: 'lead' })).toMatchObject({ children: [] })
})

test('killed again and again, an agent comes back until its message is given up as poison, and then works on', async () => {
  const rig = await openRig({ anthropic: { script: [{ when: 'think', then: [hang()] }] } })
  const { call, anthropic } = rig
  await call('spawn_claude', { name: 'ada' })
  const task = await call('send_to_instance', { instance_id: 'ada', message: 'think', wait_for_response: false })
  const next = await call('send_to_instance', { instance_id: 'ada', message: 'do: reply at last', wait_for_response: false })
  const turns = () => anthropic.requests.filter(({ view }) => view.message?.id === task.message_id).length
  for (const kill of [1, 2, 3]) {
    await anthropic.waitForRequest(({ view }) => view.message?.id === task.message_id && turns() === kill)
    process.kill(await pidOf(rig, 'ada'), 'SIGKILL')
  }
  expect(await call('wait_for_any', { message_ids: [task.message_id] })).toMatchObject({ status: 'failed', response: expect.stringContaining('poison') })
  expect(await call('wait_for_any', { message_ids: [next.message_id] })).toMatchObject({ status: 'answered', response: 'at last' })
  expect(turns()).toBe(3)
})

test('an ended team leaves nothing, not even a child that ignores HUP or one that left for a session of its own', async () => {
  const rig = await openRig()
  const { call, text } = rig
  const notes = rig.dir('notes')
  const bash = (name: string) => ({
    // Both run on in the background when the tool's shell ends, as what a model starts often does.
    ignoring: `nohup bash -c 'trap "" HUP TERM INT; echo $$ > ${notes}/${name}-hup; while :; do sleep 600; done' >/dev/null 2>&1 &`,
    leaving: `setsid bash -c 'echo $$ > ${notes}/${name}-setsid; sleep 600' >/dev/null 2>&1 &`,
    staying: `echo $$ > ${notes}/${name}-bash; sleep 600`,
  })
  const works = (name: string): string => `do: bash ${bash(name).ignoring}\nbash ${bash(name).leaving}\nbash ${bash(name).staying}`
  const spawn = (name: string) => JSON.stringify({ name, bypass_isolation: true })
  await call('spawn_claude', { name: 'top', bypass_isolation: true })
  await call('send_to_instance', { instance_id: 'top', message: `do: call mcp__madrox__spawn_claude ${spawn('middle')}` })
  await call('send_to_instance', { instance_id: 'middle', message: `do: call mcp__madrox__spawn_claude ${spawn('low')}` })
  const names = ['top', 'middle', 'low']
  for (const name of names) await call('send_to_instance', { instance_id: name, message: works(name), wait_for_response: false })
  const written = await Promise.all(names.flatMap(name => ['hup', 'setsid', 'bash'].map(kind => readPid(notes, `${name}-${kind}`))))
  const pids = [...written, ...(await Promise.all(names.map(name => pidOf(rig, name))))]
  expect(await text('get_instance_tree')).toMatch(/^top .*\n└── middle .*\n {4}└── low /)
  expect(pids.filter(isAlive)).toHaveLength(12)

  const ended = await call('terminate_instance', { instance_id: 'top' })
  expect((ended.terminated as { name: string }[]).map(agent => agent.name)).toEqual(['low', 'middle', 'top'])
  expect(pids.filter(isAlive)).toEqual([])
})
