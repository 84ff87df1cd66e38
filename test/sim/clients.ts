/** Simulated clients: outside callers who call what they like, lose answers, repeat calls, go away and come back, also to another server. */

import type { ClientId, MessageId, OwnerId } from '../../src/ids.ts'
import type { Caller } from '../../src/messages.ts'
import { wordsOf } from '../../src/errors.ts'
import { createErrands, type Errand, type Party, run } from './errands.ts'
import type { Stage } from './stage.ts'

export interface Clients {
  /** A server runs: they connect, as soon as it lets them. */
  serverUp(): void
  /** All they meant to do is done. */
  areDone(): boolean
  /** Says this to an agent as its owner does; for what only a word from above can go on with. */
  release(ownerId: OwnerId): readonly [Party, Caller] | undefined
  /** Collects everything that waits for them. */
  drain(): Promise<void>
  readonly ids: readonly ClientId[]
}

interface Client {
  readonly name: string
  readonly ownerId: OwnerId
  readonly sent: MessageId[]
  readonly kept: { errand: Errand; callKey: string }[]
  id: ClientId | undefined
  connected: boolean
  left: number
}

const reconnectMs = 700

export function createClients(stage: Stage, owners: readonly OwnerId[]): Clients {
  const { agenda, journal, trace } = stage
  const random = stage.random.fork('clients')
  const errands = createErrands(stage)
  let keys = 0
  const clients = owners.map((ownerId, index): Client => ({ name: `client${index}`, ownerId, sent: [], kept: [], id: undefined, connected: false, left: stage.weather().calls }))
  const partyOf = (client: Client): readonly [Party, Caller & { kind: 'client' }] | undefined =>
    client.id && [{ address: { kind: 'client', id: client.id }, sent: client.sent, random }, { kind: 'client', clientId: client.id, ownerId: client.ownerId }]

  function connect(client: Client): void {
    const server = stage.server()
    if (!server?.isAlive() || client.connected) return
    try {
      const id = server.system.connectClient({ ownerId: client.ownerId, name: client.name, root: `/sim/${client.name}` })
      if (!server.isAlive()) return
      if (client.id !== undefined && client.id !== id) journal.breach('P4', `${client.name} returned as ${id} and is ${client.id}: what waits for it waits for nobody`)
      client.id = id
      client.connected = true
      trace.note('client', `${client.name} is connected as ${id}`)
    } catch (error) {
      trace.note('client', `${client.name} could not connect: ${wordsOf(error)}`)
      agenda.after(reconnectMs, () => connect(client))
    }
  }

  function disconnect(client: Client): void {
    const server = stage.server()
    if (!client.id || !client.connected || !server?.isAlive()) return
    client.connected = false
    trace.note('client', `${client.name} goes away`)
    try {
      server.system.disconnectClient(client.id)
    } catch (error) {
      trace.note('client', `${client.name} could not be noted as gone: ${wordsOf(error)}`)
    }
    agenda.after(random.delay(), () => connect(client))
  }

  function call(client: Client, errand: Errand, callKey: string | undefined): void {
    const party = client.connected ? partyOf(client) : undefined
    if (!party) return
    const cancel = new AbortController()
    if (random.chance(5)) agenda.after(random.delay(), () => cancel.abort())
    void run(stage, ...party, errand, { signal: cancel.signal, leaves: () => client.connected && !random.chance(stage.weather().brokenAnswer), ...(callKey ? { callKey } : {}) })
    if (callKey) client.kept.push({ errand, callKey })
  }

  function act(client: Client): void {
    client.left -= 1
    const [party] = partyOf(client) ?? []
    if (random.chance(4)) disconnect(client)
    // A caller that heard no answer repeats the call, and so does one that is merely impatient.
    const again = random.chance(15) ? random.pick(client.kept) : undefined
    const errand = party && !again ? errands.ofClient(party) : undefined
    if (again) call(client, again.errand, again.callKey)
    else if (errand) call(client, errand, random.chance(40) ? `key${++keys}` : undefined)
    if (client.left > 0) agenda.after(random.delay(), () => act(client))
  }
  for (const client of clients) agenda.after(random.delay(), () => act(client))

  return {
    serverUp: () => {
      for (const client of clients) {
        client.connected = false
        agenda.after(1 + random.roll(200), () => connect(client))
      }
    },
    areDone: () => clients.every(client => client.left <= 0),
    release: ownerId => {
      const client = clients.find(each => each.ownerId === ownerId && each.connected)
      return client && partyOf(client)
    },
    drain: async () => {
      for (const client of clients) {
        const party = partyOf(client)
        if (party) await run(stage, ...party, { tool: 'get_pending_replies', args: { limit: 1_000 } })
      }
    },
    get ids() {
      return clients.flatMap(({ id }) => (id ? [id] : []))
    },
  }
}
