/**
 * Between one interactive codex and the thread it shows: it speaks the app-server's protocol as if to a server of its own, over
 * Madrox's one connection. Owns what passes in either direction. It is told of its thread alone; only while a person may act does it
 * act. Knows no sockets and no processes, so recorded messages drive it as well.
 */

import { z } from 'zod'
import type { Log } from '../../../log.ts'
import { anyResult } from '../protocol.ts'
import type { RequestId, Rpc, RpcResult } from '../rpc.ts'
import type { Thread } from '../thread.ts'
import { isDeed, treat, type Shown, type Treatment } from './requests.ts'

export interface Bridge {
  /** A message of the terminal's. */
  take(text: string): void
  /** What the server says of the thread, as it said it. */
  tell(message: unknown): void
  /** What the server asks about the thread and waits for. */
  ask(message: unknown): void
}

export interface BridgeOptions {
  readonly shown: Shown
  /** What the server answered when it was greeted. */
  readonly greeting: object
  readonly rpc: Pick<Rpc, 'request'>
  readonly thread: Pick<Thread, 'startByPerson' | 'interrupt' | 'answerByPerson'>
  /** A person has control, or what they typed with it may still be on its way. */
  readonly mayAct: () => boolean
  /** Who has control may answer what the thread asks. */
  readonly mayAnswer: () => boolean
  /** An answer of one who may not: what it answers stays open, and the terminal shows it as settled. */
  readonly onIdleAnswer: () => void
  /** The server has taken what a person typed. */
  readonly onSubmitted: (text: string) => void
  readonly send: (text: string) => void
  readonly log: Log
}

const messageSchema = z.looseObject({
  id: z.union([z.string(), z.number()]).optional(),
  method: z.string().optional(),
  params: z.record(z.string(), z.unknown()).nullish(),
  result: z.unknown().optional(),
})

/** JSON-RPC's "invalid request". */
const refused = -32_600
const noControl = 'You only look at this agent: take control first.'

export function createBridge({ shown, greeting, rpc, thread, mayAct, mayAnswer, onIdleAnswer, onSubmitted, send, log }: BridgeOptions): Bridge {
  const say = (message: object): void => send(JSON.stringify(message))
  const refuse = (id: RequestId, message: string): void => say({ id, error: { code: refused, message } })
  const answer = (id: RequestId, result: RpcResult<unknown>): void => (result.ok ? say({ id, result: result.value }) : refuse(id, result.message))
  const submit = (id: RequestId, text: string, answered: Promise<RpcResult<unknown>>): void => void answered.then(result => {
    if (result.ok) onSubmitted(text)
    answer(id, result)
  })

  const carryOut = (id: RequestId, method: string, treatment: Treatment): void => {
    switch (treatment.kind) {
      case 'answer': return say({ id, result: treatment.result })
      case 'pass':
      case 'endCommands': return void rpc.request(method, treatment.params, anyResult).then(result => answer(id, result))
      case 'refuse':
        log.debug(`The terminal of a codex agent asked ${method}, which was refused.`)
        return refuse(id, treatment.message)
      case 'start': return submit(id, treatment.text, thread.startByPerson(treatment.params))
      case 'steer': return submit(id, treatment.text, rpc.request(method, treatment.params, anyResult))
      // As every interrupt of Madrox's, it ends the commands of the turn with it.
      case 'interrupt': return void thread.interrupt().then(() => say({ id, result: {} }))
    }
  }
  const takeRequest = (id: RequestId, method: string, params: Readonly<Record<string, unknown>>): void => {
    if (method === 'initialize') return say({ id, result: greeting })
    const treatment = treat(method, params, shown)
    if (isDeed(treatment) && !mayAct()) return refuse(id, noControl)
    carryOut(id, method, treatment)
  }

  return {
    take(text) {
      const message = parse(text)
      if (!message) return log.warn('The terminal of a codex agent said something that is no message.', { text: text.slice(0, 200) })
      const { id, method, params, result } = message
      if (id === undefined) return // a notification: nothing it could tell concerns the thread
      if (method !== undefined) return takeRequest(id, method, params ?? {})
      if (!mayAct() || !mayAnswer()) return onIdleAnswer()
      if (!thread.answerByPerson(id, result)) log.debug('An answer from the terminal of a codex agent was not taken.', { id })
    },
    tell: message => send(JSON.stringify(message)),
    ask: message => send(JSON.stringify(withoutAmendments(message))),
  }
}

function parse(text: string): z.infer<typeof messageSchema> | undefined {
  try {
    return messageSchema.safeParse(JSON.parse(text)).data
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

const askedSchema = z.looseObject({ params: z.looseObject({ availableDecisions: z.array(z.unknown()).nullish() }) })

/** "And don't ask again" is written into the user's own rules, which hold for all their sessions: no terminal of one agent's offers it. */
function withoutAmendments(message: unknown): unknown {
  const asked = askedSchema.safeParse(message)
  if (!asked.success) return message
  const { availableDecisions, ...params } = asked.data.params
  const narrowed = availableDecisions && { availableDecisions: availableDecisions.filter(each => typeof each === 'string') }
  return { ...asked.data, params: { ...params, ...narrowed, proposedExecpolicyAmendment: null, proposedNetworkPolicyAmendments: null } }
}
