/** Bringing an agent into the tree: whose child, with what rights, where, told what. Refusals happen before anything exists. */

import { randomUUID } from 'node:crypto'
import type { Driver, Launch } from '../drivers/driver.ts'
import { MadroxError } from '../errors.ts'
import type { AgentId } from '../ids.ts'
import type { Address, Caller } from '../messages.ts'
import type { AgentRow } from '../store/store.ts'
import type { AgentInput, Recovered } from '../machines/agent-context.ts'
import { addressKey } from '../machines/effects.ts'
import { defaultSupervision } from '../restarts.ts'
import { audit } from './auditing.ts'
import { briefing } from './briefing.ts'
import { agentActor, agentContext, type AgentSpec, callerKey, type Core, isEnded, nameOf, remembered, rowOf, specOf, stateOf } from './core.ts'
import { refuseAtLimit, watchAgent } from './at-limit.ts'
import { checkBudget, checkTotalCost } from './budgets.ts'
import type { Asking } from './controlling.ts'
import { checkRoom, depthBelow, livingProcesses } from './capacity.ts'
import { driverOf } from './harnesses.ts'
import { checkText } from './messaging.ts'
import { resolveParent } from './parenthood.ts'
import { policyBelow } from './policies.ts'
import { checkSpawnPolicy } from './policy-checks.ts'
import { ownerOfClient, standFor } from './principals.ts'
import { checkWithin, familyOf, isConfined, narrow } from './rights.ts'
import { rolePrompt } from './roles.ts'
import type { ApproveSpawn } from './spawn-approval.ts'
import type { Servers } from './servers.ts'
import type { AgentToolset, ParentFound, Spawned, SpawnRequest, WaitOptions } from './facade.ts'
import type { PrepareWorkspace, Workspace, WorkspaceRequest } from './workspaces.ts'

export interface SpawningOptions {
  readonly core: Core
  readonly drivers: () => ReadonlyMap<string, Driver>
  /** Whether agents reach Madrox by a transport, now or soon. */
  readonly serves: () => boolean
  readonly marker: Readonly<Record<string, string>>
  readonly rolesDir?: string
  /** Of agents whose spawn names none, by harness. */
  readonly models: Readonly<Record<string, string>>
  /** Where agents' own directories are made. */
  readonly workspaceDir: string
  readonly prepareWorkspace: PrepareWorkspace
  /** Asks, where policy says so, before anything exists. */
  readonly approve: ApproveSpawn
  readonly onSpawned: (row: AgentRow) => void
  /** How long a permission prompt waits. Milliseconds. */
  readonly approvalMs?: number
  readonly servers: Servers
}

