/** One simulated life, from one seed: a storm of calls, deaths and delays, then calm, then rest; and the judge's word on it. */

import { wordsOf } from '../../src/errors.ts'
import { type AgentId, asOwnerId, createIdSource } from '../../src/ids.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { createAgenda } from './agenda.ts'
import { createClients } from './clients.ts'
import { createErrands, run } from './errands.ts'
import { createInvariants } from './invariants.ts'
import { type Breach, createJournal } from './journal.ts'
import { createRandom } from './random.ts'
import { above } from './rights.ts'
import { createServer, type Server } from './server.ts'
import type { Stage } from './stage.ts'
import type { Fate } from './store.ts'
import { createTrace } from './trace.ts'
import { calm, createWeather } from './weather.ts'
import { createWorld } from './world.ts'

export interface Verdict {
  readonly seed: number
  readonly breaches: readonly Breach[]
  /** Equal for equal lives. */
  readonly digest: string
  readonly steps: number
  readonly crashes: number
  readonly messages: number
  readonly trace: readonly string[]
}

/** A server that starts ends what the one before left open. Where it brings back whom it can, this is false, and an end needs a cause of its own. */
const startUpBuries = false
/** No life that comes to rest takes longer. */
const maxSteps = 20_000
/** More than any life uses, for four levels of which each has a thousandth of what those above it have. */
const plenty = 1e15
const owners = [asOwnerId('alice'), asOwnerId('alice'), asOwnerId('bob')]

/** Lets everything that was set off by a step come to its end. */
const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

export async function simulate(seed: number, { keepTrace = false } = {}): Promise<Verdict> {
  const life = createLife(seed, keepTrace)
  const { journal, trace } = life.stage
  const restore = watchForEscapes(error => journal.breach('P9', `an error would have ended the whole process: ${wordsOf(error)}`))
  try {
    await life.storm()
    await life.comeToRest()
    await life.close()
  } catch (error) {
    if (!(error instanceof Restless)) throw error
    journal.breach('rest', error.message)
  } finally {
    restore()
  }
  return { seed, breaches: journal.breaches, digest: trace.digest(), steps: life.steps(), crashes: life.crashes(), messages: journal.acceptedIds.size, trace: trace.lines }
}

/** XState throws what nobody listened for out of a bare timer, at the whole process. It is caught before it flies. */
function watchForEscapes(caught: (error: unknown) => void): () => void {
  const { setTimeout } = globalThis
  const watched = (callback: () => void, delayMs?: number): unknown => {
    if (delayMs !== undefined) return setTimeout(callback, delayMs)
    try {
      callback()
    } catch (error) {
      caught(error)
    }
    return undefined
  }
  globalThis.setTimeout = Object.assign(watched, setTimeout) as typeof globalThis.setTimeout // as much of it as is called
  return () => void (globalThis.setTimeout = setTimeout)
}

class Restless extends Error {
  override readonly name = 'Restless'
}

