/** What simulated callers ask of Madrox: any tool, with arguments that mean something, nothing, or what they have no right to. */

import { type AgentId, asMessageId, type MessageId } from '../../src/ids.ts'
import { type Address, type Caller, sameAddress } from '../../src/messages.ts'
import type { ToolOutcome } from '../../src/tools/tool.ts'
import { announce, hear, sentIn } from './hearing.ts'
import type { Random } from './random.ts'
import { above } from './rights.ts'
import { type CallManner, harness } from './server.ts'
import type { Stage } from './stage.ts'
import { answerText } from './words.ts'

export interface Errand {
  readonly tool: string
  readonly args: Readonly<Record<string, unknown>>
}

/** Somebody who calls, and what it remembers. */
export interface Party {
  readonly address: Address
  readonly sent: MessageId[]
  readonly random: Random
}

type Draw = (party: Party) => Errand | undefined
type Menu = readonly (readonly [weight: number, draw: Draw])[]

export interface Errands {
  ofClient(party: Party): Errand | undefined
  /** `quiet`: nothing that makes new work. */
  ofAgent(party: Party): Errand | undefined
  tell(to: AgentId): Errand
}

export function createErrands({ durable, agenda, limits }: Pick<Stage, 'durable' | 'agenda' | 'limits'>): Errands {
  let count = 0
  const text = (): string => `task ${++count}`
  const everybody = (): readonly AgentId[] => durable.listAgents().map(row => row.id)
  const living = (test: (parent: Address) => boolean): readonly AgentId[] => durable.listAgents().flatMap(row => (row.endedAt === undefined && test(row.parent) ? [row.id] : []))
  const own = ({ address }: Party): readonly AgentId[] => living(parent => sameAddress(parent, address))
  const near = (party: Party): readonly AgentId[] => {
    const row = party.address.kind === 'agent' ? durable.getAgent(party.address.id) : undefined
    if (!row) return durable.listAgents().flatMap(agent => (agent.endedAt === undefined && agent.clientId === party.address.id ? [agent.id] : []))
    const peers = living(parent => sameAddress(parent, row.parent)).filter(id => id !== row.id)
    return [...own(party), ...own(party), ...peers, ...(row.parent.kind === 'agent' ? [row.parent.id] : [])]
  }
  const everBelow = ({ address }: Party): readonly AgentId[] => everybody().filter(id => [...above(durable, id)].some(each => sameAddress(each, address)))
  const seconds = (random: Random): number => (random.chance(70) ? 1 + random.roll(10) : 30 + random.roll(150))

  const spec = ({ random, address }: Party): Record<string, unknown> => ({
    name: `a${++count}`, system_prompt: 'simulated', workspace: 'isolated', wait_for_ready: random.chance(70), timeout_seconds: seconds(random),
    ...(random.chance(50) ? { initial_prompt: text(), wait_for_response: random.chance(50) } : {}), ...(random.chance(10) ? { bypass_isolation: true } : {}),
    ...(address.kind === 'client' && limits?.chance(60) ? { max_total_tokens: 1 + limits.roll(60) } : {}),
  })
  const spawn: Draw = party => ({ tool: 'spawn_agent', args: { harness, ...spec(party) } })
  const spawnBelow: Draw = party => {
    const parent = party.random.pick(near(party))
    return parent && { tool: 'spawn_agent', args: { harness, ...spec(party), parent_instance_id: parent } }
  }
  const spawnTeam: Draw = party => ({ tool: 'spawn_multiple_instances', args: { instances: [spec(party), spec(party)].map(each => ({ ...each, instance_type: harness })) } })
  const tell = (to: AgentId): Errand => ({ tool: 'send_to_instance', args: { instance_id: to, message: text(), wait_for_response: false } })
  const send = (more: (random: Random) => Record<string, unknown>): Draw => party => {
    const to = party.random.pick(near(party))
    if (!to) return undefined
    const errand = tell(to)
    return { ...errand, args: { ...errand.args, ...more(party.random) } }
  }
  const sendMany: Draw = party => {
    const ids = near(party).slice(0, 3)
    return ids.length === 0 ? undefined : { tool: 'send_to_multiple_instances', args: { instance_ids: [...new Set(ids)], message: text(), wait_for_responses: party.random.chance(40), timeout_seconds: seconds(party.random) } }
  }
  const broadcast: Draw = party => (own(party).length === 0 ? undefined : { tool: 'broadcast_to_children', args: { message: text(), wait_for_responses: party.random.chance(30), timeout_seconds: seconds(party.random) } })
  const collect: Draw = ({ address, random }) => ({ tool: 'get_pending_replies', args: { ...(address.kind === 'agent' && random.chance(30) ? { instance_id: address.id } : {}), wait_timeout: random.chance(50) ? 0 : random.roll(20), ...(random.chance(30) ? { limit: 1 + random.roll(2) } : {}) } })
  const wait: Draw = ({ random, sent }) => {
    const ids = [...new Set([random.pick(sent), random.pick(sent)].flatMap(id => (id ? [id] : [])))]
    return ids.length === 0 ? undefined : { tool: 'wait_for_any', args: { message_ids: ids, timeout_seconds: seconds(random) } }
  }
  const interrupt: Draw = party => {
    const id = party.random.pick(near(party))
    return id && { tool: 'interrupt_instance', args: { instance_id: id, then: party.random.pick(['hold', 'continue', 'clear']) } }
  }
  const terminate: Draw = party => {
    const id = party.random.pick(own(party))
    return id && { tool: 'terminate_instance', args: { instance_id: id, force: party.random.chance(40) } }
  }
  const suspend: Draw = party => {
    const id = party.random.pick(own(party))
    return id && { tool: 'suspend_instance', args: { instance_id: id } }
  }
  /** Ended ones too: those live again, if their sessions are kept. */
  const resume: Draw = party => {
    const id = party.random.pick(everBelow(party))
    return id && { tool: 'resume_instance', args: { instance_id: id, timeout_seconds: seconds(party.random), ...(party.random.chance(30) ? { model: party.random.pick(['one', 'other']) } : {}), ...(limits?.chance(50) ? { max_total_tokens: 1 + limits.roll(100) } : {}) } }
  }
  /** Of anybody, whether or not it is the caller's to ask. */
  const overreach: Draw = ({ address, random }) => {
    const id = random.pick(everybody())
    const message = random.pick(durable.listOpenMessages())?.id ?? 'nomessage'
    return id && random.pick<Errand>([
      { tool: 'get_instance_status', args: { instance_id: id } },
      { tool: 'get_pending_replies', args: { instance_id: id } },
      { tool: 'interrupt_instance', args: { instance_id: id } },
      { tool: 'terminate_instance', args: { instance_id: id, force: true } },
      { tool: 'send_to_instance', args: { instance_id: id, message: text(), wait_for_response: random.chance(50), timeout_seconds: seconds(random) } },
      { tool: 'wait_for_any', args: { message_ids: [message], timeout_seconds: seconds(random) } },
      { tool: 'reply_to_caller', args: { reply_message: answerText(address.id, message, ++count), correlation_id: message } },
      { tool: 'spawn_agent', args: { harness, name: `a${++count}`, system_prompt: 'simulated', workspace: 'isolated', parent_instance_id: id, bypass_isolation: random.chance(50), timeout_seconds: 5 } },
    ])
  }
  const waiting = (random: Random): Record<string, unknown> => ({ wait_for_response: true, timeout_seconds: seconds(random) })
  const common: Menu = [
    [6, send(() => ({}))], [5, send(waiting)], [1, send(() => ({ expects_reply: false }))],
    [2, send(random => ({ expires_at: new Date(agenda.now() + random.delay()).toISOString() }))],
    [1, sendMany], [1, broadcast], [3, collect], [3, wait], [2, interrupt], [1, terminate], [2, overreach], [2, suspend], [2, resume],
  ]
  const client: Menu = [[4, spawn], [1, spawnTeam], [1, spawnBelow], ...common]
  const agent: Menu = [[3, spawn], ...common]
  const draw = (menu: Menu, party: Party): Errand | undefined => {
    let left = party.random.roll(menu.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, make] of menu) {
      if (left < weight) return make(party)
      left -= weight
    }
    return undefined
  }
  return { ofClient: party => draw(client, party), ofAgent: party => draw(agent, party), tell }
}

/** Makes the call, and lets the journal hear what came of it. */
export async function run(stage: Stage, party: Party, caller: Caller, { tool, args }: Errand, manner: CallManner = {}): Promise<ToolOutcome | undefined> {
  const call = { by: party.address, tool, args, ...(manner.callKey ? { callKey: manner.callKey } : {}) }
  stage.trace.note('call', `${party.address.kind} ${party.address.id} ${tool} ${JSON.stringify(args)} ${manner.callKey ?? ''}`)
  announce(stage, call)
  const outcome = await stage.server()?.call(caller, tool, args, manner)
  stage.trace.note('answer', `${party.address.id} ${tool} ${outcome ? JSON.stringify(outcome.ok ? (outcome.data ?? outcome.text) : outcome.error.code) : 'lost'}`)
  if (!outcome) return undefined
  hear(stage, call, outcome)
  for (const { message_id } of sentIn(outcome)) party.sent.push(asMessageId(String(message_id)))
  return outcome
}
