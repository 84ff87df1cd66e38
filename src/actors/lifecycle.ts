/**
 * Putting agents away and bringing them back by wish, and what concerns all agents of a caller at once. What a suspended agent is
 * and what wakes it is its machine's; who may come back from the dead, and under whom, is `reviving.ts`'s.
 */

import { MadroxError } from '../errors.ts'
import { type AgentId, asClientId } from '../ids.ts'
import type { Caller } from '../messages.ts'
import type { AgentRow } from '../store/store.ts'
import { audit } from './auditing.ts'
import { heldAt, limitsChanged } from './at-limit.ts'
import { checkLimits, checkPrice, lineOf, withLimits } from './budgets.ts'
import { checkRoomToWake, isSuspended } from './capacity.ts'
import { endAll, interrupt, livingBelow } from './control.ts'
import { agentActor, type AgentActor, type AgentSnapshot, type AgentSpec, callerKey, canonicalClient, type Core, detailOf, isEnded, ledgerActor, rowOf, specOf, stateOf, tellAgent } from './core.ts'
import type { Asking } from './controlling.ts'
import { childrenOf, isWithin, resolveAgent, resolveLiving } from './directory.ts'
import type { AgentLimits, MadroxSystem, WaitOptions } from './facade.ts'
import type { Changes, Lifecycle, Persisted, Resumed, Suspended } from './lifecycle-words.ts'
import { rootName } from './parenthood.ts'
import { checkModelPolicy } from './policy-checks.ts'
import { addressOf } from './principals.ts'
import { type Resumable, type Reviving, whyNotResumable } from './reviving.ts'

export interface LifecycleOptions extends Resumable {
  readonly core: Core
  readonly reviving: Reviving
  /** How an agent is launched by its row as it is now. */
  readonly respecify: (row: AgentRow) => void
}

export function createLifecycle(options: LifecycleOptions): Lifecycle & Pick<MadroxSystem, 'terminateAll' | 'interruptAll'> {
  const { core } = options
  return {
    suspend: (caller, reference) => suspend(core, caller, reference),
    resume: (caller, reference, changes, wait) => resume(options, caller, reference, { changes, wait }),
    persisted: (caller, limit) => {
      const seen = core.store.listAgents().filter(row => isWithin(core, caller, row, 'see'))
      return { agents: seen.slice(-limit).map(row => toPersisted(options, row)), total: seen.length }
    },
    terminateAll: (caller, force) => endAll(core, topsOf(core, caller), force, 'terminated with all others'),
    interruptAll: (caller, then) => Promise.all(livingBelow(core, topsOf(core, caller)).filter(id => isBusy(core, id)).map(id => interrupt(core, caller, id, then))),
    mainInstance: caller => mainInstance(core, caller),
  }
}

async function suspend(core: Core, caller: Caller, reference: string): Promise<Suspended> {
  const { id: agentId, actor } = resolveLiving(core, caller, reference, 'rule')
  const was = detailOf(actor.getSnapshot())
  const base = { agentId, name: rowOf(core, agentId).name, was }
  if (isSuspended(core, agentId)) return { ...base, suspended: false, note: 'It was suspended already; nothing was changed.' }
  refuseWhileNeeded(base.name, actor.getSnapshot())
  ledgerActor(core).send({ type: 'audited', event: { at: core.clock.now(), event: 'suspend_asked', agentId, data: { by: callerKey(core, caller) } } })
  tellAgent(core, agentId, { type: 'suspendAsked', why: 'asked', at: core.clock.now() })
  await until(core, actor, { timeoutMs: Number.POSITIVE_INFINITY }, snapshot => !detailOf(snapshot).endsWith('.suspending'))
  if (isSuspended(core, agentId)) return { ...base, suspended: true }
  return { ...base, suspended: false, note: isEnded(core, agentId) ? 'It was ended meanwhile.' : `It is ${stateOf(actor.getSnapshot())} again: something for it to do came in meanwhile.` }
}

/** @throws MadroxError `agent_busy` where ending its process would cost it its turn, or work of its own, or a person at its terminal theirs */
function refuseWhileNeeded(name: string, snapshot: AgentSnapshot): void {
  const detail = detailOf(snapshot)
  if (snapshot.context.person && detail.endsWith('.live')) {
    const why = snapshot.context.person.holds === 'control' ? 'a person has control of its terminal' : 'a person left unsent text in its input box'
    throw new MadroxError('agent_busy', `"${name}" cannot be put away now: ${why}.`, { remedy: `Wait until that is over, or end it at the terminal: madrox attach ${name}.`, data: { state: detail } })
  }
  const background = snapshot.context.background.length
  if (detail.endsWith('.suspending') || ((detail === 'idle.live' || detail === 'interrupted.live') && background === 0)) return
  const why = background > 0 ? `it has ${background} background ${background === 1 ? 'task' : 'tasks'} running` : `it is ${detail === 'idle.deferred' ? 'about to begin a turn' : stateOf(snapshot)}`
  throw new MadroxError('agent_busy', `"${name}" cannot be put away now: ${why}.`, { remedy: 'interrupt_instance first, or wait until it has answered.', data: { state: detail } })
}

