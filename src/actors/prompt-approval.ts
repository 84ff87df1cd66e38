/**
 * Permission prompts of agents' CLIs: who is told, and how the answer gets back. The agent's own machine denies at the deadline;
 * here it is seen to that somebody knows before. Nothing is typed: the driver answers the CLI's own question.
 */

import type { Address } from '../messages.ts'
import { type Approvals, named, plain } from './approvals.ts'
import { agentActor, type Core, ledgerActor, promptKey, tellAgent } from './core.ts'
import type { LedgerEmitted } from './ledger.ts'
import { policyOf } from './policies.ts'

type Opened = Extract<LedgerEmitted, { type: 'approvalOpened' }>

/** How much of what a CLI asks about is told in a question, and kept. Characters; a file that is to be written may hold millions. */
const shownDetail = 2_000
const keptDetail = 20_000

export function watchPrompts(core: Core, approvals: Approvals): void {
  ledgerActor(core).on('approvalOpened', event => route(core, approvals, event))
}

function route(core: Core, approvals: Approvals, { agentId, approvalId, tool, detail, expiresAt }: Opened): void {
  const row = core.rows.get(agentId)
  const actor = agentActor(core, agentId)
  const isOpen = (): boolean => actor?.getSnapshot().status === 'active' && actor.getSnapshot().context.approvals.some(known => known.approvalId === approvalId)
  // Over before it could be told, or told twice.
  if (!row || !actor || !isOpen() || core.prompts.has(promptKey(agentId, approvalId))) return
  const byPerson = policyOf(core, row, 'permission_prompts') === 'person'
  const text = `${row.name} waits for permission to use ${plain(tool, 200)}: ${plain(detail, shownDetail)}`
  let watched: { unsubscribe(): void } | undefined
  const asked = approvals.begin({
    kind: 'permission', agentId, clientId: row.clientId, expiresAt, request: { text, by: named(core, { kind: 'agent', id: agentId }), asked: byPerson ? 'person' : 'supervisor', tool, detail: detail.slice(0, keptDetail) },
    onSettled: ({ decision, reason, at }) => {
      watched?.unsubscribe()
      core.prompts.delete(promptKey(agentId, approvalId))
      if (decision !== 'gone') tellAgent(core, agentId, { type: 'approvalAnswered', approvalId, decision, ...(reason === undefined ? {} : { message: reason }), at })
    },
  })
  if (asked.over.signal.aborted) return
  core.prompts.set(promptKey(agentId, approvalId), { id: asked.row.id, asked: asked.request.asked, expiresAt })
  // Interrupted, ended, or answered by the CLI itself.
  const gone = (): void => void approvals.settle(asked.row.id, 'gone', 'madrox', 'its CLI asks no more')
  watched = actor.subscribe({ next: () => isOpen() || gone(), error: gone, complete: gone })
  const tell = (to: Address): void => ledgerActor(core).send({ type: 'noticeGiven', agentId, to, at: core.clock.now(), text: `${text}\nAllow or deny it by answer_approval with approval_id ${asked.row.id}${to.kind === 'agent' ? ' (by call_tool)' : ''}; without an answer by ${new Date(expiresAt).toISOString()} it is denied.` })
  if (!byPerson) return tell(row.parent)
  const toClient = (): void => tell({ kind: 'client', id: row.clientId })
  const person = approvals.personOf(row.clientId)
  if (person) approvals.ask(asked, person, toClient)
  else toClient()
}
