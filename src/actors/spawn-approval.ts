/** Asking a person before an agent is spawned. */

import { MadroxError } from '../errors.ts'
import type { Address, Caller } from '../messages.ts'
import type { Settlement } from '../store/policy-store.ts'
import { type Approvals, clientAbove, named, plain } from './approvals.ts'
import type { Asking } from './controlling.ts'
import { canonicalClient, type Core, ledgerActor, nameOf } from './core.ts'
import type { SpawnRequest } from './facade.ts'
import { nameOfSetter } from './policies.ts'
import { addressOf, standFor } from './principals.ts'

export interface SpawnAsked extends Asking {
  readonly caller: Caller
  readonly request: SpawnRequest
  readonly parent: Address
}

export type ApproveSpawn = (asked: SpawnAsked) => Promise<void>

/** How long a person has, where nothing else is set. Milliseconds. */
export const spawnApprovalMs = 300_000

/** How much of a task a question repeats. Characters. */
const shownTask = 300

/**
 * Resolves when somebody has said yes. An agent's spawns ask the person of its client, a client's its own.
 * @throws MadroxError `not_approved`, with the reason
 */
export const createSpawnApproval = (core: Core, approvals: Approvals, waitMs: number): ApproveSpawn => ({ caller, request, parent, signal, progress, person }) =>
  new Promise((resolve, reject) => {
    const by = standFor(core, caller)
    const clientId = clientAbove(core, caller.kind === 'owner' ? parent : by)
    if (clientId === undefined) throw new MadroxError('internal', `The client of "${request.name}" is not on record.`)
    const onAbort = (): void => void approvals.settle(asked.row.id, 'gone', 'madrox', 'the call was cancelled')
    const onSettled = (settlement: Settlement): void => {
      signal?.removeEventListener('abort', onAbort)
      if (settlement.decision === 'allow') resolve()
      else reject(notApproved(core, request.name, settlement))
    }
    const text = wordsFor(core, caller, request, parent)
    const asked = approvals.begin({ kind: 'spawn', clientId, ...(caller.kind === 'agent' ? { agentId: caller.agentId } : {}), expiresAt: core.clock.now() + waitMs, onSettled, request: { text, by: named(core, by), asked: 'person' } })
    if (asked.over.signal.aborted) return
    if (signal?.aborted) return onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    const elsewhere = `answer_approval with approval_id ${asked.row.id}, from the command line or another session`
    progress?.(`A person is asked to approve "${request.name}" (also: ${elsewhere})`)
    // A client's call brings its own person; an agent's CLI has none.
    const asking = (caller.kind === 'client' && person?.able() === true ? person : undefined) ?? approvals.personOf(canonicalClient(core, clientId))
    const tellClient = (): void => {
      if (caller.kind === 'agent') ledgerActor(core).send({ type: 'noticeGiven', agentId: caller.agentId, to: { kind: 'client', id: clientId }, at: core.clock.now(), text: `${text} Allow or deny it: ${elsewhere}.` })
    }
    if (asking) approvals.ask(asked, asking, tellClient)
    else tellClient()
  })

function wordsFor(core: Core, caller: Caller, { name, harness, role, model, firstMessage, confinement }: SpawnRequest, parent: Address): string {
  const who = caller.kind === 'owner' ? 'Somebody' : `"${nameOf(core, addressOf(core, caller))}"`
  const under = caller.kind === 'agent' && parent.kind === 'agent' && parent.id === caller.agentId ? '' : parent.kind === 'agent' ? ` under "${nameOf(core, parent)}"` : ''
  const kind = [harness, ...(model === undefined ? [] : [`model ${plain(model, 200)}`]), `role ${plain(role, 80)}`, ...(confinement.bypass ? ['not confined to its workspace'] : [])].join(', ')
  const task = firstMessage === undefined ? '' : ` Its task: ${plain(firstMessage, shownTask)}`
  return `${who} wants to spawn the agent "${name}" (${kind})${under}.${task}`
}

function notApproved(core: Core, name: string, { decision, by, reason }: Settlement): MadroxError {
  const who = by === 'madrox' ? 'there was no yes' : `${nameOfSetter(core, by)} said no`
  return new MadroxError('not_approved', `"${name}" was not approved: ${who}${reason === undefined ? '' : ` (${reason})`}.`, { remedy: 'Do the work without it, or ask the user what should be different; nothing was started.', data: { decision, ...(reason === undefined ? {} : { reason }) } })
}