interface Resumption {
  readonly changes: Changes
  readonly wait: WaitOptions & Asking
}

async function resume(options: LifecycleOptions, caller: Caller, reference: string, { changes, wait }: Resumption): Promise<Resumed> {
  const { core, reviving } = options
  const agentId = resolveAgent(core, caller, reference, 'rule')
  // A call of an agent that has ended meanwhile: what it brought back would not be below it.
  if (caller.kind === 'agent' && isEnded(core, caller.agentId)) throw new MadroxError('agent_ended', `Agent "${rowOf(core, caller.agentId).name}" (${caller.agentId}) has ended and brings back nobody.`, { remedy: 'Have it resumed by those above it.', data: { agentId: caller.agentId } })
  const revived = isEnded(core, agentId)
  if (revived) await reviving.revive(caller, agentId, changes, wait)
  else checkChanges(core, agentId, changes)
  const actor = agentActor(core, agentId)
  if (!actor) throw new MadroxError('agent_ended', `"${rowOf(core, agentId).name}" has ended.`, { remedy: 'Spawn another.', data: { agentId } })
  const was = revived ? 'terminated' : detailOf(actor.getSnapshot())
  const isDown = isSuspended(core, agentId) || was.endsWith('.suspending')
  const { changed, isOther } = revived ? { changed: [], isOther: true } : respecify(options, callerKey(core, caller), agentId, changes)
  const { name } = rowOf(core, agentId)
  if (!isDown && !isOther) return { agentId, name, was, revived, note: `It is ${stateOf(actor.getSnapshot())} and was not suspended; ${changed.length > 0 ? `only ${changed.join(' and ')}.` : 'nothing was changed.'}${heldNote(core, agentId)}` }
  ledgerActor(core).send({ type: 'audited', event: { at: core.clock.now(), event: 'resume_asked', agentId, data: { by: callerKey(core, caller) } } })
  if (!revived) tellAgent(core, agentId, { type: 'resumeAsked', at: core.clock.now() })
  await until(core, actor, wait, isSettled)
  return { agentId, name, was, revived, ...outcomeOf(core, agentId, actor) }
}

/** Up, or down for good; being put away, and then brought up again, is neither. */
const isSettled = (snapshot: AgentSnapshot): boolean => stateOf(snapshot) !== 'spawning' && !detailOf(snapshot).endsWith('.suspending')

/** @throws MadroxError `spawn_failed` in the CLI's own words */
function outcomeOf(core: Core, agentId: AgentId, actor: AgentActor): { readonly note?: string } {
  const snapshot = actor.getSnapshot()
  const { lastError } = snapshot.context
  if (isEnded(core, agentId) || isSuspended(core, agentId)) {
    throw new MadroxError('spawn_failed', `"${rowOf(core, agentId).name}" could not be resumed: ${(lastError ?? core.store.getAgent(agentId)?.endReason ?? 'it went down again').replace(/\.$/, '')}.`, {
      remedy: 'Mend what the CLI says, then resume it again.', data: { agentId },
    })
  }
  const note = `${stateOf(snapshot) === 'spawning' ? 'It is still starting.' : ''}${heldNote(core, agentId)}`.trim()
  return note === '' ? {} : { note }
}

/** It is there, and nothing is delivered to it. */
function heldNote(core: Core, id: AgentId): string {
  const [first] = heldAt(core, id)
  return first ? ` It is held: ${first.agentId === id ? 'its limit' : `the limit of "${first.name}" above it`} is reached: ${first.detail}.` : ''
}

/** Before anything is changed. */
function checkChanges(core: Core, id: AgentId, { model, limits = {} }: Changes): void {
  const row = rowOf(core, id)
  const actor = agentActor(core, id)
  const isOther = model !== undefined && model !== specOf(row).model
  if (isOther) {
    checkModelPolicy(core, row, model)
    checkPrice(core, model, { ...specOf(row).limits, ...limits }, lineOf(core, row.parent))
  }
  checkLimits(core, isOther ? { ...row, spec: { ...specOf(row), model } } : row, limits)
  if (actor && isOther && !isSuspended(core, id)) refuseWhileNeeded(row.name, actor.getSnapshot())
  checkRoomToWake(core, id)
}

