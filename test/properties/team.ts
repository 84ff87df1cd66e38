/**
 * A living team for calls to meet: agents at work, idle, held, ended, of the same name, and another owner's; a real database. What is
 * driven by hand ends its turns only when a case says so, time stands still, and so whatever changes was changed by the call.
 */

import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { onTestFinished } from 'vitest'
import type { AgentStatus } from '../../src/actors/system.ts'
import { type AgentId, asAgentId, asOwnerId, localOwner } from '../../src/ids.ts'
import type { Caller } from '../../src/messages.ts'
import { createSqliteStore } from '../../src/store/sqlite.ts'
import type { ToolOutcome } from '../../src/tools/tool.ts'
import { createStage, type Stage } from '../actors/rig.ts'

export const callers = ['me', 'second', 'other', 'owner', 'lead', 'kid', 'leaf', 'gone'] as const
export type CallerName = (typeof callers)[number]

/** Said among the other owner's agents, and on a file beside the home: nobody else may ever read either. */
export const secrets = { other: 'words of the other owner', file: 'contents of a file outside' }

export interface Team {
  readonly stage: Stage
  readonly hands: readonly AgentId[]
  /** Everybody's, ended ones too. */
  agents(): readonly AgentStatus[]
  call(who: CallerName, tool: string, args: unknown): Promise<ToolOutcome>
  /** Puts things of the team in the places that stand for them. */
  fill(args: unknown): unknown
  /** What there is: every table but the record of calls themselves, every state, every directory. */
  digest(): readonly string[]
  rest(): Promise<void>
}

export async function createTeam(): Promise<Team> {
  const home = mkdtempSync(join(tmpdir(), 'madrox-properties-'))
  const outside = join(home, 'outside')
  mkdirSync(outside)
  writeFileSync(join(outside, 'secret.txt'), secrets.file)
  const path = join(home, 'madrox.db')
  const other = asOwnerId('other')
  const stage = createStage({ home, store: createSqliteStore({ path }), limits: { maxInstances: 40 }, ownerTokens: { other: 'token-of-the-other' } })
  const { me } = stage
  const stranger = stage.client('stranger', { ownerId: other })
  const tell = async (to: AgentId, message: string, by: Caller = me): Promise<string> => String((await stage.ask(by, 'send_to_instance', { instance_id: to, message, wait_for_response: false }))['message_id'])
  const scripted = async (name: string): Promise<AgentId> => String((await stage.ask(me, 'spawn_agent', { harness: 'scripted', name, workspace: 'isolated' }))['instance_id']) as AgentId // an agent's, as spawn gives it

  const lead = await stage.spawn('lead')
  const settled = await tell(lead, 'earlier')
  stage.turn(lead, 'answered')
  const open = await tell(lead, 'now')
  stage.begin(lead)
  const kid = await stage.spawn('kid', stage.as(lead))
  await tell(kid, 'part', stage.as(lead))
  stage.begin(kid)
  const leaf = await stage.spawn('leaf', stage.as(lead), { toolset: 'leaf' })
  await stage.spawn('twin')
  await stage.spawn('twin')
  const held = await stage.spawn('held')
  const gone = await stage.spawn('gone')
  const dead = await tell(gone, 'undone')
  await stage.ask(me, 'terminate_instance', { instance_id: gone, force: true })
  await scripted('echoes')
  const slow = await scripted('slow')
  await tell(slow, 'wait 600000')
  const strange = await stage.spawn('stranger', stranger)
  const theirs = await tell(strange, secrets.other, stranger)
  stage.begin(strange)
  for (const { path: workspace } of stage.store.listAgents().map(row => row.workspace)) {
    writeFileSync(join(workspace, 'notes.md'), 'notes')
    symlinkSync(outside, join(workspace, 'link'))
  }

  const people: Readonly<Record<CallerName, Caller>> = { me, second: stage.client('second'), other: stranger, owner: { kind: 'owner', ownerId: localOwner }, lead: stage.as(lead), kid: stage.as(kid), leaf: stage.as(leaf), gone: stage.as(gone) }
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  const places: ReadonlyMap<string, unknown> = new Map<string, unknown>([
    ...Object.entries({ lead, kid, leaf, slow, gone, stranger: strange }).map(([name, id]): [string, unknown] => [`§id.${name}`, id]),
    ['§prefix.lead', lead.slice(0, 6)], ['§short.lead', lead.slice(0, 5)],
    ['§client.me', me.clientId], ['§client.other', stranger.clientId],
    ['§message.open', open], ['§message.settled', settled], ['§message.dead', dead], ['§message.other', theirs], ['§approval.none', open],
    ['§home', home], ['§outside', outside], ['§outside/secret.txt', join(outside, 'secret.txt')],
    ['§long', 'long '.repeat(2_000)], ['§huge', 'x'.repeat(1_000_001)],
    ['§circular', circular], ['§function', () => 'x'], ['§bigint', 10n], ['§date', new Date(Number.NaN)], ['§deep', JSON.parse(`${'['.repeat(500)}${']'.repeat(500)}`)],
  ])
  const fill = (value: unknown): unknown => {
    if (typeof value === 'string') return places.has(value) ? places.get(value) : value
    if (Array.isArray(value)) return value.map(fill)
    if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner)]))
    return value
  }

  const rows = new Database(path)
  const tables = (rows.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('audit', 'refusals', 'calls')").all({}) as { name: string }[]).map(({ name }) => rows.prepare(`SELECT * FROM ${name}`)) // of the columns asked for
  onTestFinished(() => {
    rows.close()
    rmSync(home, { recursive: true, force: true })
  })
  const agents = (): readonly AgentStatus[] => [localOwner, other].flatMap(ownerId => stage.system.list({ kind: 'owner', ownerId }, { ended: true }))
  const digest = (): readonly string[] => [
    ...tables.flatMap(table => table.all({})).map(row => JSON.stringify(row)),
    ...agents().map(agent => JSON.stringify([agent.id, agent.name, agent.detail, agent.mailbox, agent.openMessages, agent.pendingReplies])),
    ...readdirSync(home, { recursive: true }).map(String).filter(name => !name.startsWith('madrox.db')),
  ]
  const rest = async (): Promise<void> => {
    for (let turns = 0; turns < 6; turns++) await stage.settle()
  }
  await rest()
  return { stage, hands: [lead, kid, leaf, held, strange], agents, fill, digest, rest, call: (who, tool, args) => answered(stage, people[who], tool, args) }
}

