/** The last word of a storm: every agent is given something to do, so that its session is resumed and what it spent is told. */

import type { Session } from './client.ts'
import type { Journal } from './journal.ts'
import type { Task } from './mail.ts'

/** These are messages like any other: noted in the journal, and lost if they have no outcome in time. */
export async function wakeAll(session: Session, journal: Journal, tasks: readonly Task[], timeoutSeconds = 120): Promise<void> {
  for (const { to, expected } of tasks) journal.note({ type: 'tried', key: toKey(to), to, expected, way: 'call' })
  const messages = tasks.map(({ to, text }) => ({ instance_id: to, message: text }))
  const { results = [] } = await session.call('send_to_multiple_instances', { messages, wait_for_responses: true, timeout_seconds: timeoutSeconds })
  for (const [index, { to }] of tasks.entries()) {
    const { message_id: messageId, status = '', response = '' } = results[index] ?? {}
    if (messageId === undefined) continue // refused: the verdict shows it as never accepted
    journal.note({ type: 'accepted', key: toKey(to), messageId })
    if (status !== 'pending') journal.note({ type: 'heard', messageId, status, response, by: 'call' })
  }
}

const toKey = (agent: string): string => `wake-${agent}`
