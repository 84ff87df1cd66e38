/**
 * `madrox replies`: answers nobody waited for. `--wait` ends when there is something, be it for the command line or for another
 * session of the same person in this directory: run in the background, its end wakes Claude Code, which then collects its own.
 */

import { callTool, type Data, type Server } from './calling.ts'
import { common, isSet, serverOf, tell, textOf, toCommand, wait } from './command.ts'
import type { Given } from './arguments.ts'
import { CommandError, exitCodes, Misunderstood } from './exit.ts'
import { bold, dim, harmless, listOf } from './output.ts'

export const replies = toCommand({
  name: 'replies',
  description: 'Answers that wait for you; each is handed out once',
  words: ['[AGENT]'],
  options: {
    ...common,
    wait: { type: 'boolean', description: 'End when there is something, here or for another session of yours in this directory' },
    timeout: { type: 'string', description: 'With --wait: give up after so many seconds, with exit code 4 (default: 86400)', valueHint: 'S' },
    limit: { type: 'string', description: 'At most so many (default: 100)', valueHint: 'N' },
  },
  run: async (given, [agent]) => {
    const server = await serverOf(given)
    const seconds = Number(textOf(given, 'timeout') ?? 86_400)
    if (!(seconds > 0 && seconds <= 86_400)) throw new Misunderstood('--timeout takes seconds, from above 0 to 86400.')
    const data = isSet(given, 'wait') ? await untilSome(given, server, agent, seconds) : await collect(given, server, agent === undefined ? {} : { instance_id: agent })
    return tell(given, data, inWords)
  },
})

const collect = (given: Given, server: Server, more: Data, signal?: AbortSignal): Promise<Data> => {
  const limit = textOf(given, 'limit')
  return callTool(server, 'get_pending_replies', { ...(limit === undefined ? {} : { limit: Number(limit) }), ...more }, signal ? { signal } : {})
}

const isEmpty = (data: Data): boolean => data['count'] === 0

async function untilSome(given: Given, server: Server, agent: string | undefined, seconds: number): Promise<Data> {
  if (agent !== undefined) throw new Misunderstood('--wait is for your own replies; leave the agent out.')
  const told = () => ({ message: 'Not waited for any longer; what comes stays until you collect it.' })
  return wait(given, 'waiting for replies', async signal => {
    const own = await collect(given, server, {}, signal)
    if (!isEmpty(own)) return own
    // An agent has no sessions, and hears of its own alone.
    const isAgent = process.env['MADROX_TOKEN'] !== undefined
    const come = await collect(given, server, { wait_timeout: seconds, ...(isAgent ? {} : { instance_id: server.cwd }) }, signal)
    if (isEmpty(come)) throw new CommandError(exitCodes.pending, 'unavailable', `Nothing has come within ${seconds} s.`, { remedy: 'Wait again, or see madrox status for what is being done.' })
    const taken = isAgent ? come : await collect(given, server, {}, signal)
    return isEmpty(taken) ? { ...come, waiting_in: 'another session of yours in this directory; get_pending_replies there hands them out' } : taken
  }, told)
}

function inWords({ replies, waiting_in }: Data): string {
  const told = listOf(replies).map(reply => `${bold(harmless(reply['from']))} ${dim(`${harmless(reply['status'] ?? reply['kind'])}${reply['message_id'] ? `, message ${harmless(reply['message_id'])}` : ''}, ${harmless(reply['at'])}`)}\n${harmless(reply['response'])}`)
  return [told.length === 0 ? 'Nothing waits for you.' : told.join('\n\n'), ...(waiting_in === undefined ? [] : [dim(`These wait in ${harmless(waiting_in)}.`)])].join('\n\n')
}