export function createSpawning(options: SpawningOptions) {
  const { core } = options
  const underway = new Map<string, Promise<Spawned>>()

  /** The same call, repeated, is the same agent; also while the first is still being made. */
  async function spawn(caller: Caller, request: SpawnRequest, asking: Asking = {}): Promise<Spawned> {
    if (request.callKey === undefined) return create(caller, request, asking)
    const key = `${callerKey(core, caller)} ${request.callKey}`
    const earlier = core.store.findCall(callerKey(core, caller), request.callKey) as { agentId: AgentId } | undefined // recorded below
    if (earlier) return { agentId: earlier.agentId, fresh: false }
    const running = underway.get(key)
    if (running) return { ...(await running), fresh: false }
    const made = create(caller, request, asking).finally(() => underway.delete(key))
    underway.set(key, made)
    return made
  }

  /** Who it would be, under whom; refused where rights, limits or policy say so. */
  function plan(caller: Caller, asked: SpawnRequest) {
    const model = asked.model ?? options.models[asked.harness] ?? options.models[familyOf(asked.harness)]
    const request = model === undefined ? asked : { ...asked, model }
    const driver = driverOf(request.harness, options.drivers())
    if (request.firstMessage !== undefined) checkText(core, request.firstMessage)
    const parent = typeof request.parent === 'object' ? request.parent : resolveParent(core, caller, request.parent, request.name)
    const supervisor = parent.address.kind === 'agent' ? rowOf(core, parent.address.id) : undefined
    // A call of an agent that has ended meanwhile: before a workspace is made for nobody.
    if (supervisor && isEnded(core, supervisor.id)) throw new MadroxError('agent_ended', `Agent "${supervisor.name}" (${supervisor.id}) has ended and takes no agents.`, { remedy: 'Choose another parent_instance_id.', data: { agentId: supervisor.id } })
    const granted = supervisor ? narrow(specOf(supervisor), request) : request
    if (supervisor) checkWithin(supervisor.name, specOf(supervisor), granted)
    options.servers.check(granted.mcpServers)
    refuseAtLimit(core, parent.address, 'It takes no agents')
    checkBudget(core, granted, parent.address)
    const { ownerId } = standsUnder(core, parent.address, request.name)
    checkTotalCost(core, ownerId)
    checkSpawnPolicy(core, { ...granted, parent: parent.address, ownerId, depth: depthBelow(core, parent.address) })
    checkRoom(core, parent.address)
    return { driver, parent, granted, toolset: toolsetAt(core, parent, granted), ownerId }
  }

  const asksFirst = ({ ownerId, parent }: ReturnType<typeof plan>): boolean => policyBelow(core, ownerId, parent.address, 'spawn_approval') === 'manual'

  async function create(caller: Caller, request: SpawnRequest, asking: Asking): Promise<Spawned> {
    let planned = plan(caller, request)
    if (asksFirst(planned)) {
      const { granted, parent } = planned
      await options.approve({ caller, request: granted, parent: parent.address, ...asking })
      // What holds now decides, not what held when the question was put.
      planned = plan(caller, { ...request, parent })
    }
    const { driver, parent, granted, toolset } = planned
    const agentId = core.ids.agent()
    core.underway.set(agentId, { parent: parent.address, limits: granted.limits ?? {} })
    try {
      const prompt = request.systemPrompt ?? (await rolePrompt(request.role, options.rolesDir))
      const workspace = await options.prepareWorkspace({ wanted: request.workspace, agentId, agentName: request.name, base: options.workspaceDir, ...standing(core, parent.address) })
      const row = toRow(core, { agentId, request: granted, prompt, parent, workspace, toolset })
      insert(row, driver, caller, request.callKey)
      return { agentId, fresh: true }
    } finally {
      core.underway.delete(agentId)
    }
  }

  function insert(row: AgentRow, driver: Driver, caller: Caller, callKey: string | undefined): void {
    // The supervisor may have ended while the workspace was made.
    if (row.parent.kind === 'agent' && isEnded(core, row.parent.id)) throw new MadroxError('agent_ended', `The supervisor of "${row.name}" ended while it was being spawned.`, { remedy: 'Choose another parent_instance_id.' })
    if (row.parent.kind === 'client') standFor(core, caller)
    core.store.transaction(() => {
      core.store.insertAgent(row)
      if (callKey !== undefined) core.store.recordCall(callerKey(core, caller), callKey, { agentId: row.id }, row.createdAt, row.id)
      audit(core.store, { at: row.createdAt, event: 'agent_spawned', agentId: row.id, data: { name: row.name, harness: row.harness, role: row.role, parent: row.parent, source: row.parentSource, by: callerKey(core, caller) } })
    })
    core.rows.set(row.id, row)
    core.secrets.learn(row)
    if (!enter(row, driver)) {
      core.rows.set(row.id, remembered(row, core.clock.now()))
      const [at, reason] = [core.clock.now(), 'its supervisor was ending']
      core.store.updateAgent(row.id, { state: 'terminated', endedAt: at, endReason: reason })
      audit(core.store, { at, event: 'agent_ended', agentId: row.id, data: { reason, unasked: false } })
      throw new MadroxError('agent_ended', `The supervisor of "${row.name}" is ending and takes no more agents.`, { remedy: 'Choose another parent_instance_id.' })
    }
    watchAgent(core, row)
    options.onSpawned(row)
  }

  /** Into the tree, under its supervisor's actor. False: that takes no more. */
  function enter(row: AgentRow, driver: Driver, recovered?: Recovered): boolean {
    const { restart = 'transient', supervision = defaultSupervision } = specOf(row)
    const input: AgentInput = {
      agentId: row.id, name: row.name, harness: row.harness, supervisor: row.parent, launch: toLaunch(row), awaitsTools: driver.speaksMcp && options.serves(), restart, supervision, ...vigilOf(core),
      ...(options.approvalMs === undefined ? {} : { approvalMs: options.approvalMs }),
      ...(recovered ? { recovered, at: core.clock.now() } : { at: row.createdAt }),
    }
    core.root.system.get(addressKey(row.parent))?.send({ type: 'spawnAsked', input })
    return agentActor(core, row.id) !== undefined
  }

  /** How an agent reaches Madrox is added when its process starts: see the drivers' hand. */
  function toLaunch(row: AgentRow): Launch {
    const spec = specOf(row)
    const { callerDir } = standing(core, row.parent)
    const facts = { agentId: row.id, name: row.name, role: row.role, supervisor: `"${nameOf(core, row.parent)}"`, workspace: row.workspace as Workspace, maySpawn: spec.toolset !== 'leaf', ...(callerDir ? { supervisorDir: callerDir } : {}) } // the row holds what prepareWorkspace gave
    const asked = { ...spec.mcpServers } // an earlier version kept none
    const { servers, lost } = options.servers.resolve(asked, row.workspace.path)
    core.secrets.learnOf(servers)
    if (lost.length > 0) core.log.error(`"${row.name}" starts without an MCP server it was to have`, { agentId: row.id, lost })
    // What a confined agent may only read is kept from a server that would let it write there.
    const isOpened = !spec.confinement.bypass && options.servers.followRoots(asked)
    return {
      name: row.name,
      cwd: row.workspace.path,
      readableDirs: !isOpened && callerDir && callerDir !== row.workspace.path ? [callerDir] : [],
      systemPrompt: `${spec.prompt}\n\n${briefing(facts)}`,
      ...(spec.model ? { model: spec.model } : {}),
      ...(spec.profile ? { profile: spec.profile } : {}),
      sessionId: randomUUID(),
      resume: false,
      mcpServers: servers,
      inheritMcp: spec.inheritMcp,
      confinement: spec.confinement,
      marker: { ...options.marker, MADROX_AGENT_ID: row.id },
      ...(spec.script === undefined ? {} : { script: spec.script }),
      readyTimeoutMs: 60_000,
    }
  }

  /** Agents that may still be spawned. */
  const room = (): number => core.limits.maxInstances - livingProcesses(core)
  const isRepeated = (caller: Caller, callKey: string): boolean => {
    const key = callerKey(core, caller)
    return underway.has(`${key} ${callKey}`) || core.store.findCall(key, callKey) !== undefined
  }

  return { spawn, enter, toLaunch, room, isRepeated, waitUntilReady: (agentId: AgentId, wait: WaitOptions) => waitUntilReady(core, agentId, wait) }
}

