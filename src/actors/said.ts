/** What was said, as logs tell it: who to whom, by name, and what became of it. */

import type { Address } from '../messages.ts'
import type { Said } from '../store/store.ts'
import type { SaidTold } from './log-reading.ts'
import { type Core, nameOf } from './core.ts'

export function toSaidTold(core: Core, said: Said): SaidTold {
  const party = (address: Address): SaidTold['from'] => ({ id: address.id, name: nameOf(core, address) })
  if (said.kind === 'reply') {
    const { reply } = said
    const kind = reply.kind === 'notice' ? 'notice' : 'follow_up'
    return { at: said.at, kind, ...(reply.messageId ? { messageId: reply.messageId } : {}), replyId: reply.id, from: { id: reply.from, name: reply.fromName }, to: party(reply.to), text: reply.text }
  }
  const { id, from, to, text, expectsReply, causedBy } = said.message
  const agent = party({ kind: 'agent', id: to })
  if (said.kind === 'message') return { at: said.at, kind: 'message', messageId: id, from: party(from), to: agent, text, expectsReply, ...(causedBy ? { causedBy } : {}) }
  const { status, via, text: words } = said.outcome
  return { at: said.at, kind: 'outcome', messageId: id, from: agent, to: party(from), text: words, status, ...(via ? { via } : {}) }
}
