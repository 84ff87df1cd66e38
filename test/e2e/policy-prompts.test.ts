/** Permission prompts under the policy, of the real CLIs: what an agent's isolation allows goes on with nobody asked, what lies outside is denied and its model told. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { say } from '../fakes/openai/index.ts'
import { codexDrivers } from './codex.ts'
import { byClaudeDriver, byCodexDriver, claudeDrivers, openRig, type Data, type Rig } from './rig.ts'

const settled = async ({ call }: Rig): Promise<readonly Data[]> => (await call('list_approvals', { include_settled: 20 }))['approvals'] as readonly Data[] // as its schema says
/** Nobody heard of it, and nothing waits. */
async function expectNobodyAsked({ call }: Rig): Promise<void> {
  expect(await call('get_pending_replies')).toMatchObject({ count: 0 })
  expect(await call('list_approvals')).toMatchObject({ open: 0 })
}

test.each(claudeDrivers)('claude (%s), not isolated and asking: reads, and writes in its workspace, are allowed; of a command its supervisor is asked', async driver => {
  const rig = await openRig(byClaudeDriver(driver))
  const { call, dir } = rig
  const { workspace } = await call('spawn_claude', { name: 'ada', bypass_isolation: true, permission_mode: 'default' })
  const [own, outside] = [String(workspace), dir('outside')]
  writeFileSync(join(outside, 'plan.md'), 'the plan')
  const within = [`call Write ${JSON.stringify({ file_path: join(own, 'inside'), content: 'x' })}`, `call Read ${JSON.stringify({ file_path: join(outside, 'plan.md') })}`, 'reply done']
  expect(await call('send_to_instance', { instance_id: 'ada', message: `do: ${within.join('\n')}` })).toMatchObject({ status: 'answered', response: 'done' })
  expect(existsSync(join(own, 'inside'))).toBe(true)
  await expectNobodyAsked(rig)
  expect(await settled(rig)).toMatchObject([{ tool: 'Write', asked: 'policy', decision: 'allow', decided_by: 'policy', reason: 'it writes inside its workspace' }, { tool: 'Read', decision: 'allow', reason: 'it may read anywhere' }])

  await call('send_to_instance', { instance_id: 'ada', message: 'do: bash touch by-bash\nreply done', wait_for_response: false })
  expect(await call('get_pending_replies', { wait_timeout: 30 })).toMatchObject({ replies: [{ kind: 'notice', from: 'ada', response: expect.stringMatching(/touch by-bash.*Policy leaves it open: nothing confines its commands/s) }] })
  const { approvals } = await call('list_approvals')
  await call('answer_approval', { approval_id: (approvals as Data[])[0]?.['approval_id'], decision: 'deny', message: 'not by hand' }) // as its schema says
  expect(await call('get_pending_replies', { wait_timeout: 30 })).toMatchObject({ replies: [{ response: 'done' }] })
  expect(existsSync(join(own, 'by-bash'))).toBe(false)
})

test.each(claudeDrivers)('claude (%s), where nobody is to be asked: what is not plainly its own is denied at once, and its model reads why', async driver => {
  const rig = await openRig(byClaudeDriver(driver))
  const { call, dir, anthropic } = rig
  await call('set_policy', { unjudged_prompts: 'deny' })
  await call('spawn_claude', { name: 'ada', bypass_isolation: true, permission_mode: 'default' })
  const outside = join(dir('outside'), 'file')
  expect(await call('send_to_instance', { instance_id: 'ada', message: `do: call Write ${JSON.stringify({ file_path: outside, content: 'x' })}\nreply went on` })).toMatchObject({ status: 'answered', response: 'went on' })
  expect(existsSync(outside)).toBe(false)
  const results = anthropic.requests.flatMap(({ view }) => view.lastToolResults).filter(({ name }) => name === 'Write')
  expect(results).toMatchObject([{ isError: true, text: expect.stringContaining(`${outside} lies outside its workspace`) }])
  await expectNobodyAsked(rig)
})

