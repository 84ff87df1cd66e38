/** What the CLI asks, and that each question has its one answer. */
import { expect, test } from 'vitest'
import { createApprovals } from '../../../../src/drivers/permissions.ts'
import { createRequests } from '../../../../src/drivers/claude/stream/requests.ts'

function createScene(confinement: { bypass: boolean; permissionMode?: string }) {
  const answers: [string, unknown][] = []
  const told: string[] = []
  const open: string[] = []
  const approvals = createApprovals(fact => {
    told.push(fact.type === 'approvalRequested' ? `${fact.tool} ${fact.detail}` : fact.decision)
    if (fact.type === 'approvalRequested') open.push(fact.approvalId)
  }, 'protocol')
  const requests = createRequests({ confinement }, {
    respond: (id, answer) => void answers.push([id, answer]),
    refuse: (id, why) => void answers.push([id, `refused: ${why}`]),
  }, approvals, tool => (tool === 'Bash' ? [{ kind: 'run', unsandboxed: false }] : undefined))
  return { answers, told, open, approvals, requests }
}

const ask = (requestId: string, subtype = 'can_use_tool') => ({ type: 'control_request', request_id: requestId, request: { subtype, tool_name: 'Bash', input: { command: 'ls' } } }) as const
/** An answer is given a microtask after its decision. */
const soon = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

test.each([{ bypass: false }, { bypass: false, permissionMode: 'acceptEdits' }, { bypass: true, permissionMode: 'default' }])('with %j what the CLI asks is held, told, and answered by whoever is asked', async confinement => {
  const { answers, told, open, approvals, requests } = createScene(confinement)
  for (const id of ['r1', 'r2', 'r3']) requests.take(ask(id))
  await soon()
  expect([answers, told, approvals.count()]).toEqual([[], ['Bash {"command":"ls"}', 'Bash {"command":"ls"}', 'Bash {"command":"ls"}'], 3])
  approvals.answer(open[1] ?? '', 'deny', 'not now')
  approvals.answer(open[0] ?? '', 'allow', undefined)
  approvals.answer(open[0] ?? '', 'deny', 'too late')
  await soon()
  expect(answers).toEqual([['r2', { behavior: 'deny', message: 'not now' }], ['r1', { behavior: 'allow', updatedInput: { command: 'ls' } }]])
  requests.cancel('r3')
  requests.cancel('r1')
  await soon()
  expect([answers.length, told.slice(3), approvals.count()]).toEqual([2, ['deny', 'allow', 'gone'], 0])
})

test.each([{ bypass: true }, { bypass: true, permissionMode: 'bypassPermissions' }])('with %j nobody need be asked', confinement => {
  const { answers, told, requests } = createScene(confinement)
  requests.take(ask('r1'))
  expect([answers, told]).toEqual([[['r1', { behavior: 'allow', updatedInput: { command: 'ls' } }]], []])
})

test('forms are declined, and what nobody here knows is refused in words', () => {
  const { answers, told, requests } = createScene({ bypass: true })
  requests.take(ask('r1', 'elicitation'))
  requests.take(ask('r2', 'something_new'))
  expect([answers, told]).toEqual([[['r1', { action: 'decline' }], ['r2', 'refused: Nobody here can answer something_new.']], []])
})
