/** Real Claude Code with a permission dialog open: nobody types into it, those above know of it, and confined agents meet none. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { callTool, say } from '../fakes/anthropic/index.ts'
import { byClaudeDriver, openRig } from './rig.ts'

test.each([
  ['default', 'pty', /Do you want to proceed/], ['manual', 'pty', /Do you want to proceed/], ['default', 'stream', /^\? Bash/m],
] as const)('in mode %s a message waits while a dialog is open, and nothing is typed into it (%s)', async (mode, driver, dialog) => {
  const { call, text, anthropic } = await openRig(byClaudeDriver(driver))
  const { workspace } = await call('spawn_claude', { name: 'ada', bypass_isolation: true, permission_mode: mode })
  const asking = await call('send_to_instance', { instance_id: 'ada', message: 'do: bash touch asked', wait_for_response: false })
  // The notice is what tells: nothing is polled.
  const { replies } = await call('get_pending_replies', { wait_timeout: 30 })
  expect(replies).toMatchObject([{ kind: 'notice', from: 'ada', response: expect.stringMatching(/permission.*Bash.*touch asked/) }])
  expect(await call('get_instance_status', { instance_id: 'ada' })).toMatchObject({ state: 'busy', detail: 'busy.awaitingApproval', health: 'waiting for approval', approval: { tool: 'Bash' } })
  // Drawn a moment after it is told; a screen has no event.
  await expect.poll(() => text('get_terminal_screen', { instance_id: 'ada' }), { timeout: 10_000 }).toMatch(dialog)

  const waiting = await call('send_to_instance', { instance_id: 'ada', message: 'do: reply the dialog is gone', wait_for_response: false })
  expect(await call('wait_for_any', { message_ids: [waiting.message_id], timeout_seconds: 2 })).toMatchObject({ status: 'pending' })
  expect(await text('get_terminal_screen', { instance_id: 'ada' })).toMatch(dialog)
  expect(existsSync(join(String(workspace), 'asked'))).toBe(false)

  expect(await call('interrupt_instance', { instance_id: 'ada', then: 'continue' })).toMatchObject({ interrupted: true, cancelled_message_id: asking.message_id })
  // Its own way back needs nobody's permission.
  expect(await call('wait_for_any', { message_ids: [waiting.message_id] })).toMatchObject({ status: 'answered', response: 'the dialog is gone', via: 'reply_to_caller' })
  expect(existsSync(join(String(workspace), 'asked'))).toBe(false)
  const shown = anthropic.requests.find(request => request.view.message?.id === waiting.message_id)?.view.lastUserText
  expect(shown).toBe(`[MSG:${waiting.message_id}] do: reply the dialog is gone`)
})

test('a confined agent works in its workspace without asking, and writes nowhere else, by Bash or by Write', async () => {
  const { call, dir, root, anthropic } = await openRig()
  const { workspace } = await call('spawn_claude', { name: 'ada' })
  const outside = dir('outside')
  writeFileSync(join(outside, 'plan.md'), 'the plan')
  const own = String(workspace)
  const work = [
    `bash echo bash > ${own}/by-bash`, `call Write ${JSON.stringify({ file_path: `${own}/by-write`, content: 'write' })}`,
    `bash echo bash > ${outside}/by-bash; echo bash > ${root}/madrox/by-bash; true`, `call Write ${JSON.stringify({ file_path: `${outside}/by-write`, content: 'write' })}`,
    'reply did what I could',
  ]
  expect(await call('send_to_instance', { instance_id: 'ada', message: `do: ${work.join('\n')}` })).toMatchObject({ status: 'answered', response: 'did what I could' })
  expect(['by-bash', 'by-write'].filter(name => existsSync(join(own, name)))).toEqual(['by-bash', 'by-write'])
  expect(['by-bash', 'by-write'].filter(name => existsSync(join(outside, name)))).toEqual([])
  expect(existsSync(join(root, 'madrox', 'by-bash'))).toBe(false)
  const results = anthropic.requests.flatMap(request => request.view.lastToolResults)
  expect(results.find(result => result.name === 'Write' && result.isError)).toBeDefined()
})

test('its supervisor, another real agent, answers what it asks: what is allowed runs, what is denied does not, and the reason reaches it', async () => {
  const { call, anthropic } = await openRig()
  // Every notice of a prompt is answered by its id, by a tool this agent is not shown.
  anthropic.addRule({
    when: /\[NOTICE from ada\]/,
    then: ({ lastUserText }) => [
      callTool('mcp__madrox__call_tool', { name: 'answer_approval', arguments: { approval_id: /approval_id (\w+)/.exec(lastUserText)?.[1], decision: lastUserText.includes('touch yes') ? 'allow' : 'deny', message: 'by the rules' } }),
      say('decided'),
    ],
  })
  await call('set_policy', { permission_prompts: 'supervisor' })
  await call('spawn_claude', { name: 'boss', bypass_isolation: true })
  const { workspace } = await call('spawn_claude', { name: 'ada', parent_instance_id: 'boss', workspace: 'isolated', bypass_isolation: true, permission_mode: 'default' })
  expect(await call('send_to_instance', { instance_id: 'ada', message: 'do: bash touch yes\nbash touch no\nreply went on' })).toMatchObject({ status: 'answered', response: 'went on' })
  expect(['yes', 'no'].filter(name => existsSync(join(String(workspace), name)))).toEqual(['yes'])
  const results = anthropic.requests.flatMap(({ view }) => view.lastToolResults).filter(({ name }) => name === 'Bash')
  expect(results).toMatchObject([{ isError: false }, { isError: true, text: expect.stringContaining('by the rules') }])
  expect(await call('list_approvals', { include_settled: 5 })).toMatchObject({ open: 0, approvals: [{ by: 'ada', tool: 'Bash', decision: 'allow', decided_by: 'boss' }, { decision: 'deny', decided_by: 'boss', reason: 'by the rules' }] })
})
