/** Messages down, answers up. */

import { z } from 'zod'
import type { SendReport } from '../actors/system.ts'
import { MadroxError, toWireError, type WireError } from '../errors.ts'
import { asMessageId } from '../ids.ts'
import { type Caller, outcomeStatuses, type Reply } from '../messages.ts'
import { answer, refusalFields, sentItem, sentOutput, time } from './outputs.ts'
import { acting, instanceId, isoTime, reference, timeoutSeconds, toUsage } from './schemas.ts'
import { defineTool, type ToolContext, type ToolResult } from './tool.ts'

const text = z.string().min(1)

type Hints = Partial<Record<SendReport['status'], string>>
const ofAgents: Hints = {
  accepted: 'The answer will come to you by itself (get_pending_replies shows it); no need to poll.',
  pending: 'Not answered yet; the message stays open. Its answer will come by itself, or wait on with wait_for_any.',
}
/** Nobody else begins its turns: it is handed nothing that it does not ask for. */
const ofOthers: Hints = {
  accepted: 'The answer will wait for you: get_pending_replies hands it out, wait_for_any waits for it. No need to poll: results say pending_replies once it is there.',
  pending: 'Not answered yet; the message stays open. Wait on with wait_for_any, or have its answer later by get_pending_replies.',
}
export const hintFor = (caller: Caller, status: SendReport['status']): string | undefined => (caller.kind === 'agent' ? ofAgents : ofOthers)[status]

/** A report as its callers know it. */
export const toSent = (report: SendReport, caller: Caller, expectsReply = true): Record<string, unknown> => ({
  status: report.status, message_id: report.messageId, instance_id: report.agentId,
  ...(report.response === undefined ? {} : { response: report.response }), ...(report.via ? { via: report.via } : {}), ...(report.usage ? { usage: toUsage(report.usage) } : {}), ...(report.position === undefined ? {} : { position: report.position }),
  ...(hintFor(caller, report.status) && expectsReply ? { hint: hintFor(caller, report.status) } : {}),
})

interface Sending {
  readonly to: string
  readonly message: string
  readonly wait: boolean
  readonly expectsReply: boolean
  readonly timeoutMs: number
  readonly expiresAt?: number
  readonly key?: string
}

async function sendOne({ to, message, wait, expectsReply, timeoutMs, expiresAt, key }: Sending, { system, caller, signal, progress }: ToolContext): Promise<SendReport> {
  const sent = system.send(caller, { to, text: message, expectsReply, toBeWaitedFor: wait && expectsReply, ...(expiresAt === undefined ? {} : { expiresAt }), ...(key ? { callKey: key } : {}) })
  if (!wait || !expectsReply) return sent
  progress(`"${to}" is to answer ${sent.messageId}`)
  return system.waitForAny(caller, [sent.messageId], { signal, timeoutMs })
}

export const sendToInstance = defineTool({
  name: 'send_to_instance',
  title: 'Send a message to an agent',
  description: 'Gives an agent a task, or your supervisor or a peer a question. Messages queue; a busy agent gets yours after its turn. With wait_for_response the call returns the answer, or status pending at the timeout (nothing is lost). For several agents use send_to_multiple_instances.',
  input: z.strictObject({
    instance_id: instanceId,
    message: text,
    wait_for_response: z.boolean().default(true),
    timeout_seconds: timeoutSeconds,
    expects_reply: z.boolean().default(true).describe('false: a note, no answer comes'),
    expires_at: isoTime.optional().describe('Drop it if not begun by then'),
  }),
  output: sentOutput,
  annotations: acting,
  topic: 'messages',
  listedFor: ['leaf', 'supervisor', 'client'],
  searchHint: 'message task ask delegate tell agent supervisor peer',
  handler: async (input, context): Promise<ToolResult> => {
    const report = await sendOne({
      to: input.instance_id, message: input.message, wait: input.wait_for_response, expectsReply: input.expects_reply, timeoutMs: input.timeout_seconds * 1000,
      ...(input.expires_at ? { expiresAt: Date.parse(input.expires_at) } : {}), ...(context.callKey ? { key: context.callKey } : {}),
    }, context)
    return { data: toSent(report, context.caller, input.expects_reply), replies: report.replies }
  },
})

