/**
 * Dead letters: who may see which, and sending them again. They are put on record by the ledger, with the outcome or the end
 * that made them. Who sends one again is its sender from then on: an answer to it comes to that caller.
 */

import { MadroxError } from '../errors.ts'
import type { AgentId, MessageId, ReplyId } from '../ids.ts'
import type { Address, Caller, DeadLetter, Reply } from '../messages.ts'
import { addressKey } from '../machines/effects.ts'
import { audit } from './auditing.ts'
import { callerKey, type Core, isEnded, nameOf, ownerOf, rowOf } from './core.ts'
import { isWithin, resolveLiving } from './directory.ts'
import type { DeadLetterTold, Resent, ResendRequest } from './facade.ts'
import { send } from './messaging.ts'
import { addressOf, standFor } from './principals.ts'
import type { Waiting } from './waiting.ts'

export function createLetters(core: Core, waiting: Waiting) {
  return {
    deadLetters: (caller: Caller, { limit, ...range }: { limit: number; since?: number; resent?: boolean }) => {
      const found = core.store.listDeadLetters(range).filter(letter => maySee(core, caller, letter))
      return { total: found.length, letters: found.slice(-limit).map(letter => toTold(core, letter)) }
    },
    resendDeadLetter: (caller: Caller, request: ResendRequest) => resend(core, waiting, caller, request),
  }
}

const idOf = (letter: DeadLetter): MessageId | ReplyId => (letter.kind === 'reply' ? letter.reply.id : letter.message.id)

/** From whom and to whom. */
const partiesOf = (letter: DeadLetter): readonly [from: Address, to: Address] =>
  letter.kind === 'reply' ? [{ kind: 'agent', id: letter.reply.from }, letter.reply.to] : [letter.message.from, { kind: 'agent', id: letter.message.to }]

/** One that an agent within the caller's sight wrote, or was to have. */
const maySee = (core: Core, caller: Caller, letter: DeadLetter): boolean =>
  partiesOf(letter).some(address => {
    const row = address.kind === 'agent' ? core.rows.get(address.id) : undefined
    return row !== undefined && isWithin(core, caller, row, 'see')
  })

function toTold(core: Core, letter: DeadLetter): DeadLetterTold {
  const [from, to] = partiesOf(letter)
  const { text } = letter.kind === 'reply' ? letter.reply : letter.message
  const messageId = letter.kind === 'reply' ? letter.reply.messageId : undefined
  const status = letter.kind === 'reply' ? letter.reply.status : letter.status
  return {
    id: idOf(letter), kind: letter.kind, from: { ...from, name: nameOf(core, from) }, to: { ...to, name: nameOf(core, to) }, text, reason: letter.reason, at: letter.at,
    ...(status ? { status } : {}), ...(messageId ? { messageId } : {}), ...(letter.resent ? { resent: letter.resent } : {}),
  }
}

function resend(core: Core, waiting: Waiting, caller: Caller, { id, to, callKey }: ResendRequest): Resent {
  const key = callKey === undefined ? undefined : `resend ${callKey}`
  const earlier = key === undefined ? undefined : (core.store.findCall(callerKey(core, caller), key) as Resent | undefined) // recorded below
  if (earlier) return earlier
  const letter = core.store.getDeadLetter(id as MessageId | ReplyId) // only compared with ids on record
  if (!letter || !maySee(core, caller, letter)) throw new MadroxError('not_found', `There is no dead letter "${id}" that you may see.`, { remedy: 'list_dead_letters shows them with their ids.', data: { id } })
  if (letter.resent) {
    throw new MadroxError('already_resent', `The dead letter ${id} was sent again already, as ${letter.resent.as}.`, { remedy: 'What became of that is its own story; to say it once more, use send_to_instance.', data: { id, resentAs: letter.resent.as } })
  }
  /** With the letter that takes its place, or not at all. */
  const record: RecordResent = (resent, agentId) => {
    const at = core.clock.now()
    core.store.markResent(idOf(letter), resent.as, at)
    const whose = agentId === undefined ? { ownerId: ownerOf(core, caller) } : { agentId }
    audit(core.store, { at, event: 'letter_resent', ...whose, data: { letter: idOf(letter), as: resent.as, by: callerKey(core, caller) } })
    if (key !== undefined) core.store.recordCall(callerKey(core, caller), key, resent, at, agentId)
  }
  return letter.kind === 'reply' ? replyAgain(core, caller, letter.reply, to, record) : sendAgain(core, waiting, caller, letter, to, record)
}

type RecordResent = (resent: Resent, agentId: AgentId | undefined) => void

/** A new message of the caller's, with the same words. It has no expiry: it was asked for now. */
function sendAgain(core: Core, waiting: Waiting, caller: Caller, { message }: Extract<DeadLetter, { kind: 'message' }>, to: string | undefined, record: RecordResent): Resent {
  if (to === undefined && isEnded(core, message.to)) {
    throw new MadroxError('agent_ended', `"${rowOf(core, message.to).name}", whom the message was for, has ended.`, { remedy: 'Name another agent as instance_id.', data: { agentId: message.to } })
  }
  const toResent = (as: MessageId, agentId: AgentId): Resent => ({ kind: 'message', id: message.id, as, to: { kind: 'agent', id: agentId, name: rowOf(core, agentId).name }, expectsReply: message.expectsReply })
  const { messageId, agentId } = send(core, waiting, caller, { to: to ?? message.to, text: message.text, expectsReply: message.expectsReply }, accepted => record(toResent(accepted.id, accepted.to), accepted.to))
  return toResent(messageId, agentId)
}

/** Into the inbox of the caller, or of the agent it names, as if it had just come. */
function replyAgain(core: Core, caller: Caller, { subject: _, ...reply }: Reply, to: string | undefined, record: RecordResent): Resent {
  const address: Address = to === undefined || (caller.kind === 'agent' && to === caller.agentId) ? addressOf(core, caller) : { kind: 'agent', id: resolveLiving(core, caller, to, 'address').id }
  const anew: Reply = { ...reply, id: core.ids.reply(), to: address }
  const resent: Resent = { kind: 'reply', id: reply.id, as: anew.id, to: { ...address, name: nameOf(core, address) }, expectsReply: false }
  if (to === undefined) standFor(core, caller)
  core.store.transaction(() => {
    core.store.addReply(anew)
    record(resent, address.kind === 'agent' ? address.id : undefined)
  })
  core.root.system.get(addressKey(address))?.send({ type: 'replyArrived', reply: anew, at: core.clock.now() })
  return resent
}