/** On record first, as everything. `isOther`: a process that runs was launched otherwise. */
function respecify({ core, respecify }: LifecycleOptions, by: string, id: AgentId, { name, model, limits = {} }: Changes): { readonly changed: readonly string[]; readonly isOther: boolean } {
  const row = rowOf(core, id)
  const isNew = name !== undefined && name !== row.name
  const isOther = model !== undefined && model !== specOf(row).model
  const others = Object.entries(limits).filter(([key, value]) => value !== specOf(row).limits?.[key as keyof AgentLimits]) // the object's own keys
  const changed = [...(isNew ? ['its name is another'] : []), ...(isOther ? ['its model is another'] : []), ...(others.length > 0 ? ['its limits are others'] : [])]
  if (changed.length === 0) return { changed, isOther }
  const spec: AgentSpec = { ...specOf(others.length > 0 ? withLimits(row, limits) : row), ...(isOther ? { model } : {}) }
  const next = { ...row, name: name ?? row.name, spec }
  core.store.transaction(() => {
    core.store.updateAgent(id, { name: next.name, spec })
    audit(core.store, { at: core.clock.now(), event: 'agent_respecified', agentId: id, data: { by, ...(isNew ? { called: name } : {}), ...(isOther ? { model } : {}), ...(others.length > 0 ? { limits: Object.fromEntries(others) } : {}) } })
  })
  core.rows.set(id, next)
  respecify(next)
  if (others.length > 0) limitsChanged(core, next)
  return { changed, isOther }
}

function toPersisted(options: LifecycleOptions, row: AgentRow): Persisted {
  const { core } = options
  const actor = agentActor(core, row.id)
  const { model } = specOf(row)
  const base = { row, ...(model ? { model } : {}) }
  if (actor && !isEnded(core, row.id)) {
    const state = detailOf(actor.getSnapshot())
    return isSuspended(core, row.id) ? { ...base, state, canResume: true } : { ...base, state, canResume: false, reason: `it is ${stateOf(actor.getSnapshot())}, with a living process` }
  }
  const reason = whyNotResumable(core, options, row)
  return { ...base, state: 'terminated', canResume: reason === undefined, ...(reason === undefined ? {} : { reason }) }
}

/** The living agents directly below the caller; of an owner, below all its clients. */
function topsOf(core: Core, caller: Caller): readonly AgentId[] {
  if (caller.kind === 'agent') return childrenOf(core, caller.agentId)
  const own = caller.kind === 'client' ? addressOf(core, caller).id : undefined
  return [...core.rows.values()]
    .filter(row => row.ownerId === caller.ownerId && row.parent.kind === 'client' && !isEnded(core, row.id) && (own === undefined || canonicalClient(core, asClientId(row.parent.id)) === own))
    .map(row => row.id)
}

const isBusy = (core: Core, id: AgentId): boolean => {
  const actor = agentActor(core, id)
  return actor !== undefined && stateOf(actor.getSnapshot()) === 'busy'
}

function mainInstance(core: Core, caller: Caller): { readonly agentId?: AgentId; readonly because: string } {
  const ownerId = caller.kind === 'agent' ? rowOf(core, caller.agentId).ownerId : caller.ownerId
  const named = [...core.rows.values()].find(row => row.ownerId === ownerId && row.name === rootName && row.parent.kind === 'client' && !isEnded(core, row.id))
  if (named) return { agentId: named.id, because: `it is called ${rootName}` }
  if (caller.kind !== 'agent') return { because: `no living agent is called ${rootName}; what you spawn stands directly under you` }
  const top = lineOf(core, { kind: 'agent', id: caller.agentId }).at(-1)
  return top ? { agentId: top.id, because: 'it stands at the top of your line of supervisors' } : { because: 'your line of supervisors is not on record' }
}

/** Resolves when the actor is so, has ended, or the wait is over. */
function until(core: Core, actor: AgentActor, { signal, timeoutMs }: WaitOptions, isSo: (snapshot: AgentSnapshot) => boolean): Promise<void> {
  return new Promise(resolve => {
    if (actor.getSnapshot().status !== 'active') return resolve()
    const finish = (): void => {
      subscription.unsubscribe()
      if (timer !== undefined) core.clock.clearTimeout(timer)
      signal?.removeEventListener('abort', finish)
      resolve()
    }
    const timer = Number.isFinite(timeoutMs) ? core.clock.setTimeout(finish, timeoutMs) : undefined
    const check = (snapshot: AgentSnapshot): void => {
      if (isSo(snapshot)) finish()
    }
    // When its actor fails, its supervisor hears of it next, and puts it on record.
    const subscription = actor.subscribe({ next: check, error: () => queueMicrotask(finish), complete: finish })
    signal?.addEventListener('abort', finish, { once: true })
    if (signal?.aborted) finish()
    else check(actor.getSnapshot())
  })
}
