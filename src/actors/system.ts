/**
 * The facade: the only thing tools and transports see of the actor system. It turns calls into events for the root, and
 * answers out of snapshots and the store. It knows callers and their rights; it knows no wire and no CLI.
 */

import { existsSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { createActor } from 'xstate'
import type { Clock } from '../clock.ts'
import type { Driver, DriverFact, Launch } from '../drivers/driver.ts'
import { MadroxError } from '../errors.ts'
import { asAgentId, type AgentId, type ClientId, type IdSource } from '../ids.ts'
import type { Log } from '../log.ts'
import type { Logs } from '../logs/logs.ts'
import type { Summaries } from '../monitoring/summaries.ts'
import { createPrices, type Prices } from '../prices.ts'
import type { AgentRow, Store } from '../store/store.ts'
import type { Tracing } from '../telemetry/spans.ts'
import { createApprovals } from './approvals.ts'
import { createAsks } from './asks.ts'
import { createAttaching, createViewers } from './attaching.ts'
import { judgeAll, watchLimits } from './at-limit.ts'
import { createChanges } from './changes.ts'
import { createCleaning } from './cleaning.ts'
import { endAll, interrupt, terminate } from './control.ts'
import { createCoordination } from './coordinating.ts'
import { agentActor, canonicalClient, type Core, defaultLimits, ledgerActor, type Limits, remembered, rowOf, specOf, tellAgent } from './core.ts'
import { createDeadlines } from './deadlines.ts'
import { resolveAgent } from './directory.ts'
import { type CallToolForAgent, createDrivers } from './drivers.ts'
import { createExporting, type ExportingEvent } from './exporting.ts'
import type { MadroxSystem } from './facade.ts'
import { createFiles } from './files.ts'
import { createStoreHealth } from './health.ts'
import { createInspecting } from './inspecting.ts'
import { createJobs, jobsActor } from './jobs.ts'
import { createLedger } from './ledger.ts'
import { createLifecycle } from './lifecycle.ts'
import { createLetters } from './letters.ts'
import { createLogReading } from './logs.ts'
import { createMessaging } from './messaging.ts'
import { createMetrics } from './metrics.ts'
import { createNotifications } from './notifications.ts'
import { resolveParent } from './parenthood.ts'
import { policy, setPolicy } from './policies.ts'
import { createPolicyChanging } from './policy-changing.ts'
import { createPolicies } from './policy-record.ts'
import { watchPrompts } from './prompt-approval.ts'
import { createSpawnApproval, spawnApprovalMs } from './spawn-approval.ts'
import { aliasesOnRecord, authenticate, connectClient, Credentials, disconnectClient, locateClient } from './principals.ts'
import { hands } from '../machines/effects.ts'
import { redact } from '../redaction.ts'
import { defaultSupervision, type Supervision } from '../restarts.ts'
import { recover } from './recovery.ts'
import { createRefusedLogins } from './refused-logins.ts'
import { type Recorded, tellRecords } from './recording.ts'
import { createRetention } from './retention.ts'
import { createReviving } from './reviving.ts'
import { createRoot } from './root.ts'
import { createSecrets } from './secrets.ts'
import { children, list, output, peers, screen, screenOf, statusOf } from './seeing.ts'
import { createServers, type Servers } from './servers.ts'
import { toSaidTold } from './said.ts'
import { createSpawning, spawnFailureOf } from './spawning.ts'
import { createSpending } from './spending.ts'
import { createSummarising } from './summarising.ts'
import { createTeams } from './teams.ts'
import { traceRecords } from './tracing.ts'
import { createWaiting } from './waiting.ts'
import { type PrepareWorkspace, prepareWorkspace } from './workspaces.ts'

export interface SystemOptions {
  readonly store: Store
  readonly clock: Clock
  readonly ids: IdSource
  readonly log: Log
  /** `$MADROX_HOME`, absolute. */
  readonly home: string
  readonly limits?: Partial<Limits>
  /** Of models; default: those that Madrox knows. */
  readonly prices?: Prices
  /** Tokens of owners by name; beside them, the local user on loopback. */
  readonly ownerTokens?: Readonly<Record<string, string>>
  /** A directory of roles that overrides and adds to the shipped ones. */
  readonly rolesDir?: string
  /** The same for team templates. */
  readonly templatesDir?: string
  /** MCP servers for agents; default: presets without any variable, and every command taken to be there. */
  readonly servers?: Servers
  /** Of agents whose spawn names none, by harness. */
  readonly models?: Readonly<Record<string, string>>
  /** Where agents' own directories are made; default: `workspaces` in the home. */
  readonly workspaceDir?: string
  /** Put into the environment of every agent's processes, beside its id: how the reaper knows this home's. */
  readonly marker: Readonly<Record<string, string>>
  readonly connectDrivers: (emit: (fact: DriverFact) => void) => ReadonlyMap<string, Driver>
  /** How agents without an MCP client call tools. */
  readonly callTool: CallToolForAgent
  /** Where agents reach Madrox by MCP; undefined until (or unless) a transport serves. */
  readonly endpoint: () => string | undefined
  /** A transport will announce an endpoint: no agent's process starts before. */
  readonly willServe?: boolean
  /** Days that ended agents' output, consumed replies and calls, and the audit, are kept. None, or 0: for ever. */
  readonly retentionDays?: number
  /** Where logs are exported to; none: nowhere. Closed with the system. */
  readonly logs?: Logs
  /** Who is told of each message that has an outcome; none: nobody. Closed with the system. */
  readonly tracing?: Tracing
  /** Where summaries are kept; none: nowhere. */
  readonly summaries?: Summaries
  /** How clients treat their agents that die. */
  readonly supervision?: Supervision
  /** Where agents work; a simulation, which touches no disk, gives its own. */
  readonly prepareWorkspace?: PrepareWorkspace
  /** How long a spawn waits for a person's yes, and a permission prompt of a CLI for its answer. Milliseconds. */
  readonly approvals?: { readonly spawnMs?: number; readonly promptMs?: number }
  readonly workspaceExists?: (path: string) => boolean
}

/** Builds the tree and starts it: agents that an earlier system left open in the store are brought back (see `recovery.ts`). */
export function createSystem(options: SystemOptions): MadroxSystem {
  let drivers: ReadonlyMap<string, Driver> = new Map()
  const { clock, ids, log, logs, prices = createPrices() } = options
  const days = options.retentionDays ?? 0
  const toExporting = (event: ExportingEvent): void => root.system.get(hands.exporting)?.send(event)
  const health = createStoreHealth({ clock, log, store: recordingStore(options, recorded => toExporting({ type: 'recorded', recorded }), id => core.rows.get(id)) })
  const { store } = health
  const aliases = aliasesOnRecord(store)
  const viewers = createViewers()
  const logic = createRoot(
    {
      deadlines: createDeadlines(clock),
      asks: createAsks(),
      ledger: createLedger({ store, health, ids, clock, log, successorOf: id => canonicalClient({ aliases }, id) }),
      jobs: createJobs(() => ({ core, waiting })),
      retention: createRetention({ store, clock, log, days }),
      exporting: createExporting({ logs, clock, log, days, rowOf: id => core.rows.get(asAgentId(id)), toTold: said => toSaidTold(core, said), screenOf: (id, lines) => screenOf(core, id, lines) }),
      drivers: createDrivers({ connect: emit => (drivers = options.connectDrivers(emit)), callTool: options.callTool, wayBack: agentId => wayBack(agentId), toViewers: viewers.tell, clock, log }),
    },
    log,
  )
  const root = createActor(logic, { clock, logger: (...args: unknown[]) => log.debug(args.map(String).join(' ')) })
  const recorded = store.listAgents()
  const rows: Core['rows'] = new Map(recorded.map(row => [row.id, row.endedAt === undefined ? row : remembered(row, row.endedAt)]))
  const core: Core = { root, store, clock, ids, log, limits: { ...defaultLimits, ...options.limits }, supervision: options.supervision ?? defaultSupervision, prices, spending: createSpending({ store, prices, rows }), secrets: createSecrets(recorded), policies: createPolicies(store, log), prompts: new Map(), underway: new Map(), untold: new Set(), rows, aliases, reserved: new Map() }
  const credentials = new Credentials(options.ownerTokens ?? {})
  /** New for each process: what an earlier one of the same agent knew opens nothing any more. */
  const wayBack = (agentId: AgentId): Launch['madrox'] | 'later' => {
    const url = options.endpoint()
    if (url === undefined) return options.willServe ? 'later' : undefined
    credentials.revoke(agentId)
    return { url, token: credentials.issue(agentId) }
  }
  root.start()
  const tellOfOutage = (): void => core.root.system.get(hands.ledger)?.send({ type: 'storeFailed' })
  health.onOutage(tellOfOutage)
  if (health.read().status !== 'ok') tellOfOutage() // it began while the root started
  ledgerActor(core).on('agentEnded', ({ agentId }) => {
    credentials.revoke(agentId)
    rows.set(agentId, remembered(rowOf(core, agentId), clock.now()))
  })
  const inspect = createInspecting(core, logs && (happening => toExporting({ type: 'happened', happening })))
  const logReading = createLogReading({ core, logs, isWritable: () => health.read().status === 'ok' })
  const refusedLogins = createRefusedLogins(core, () => health.read().status === 'ok')
  const approvals = createApprovals(core)
  watchPrompts(core, approvals)
  watchLimits(core, harness => drivers.get(harness)?.tellsCost === true)
  const notifications = createNotifications(core)
  const waiting = createWaiting(core)
  const serves = (): boolean => options.willServe === true || options.endpoint() !== undefined
  const approve = createSpawnApproval(core, approvals, options.approvals?.spawnMs ?? spawnApprovalMs)
  const workspaceDir = options.workspaceDir ?? `${options.home}/workspaces`
  const spawning = createSpawning({ core, drivers: () => drivers, serves, models: options.models ?? {}, workspaceDir, marker: options.marker, ...(options.rolesDir ? { rolesDir: options.rolesDir } : {}), prepareWorkspace: options.prepareWorkspace ?? (request => prepareWorkspace(options.home, request)), approve, onSpawned: notifications.spawned, ...(options.approvals?.promptMs === undefined ? {} : { approvalMs: options.approvals.promptMs }), servers: options.servers ?? createServers({ home: options.home, env: {}, findExecutable: name => name }) })
  const messaging = createMessaging(core, waiting)
  const policyChanging = createPolicyChanging(change => setPolicy(core, change.caller, { ...change, harnesses: [...drivers.keys()] }))
  policyChanging.onPolicyChanged(() => judgeAll(core))
  const places = { core, home: options.home, workspaceDir }
  const cleaning = createCleaning(places)
  const workspaceExists = options.workspaceExists ?? existsSync
  const lifecycle = createLifecycle({
    core, drivers: () => drivers, workspaceExists, reviving: createReviving(core, { drivers: () => drivers, enter: spawning.enter, workspaceExists, approve }),
    respecify: row => tellAgent(core, row.id, { type: 'respecified', name: row.name, launch: spawning.toLaunch(row) }),
  })
  recover(core, { drivers: () => drivers, enter: spawning.enter })
  jobsActor(core).send({ type: 'jobsDue' })
  let closing: Promise<void> | undefined
  let closed = false
  /** Sessions end after the system they spoke to, and tell it: there is nobody left to be told. */
  const whileOpen =
    <Args extends readonly unknown[]>(tell: (...args: Args) => void) =>
    (...args: Args): void => {
      if (!closed) tell(...args)
    }
  const open = (): void => {
    if (closing) throw new MadroxError('shutting_down', 'Madrox is shutting down.', { remedy: 'Start it again, then repeat the call.' })
  }

  return {
    authenticate: (token, connection) => authenticate(core, credentials, token, connection),
    connectClient: request => connectClient(core, request),
    locateClient: (clientId, dir) => locateClient(core, clientId, dir),
    disconnectClient: whileOpen((clientId: ClientId) => disconnectClient(core, clientId)),
    toolsListed: agentId => tellAgent(core, agentId, { type: 'toolsListed', at: clock.now() }),
    toolsetOf: caller => (caller.kind === 'agent' ? (specOf(rowOf(core, caller.agentId)).toolset ?? 'supervisor') : 'client'),
    spawn: async (caller, request, asking) => {
      open()
      health.requireWritable() // before a workspace is made
      return spawning.spawn(caller, request, asking)
    },
    resolveParent: (caller, parent) => resolveParent(core, caller, parent),
    waitUntilReady: (agentId, wait) => spawning.waitUntilReady(agentId, wait).catch(async (error: unknown) => {
      await cleaning.removeUnused(agentId)
      throw error
    }),
    spawnFailure: agentId => spawnFailureOf(core, agentId),
    ...messaging,
    ...logReading,
    ...createFiles(core),
    ...createChanges(places),
    cleanWorkspaces: cleaning.cleanWorkspaces,
    recordRefusal: whileOpen(logReading.recordRefusal),
    recordRefusedLogin: whileOpen(refusedLogins.recordRefusedLogin),
    ...createLetters(core, waiting),
    ...createMetrics(core),
    ...createSummarising(core, options.summaries),
    ...createCoordination(core, waiting),
    ...createAttaching(core, viewers),
    ...lifecycle,
    resume: async (...args) => {
      open()
      health.requireWritable()
      return lifecycle.resume(...args)
    },
    ...createTeams({ core, drivers: () => drivers, dirs: { templates: options.templatesDir, roles: options.rolesDir }, room: spawning.room, isRepeated: spawning.isRepeated }),
    consumeReplies: whileOpen(messaging.consumeReplies),
    releaseReplies: whileOpen(messaging.releaseReplies),
    policy: (caller, of) => policy(core, caller, of),
    approvals: approvals.list,
    onApprovals: approvals.watch,
    answerApproval: approvals.answer,
    personAt: approvals.personAt,
    ...policyChanging,
    interrupt: (caller, reference, then) => interrupt(core, caller, reference, then),
    terminate: (caller, reference, force) => terminate(core, caller, reference, force),
    resolve: (caller, reference) => resolveAgent(core, caller, reference, 'address'),
    status: (caller, reference) => statusOf(core, resolveAgent(core, caller, reference, 'see')),
    list: (caller, listing) => list(core, caller, listing),
    children: (caller, parent) => children(core, caller, parent),
    peers: (caller, reference) => peers(core, caller, reference),
    output: (caller, reference, range) => output(core, caller, reference, range),
    screen: (caller, reference, lines) => screen(core, caller, reference, lines),
    inspect,
    inspectorUrl: agentId => inspectorUrl(options.endpoint(), agentId),
    dashboardUrl: () => inspectorUrl(options.endpoint()),
    onAgentEnded: listener => void ledgerActor(core).on('agentEnded', ({ agentId }) => listener(agentId)),
    health: () => {
      const trouble = logs?.trouble()
      return { ...health.read(), ...(trouble ? { notes: [redact(`Logs are not being written: ${trouble.reason}. Agents are not touched by it.`)] } : {}) }
    },
    endpointAnnounced: () => core.root.system.get(hands.drivers)?.send({ type: 'endpointAnnounced' }),
    close: (agents = 'end') => (closing ??= close(core, { drivers: () => drivers, agents, endApprovals: () => approvals.endAll('the server is shutting down'), endWaits: waiting.endAll, lastWord: () => (refusedLogins.end(), (closed = true)), logs, tracing: options.tracing })),
  }
}

/** The store, with those told who listen to what goes on record. */
function recordingStore({ store, logs, tracing, log }: SystemOptions, toExporting: (recorded: Recorded) => void, rowOf: (id: AgentId) => AgentRow | undefined): Store {
  const exported = logs ? tellRecords(store, toExporting) : store
  return tracing ? tellRecords(exported, traceRecords({ tracing, store, rowOf, log })) : exported
}

/** The page stands beside `/mcp`. */
function inspectorUrl(endpoint: string | undefined, agentId?: AgentId): string | undefined {
  return endpoint === undefined ? undefined : new URL(agentId === undefined ? './' : `./?agent=${agentId}`, endpoint).href
}

interface Closing {
  readonly drivers: () => ReadonlyMap<string, Driver>
  readonly agents: 'end' | 'suspend'
  readonly endApprovals: () => void
  readonly endWaits: () => void
  readonly lastWord: () => void
  readonly logs: Logs | undefined
  readonly tracing: Tracing | undefined
}

async function close(core: Core, { drivers, agents, endApprovals, endWaits, lastWord, logs, tracing }: Closing): Promise<void> {
  endApprovals()
  const tops = [...core.rows.values()].filter(row => row.parent.kind === 'client' && agentActor(core, row.id)).map(row => row.id)
  if (agents === 'end') await endAll(core, tops, false, 'the server is shutting down')
  else core.root.system.get(hands.drivers)?.send({ type: 'agentsLeft' })
  await Promise.all([...drivers().values()].map(driver => driver.close()))
  endWaits()
  // Whoever waited has been told; their answers are made from the store, and leave, before it closes.
  await setImmediate()
  lastWord()
  ledgerActor(core).send({ type: 'writeRetried' })
  core.root.stop()
  core.store.close()
  await Promise.all([logs?.close(), tracing?.close()])
  core.secrets.forget()
}

export { bringBack as bringBackHint } from './workspaces.ts'
export { medianOf, quantileOf } from './measures.ts'
export { rootName } from './parenthood.ts'
export { costOf } from './spending.ts'
export { agentHealths, healthOf } from './agent-health.ts'
export { serverAskedSchema } from './servers.ts'
export type * from './facade.ts'
export type { Member as TeamMember } from './templates.ts'
export { policyFields } from './policy.ts'
export type * from './controlling.ts'
export type * from './change-reading.ts'
export type * from './file-reading.ts'
export type * from './coordination.ts'
export type * from './log-reading.ts'
export type * from './metrics-reading.ts'
export type * from './summary-reading.ts'
export type { Summary } from '../monitoring/summaries.ts'
