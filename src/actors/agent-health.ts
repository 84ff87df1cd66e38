/** How an agent is, in a word: what its status says, and metrics count. Where several fit, the first that somebody has to do something about. */

export const agentHealths = ['ok', 'ended', 'waiting for approval', 'held by a person', 'held at a limit', 'stuck', 'recovered'] as const
export type AgentHealth = (typeof agentHealths)[number]

/** What of a status it is judged by. */
interface Judged {
  readonly state: string
  readonly approval?: object
  readonly heldAt?: object
  readonly heldByPerson?: object
  readonly stuckSince?: number
  readonly lastError?: string
}

export function healthOf({ state, approval, heldAt, heldByPerson, stuckSince, lastError }: Judged): AgentHealth {
  if (state === 'terminated') return 'ended'
  if (approval) return 'waiting for approval'
  if (heldAt) return 'held at a limit'
  if (heldByPerson) return 'held by a person'
  if (stuckSince !== undefined) return 'stuck'
  return lastError ? 'recovered' : 'ok'
}
