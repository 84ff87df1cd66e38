/** Dead letters in SQLite: a table of what died, in the order it did. What they say stays in the tables of replies and messages. */

import { z } from 'zod'
import type { Connection } from './database.ts'
import { deadMessageRow, deadReplyRow, replyValues } from './rows.ts'
import { expectKnown, insertInto, insertReply } from './statements.ts'
import type { Store } from './store.ts'

type Letters = Pick<Store, 'addDeadReply' | 'addDeadMessage' | 'dropDeadMessage' | 'getDeadLetter' | 'listDeadLetters' | 'markResent'>

export function createSqliteLetters(db: Connection): Letters {
  const bury = db.write(`${insertReply} ON CONFLICT (id) DO UPDATE SET dead_reason = excluded.dead_reason`)
  const add = db.write(`${insertInto('dead_letters', 'id, kind, at')} ON CONFLICT DO NOTHING`)
  const hasEnded = db.read('SELECT count(*) AS count FROM messages WHERE id = @id AND outcome_status IS NOT NULL', z.object({ count: z.number() }))
  const drop = db.write("DELETE FROM dead_letters WHERE id = @id AND kind = 'message'")
  const resend = db.write('UPDATE dead_letters SET resent_as = @as, resent_at = @at WHERE id = @id AND resent_as IS NULL')
  const select = (kind: 'reply' | 'message', where: string): string => `SELECT rows.*, dead.seq AS dead_seq, dead.at AS dead_at, dead.resent_as, dead.resent_at
    FROM dead_letters AS dead JOIN ${kind === 'reply' ? 'replies' : 'messages'} AS rows ON rows.id = dead.id WHERE dead.kind = '${kind}' AND ${where}`
  const listed = 'dead.at >= @since AND (dead.resent_as IS NULL OR @resent = 1) ORDER BY dead.seq'
  const replies = db.read(select('reply', listed), deadReplyRow)
  const messages = db.read(select('message', listed), deadMessageRow)
  const oneReply = db.read(select('reply', 'dead.id = @id'), deadReplyRow)
  const oneMessage = db.read(select('message', 'dead.id = @id'), deadMessageRow)
  return {
    addDeadReply: (reply, reason, at) => db.transaction(() => {
      bury(replyValues(reply, reason))
      add({ id: reply.id, kind: 'reply', at })
    }),
    addDeadMessage: (id, at) => {
      expectKnown(hasEnded({ id })[0]?.count ?? 0, 'ended message', id)
      add({ id, kind: 'message', at })
    },
    dropDeadMessage: id => void drop({ id }),
    getDeadLetter: id => [...oneReply({ id }), ...oneMessage({ id })][0]?.letter,
    listDeadLetters: ({ since = 0, resent = false } = {}) => {
      const values = { since, resent: resent ? 1 : 0 }
      return [...replies(values), ...messages(values)].toSorted((a, b) => a.seq - b.seq).map(({ letter }) => letter)
    },
    markResent: (id, as, at) => expectKnown(resend({ id, as, at }), 'unsent dead letter', id),
  }
}