/** The caller's directory that `shared`, `worktree` and `auto` start from; an agent's own is also the bound for paths, and nothing a confined one wrote there is obeyed. */
export function standing(core: Core, parent: Address): Pick<WorkspaceRequest, 'callerDir' | 'within' | 'isUntrusted'> {
  if (parent.kind === 'agent') {
    const row = core.rows.get(parent.id)
    return row ? { callerDir: row.workspace.path, within: row.workspace.path, isUntrusted: isConfined(specOf(row)) } : {}
  }
  const root = core.store.getClient(parent.id)?.root
  return root ? { callerDir: root } : {}
}

/** On the last level there is nobody to supervise. */
function toolsetAt(core: Core, parent: ParentFound, request: SpawnRequest): AgentToolset {
  return request.toolset ?? (depthBelow(core, parent.address) >= core.limits.maxDepth ? 'leaf' : 'supervisor')
}

/** Minutes as machines have them; 0: never. */
const vigilOf = ({ limits: { stuckMinutes, idleMinutes } }: Core): Pick<AgentInput, 'stuckMs' | 'idleMs'> => ({
  ...(stuckMinutes > 0 ? { stuckMs: stuckMinutes * 60_000 } : {}), ...(idleMinutes > 0 ? { idleMs: idleMinutes * 60_000 } : {}),
})

