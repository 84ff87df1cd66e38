/** Dead letters in memory: which replies and messages died, in the order they did. What they say stays in their own tables. */

import { MadroxError } from '../errors.ts'
import type { DeadLetter, Reply } from '../messages.ts'
import { type MessageRow, type Store, toMessage } from './store.ts'
import { createTable, type Journal, type Table } from './tables.ts'

export interface StoredReply {
  readonly reply: Reply
  readonly consumedAt?: number
  readonly deadReason?: string
}

type Died = Pick<DeadLetter, 'kind' | 'at' | 'resent'> & { readonly id: string }

type Letters = Pick<Store, 'addDeadReply' | 'addDeadMessage' | 'dropDeadMessage' | 'getDeadLetter' | 'listDeadLetters' | 'markResent'>

export function createMemoryLetters(journal: Journal, messages: Table<MessageRow>, replies: Table<StoredReply>): Letters {
  const died = createTable<Died>(journal, 'dead letter')
  const add = (kind: Died['kind'], id: string, at: number): void => {
    if (!died.get(id)) died.insert(id, { kind, id, at })
  }
  const toLetter = ({ id, kind, at, resent }: Died): readonly DeadLetter[] => {
    const when = { at, ...(resent ? { resent } : {}) }
    const stored = kind === 'reply' ? replies.get(id) : undefined
    if (stored) return [{ kind: 'reply', ...when, reason: stored.deadReason ?? '', reply: stored.reply }]
    const message = messages.get(id)
    return message?.outcome ? [{ kind: 'message', ...when, reason: message.outcome.text, status: message.outcome.status, message: toMessage(message) }] : []
  }
  return {
    addDeadReply: (reply, reason, at) => journal.transaction(() => {
      replies.put(reply.id, { ...(replies.get(reply.id) ?? { reply }), deadReason: reason })
      add('reply', reply.id, at)
    }),
    addDeadMessage: (id, at) => {
      if (!messages.get(id)?.outcome) throw new MadroxError('internal', `The store has no message ${id} that has ended.`, { data: { id } })
      add('message', id, at)
    },
    dropDeadMessage: id => void died.remove(each => each.kind === 'message' && each.id === id),
    getDeadLetter: id => {
      const found = died.get(id)
      return found && toLetter(found)[0]
    },
    listDeadLetters: ({ since = 0, resent = false } = {}) => died.list(each => each.at >= since && (resent || each.resent === undefined)).flatMap(toLetter),
    markResent: (id, as, at) => {
      if (died.get(id)?.resent) throw new MadroxError('internal', `The store has the dead letter ${id} as sent again already.`, { data: { id } })
      died.update(id, each => ({ ...each, resent: { as, at } }))
    },
  }
}