/** Of the event loop: a wait whose signal is hidden in another is given up then. */
const enoughTurns = 2_000
/** How long a call may take that waits for nobody. It is a fault of the tool if it takes longer, not of the machine. Milliseconds. */
const patienceMs = 15_000

/** A caller who gives up as soon as it is made to wait, before CLIs that do what they are asked. */
async function answered(stage: Stage, caller: Caller, tool: string, args: unknown): Promise<ToolOutcome> {
  const giving = new AbortController()
  const { signal } = giving
  const listen = signal.addEventListener.bind(signal)
  signal.addEventListener = (...given: Parameters<typeof listen>) => {
    listen(...given)
    setImmediate(() => setImmediate(() => giving.abort()))
  }
  const over = new AbortController()
  const calling = stage.call(caller, tool, args as Readonly<Record<string, unknown>>, { signal }).finally(() => over.abort()) // wrong on purpose
  const until = Date.now() + patienceMs
  for (let turns = 0; !over.signal.aborted; turns++) {
    obey(stage)
    if (turns > enoughTurns) giving.abort()
    if (Date.now() > until) throw new Error(`${tool} has not answered within ${patienceMs} ms.`)
    await stage.settle()
  }
  return calling
}

function obey(stage: Stage): void {
  for (const command of stage.commands.splice(0)) {
    if (command.type === 'readScreen') stage.fact(asAgentId(command.agentId), { type: 'screenRead', requestId: command.requestId, rendering: 'terminal', text: '$ ' })
    if (command.type === 'interrupt') {
      const id = asAgentId(command.agentId)
      const wasInTurn = stage.system.list({ kind: 'owner', ownerId: stage.store.getAgent(id)?.ownerId ?? localOwner }).some(agent => agent.id === id && agent.detail === 'busy.working')
      if (wasInTurn) stage.end(id, { status: 'interrupted' })
      stage.fact(id, { type: 'interruptFinished', requestId: command.requestId, wasInTurn })
    }
  }
}
