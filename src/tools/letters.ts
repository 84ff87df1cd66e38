/** What reached nobody, and sending it again. */

import { z } from 'zod'
import type { DeadLetterTold } from '../actors/system.ts'
import { outcomeStatuses } from '../messages.ts'
import { hintFor } from './messages.ts'
import { answer, time } from './outputs.ts'
import { acting, isoTime, readOnly, reference } from './schemas.ts'
import { defineTool } from './tool.ts'

const toLetter = ({ id, kind, from, to, text, status, messageId, reason, at, resent }: DeadLetterTold): Record<string, unknown> => ({
  id, kind, from: from.name, from_id: from.id, to: to.name, to_id: to.id, text, ...(status ? { status } : {}), ...(messageId ? { message_id: messageId } : {}),
  reason, at: new Date(at).toISOString(), ...(resent ? { resent_as: resent.as, resent_at: new Date(resent.at).toISOString() } : {}),
})

const letterOutput = z.looseObject({
  id: z.string(), kind: z.enum(['reply', 'message']), from: z.string(), from_id: z.string(), to: z.string(), to_id: z.string(), text: z.string(), status: z.enum(outcomeStatuses).optional(), message_id: z.string().optional().describe('What a reply answers'),
  reason: z.string().describe('Why it reached nobody'), at: time, resent_as: z.string().optional(), resent_at: time.optional(),
})

export const listDeadLetters = defineTool({
  name: 'list_dead_letters',
  title: 'See what reached nobody',
  description: 'Lists messages whose agent ended, was too late, or was cut off by them each time, and replies that nobody was left to hear; newest last. Send one again by resend_dead_letter. Not for answers that wait for you: get_pending_replies.',
  input: z.strictObject({
    limit: z.number().int().positive().max(1_000).default(50).describe('The newest so many'),
    since: isoTime.optional().describe('Dead since then'),
    include_resent: z.boolean().default(false),
  }),
  output: answer({ dead_letters: z.array(letterOutput), count: z.number(), older: z.number().describe('Left out by limit') }),
  annotations: readOnly,
  topic: 'messages',
  listedFor: ['client'],
  searchHint: 'undelivered lost expired poison dead letters messages replies',
  handler: ({ limit, since, include_resent }, { system, caller }) => {
    const { letters, total } = system.deadLetters(caller, { limit, resent: include_resent, ...(since ? { since: Date.parse(since) } : {}) })
    return { data: { dead_letters: letters.map(toLetter), count: letters.length, older: total - letters.length } }
  },
})

export const resendDeadLetter = defineTool({
  name: 'resend_dead_letter',
  title: 'Send a dead letter again',
  description: 'Sends a dead letter again, once, as yours: a message to the agent it was for if that lives, else to instance_id; a reply to your inbox, or to instance_id. It stays on record as sent again.',
  input: z.strictObject({ dead_letter_id: z.string().min(1).max(200).describe('id of list_dead_letters'), instance_id: reference.optional().describe('Who is to have it instead') }),
  output: answer({ status: z.literal('accepted'), kind: z.enum(['reply', 'message']), dead_letter_id: z.string(), message_id: z.string().optional().describe('What it is now'), reply_id: z.string().optional(), to: z.string(), to_id: z.string(), hint: z.string().optional() }),
  annotations: acting,
  topic: 'messages',
  listedFor: ['client'],
  searchHint: 'retry repeat redeliver send again undelivered dead letter',
  handler: (input, { system, caller, callKey }) => {
    const { kind, id, as, to, expectsReply } = system.resendDeadLetter(caller, { id: input.dead_letter_id, ...(input.instance_id ? { to: input.instance_id } : {}), ...(callKey ? { callKey } : {}) })
    const hint = kind === 'message' ? (expectsReply ? hintFor(caller, 'accepted') : undefined) : to.kind === 'client' ? 'get_pending_replies hands it out.' : undefined
    return { data: { status: 'accepted', kind, dead_letter_id: id, ...(kind === 'message' ? { message_id: as } : { reply_id: as }), to: to.name, to_id: to.id, ...(hint ? { hint } : {}) } }
  },
})
