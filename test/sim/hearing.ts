/** What a caller learns from an answer, as the journal keeps it; and whether it should have been given that answer at all. */

import { type AgentId, asAgentId, asMessageId } from '../../src/ids.ts'
import { type Address, type OutcomeStatus, outcomeStatuses, sameAddress } from '../../src/messages.ts'
import type { Store } from '../../src/store/store.ts'
import type { ToolOutcome } from '../../src/tools/tool.ts'
import { mayWaitFor, permits } from './rights.ts'
import type { Stage } from './stage.ts'

type Fields = Readonly<Record<string, unknown>>

export interface Call {
  readonly by: Address
  readonly tool: string
  readonly args: Fields
  readonly callKey?: string
}

/** Before the call is made: what it may bring about even if its answer is lost. */
export function announce({ journal, durable }: Stage, { by, tool, args }: Call): void {
  const target = typeof args['instance_id'] === 'string' ? asAgentId(args['instance_id']) : undefined
  if (tool === 'terminate_instance' && target && permits(durable, by, 'rule', target)) journal.gaveCause(target, 'it was asked to')
}

const isOutcome = (status: unknown): status is OutcomeStatus => outcomeStatuses.some(each => each === status)
const wordsIn = (response: unknown): string => (typeof response === 'string' ? response : '')
const recordsOf = (list: unknown): readonly Fields[] => (Array.isArray(list) ? (list as Fields[]) : []) // the tools' own output schemas

export function hear(stage: Stage, call: Call, outcome: ToolOutcome): void {
  if (!outcome.ok) {
    // What is Madrox's own fault is named so, and never expected.
    if (outcome.error.code === 'internal') stage.journal.breach('rest', `${call.tool} failed: ${outcome.error.message}`)
    return
  }
  judgeRights(stage, call, outcome.data ?? {})
  for (const sent of sentIn(outcome)) hearSent(stage, call, sent)
  for (const reply of recordsOf(outcome.data?.['replies'])) hearReply(stage, call, reply)
}

/** Everything in an answer that speaks of a message sent. */
export const sentIn = (outcome: ToolOutcome): readonly Fields[] =>
  outcome.ok ? [outcome.data ?? {}, ...recordsOf(outcome.data?.['results']), ...recordsOf(outcome.data?.['spawned'])].filter(({ message_id }) => typeof message_id === 'string') : []

function hearSent({ journal }: Stage, { by, tool, callKey, args }: Call, sent: Fields): void {
  const { message_id: id, instance_id: to, status, response } = sent
  if (typeof id !== 'string' || typeof to !== 'string' || typeof status !== 'string') return
  if (tool !== 'wait_for_any') journal.accepted(asMessageId(id), asAgentId(to))
  if (callKey && tool === 'send_to_instance') journal.keyed(by, `${tool} ${callKey}`, id)
  if (tool === 'send_to_instance' && args['instance_id'] !== to) journal.breach('P2', `what was sent to ${String(args['instance_id'])} went to ${to}`)
  if (isOutcome(status)) journal.told(asMessageId(id), { status, text: wordsIn(response) }, by)
}

function hearReply({ journal }: Stage, { by, args }: Call, { kind, message_id: id, status, response }: Fields): void {
  if (kind !== 'outcome' || typeof id !== 'string' || !isOutcome(status)) return
  // Looked at in another's inbox, it was not handed to the one who looked.
  const to: Address = typeof args['instance_id'] === 'string' ? { kind: 'agent', id: asAgentId(args['instance_id']) } : by
  if (sameAddress(to, by)) journal.told(asMessageId(id), { status, text: wordsIn(response) }, by)
}

/** Nothing outside the caller's rights may have succeeded. */
function judgeRights(stage: Stage, { by, tool, args }: Call, data: Fields): void {
  const { journal, durable } = stage
  const refuse = (what: string): void => journal.breach('P7', `${by.kind} ${by.id} ${what}`)
  const target = typeof args['instance_id'] === 'string' ? asAgentId(args['instance_id']) : undefined
  const verb = verbs[tool]
  if (verb && target && !permits(durable, by, verb, target)) refuse(`was let ${tool} ${target}`)
  if (tool === 'wait_for_any') for (const id of recordIds(args['message_ids'])) if (!mayWaitFor(durable, by, asMessageId(id))) refuse(`was let wait for ${id}`)
  const about = data['correlation_id']
  if (tool === 'reply_to_caller' && typeof about === 'string' && durable.getMessage(asMessageId(about))?.to !== by.id) refuse(`was let answer ${about}`)
  if (tool === 'spawn_agent') judgeSpawn(stage, by, args, data['instance_id'], refuse)
}

const verbs: Readonly<Record<string, 'see' | 'rule' | 'address'>> = {
  send_to_instance: 'address', interrupt_instance: 'rule', terminate_instance: 'rule', get_instance_status: 'see', get_instance_output: 'see', get_pending_replies: 'see',
}
const recordIds = (list: unknown): readonly string[] => (Array.isArray(list) ? list.map(String) : [])

function judgeSpawn({ durable }: Stage, by: Address, args: Fields, spawned: unknown, refuse: (what: string) => void): void {
  const id: AgentId = asAgentId(String(spawned))
  const parent = durable.getAgent(id)?.parent
  const wanted = typeof args['parent_instance_id'] === 'string' ? args['parent_instance_id'] : by.id
  if (parent?.id !== wanted) refuse(`spawned ${id} below ${String(parent?.id)} and not below ${wanted}`)
  if (args['bypass_isolation'] === true && by.kind === 'agent' && !isFree(durable, by.id)) refuse(`freed ${id} of the confinement it has itself`)
}

/** Spawned unconfined, by one that was. */
const isFree = (store: Store, id: AgentId): boolean => (store.getAgent(id)?.spec as { confinement?: { bypass?: boolean } } | undefined)?.confinement?.bypass === true // as it was parsed from the spawn