const manyOutput = answer({ results: z.array(z.union([sentItem, z.looseObject({ instance_id: z.string(), status: z.literal('error'), ...refusalFields })])).describe('Each on its own, in the order given') })

const manner = { wait_for_responses: z.boolean().default(false), timeout_seconds: timeoutSeconds, expects_reply: z.boolean().default(true) }
type Manner = z.infer<z.ZodObject<typeof manner>>

/** Each on its own: one that fails says so in its place and the others go on. */
async function sendMany(letters: readonly Pick<Sending, 'to' | 'message'>[], { wait_for_responses: wait, expects_reply: expectsReply, timeout_seconds }: Manner, context: ToolContext): Promise<ToolResult> {
  const sendings = letters.map(letter => ({ ...letter, wait, expectsReply, timeoutMs: timeout_seconds * 1000 }))
  const settled = await Promise.allSettled(sendings.map((sending, index) => sendOne({ ...sending, ...(context.callKey ? { key: `${context.callKey}#${index}` } : {}) }, context)))
  const results = settled.map((result, index) => (result.status === 'fulfilled' ? toSent(result.value, context.caller, sendings[index]?.expectsReply) : { instance_id: sendings[index]?.to ?? '', status: 'error', ...toFlat(toWireError(result.reason)) }))
  return { data: { results }, replies: settled.flatMap(result => (result.status === 'fulfilled' ? result.value.replies : [])) }
}
const toFlat = ({ code, message, remedy }: WireError): object => ({ code, message, ...(remedy ? { remedy } : {}) })

export const sendToMultiple = defineTool({
  name: 'send_to_multiple_instances',
  title: 'Send to several agents at once',
  description: 'Sends to several agents at the same time: messages for one each, or instance_ids with one message for all.',
  input: z.strictObject({
    messages: z.array(z.strictObject({ instance_id: reference, message: text })).min(1).max(100).optional(),
    instance_ids: z.array(reference).min(1).max(100).optional(),
    message: text.optional(),
    ...manner,
  }),
  output: manyOutput,
  annotations: acting,
  topic: 'messages',
  listedFor: ['supervisor', 'client'],
  searchHint: 'message tasks many several batch parallel agents',
  handler: (input, context) => {
    const { messages, instance_ids, message } = input
    if (messages && (instance_ids ?? message) !== undefined) throw new MadroxError('invalid_input', 'messages and instance_ids with message are two ways to say what is sent, and both were given.', { remedy: 'Leave out one of them; nothing was sent.' })
    const letters = messages?.map(each => ({ to: each.instance_id, message: each.message })) ?? (message === undefined ? undefined : instance_ids?.map(to => ({ to, message })))
    if (!letters) throw new MadroxError('invalid_input', 'Nothing to send.', { remedy: 'Give messages: [{instance_id, message}], or instance_ids and message.' })
    return sendMany(letters, input, context)
  },
})

export const broadcastToChildren = defineTool({
  name: 'broadcast_to_children',
  title: 'Send to all children',
  description: 'Sends one message to every living child of an agent (default: yours). Their answers come to you.',
  input: z.strictObject({ parent_id: reference.optional(), message: text, ...manner }),
  output: manyOutput,
  annotations: acting,
  topic: 'messages',
  listedFor: ['supervisor', 'client'],
  searchHint: 'message all children team announce',
  handler: (input, context) => {
    const children = context.system.children(context.caller, input.parent_id)
    if (children.length === 0) throw new MadroxError('not_found', 'There are no children to send to.', { remedy: 'Spawn some first; get_instance_tree shows who is there.' })
    return sendMany(children.map(child => ({ to: child.id, message: input.message })), input, context)
  },
})

