/**
 * What a client asked a session for once and for good: resources to be told of, and how much of the log. A session that took another's
 * place has not heard of it: it is asked again, and the client is told to look again at what may have changed meanwhile, for nobody
 * watched then.
 */

import { isRequest, type JSONRPCAnswer, type JSONRPCMessage, type JSONRPCRequest, type RequestId } from './wire.ts'

export interface StandingWishes {
  /** A request of the client, on its way. */
  asked(message: JSONRPCMessage): void
  /** An answer of the server: what it granted stands from now on. */
  answered(answer: JSONRPCAnswer): void
  /** What a session that begins anew is to be asked for; the answers are for nobody. */
  again(): readonly JSONRPCRequest[]
  /** What the client is told then. `capabilities`: what the server says of itself in its answer to `initialize`. */
  news(capabilities: unknown): readonly JSONRPCMessage[]
}

/** No client numbers its requests so. */
const wishId = 'madrox-wish'

const kinds = new Set(['resources/subscribe', 'resources/unsubscribe', 'logging/setLevel'])

export function createStandingWishes(): StandingWishes {
  const open = new Map<RequestId, JSONRPCRequest>()
  const subscribed = new Map<unknown, JSONRPCRequest['params']>()
  let level: JSONRPCRequest['params']
  const grant = ({ method, params }: JSONRPCRequest): void => {
    if (method === 'logging/setLevel') level = params
    else if (method === 'resources/subscribe') subscribed.set(params?.['uri'], params)
    else subscribed.delete(params?.['uri'])
  }
  return {
    asked: message => {
      if (!isRequest(message)) return
      if (message.method === 'initialize') {
        subscribed.clear()
        level = undefined
      }
      if (kinds.has(message.method)) open.set(message.id, message)
    },
    answered: answer => {
      const request = open.get(answer.id)
      open.delete(answer.id)
      if (request && 'result' in answer) grant(request)
    },
    again: () => {
      const wishes = [...(level ? [{ method: 'logging/setLevel', params: level }] : []), ...[...subscribed.values()].map(params => ({ method: 'resources/subscribe', params }))]
      return wishes.map((wish, index): JSONRPCRequest => ({ jsonrpc: '2.0', id: `${wishId}-${index}`, ...wish }))
    },
    news: capabilities => [
      ...['tools', 'resources', 'prompts'].filter(name => changes(capabilities, name)).map((name): JSONRPCMessage => ({ jsonrpc: '2.0', method: `notifications/${name}/list_changed` })),
      ...[...subscribed.keys()].map((uri): JSONRPCMessage => ({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri } })),
    ],
  }
}

/** A client need not understand what the server did not announce. */
function changes(capabilities: unknown, name: string): boolean {
  const offered: unknown = isRecord(capabilities) ? capabilities[name] : undefined
  return isRecord(offered) && offered['listChanged'] === true
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
