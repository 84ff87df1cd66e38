/**
 * What the CLI asks of whoever speaks with it. Every request is answered: permissions by policy or by the one they are put to,
 * forms by no, and what is not known by saying so. None is left hanging unseen.
 */

import type { ParsedLaunch } from '../launch.ts'
import type { Want } from '../../driver.ts'
import type { Approvals } from '../../permissions.ts'
import type { Channel } from './channel.ts'
import type { EventOf } from './protocol.ts'

export interface Requests {
  take(event: EventOf<'control_request'>): void
  /** The CLI waits for this one no more. */
  cancel(requestId: string): void
}

/** The CLI's permission mode has decided what it can by itself; only without any bounds is nothing left to ask. */
const allowsAll = ({ confinement: { bypass, permissionMode } }: Pick<ParsedLaunch, 'confinement'>): boolean =>
  bypass && (permissionMode ?? 'bypassPermissions') === 'bypassPermissions'

/** `wantsOf`: what a request asks for, as a policy may judge it. */
export function createRequests(launch: Pick<ParsedLaunch, 'confinement'>, channel: Pick<Channel, 'respond' | 'refuse'>, approvals: Pick<Approvals, 'hold'>, wantsOf: (tool: string, input: unknown) => readonly Want[] | undefined): Requests {
  const held = new Map<string, AbortController>()
  const decide = async (requestId: string, tool: string, input: unknown): Promise<void> => {
    const gone = new AbortController()
    held.set(requestId, gone)
    const verdict = await approvals.hold({ tool, detail: JSON.stringify(input ?? {}), wants: wantsOf(tool, input) }, gone.signal)
    held.delete(requestId)
    if (verdict) channel.respond(requestId, verdict.behavior === 'allow' ? { ...verdict, updatedInput: input } : verdict)
  }
  return {
    take({ request_id: requestId, request: { subtype, tool_name: tool = 'tool', input = {} } }) {
      if (subtype === 'can_use_tool') {
        if (allowsAll(launch)) return channel.respond(requestId, { behavior: 'allow', updatedInput: input })
        return void decide(requestId, tool, input)
      }
      if (subtype === 'elicitation') return channel.respond(requestId, { action: 'decline' }) // nobody is there to fill in a form
      channel.refuse(requestId, `Nobody here can answer ${subtype}.`)
    },
    cancel: requestId => held.get(requestId)?.abort(),
  }
}
