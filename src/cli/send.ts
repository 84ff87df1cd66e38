/** `madrox send`: a message, and waiting for its answer. It is accepted first and waited for then, so that whoever stops waiting knows its id. */

import { callTool, type Data, type Server } from './calling.ts'
import { common, isSet, keyed, keyOf, orStdin, serverOf, tell, toCommand, wait } from './command.ts'
import type { Given } from './arguments.ts'
import { bold, dim, harmless } from './output.ts'
import { argumentsOf, optionsOf } from './tool-options.ts'

const options = {
  ...common,
  ...keyed,
  ...optionsOf('send_to_instance', ['instance_id', 'message', 'wait_for_response']),
  'no-wait': { type: 'boolean', description: 'Do not wait for the answer; madrox replies shows it' },
} as const

export const send = toCommand({
  name: 'send',
  description: 'Give an agent a message (-: from stdin), and wait for its answer',
  words: ['AGENT', 'MESSAGE'],
  options,
  run: async (given, [agent = '', message = '']) => {
    const server = await serverOf(given)
    const args = argumentsOf('send_to_instance', given, { instance_id: agent, message: orStdin(message), wait_for_response: false })
    const sent = await callTool(server, 'send_to_instance', args, keyOf(given)) // with how long to wait, so that what does not fit is refused before it is sent
    if (isSet(given, 'no-wait') || args['expects_reply'] === false || typeof sent['message_id'] !== 'string') return tell(given, sent, answerWords)
    return tell(given, await awaitAnswer(given, server, sent['message_id'], args['timeout_seconds']), answerWords)
  },
})

/** What `send_to_instance` would have said, had it waited. */
export async function awaitAnswer(given: Given, server: Server, messageId: string, timeoutSeconds: unknown): Promise<Data> {
  const waiting = { message_ids: [messageId], ...(timeoutSeconds === undefined ? {} : { timeout_seconds: timeoutSeconds }) }
  const { open: _, ...answer } = await wait(given, 'waiting for the answer', (signal, onProgress) => callTool(server, 'wait_for_any', waiting, { signal, onProgress }), () => stillOpen(messageId))
  return answer
}

const stillOpen = (messageId: string): { readonly message: string; readonly remedy: string } => ({
  message: `Not waited for any longer; message ${messageId} stays open.`, remedy: `Its answer comes to madrox replies; to wait on: madrox call wait_for_any message_ids=${messageId}`,
})

export function answerWords({ status, message_id, response, position }: Data): string {
  if (status === 'answered') return harmless(response)
  if (status === 'pending') return Object.values(stillOpen(String(message_id))).join('\n').replace('waited for any longer', 'answered yet')
  if (status === 'accepted') return `${bold('accepted')} ${dim(`message ${harmless(message_id)}${position === undefined ? '' : `, ${harmless(position)} in its mailbox`}`)}`
  return `${bold(String(status))} ${harmless(response ?? '')}`
}