function createLife(seed: number, keepTrace: boolean) {
  const random = createRandom(seed)
  const agenda = createAgenda(Date.UTC(2026, 0, 1))
  const trace = createTrace(agenda.now, keepTrace)
  const fates = random.fork('fates')
  const limits = random.fork('limits')
  const ids = createIdSource(random.fork('ids').fill)
  let weather = createWeather(random.fork('weather'))
  let server: Server | undefined
  let [steps, crashes, diskFullUntil] = [0, 0, 0]
  const stage: Stage = { random, ...(limits.chance(30) ? { limits } : {}), agenda, trace, journal: createJournal(trace.note), durable: createMemoryStore(), weather: () => weather, server: () => server }
  const { journal, durable } = stage
  const world = createWorld(stage)
  const clients = createClients(stage, owners)
  const errands = createErrands(stage)
  const invariants = createInvariants(stage)
  trace.note('weather', weather)

  const fateOf = (): Fate => {
    if (fates.chance(weather.crash)) return fates.chance(50) ? 'crash before' : 'crash after'
    if (fates.chance(weather.diskFull)) diskFullUntil = agenda.now() + fates.delay()
    return weather.calls > 0 && agenda.now() < diskFullUntil ? 'unavailable' : 'done'
  }
  const boot = (): void => {
    // Whoever was alive when the last one died.
    journal.serverDied(living().filter(id => startUpBuries || !world.canReturn(id)))
    trace.note('server', 'starts')
    const crashed = crashes
    server = undefined
    try {
      server = createServer({ stage, ids, fateOf, onDeath: died, dispatch: world.dispatch })
      if (server.isAlive()) clients.serverUp()
    } catch (error) {
      trace.note('server', `could not start: ${wordsOf(error)}`)
      // One that died while it started starts again by that.
      if (crashed === crashes) died('while it started')
    }
  }
  function died(where: string): void {
    crashes += 1
    trace.note('server', `dies ${where}`)
    world.serverDied()
    agenda.after(1 + fates.roll(2_000), boot)
  }

  /** One thing after the other, for as long as `goesOn`; nothing when nothing is left. */
  async function proceed(goesOn: () => boolean = () => true): Promise<void> {
    while (goesOn() && journal.breaches.length === 0 && agenda.step()) {
      await settle()
      invariants.afterStep()
      steps += 1
      if (steps > maxSteps) throw new Restless(`after ${maxSteps} steps it has not come to rest; ${agenda.size()} things are left to happen`)
    }
  }

  const living = (): readonly AgentId[] => durable.listAgents().flatMap(row => (row.endedAt === undefined ? [row.id] : []))
  const isStuck = (id: AgentId): boolean => durable.listOpenMessages(id).length > 0 || durable.listReplies({ kind: 'agent', id }).length > 0

  /** From the top: who has no limit is given one, which is far enough. */
  const lineTo = (id: AgentId): readonly AgentId[] => [id, ...[...above(durable, id)].flatMap(address => (address.kind === 'agent' ? [address.id] : []))].toReversed()

  /** At rest, what only a word from above can go on with gets that word: a hold is lifted, a limit raised, one that could not be woken is tried again, one whose driver lied is ended. */
  async function nudge(): Promise<boolean> {
    let nudged = false
    for (const id of living()) {
      const row = durable.getAgent(id)
      const [party, caller] = (row && clients.release(row.ownerId)) ?? []
      if (!row || !party || !caller || !server) continue
      const { state, detail, heldAt = [] } = server.system.status(caller, id)
      if (journal.hasLied(id) && isStuck(id)) await started(run(stage, party, caller, { tool: 'terminate_instance', args: { instance_id: id, force: true } }))
      else if (heldAt.length > 0) for (const [depth, each] of lineTo(id).entries()) await started(run(stage, party, caller, { tool: 'resume_instance', args: { instance_id: each, max_total_tokens: plenty / 1_000 ** depth } }))
      else if (state === 'interrupted' || (detail.startsWith('idle.suspended') && isStuck(id))) await started(run(stage, party, caller, errands.tell(id)))
      else continue
      nudged = true
    }
    return nudged
  }
  /** The call goes on while the world does. */
  const started = (call: Promise<unknown>): Promise<void> => {
    void call
    return settle()
  }

  agenda.after(0, boot)
  return {
    stage,
    steps: () => steps,
    crashes: () => crashes,
    storm: () => proceed(() => !clients.areDone()),
    comeToRest: async () => {
      weather = calm
      trace.note('weather', 'calm')
      await proceed()
      for (let round = 0; round < 20 && (await nudge()); round += 1) await proceed()
      await clients.drain()
      await settle()
      invariants.afterStep()
      if (journal.breaches.length === 0) invariants.atRest()
    },
    close: async () => {
      if (journal.breaches.length > 0 || !server) return
      for (const id of living()) journal.gaveCause(id, 'the system closes')
      let closed = false
      void server.system.close().then(() => (closed = true))
      await settle()
      await proceed()
      await settle()
      if (!closed) journal.breach('rest', 'the system was told to close, and nothing is left to happen')
      for (const id of living()) journal.breach('rest', `${id} lives on behind the end of its system`)
    },
  }
}
