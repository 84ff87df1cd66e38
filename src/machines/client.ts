/**
 * A client: an outside caller as an actor under the root, so that its agents have a parent and its replies an address.
 * `connected` or `disconnected`; losing its session ends nothing: agents run on and the inbox waits.
 */

import { type AnyActorRef, assign, setup } from 'xstate'
import { agentMachine } from './agent.ts'
import type { AgentInput } from './agent-context.ts'
import type { AgentId, ClientId, OwnerId } from '../ids.ts'
import type { Reply } from '../messages.ts'
import { agentKey, type ChildCrashed, type InboxEvent, type SupervisorEvent } from './effects.ts'
import { childrenAfter, crashAftermath, spentCrashes } from './supervision.ts'

export interface ClientInput {
  readonly clientId: ClientId
  readonly ownerId: OwnerId
  readonly name: string
  readonly root?: string
  /** Replies that waited in the store while it was away. */
  readonly inbox: readonly Reply[]
}

export interface ClientContext extends ClientInput {
  readonly children: readonly AgentId[]
}

export type ClientEvent =
  | { readonly type: 'sessionOpened' }
  | { readonly type: 'sessionLost' }
  | { readonly type: 'located'; readonly root: string }
  | { readonly type: 'spawnAsked'; readonly input: AgentInput }
  | InboxEvent
  | SupervisorEvent
  | ChildCrashed

const client = setup({
  types: { context: {} as ClientContext, events: {} as ClientEvent, input: {} as ClientInput }, // XState's way of declaring types
  actors: { agent: agentMachine },
})

const spawnChild = client.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== 'spawnAsked') return
  const { input } = event
  enqueue.assign({ children: [...context.children, input.agentId] })
  enqueue.spawnChild('agent', { id: input.agentId, systemId: agentKey(input.agentId), input })
})

const dropChild = client.enqueueActions(({ context, event, enqueue, self }) => {
  if (event.type !== 'agentFinished') return
  const left = context.children.filter(id => id !== event.agentId)
  enqueue.stopChild(event.agentId)
  for (const id of spentCrashes(self.getSnapshot().children, left)) enqueue.stopChild(id)
  enqueue.assign({ children: left })
})

const containCrash = client.enqueueActions(({ context, event, enqueue, self }) => {
  if (!('actorId' in event)) return
  const children = self.getSnapshot().children as Record<string, AnyActorRef | undefined> // a client's children are agents
  for (const { target, event: told } of crashAftermath(children, event)) enqueue.sendTo(target, told)
  const left = childrenAfter(context.children, children, event)
  for (const id of spentCrashes(children, left)) enqueue.stopChild(id)
  enqueue.assign({ children: left })
})

export const clientMachine = client.createMachine({
  id: 'client',
  context: ({ input }) => ({ ...input, children: [] }),
  initial: 'connected',
  on: {
    spawnAsked: { actions: spawnChild },
    agentFinished: { actions: dropChild },
    'xstate.error.actor.*': { actions: containCrash },
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
