/**
 * A client: an outside caller as an actor under the root, so that its agents have a parent and its replies an address.
 * `connected` or `disconnected`; losing its session ends nothing: agents run on and the inbox waits.
 */

import { assign, setup } from 'xstate'
import { agentMachine } from './agent.ts'
import type { SpawnAsked } from './agent-context.ts'
import type { AgentId, ClientId, OwnerId } from '../ids.ts'
import type { Reply } from '../messages.ts'
import { carryOut, type Decision } from './decision.ts'
import type { ChildCrashed, InboxEvent, SupervisorEvent } from './effects.ts'
import type { Supervision } from '../restarts.ts'
import { type Children, containCrash, decideRestart, dropChild, spawnChild } from './supervision.ts'

export interface ClientInput {
  readonly clientId: ClientId
  readonly ownerId: OwnerId
  readonly name: string
  readonly root?: string
  /** Replies that waited in the store while it was away. */
  readonly inbox: readonly Reply[]
  /** Of its agents. */
  readonly supervision: Supervision
}

export interface ClientContext extends ClientInput {
  readonly children: readonly AgentId[]
  /** When it had agents restarted, as far as that still counts. */
  readonly restarts: readonly number[]
}

export type ClientEvent =
  | { readonly type: 'sessionOpened' }
  | { readonly type: 'sessionLost' }
  | { readonly type: 'located'; readonly root: string }
  | SpawnAsked
  | InboxEvent
  | SupervisorEvent
  | ChildCrashed

const client = setup({
  types: { context: {} as ClientContext, events: {} as ClientEvent, input: {} as ClientInput }, // XState's way of declaring types
  actors: { agent: agentMachine },
})

type Type = ClientEvent['type']

/** An action from a decision about the client's agents. */
const by = <T extends Type>(decide: (context: ClientContext, event: Extract<ClientEvent, { type: T }>, children: Children) => Decision<ClientContext>) =>
  client.enqueueActions(({ context, event, enqueue, self }) => {
    carryOut(enqueue, decide(context, event as Extract<ClientEvent, { type: T }>, () => self.getSnapshot().children)) // the chart names this action under that event only
  })

export const clientMachine = client.createMachine({
  id: 'client',
  context: ({ input }) => ({ ...input, children: [], restarts: [] }),
  initial: 'connected',
  on: {
    spawnAsked: { actions: by(spawnChild) },
    agentFinished: { actions: by(dropChild) },
    childDied: { actions: by(decideRestart) },
    'xstate.error.actor.*': { actions: by(containCrash) },
    located: { actions: assign({ root: ({ event }) => event.root }) },
    replyArrived: {
      guard: ({ context, event }) => !context.inbox.some(reply => reply.id === event.reply.id),
      actions: assign({ inbox: ({ context, event }) => [...context.inbox, event.reply] }),
    },
    repliesClaimed: { actions: assign({ inbox: ({ context, event }) => context.inbox.filter(reply => !event.ids.includes(reply.id)) }) },
  },
  states: {
    connected: { on: { sessionLost: 'disconnected' } },
    disconnected: { on: { sessionOpened: 'connected' } },
  },
})