function toRow(core: Core, { agentId, request, prompt, parent, workspace, toolset }: { agentId: AgentId; request: SpawnRequest; prompt: string; parent: ParentFound; workspace: Workspace; toolset: AgentToolset }): AgentRow {
  const { parent: _, callKey: __, firstMessage: ___, ...spec } = request
  return {
    id: agentId, name: request.name, harness: request.harness, role: request.role, parent: parent.address, ...standsUnder(core, parent.address, request.name),
    spec: { ...spec, prompt, toolset } satisfies AgentSpec, workspace, parentSource: parent.source, createdAt: core.clock.now(), state: 'spawning',
  }
}

/** Whose it will be, and the client at the top of its line. */
function standsUnder(core: Core, parent: Address, name: string): Pick<AgentRow, 'clientId' | 'ownerId'> {
  const clientId = parent.kind === 'client' ? parent.id : core.rows.get(parent.id)?.clientId
  const ownerId = clientId && ownerOfClient(core, clientId)
  if (!clientId || !ownerId) throw new MadroxError('internal', `The supervisor of "${name}" is not on record.`)
  return { clientId, ownerId }
}

/** Resolves when the agent can take a message. A failed spawn says so in the CLI's own words. */
function waitUntilReady(core: Core, agentId: AgentId, { signal, timeoutMs }: WaitOptions): Promise<void> {
  const actor = agentActor(core, agentId)
  // Of a repeated call, long after: an agent that was ready once has been spawned, whatever became of it.
  if (!actor) return wasSpawned(core, agentId) ? Promise.resolve() : Promise.reject(spawnFailed(core, agentId))
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      subscription.unsubscribe()
      core.clock.clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      finish()
    }
    const onAbort = (): void => settle(resolve)
    const timer = core.clock.setTimeout(() => settle(resolve), timeoutMs)
    const check = (): void => {
      const state = stateOf(actor.getSnapshot())
      // A failed start is told once the agent is gone whole, so that "failed" also means "nothing left".
      if (state === 'terminated' ? core.store.getAgent(agentId)?.endedAt !== undefined : state !== 'spawning') settle(state === 'terminated' ? () => reject(spawnFailed(core, agentId)) : resolve)
    }
    const ended = (): void => settle(() => reject(spawnFailed(core, agentId)))
    // When its actor fails, its supervisor hears of it next, and puts it on record.
    const subscription = actor.subscribe({ next: check, error: () => queueMicrotask(ended), complete: ended })
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted) onAbort()
    check()
  })
}

/** Ready once, and not known to be of no use since. */
const wasSpawned = (core: Core, agentId: AgentId): boolean => core.store.getAgent(agentId)?.sessionId !== undefined

/** Of an agent that has ended: why its spawn failed after all. Undefined: it did not, or it lives. */
export const spawnFailureOf = (core: Core, agentId: AgentId): MadroxError | undefined =>
  core.store.getAgent(agentId)?.endedAt === undefined || wasSpawned(core, agentId) ? undefined : spawnFailed(core, agentId)

function spawnFailed(core: Core, agentId: AgentId): MadroxError {
  const row = core.store.getAgent(agentId)
  const why = row?.endReason ?? agentContext(core, agentId)?.lastError ?? 'it ended before it was ready'
  return new MadroxError('spawn_failed', `"${row?.name ?? agentId}" could not be spawned: ${why.replace(/\.$/, '')}.`, {
    remedy: 'Mend what the CLI says, then spawn again; nothing of this attempt is left running.', data: { agentId },
  })
}
