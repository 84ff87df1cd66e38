/**
 * The root of the actor tree: the hands (store, drivers, deadlines, asks) and the clients. It never dies of a child: what a
 * child throws is contained here at the latest, and said.
 */

import { type AnyActorLogic, setup } from 'xstate'
import type { Log } from '../log.ts'
import { type ClientInput, clientMachine } from '../machines/client.ts'
import { type ChildCrashed, clientKey, hands } from '../machines/effects.ts'

export type RootEvent = { readonly type: 'clientArrived'; readonly input: ClientInput } | ChildCrashed

export interface Hands {
  readonly deadlines: AnyActorLogic
  readonly asks: AnyActorLogic
  readonly ledger: AnyActorLogic
  readonly drivers: AnyActorLogic
  readonly retention: AnyActorLogic
  readonly exporting: AnyActorLogic
  readonly jobs: AnyActorLogic
}

export function createRoot(logic: Hands, log: Log) {
  const root = setup({ types: { events: {} as RootEvent, context: {} as Record<never, never> }, actors: { ...logic, client: clientMachine } }) // XState's way of declaring types
  return root.createMachine({
    id: 'root',
    context: {},
    invoke: [
      { id: 'deadlines', systemId: hands.deadlines, src: 'deadlines' },
      { id: 'exporting', systemId: hands.exporting, src: 'exporting' },
      { id: 'asks', systemId: hands.asks, src: 'asks' },
      { id: 'ledger', systemId: hands.ledger, src: 'ledger' },
      { id: 'drivers', systemId: hands.drivers, src: 'drivers' },
      { id: 'retention', systemId: hands.retention, src: 'retention' },
      { id: 'jobs', systemId: hands.jobs, src: 'jobs' },
    ],
    on: {
      clientArrived: {
        actions: root.enqueueActions(({ event, enqueue }) => {
          if (event.type === 'clientArrived') enqueue.spawnChild('client', { id: event.input.clientId, systemId: clientKey(event.input.clientId), input: event.input })
        }),
      },
      'xstate.error.actor.*': { actions: ({ event }) => log.error(`the actor ${event.actorId} failed`, { error: event.error }) },
    },
  })
}