export const replyToCaller = defineTool({
  name: 'reply_to_caller',
  title: 'Answer a message',
  description: 'Answers the message you are working on; the id is in its [MSG:<id>] line. Once per message, when done. Not for new questions: use send_to_instance.',
  input: z.strictObject({
    reply_message: text.describe('The whole answer'),
    correlation_id: z.string().optional().describe('The id in [MSG:<id>]; may be left out if only one is open'),
    instance_id: z.string().optional().describe('Ignored: your credential says who you are'),
  }),
  output: z.looseObject({ delivered_to: z.string(), correlation_id: z.string().describe('The message it answers'), kind: z.enum(['outcome', 'follow_up']).describe('follow_up: that message had its outcome already') }),
  annotations: acting,
  topic: 'messages',
  listedFor: ['leaf', 'supervisor'],
  searchHint: 'answer reply report result done',
  handler: ({ reply_message, correlation_id }, { system, caller }) => {
    const { to, messageId, kind } = system.reply(caller, { text: reply_message, ...(correlation_id ? { correlationId: correlation_id } : {}) })
    return { data: { delivered_to: to, correlation_id: messageId, kind } }
  },
})

const toPending = (reply: Reply): Record<string, unknown> => ({
  kind: reply.kind, from: reply.fromName, instance_id: reply.from, ...(reply.messageId ? { message_id: reply.messageId } : {}), ...(reply.status ? { status: reply.status } : {}),
  response: reply.text, at: new Date(reply.at).toISOString(),
})

const pendingOutput = z.looseObject({
  kind: z.enum(['outcome', 'follow_up', 'notice']).describe('notice: Madrox tells of an agent'), from: z.string(), instance_id: z.string().describe('Who speaks, or is told of'), message_id: z.string().optional().describe('What it answers'),
  status: z.enum(outcomeStatuses).optional(), response: z.string(), at: time,
})

export const getPendingReplies = defineTool({
  name: 'get_pending_replies',
  title: 'Collect answers that are waiting',
  description: 'Hands out the answers nobody waited for, oldest first, each once. wait_timeout waits for the first. An agent is handed them by itself between its turns, and needs this only within one.',
  input: z.strictObject({
    instance_id: reference.optional().describe("Another's inbox, or a directory's sessions': looked at, not emptied"),
    wait_timeout: z.number().min(0).max(86_400).default(0).describe('Seconds'),
    limit: z.number().int().positive().max(1_000).default(100),
  }),
  output: answer({ replies: z.array(pendingOutput), count: z.number() }),
  annotations: acting,
  topic: 'messages',
  listedFor: ['leaf', 'supervisor', 'client'],
  searchHint: 'inbox replies answers results collect poll',
  handler: async (input, { system, caller, signal, progress }) => {
    if (input.wait_timeout > 0) progress('no reply is there yet')
    const { replies, peeked } = await system.collectReplies(caller, { limit: input.limit, wait: { timeoutMs: input.wait_timeout * 1000, signal }, ...(input.instance_id ? { of: input.instance_id } : {}) })
    return { data: { replies: replies.map(toPending), count: replies.length }, replies: peeked ? [] : replies.map(reply => reply.id) }
  },
})

export const waitForAny = defineTool({
  name: 'wait_for_any',
  title: 'Wait for the first of several answers',
  description: 'Waits for the first outcome among messages you sent; the others stay open. Do not call it just to pass time: no answer is lost.',
  input: z.strictObject({ message_ids: z.array(z.string().min(1)).min(1).max(100), timeout_seconds: timeoutSeconds }),
  output: sentOutput.extend({ open: z.array(z.string()).describe('Messages that have no outcome yet') }),
  annotations: acting,
  topic: 'messages',
  listedFor: ['supervisor', 'client'],
  searchHint: 'wait first answer outcome any',
  handler: async ({ message_ids, timeout_seconds }, { system, caller, signal, progress }) => {
    progress(`the first answer to ${message_ids.join(', ')} is awaited`)
    const report = await system.waitForAny(caller, message_ids.map(asMessageId), { signal, timeoutMs: timeout_seconds * 1000 })
    const open = message_ids.filter(id => report.status === 'pending' || id !== report.messageId)
    return { data: { ...toSent(report, caller), open }, replies: report.replies }
  },
})
