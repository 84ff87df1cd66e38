/**
 * The real system, tool table and all, over a driver that does only what the test says ("hand"), and beside it the scripted
 * one. Time stands still until it is moved.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { Limits } from '../../src/actors/core.ts'
import { createServers, type ServersOptions } from '../../src/actors/servers.ts'
import { createSystem, type MadroxSystem, type Person } from '../../src/actors/system.ts'
import { createSimulatedClock, type SimulatedClock } from '../../src/clock.ts'
import type { Driver, DriverCommand, DriverFact } from '../../src/drivers/driver.ts'
import type { BareFact } from '../../src/drivers/facts.ts'
import { createScriptedDriver } from '../../src/drivers/scripted/driver.ts'
import { type AgentId, asAgentId, asReplyId, localOwner, type OwnerId, randomIds } from '../../src/ids.ts'
import { silentLog } from '../../src/log.ts'
import type { Logs } from '../../src/logs/logs.ts'
import type { Caller } from '../../src/messages.ts'
import type { Summaries } from '../../src/monitoring/summaries.ts'
import type { Supervision } from '../../src/restarts.ts'
import type { Prices } from '../../src/prices.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import type { Tracing } from '../../src/telemetry/spans.ts'
import { createToolTable } from '../../src/tools/table.ts'
import { callTool, type ToolOutcome } from '../../src/tools/tool.ts'
import { misfits } from '../tools/outputs.ts'

export type TurnEnded = BareFact<'turnEnded'>
interface CallOptions {
  readonly callKey?: string
  readonly signal?: AbortSignal
  /** Whoever sits where the call comes from. */
  readonly person?: Person
  readonly progress?: (message: string) => void
  /** False: the answer does not leave, and what it held is released. */
  readonly leaves?: boolean
}

export interface Stage {
  readonly system: MadroxSystem
  readonly store: Store
  readonly clock: SimulatedClock
  readonly me: Caller & { kind: 'client' }
  readonly home: string
  client(name: string, more?: { ownerId?: OwnerId; root?: string }): Caller & { kind: 'client' }
  /** What a transport does. */
  call(caller: Caller, tool: string, args?: Readonly<Record<string, unknown>>, options?: CallOptions): Promise<ToolOutcome>
  /** `call`, and its data; a refusal fails the test. */
  ask(caller: Caller, tool: string, args?: Readonly<Record<string, unknown>>, options?: CallOptions): Promise<Record<string, unknown>>
  /** The code of the refusal that is expected. */
  refusal(caller: Caller, tool: string, args?: Readonly<Record<string, unknown>>): Promise<string>
  /** A hand-driven agent, ready. */
  spawn(name: string, by?: Caller, more?: Readonly<Record<string, unknown>>): Promise<AgentId>
  as(id: AgentId): Caller & { kind: 'agent' }
  fact(id: AgentId, fact: BareFact): void
  /** Takes the prompt on its way: its text. The turn runs then. */
  begin(id: AgentId): string
  end(id: AgentId, more?: Partial<TurnEnded>): void
  /** Begins and ends a turn that says this. */
  turn(id: AgentId, finalText: string): string
  state(id: AgentId): string
  /** Commands since the last look, as `type agent`. */
  readonly commands: DriverCommand[]
  /** Agents whose start and stop the test answers itself. */
  readonly byHand: Set<string>
  /** Lets everything that was set off come to rest. */
  settle(): Promise<void>
  /** As after a SIGKILL: nothing more is heard of this system, and the next one finds what is in its store. */
  crash(more?: StageOptions): Stage
}

export interface StageOptions {
  readonly store?: Store
  readonly limits?: Partial<Limits>
  readonly prices?: Prices
  readonly ownerTokens?: Readonly<Record<string, string>>
  readonly home?: string
  readonly startAt?: number
  readonly supervision?: Supervision
  readonly retentionDays?: number
  readonly approvals?: { readonly spawnMs?: number; readonly promptMs?: number }
  /** Where logs are exported to; none: nowhere. */
  readonly logs?: Logs
  readonly summaries?: Summaries
  readonly tracing?: Tracing
  /** Where a transport serves; none: nowhere. */
  readonly endpoint?: () => string | undefined
  /** What MCP presets find; none: no variable, and every command. */
  readonly surroundings?: Partial<Pick<ServersOptions, 'env' | 'findExecutable'>>
  /** The driver by hand is one whose CLI tells what its turns cost. */
  readonly tellsCost?: boolean
  /** Further harnesses, each played by the scripted one. */
  readonly played?: readonly string[]
  readonly rolesDir?: string
  readonly templatesDir?: string
  /** The next agents are not answered for: their names. */
  readonly byHand?: readonly string[]
}

