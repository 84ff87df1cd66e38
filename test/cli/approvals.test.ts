/** `madrox approvals`, `approve` and `deny`, each as a process of its own, against a real server whose agents ask: list_approvals and answer_approval for a person. */

import { once } from 'node:events'
import { expect, test } from 'vitest'
import { runCli } from './server.ts'
import { stageServer } from './stage.ts'

const { madrox, json, env } = stageServer()
const open = async () => (await json('approvals')).data['approvals'] as readonly { readonly approval_id: string; readonly text: string }[] // as its schema says
/** An agent that asks to deploy when it is told anything, and replies what it was answered. */
async function asking(name: string): Promise<void> {
  const script = [{ when: 'go', steps: [{ approval: { tool: 'Deploy', detail: `to \u001b[31m${name}` } }, { reply: 'it was: {{last}}' }] }]
  expect(await madrox('call', 'spawn_agent', JSON.stringify({ harness: 'scripted', name, workspace: 'isolated', script }))).toMatchObject({ code: 0, stderr: '' })
}

test('approvals lists what waits, by whom and until when; approve and deny answer it, with a reason, and the agent goes on', async () => {
  expect(await madrox('approvals')).toEqual({ code: 0, stdout: 'Nothing waits for a yes.\n', stderr: '' })
  await asking('ada')
  await asking('bob')
  const answers = ['ada', 'bob'].map(name => madrox('send', name, 'go'))
  await expect.poll(async () => (await open()).length, { timeout: 20_000 }).toBe(2)
  const { stdout } = await madrox('approvals')
  expect(stdout).toMatch(/^\w{16} permission of (ada|bob) its supervisor is asked; you may answer, until 20\d\d-.*Z\n(ada|bob) waits for permission to use Deploy: to .*(ada|bob)\n\n\w{16} /)
  expect(stdout).not.toContain('\u001b')
  const idOf = async (name: string): Promise<string> => (await open()).find(({ text }) => text.startsWith(name))?.approval_id ?? ''
  expect(await madrox('approve', await idOf('ada'))).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Allowed: ada waits/) })
  const bobs = await idOf('bob')
  expect(await json('deny', bobs, '--reason', 'not on a Friday')).toMatchObject({ code: 0, data: { decision: 'deny', reason: 'not on a Friday', decided_by: expect.any(String) } })
  expect((await Promise.all(answers)).map(({ code, stdout: said }) => [code, said])).toEqual([[0, expect.stringMatching(/allow/i)], [0, expect.stringMatching(/den/i)]])
  expect(await madrox('deny', bobs)).toMatchObject({ code: 1, stderr: expect.stringContaining('settled before: deny') })
  expect(await madrox('approve', 'nothing')).toMatchObject({ code: 1, stderr: expect.stringContaining('Nothing that you may answer') })
  expect(await madrox('approve')).toMatchObject({ code: 2, stderr: expect.stringContaining('ID is missing') })
  expect((await madrox('approvals', '--settled', '5')).stdout).toContain('deny by the owner local: not on a Friday')
})

test('approvals --wait ends when something comes, and with 4 when nothing has in time; a spawn waits for approve', async () => {
  expect(await madrox('approvals', '--wait', '--timeout', '0.5')).toMatchObject({ code: 4, stderr: expect.stringContaining('Nothing has come within 0.5 s') })
  expect(await madrox('approvals', '--wait', '--timeout', 'soon')).toMatchObject({ code: 2 })
  await madrox('call', 'set_policy', 'spawn_approval=manual')
  const waiting = runCli(['approvals', '--wait', '--json'], env())
  let said = ''
  waiting.stdout?.on('data', part => (said += String(part)))
  const ended = once(waiting, 'exit')
  const spawning = madrox('spawn', 'cyd', '--harness', 'scripted', '--workspace', 'isolated')
  expect(await ended).toEqual([0, null])
  const { approvals } = JSON.parse(said) as { approvals: { approval_id: string; kind: string }[] } // as its schema says
  expect(approvals).toMatchObject([{ kind: 'spawn' }])
  // What waits already ends it at once.
  expect((await json('approvals', '--wait')).data).toMatchObject({ open: 1 })
  expect((await madrox('approvals')).stdout).toContain('you are asked, until')
  expect(await madrox('approve', approvals[0]?.approval_id ?? '')).toMatchObject({ code: 0 })
  expect(await spawning).toMatchObject({ code: 0, stdout: expect.stringContaining('cyd') })
})
