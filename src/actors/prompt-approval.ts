/**
 * Permission prompts of agents' CLIs: whether the agent's own isolation decides, who is told where it does not, and how the answer
 * gets back. The agent's own machine denies at the deadline; here it is seen to that somebody knows before. Nothing is typed: the
 * driver answers the CLI's own question.
 */

import { realpathSync } from 'node:fs'
import type { AgentId } from '../ids.ts'
import type { Address } from '../messages.ts'
import type { AgentRow } from '../store/store.ts'
import { type Approvals, named, plain, type Request } from './approvals.ts'
import { agentActor, agentContext, type Core, ledgerActor, promptKey, tellAgent } from './core.ts'
import type { LedgerEmitted } from './ledger.ts'
import { policyOf } from './policies.ts'
import { judgePrompt, type PromptLaunch } from './prompt-judging.ts'
import { familyOf, isConfined } from './rights.ts'

type Opened = Extract<LedgerEmitted, { type: 'approvalOpened' }>

/** How much of what a CLI asks about is told in a question, and kept. Characters; a file that is to be written may hold millions. */
const shownDetail = 2_000
const keptDetail = 20_000

export function watchPrompts(core: Core, approvals: Approvals): void {
  ledgerActor(core).on('approvalOpened', event => route(core, approvals, event))
}

function route(core: Core, approvals: Approvals, opened: Opened): void {
  const { agentId, approvalId, tool, detail, expiresAt } = opened
  const row = core.rows.get(agentId)
  const actor = agentActor(core, agentId)
  const isOpen = (): boolean => actor?.getSnapshot().status === 'active' && actor.getSnapshot().context.approvals.some(known => known.approvalId === approvalId)
  // Over before it could be told, or told twice.
  if (!row || !actor || !isOpen() || core.prompts.has(promptKey(agentId, approvalId))) return
  const way = wayOf(core, row, actor.getSnapshot().context.launch, opened)
  const text = `${row.name} waits for permission to use ${plain(tool, 200)}: ${plain(detail, shownDetail)}`
  let watched: { unsubscribe(): void } | undefined
  const asked = approvals.begin({
    kind: 'permission', agentId, clientId: row.clientId, expiresAt, request: { text, by: named(core, { kind: 'agent', id: agentId }), asked: way.asked, tool, detail: detail.slice(0, keptDetail) },
    exceeds: answerer => beyond(core, row, answerer, opened),
    onSettled: ({ decision, reason, at }) => {
      watched?.unsubscribe()
      core.prompts.delete(promptKey(agentId, approvalId))
      if (decision !== 'gone') tellAgent(core, agentId, { type: 'approvalAnswered', approvalId, decision, ...(reason === undefined ? {} : { message: reason }), at })
    },
  })
  if (asked.over.signal.aborted) return
  if (way.asked === 'policy') return approvals.decide(asked, way)
  core.prompts.set(promptKey(agentId, approvalId), { id: asked.row.id, asked: way.asked, expiresAt })
  // Interrupted, ended, or answered by the CLI itself.
  const gone = (): void => void approvals.settle(asked.row.id, 'gone', 'madrox', 'its CLI asks no more')
  watched = actor.subscribe({ next: () => isOpen() || gone(), error: gone, complete: gone })
  const why = way.why === undefined ? '' : ` Policy leaves it open: ${way.why}.`
  const tell = (to: Address): void => ledgerActor(core).send({ type: 'noticeGiven', agentId, to, at: core.clock.now(), text: `${text}\nAllow or deny it by answer_approval with approval_id ${asked.row.id}${to.kind === 'agent' ? ' (by call_tool)' : ''}; without an answer by ${new Date(expiresAt).toISOString()} it is denied.${why}` })
  if (way.asked === 'supervisor') return tell(row.parent)
  const toClient = (): void => tell({ kind: 'client', id: row.clientId })
  const person = approvals.personOf(row.clientId)
  if (person) approvals.ask(asked, person, toClient)
  else toClient()
}

/**
 * Why a confined agent may not allow it: it may do no such thing itself, nor may the one that asks. Where a CLI of codex does not say how
 * far it reaches, that may be out of its sandbox.
 */
function beyond(core: Core, { id, harness }: AgentRow, answerer: AgentId, { tool, wants }: Opened): string | undefined {
  const [asker, own] = [launchOf(core, id), launchOf(core, answerer)]
  const row = core.rows.get(answerer)
  if (!asker || !own || !row || !isConfined({ harness: row.harness, confinement: own.confinement })) return undefined
  if (!wants) return familyOf(harness) === 'codex' ? `it does not say how far ${tool} reaches, and you are confined to your workspace.` : undefined
  if (judgePrompt(harness, asker, tool, wants).decision === 'allow') return undefined
  // The names of tools are of one CLI.
  const { allowedTools, ...confinement } = own.confinement
  const bounds = allowedTools && familyOf(row.harness) === familyOf(harness) ? { ...confinement, allowedTools } : confinement
  const { decision, reason } = judgePrompt(row.harness, { ...own, confinement: bounds }, tool, wants)
  return decision === 'deny' || (decision === 'unjudged' && wants.some(({ kind }) => kind === 'write' || kind === 'run')) ? reason : undefined
}

function launchOf(core: Core, id: AgentId): PromptLaunch | undefined {
  const launch = agentContext(core, id)?.launch
  return launch && { ...launch, readableDirs: launch.readableDirs.map(toReal) }
}

/** What is asked for comes as it really is; a client may stand where a link leads. */
function toReal(dir: string): string {
  try {
    return realpathSync(dir)
  } catch {
    return dir // gone: nothing in there can be asked for
  }
}

type Way =
  | { readonly asked: 'policy'; readonly decision: 'allow' | 'deny'; readonly reason: string }
  /** `why`: what left it open. */
  | { readonly asked: Exclude<Request['asked'], 'policy'>; readonly why?: string }

/** Who is to decide: the agent's own rights as far as they go, unless somebody wants to be asked in any case. */
function wayOf(core: Core, row: AgentRow, launch: PromptLaunch, { tool, wants }: Opened): Way {
  const route = policyOf(core, row, 'permission_prompts') ?? 'policy'
  if (route !== 'policy') return { asked: route }
  const { decision, reason } = judgePrompt(row.harness, { ...launch, readableDirs: launch.readableDirs.map(toReal) }, tool, wants)
  if (decision !== 'unjudged') return { asked: 'policy', decision, reason }
  const next = policyOf(core, row, 'unjudged_prompts') ?? 'supervisor'
  if (next !== 'deny') return { asked: next, why: reason }
  return { asked: 'policy', decision: 'deny', reason: `This is not plainly within your rights (${reason}), and nobody is asked about such things. Do it in another way, or tell your supervisor what you need.` }
}