test.each(claudeDrivers)('claude (%s) that plans writes nothing, is told so, and works on with what it may: no dialog is left that nobody knows of', async driver => {
  const rig = await openRig(byClaudeDriver(driver))
  const { call, anthropic } = rig
  const { workspace } = await call('spawn_claude', { name: 'ada', permission_mode: 'plan' })
  const file = join(String(workspace), 'inside')
  writeFileSync(join(String(workspace), 'notes'), 'read me')
  const work = [`call Write ${JSON.stringify({ file_path: file, content: 'x' })}`, `call Read ${JSON.stringify({ file_path: join(String(workspace), 'notes') })}`, 'bash ls', 'bash ls -a', 'reply planned']
  expect(await call('send_to_instance', { instance_id: 'ada', message: `do: ${work.join('\n')}`, timeout_seconds: 60 })).toMatchObject({ status: 'answered', response: 'planned' })
  expect(existsSync(file)).toBe(false)
  const results = anthropic.requests.flatMap(({ view }) => view.lastToolResults)
  expect(results.find(({ name }) => name === 'Write')).toMatchObject({ isError: true, text: expect.stringContaining('You may only read and not write anything') })
  expect(results.find(({ name }) => name === 'Read')).toMatchObject({ isError: false })
})

const patch = (path: string): string => `*** Begin Patch\n*** Add File: ${path}\n+hello\n*** End Patch`
const patching = (path: string): string => `call exec_command ${JSON.stringify({ cmd: `apply_patch <<'PATCH'\n${patch(path)}\nPATCH` })}`
const escalating = (path: string): string => `call exec_command ${JSON.stringify({ cmd: `touch ${path}`, sandbox_permissions: 'require_escalated', justification: 'it has to be there' })}`
/** All that the model was ever shown. */
const shown = ({ openai }: Rig): string => openai.requests.map(({ view }) => `${view.lastUserText}\n${view.lastToolOutputs.map(({ output }) => output).join('\n')}`).join('\n')

test('codex (app-server) that asks for everything: a change in its workspace is allowed with nobody asked, one outside is denied and the model told why', async () => {
  const rig = await openRig()
  const { call, dir, openai } = rig
  openai.addRule({ when: /was denied/, then: [say('another way')] })
  const { workspace } = await call('spawn_codex', { name: 'ada', permission_mode: 'untrusted' })
  expect(await call('send_to_instance', { instance_id: 'ada', message: `do:\n${patching('inside')}\nsay done` })).toMatchObject({ status: 'answered', response: 'done' })
  expect(existsSync(join(String(workspace), 'inside'))).toBe(true)
  const outside = join(dir('outside'), 'file')
  expect(await call('send_to_instance', { instance_id: 'ada', message: `do:\n${patching(outside)}\nsay done` })).toMatchObject({ status: 'answered', response: 'another way' })
  expect(existsSync(outside)).toBe(false)
  expect(shown(rig)).toContain(`and ${outside} lies outside. Write it there, or ask your supervisor`)
  expect(await settled(rig)).toMatchObject([{ tool: 'apply_patch', detail: expect.stringContaining('inside'), decision: 'allow', decided_by: 'policy' }, { tool: 'apply_patch', detail: expect.stringContaining(outside), decision: 'deny', decided_by: 'policy' }])
  await expectNobodyAsked(rig)
})

test.each(codexDrivers)('codex (%s) that asks to leave its sandbox is denied at once, and its model told why', async driver => {
  const rig = await openRig(byCodexDriver(driver))
  const { call, dir, openai } = rig
  openai.addRule({ when: /was denied/, then: [say('another way')] })
  await call('spawn_codex', { name: 'ada', permission_mode: 'on-request' })
  const outside = join(dir('outside'), 'file')
  for (const [asked, words] of [[patching(outside), 'lies outside'], [escalating(outside), 'this one would leave it']] as const) {
    expect(await call('send_to_instance', { instance_id: 'ada', message: `do:\n${asked}\nsay another way` })).toMatchObject({ status: 'answered', response: 'another way' })
    expect(shown(rig)).toContain(words)
  }
  expect(existsSync(outside)).toBe(false)
  expect(await settled(rig)).toMatchObject([{ tool: 'apply_patch', decision: 'deny', decided_by: 'policy' }, { tool: 'exec_command', decision: 'deny', decided_by: 'policy' }])
  await expectNobodyAsked(rig)
})
