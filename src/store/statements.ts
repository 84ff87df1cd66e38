/** What the queries of the SQLite store have in common. */

import { MadroxError } from '../errors.ts'

export const insertInto = (table: string, columns: string): string =>
  `INSERT INTO ${table} (${columns}) VALUES (${columns.split(', ').map(column => `@${column}`).join(', ')})`

export const insertReply = insertInto('replies', 'id, kind, to_kind, to_id, from_agent, from_name, message_id, subject, status, text, at, dead_reason')

/** An update of something that was never recorded is a mistake of the caller's, not a state of the world. */
export function expectKnown(changes: number, what: string, id: string): void {
  if (changes === 0) throw new MadroxError('internal', `The store has no ${what} ${id} to update.`, { data: { id } })
}