export function createStage(options: StageOptions = {}): Stage {
  const store = options.store ?? createMemoryStore()
  const clock = createSimulatedClock(options.startAt ?? Date.UTC(2026, 0, 1))
  const home = options.home ?? mkdtempSync(join(tmpdir(), 'madrox-actors-'))
  const tools = createToolTable()
  const commands: DriverCommand[] = []
  const byHand = new Set(options.byHand)
  const prompts = new Map<string, { promptId: string; text: string }>()
  const turns = new Map<string, { turnId: string; promptId?: string }>()
  const handDriven = new Set<string>()
  const names = new Map<string, string>()
  let count = 0
  let crashed = false
  let emit: (fact: DriverFact) => void = () => {}

  const fact: Stage['fact'] = (id, bare) => {
    if (bare.type === 'turnStarted' || bare.type === 'promptSeen') turns.set(id, { turnId: bare.turnId })
    emit({ ...bare, agentId: id, source: 'self', at: clock.now() } as DriverFact) // the three fields Bare leaves out
  }
  const later = (id: string, name: string, bare: BareFact): void => {
    if (!byHand.has(name)) queueMicrotask(() => fact(asAgentId(id), bare))
  }
  const hand: Driver = {
    harness: 'hand',
    speaksMcp: false,
    tellsCost: options.tellsCost === true,
    dispatch: command => {
      commands.push(command)
      const name = names.get(command.agentId) ?? ''
      if (command.type === 'startAgent') {
        names.set(command.agentId, command.launch.name)
        handDriven.add(command.agentId)
        later(command.agentId, command.launch.name, { type: 'ready', sessionId: command.launch.sessionId })
      }
      if (command.type === 'submitPrompt') prompts.set(command.agentId, command)
      if (command.type === 'stopAgent') later(command.agentId, name, { type: 'exited', expected: true })
    },
    close: () => Promise.resolve(),
  }

  const call: Stage['call'] = async (caller, tool, args = {}, { callKey, signal = new AbortController().signal, leaves = true, person, progress = () => {} } = {}) => {
    const outcome = await callTool(tools, tool, args, { system, caller, signal, progress, now: () => clock.now(), ...(person ? { person } : {}), ...(callKey ? { callKey } : {}) })
    const called = tools.get(tool)
    if (outcome.ok && called?.output) expect(misfits(called, outcome.data)).toEqual([])
    if (outcome.replies) (leaves && !signal.aborted ? system.consumeReplies : system.releaseReplies)(outcome.replies.map(asReplyId))
    return outcome
  }
  const system = createSystem({
    store, clock, ids: randomIds, log: silentLog, home, marker: {}, endpoint: options.endpoint ?? (() => undefined),
    ...(options.approvals ? { approvals: options.approvals } : {}), ...(options.logs ? { logs: options.logs } : {}), ...(options.summaries ? { summaries: options.summaries } : {}), ...(options.tracing ? { tracing: options.tracing } : {}), ...(options.limits ? { limits: options.limits } : {}), ...(options.prices ? { prices: options.prices } : {}), ...(options.supervision ? { supervision: options.supervision } : {}), ...(options.retentionDays === undefined ? {} : { retentionDays: options.retentionDays }), ...(options.ownerTokens ? { ownerTokens: options.ownerTokens } : {}),
    servers: createServers({ home, env: {}, findExecutable: name => name, ...options.surroundings }),
    ...(options.rolesDir ? { rolesDir: options.rolesDir } : {}), ...(options.templatesDir ? { templatesDir: options.templatesDir } : {}),
    connectDrivers: tell => {
      emit = tell
      const scripted = ['scripted', ...(options.played ?? [])].map((name): [string, Driver] => [name, createScriptedDriver({ bin: '', env: {}, childEnv: [], stateDir: join(home, name), clock, log: silentLog }, tell)])
      return new Map([['hand', hand], ...scripted])
    },
    callTool: async (agentId, tool, args, signal) => {
      const outcome = await call({ kind: 'agent', agentId }, tool, args, { signal })
      return { ok: outcome.ok, text: outcome.ok ? (outcome.text ?? JSON.stringify(outcome.data)) : `${outcome.error.code}: ${outcome.error.message}` }
    },
  })
  const client: Stage['client'] = (name, { ownerId = localOwner, root } = {}) => ({ kind: 'client', clientId: system.connectClient({ ownerId, name, ...(root ? { root } : {}) }), ownerId })
  const me = client('tester', { root: home })
  onTestFinished(async () => {
    if (crashed) return
    byHand.clear()
    for (const agent of system.list({ kind: 'owner', ownerId: localOwner })) if (handDriven.has(agent.id) && agent.state === 'terminated') fact(agent.id, { type: 'exited', expected: true })
    await system.close()
    rmSync(home, { recursive: true, force: true })
  })

  const stage: Stage = {
    system, store, clock, me, home, client, call, fact, commands, byHand,
    ask: async (...args) => {
      const outcome = await call(...args)
      if (!outcome.ok) throw new Error(`${args[1]}: ${outcome.error.code}: ${outcome.error.message}`)
      return outcome.data ?? { text: outcome.text }
    },
    refusal: async (...args) => {
      const outcome = await call(...args)
      return outcome.ok ? 'ok' : outcome.error.code
    },
    spawn: async (name, by = me, more = {}) => asAgentId(String((await stage.ask(by, 'spawn_agent', { harness: 'hand', name, workspace: 'isolated', ...more }))['instance_id'])),
    as: agentId => ({ kind: 'agent', agentId }),
    begin: id => {
      const prompt = prompts.get(id)
      if (!prompt) throw new Error('No prompt is on its way.')
      prompts.delete(id)
      const turnId = `t${++count}`
      fact(id, { type: 'promptWritten', promptId: prompt.promptId })
      fact(id, { type: 'promptSeen', promptId: prompt.promptId, turnId })
      turns.set(id, { turnId, promptId: prompt.promptId })
      return prompt.text
    },
    end: (id, more = {}) => {
      const turn = turns.get(id)
      if (!turn) throw new Error('No turn runs.')
      turns.delete(id)
      fact(id, { type: 'turnEnded', status: 'completed', background: [], ...turn, ...more })
    },
    turn: (id, finalText) => {
      const text = stage.begin(id)
      stage.end(id, { finalText })
      return text
    },
    state: id => system.status({ kind: 'owner', ownerId: localOwner }, id).detail,
    crash: (more = {}) => {
      crashed = true // its clock stands still from now on, and so does it
      return createStage({ ...options, store, home, startAt: clock.now() + 1, byHand: [], ...more })
    },
    settle: () => new Promise(resolve => setImmediate(resolve)),
  }
  return stage
}
