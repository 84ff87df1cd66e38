/**
 * The person at the other end of a session, asked by MCP elicitation: a form with a yes and room for a reason, shown by the
 * client itself. A client that cannot show forms has nobody to ask.
 */

import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import type { ElicitRequestFormParams, RequestId } from '@modelcontextprotocol/sdk/types.js'
import type { Person, PersonAnswer, Question } from '../../actors/system.ts'
import type { Clock } from '../../clock.ts'
import { wordsOf } from '../../errors.ts'
import type { Log } from '../../log.ts'

interface Surroundings {
  readonly server: Server
  readonly clock: Clock
  readonly log: Log
}

/** Without a default: who presses Accept has to have chosen. */
const form: ElicitRequestFormParams['requestedSchema'] = {
  type: 'object',
  properties: {
    approve: { type: 'boolean', title: 'Approve', description: 'Whether it may be done' },
    reason: { type: 'string', title: 'Reason', description: 'Why, or why not; told to whoever asked', maxLength: 1_000 },
  },
  required: ['approve'],
}

/** @param request the call that asks, by whose stream the question goes; none: by the client's standing one */
export function createPerson({ server, clock, log }: Surroundings, request?: RequestId): Person {
  return {
    able: () => server.getClientCapabilities()?.elicitation?.form !== undefined,
    async ask({ text, expiresAt }: Question, signal: AbortSignal): Promise<PersonAnswer | undefined> {
      const timeout = Math.max(1, expiresAt - clock.now())
      try {
        const { action, content } = await server.elicitInput({ mode: 'form', message: text, requestedSchema: form }, { signal, timeout, ...(request === undefined ? {} : { relatedRequestId: request }) })
        return toAnswer(action, content)
      } catch (error) {
        // Taken back, too late, or refused by the client: nobody has said anything.
        if (!signal.aborted) log.debug('a question was not answered', { reason: wordsOf(error) })
        return undefined
      }
    },
  }
}

/** Only a plain yes is one. */
function toAnswer(action: 'accept' | 'decline' | 'cancel', content: Readonly<Record<string, unknown>> | undefined): PersonAnswer {
  const reason = typeof content?.['reason'] === 'string' && content['reason'].trim() !== '' ? content['reason'].trim() : undefined
  const decision = action === 'accept' && content?.['approve'] === true ? 'allow' : 'deny'
  const message = reason ?? (action === 'cancel' ? 'the question was closed without an answer' : undefined)
  return { decision, ...(message === undefined ? {} : { message }) }
}
