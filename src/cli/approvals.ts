/** `madrox approvals`, `approve` and `deny`: what waits for a person's yes, and giving the answer. */

import type { CommandDef } from 'citty'
import { callTool, type Data, followPath, type Server } from './calling.ts'
import { common, isSet, serverOf, tell, textOf, toCommand, wait } from './command.ts'
import type { Given } from './arguments.ts'
import { CommandError, exitCodes, Misunderstood } from './exit.ts'
import { bold, dim, harmless, listOf } from './output.ts'

export const approvals = toCommand({
  name: 'approvals',
  description: 'What waits for a yes: spawns a person is asked about, and what CLIs of agents ask to do',
  options: {
    ...common,
    wait: { type: 'boolean', description: 'End when there is something' },
    timeout: { type: 'string', description: 'With --wait: give up after so many seconds, with exit code 4 (default: 86400)', valueHint: 'S' },
    settled: { type: 'string', description: 'Also the newest so many that were settled (default: 0)', valueHint: 'N' },
  },
  run: async given => {
    const server = await serverOf(given)
    const seconds = Number(textOf(given, 'timeout') ?? 86_400)
    if (!(seconds > 0 && seconds <= 86_400)) throw new Misunderstood('--timeout takes seconds, from above 0 to 86400.')
    return tell(given, isSet(given, 'wait') ? await untilSome(given, server, seconds) : await list(given, server), inWords)
  },
})

const list = (given: Given, server: Server, signal?: AbortSignal): Promise<Data> => {
  const settled = textOf(given, 'settled')
  return callTool(server, 'list_approvals', settled === undefined ? {} : { include_settled: Number(settled) }, signal ? { signal } : {})
}

/** The live feed tells of each change, and first of all that it is open: what came before is looked at then. */
const untilSome = (given: Given, server: Server, seconds: number): Promise<Data> =>
  wait(given, 'waiting for something to approve', async interrupted => {
    const late = AbortSignal.timeout(seconds * 1000)
    const done = new AbortController()
    try {
      for await (const { event } of followPath(server, '/inspector/events', AbortSignal.any([interrupted, late, done.signal]))) {
        if (event !== 'opened' && event !== 'approvals') continue
        const data = await list(given, server, interrupted)
        if (data['open'] !== 0) return data
      }
    } catch (error) {
      if (!late.aborted || interrupted.aborted) throw error
      throw new CommandError(exitCodes.pending, 'unavailable', `Nothing has come within ${seconds} s.`, { remedy: 'Wait again, or see madrox status for what is being done.' })
    } finally {
      done.abort()
    }
    throw new CommandError(exitCodes.noServer, 'unavailable', `The Madrox server at ${server.url} has ended the wait.`, { remedy: 'See whether it runs, and wait again.' })
  }, () => ({ message: 'Not waited for any longer; what comes stays until it is answered, or denied in the end.' }))

const inWords = ({ approvals: told }: Data): string => listOf(told).map(line).join('\n\n') || 'Nothing waits for a yes.'

function line({ approval_id, kind, status, by, text, asked, expires_at, decision, decided_by, reason }: Data): string {
  const head = `${bold(harmless(approval_id))} ${dim(`${harmless(kind)} of ${harmless(by)}`)}`
  if (status === 'settled') return `${head} ${harmless(decision)} by ${harmless(decided_by)}${reason === undefined ? '' : `: ${harmless(reason)}`}\n${harmless(text)}`
  return `${head} ${dim(`${asked === 'person' ? 'you are asked' : 'its supervisor is asked; you may answer'}, until ${harmless(expires_at)}`)}\n${harmless(text)}`
}

const answering = (name: 'approve' | 'deny', decision: 'allow' | 'deny', description: string): CommandDef =>
  toCommand({
    name,
    description,
    words: ['ID'],
    options: { ...common, reason: { type: 'string', description: 'Told to who asked', valueHint: 'WORDS' } },
    run: async (given, [id = '']) => {
      const reason = textOf(given, 'reason')
      const data = await callTool(await serverOf(given), 'answer_approval', { approval_id: id, decision, ...(reason === undefined ? {} : { message: reason }) }, { inPerson: true })
      return tell(given, data, ({ by, text }) => `${decision === 'allow' ? 'Allowed' : 'Denied'}: ${harmless(text)} ${dim(`(${harmless(by)})`)}`)
    },
  })

export const approve = answering('approve', 'allow', 'Say yes to what waits; ids are in madrox approvals')
export const deny = answering('deny', 'deny', 'Say no to what waits; ids are in madrox approvals')
