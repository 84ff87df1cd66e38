/**
 * A driver's trace: every command given and every fact told, in order, and the promises of the port read off it. Whoever runs
 * a driver can record it this way and have the whole run judged, whatever the run was about.
 */
import { driverFactSchema, type Driver, type DriverCommand, type DriverFact, type FactOf } from '../../src/drivers/driver.ts'

export type TraceEntry = { readonly command: DriverCommand } | { readonly fact: DriverFact }

export interface Recorder {
  readonly trace: readonly TraceEntry[]
  /** Faults seen as they happened: a fact that does not fit its schema, or told from inside `dispatch`. */
  readonly faults: readonly string[]
  readonly emit: (fact: DriverFact) => void
  /** Facts of an agent, of a type, so far. */
  factsOf(agentId: string): DriverFact[]
  factsOf<Type extends DriverFact['type']>(agentId: string, type: Type): FactOf<Type>[]
  /** The first fact, past or future, of that type that satisfies the predicate; rejects with the trace when the time is up. */
  waitFor<Type extends DriverFact['type']>(agentId: string, type: Type, predicate?: (fact: FactOf<Type>) => boolean): Promise<FactOf<Type>>
  /** The same for any fact. `what` names it in the error. */
  first<Found extends DriverFact>(what: string, isIt: (fact: DriverFact) => fact is Found): Promise<Found>
  /** Calls back from inside the telling of the next such fact, where an actor would give its next command. */
  onNext(agentId: string, type: DriverFact['type'], callback: () => void): void
  /** The same driver, with its commands on record. */
  record(driver: Driver): Driver
}

export function createRecorder(timeoutMs: number): Recorder {
  const trace: TraceEntry[] = []
  const faults: string[] = []
  const waiting = new Set<(fact: DriverFact) => void>()
  let dispatching = false
  const facts = (): DriverFact[] => trace.flatMap(entry => ('fact' in entry ? [entry.fact] : []))
  const isOf = <Type extends DriverFact['type']>(fact: DriverFact, agentId: string, type: Type): fact is FactOf<Type> => fact.agentId === agentId && fact.type === type
  const factsOf = (agentId: string, type?: DriverFact['type']): DriverFact[] => facts().filter(fact => fact.agentId === agentId && (type === undefined || fact.type === type))
  const first = <Found extends DriverFact>(what: string, isIt: (fact: DriverFact) => fact is Found): Promise<Found> =>
    new Promise((resolve, reject) => {
      const past = facts().find(isIt)
      if (past) return resolve(past)
      const timer = setTimeout(() => {
        waiting.delete(look)
        reject(new Error(`No ${what} within ${timeoutMs} ms. Trace:\n${toText(trace)}`))
      }, timeoutMs)
      const look = (fact: DriverFact): void => {
        if (!isIt(fact)) return
        clearTimeout(timer)
        waiting.delete(look)
        resolve(fact)
      }
      waiting.add(look)
    })
  return {
    trace,
    faults,
    emit: fact => {
      if (dispatching) faults.push(`${fact.type} was told from inside dispatch`)
      const parsed = driverFactSchema.safeParse(JSON.parse(JSON.stringify(fact)))
      if (!parsed.success) faults.push(`${fact.type} does not fit its schema: ${parsed.error.message}`)
      else if (JSON.stringify(sorted(parsed.data)) !== JSON.stringify(sorted(fact))) faults.push(`${fact.type} carries more than its schema says: ${JSON.stringify(fact)}`)
      trace.push({ fact })
      for (const look of waiting) look(fact)
    },
    factsOf: factsOf as Recorder['factsOf'], // the overload follows from filtering by the type asked for
    waitFor: (agentId, type, predicate = () => true) =>
      first(`${type} of ${agentId}`, (fact): fact is FactOf<typeof type> => isOf(fact, agentId, type) && predicate(fact)),
    first,
    onNext: (agentId, type, callback) => {
      const look = (fact: DriverFact): void => {
        if (!isOf(fact, agentId, type)) return
        waiting.delete(look)
        callback()
      }
      waiting.add(look)
    },
    record: driver => ({
      harness: driver.harness,
      speaksMcp: driver.speaksMcp,
      close: () => driver.close(),
      dispatch: command => {
        trace.push({ command })
        dispatching = true
        try {
          driver.dispatch(command)
        } finally {
          dispatching = false
        }
      },
    }),
  }
}

const sorted = (value: object): object => Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))

export const toText = (trace: readonly TraceEntry[]): string =>
  trace.map(entry => ('command' in entry ? `→ ${cut(entry.command)}` : `← ${cut(entry.fact)}`)).join('\n')

const cut = (value: object): string => {
  const text = JSON.stringify(value)
  return text.length > 240 ? `${text.slice(0, 240)}…` : text
}

/** One agent's life, from a start to its end, as far as the promises care. */
interface Life {
  started: 'no' | 'ready' | 'failed'
  isOver: boolean
  stops: number
  exits: number
  readonly prompts: Map<string, 'open' | 'answered'>
  readonly turns: Map<string, 'open' | 'ended'>
  /** For each open interrupt, the turns that ran when it was asked for. */
  readonly interrupts: Map<string, string[]>
  /** Open ones. */
  readonly recalls: Set<string>
  /** Viewers of its terminal. */
  readonly viewers: Set<string>
}

const newLife = (): Life => ({ started: 'no', isOver: false, stops: 0, exits: 0, prompts: new Map(), turns: new Map(), interrupts: new Map(), recalls: new Set(), viewers: new Set() })

/** Every breach of the port's promises in a trace that has come to its end (the driver is closed), in words. */
export function findBreaches(trace: readonly TraceEntry[]): string[] {
  const breaches: string[] = []
  const lives = new Map<string, Life>()
  for (const entry of trace) {
    const agentId = 'command' in entry ? entry.command.agentId : entry.fact.agentId
    const life = lives.get(agentId)
    const say = (breach: string): void => void breaches.push(`${agentId}: ${breach}`)
    if ('command' in entry) {
      if (entry.command.type === 'startAgent' && (!life || life.isOver)) {
        if (life) checkEnd(life, say)
        lives.set(agentId, newLife())
      } else if (life && !life.isOver) takeCommand(life, entry.command)
    } else if (life) takeFact(life, entry.fact, say)
    else say(`${entry.fact.type} of an agent nobody started`)
  }
  for (const [agentId, life] of lives) checkEnd(life, breach => breaches.push(`${agentId}: ${breach}`))
  return breaches
}

function takeCommand(life: Life, command: DriverCommand): void {
  if (command.type === 'submitPrompt') life.prompts.set(command.promptId, 'open')
  if (command.type === 'interrupt') life.interrupts.set(command.requestId, openTurns(life))
  if (command.type === 'recallTurn') life.recalls.add(command.requestId)
  if (command.type === 'useTerminal' && command.use.action === 'attach') life.viewers.add(command.viewerId)
  if (command.type === 'stopAgent') life.stops += 1
}

const openTurns = (life: Life): string[] => [...life.turns].filter(([, state]) => state === 'open').map(([id]) => id)

function takeFact(life: Life, fact: DriverFact, say: (breach: string) => void): void {
  if (life.isOver) return say(`${fact.type} came after its end`)
  switch (fact.type) {
    case 'ready':
    case 'startFailed':
      if (life.started !== 'no') say(`${fact.type} is a second answer to startAgent`)
      life.started = fact.type === 'ready' ? 'ready' : 'failed'
      if (fact.type === 'startFailed') life.isOver = true
      return
    case 'promptSeen':
    case 'promptRefused':
    case 'promptUnconfirmed':
      if (life.prompts.get(fact.promptId) !== 'open') say(`${fact.type} answers a prompt that was not open: ${fact.promptId}`)
      life.prompts.set(fact.promptId, 'answered')
      if (fact.type === 'promptSeen') beginTurn(life, fact.turnId, say)
      return
    case 'promptWritten':
      if (life.prompts.get(fact.promptId) !== 'open') say(`promptWritten came after the answer to ${fact.promptId}`)
      return
    case 'turnStarted':
      return beginTurn(life, fact.turnId, say)
    case 'turnEnded':
      if (life.turns.get(fact.turnId) !== 'open') say(`turnEnded of a turn that was not open: ${fact.turnId}`)
      life.turns.set(fact.turnId, 'ended')
      return
    case 'interruptFinished': {
      const cut = life.interrupts.get(fact.requestId)
      if (!cut) say(`interruptFinished of a request that was not open: ${fact.requestId}`)
      if (cut?.some(turn => life.turns.get(turn) === 'open')) say('interruptFinished came before the end of the turn it cut')
      life.interrupts.delete(fact.requestId)
      return
    }
    case 'turnRecalled':
      if (!life.recalls.delete(fact.requestId)) say(`turnRecalled of a request that was not open: ${fact.requestId}`)
      return
    case 'terminalOutput':
    case 'terminalClosed':
      if (!life.viewers.has(fact.viewerId)) say(`${fact.type} for a viewer that does not look: ${fact.viewerId}`)
      if (fact.type === 'terminalClosed') life.viewers.delete(fact.viewerId)
      return
    case 'exited':
      life.exits += 1
      life.isOver = true
      if (!fact.expected && life.stops > 0) say('an exit after stopAgent was told as unexpected')
      if (fact.expected && life.stops === 0) life.stops = 1 // close() asked for it
      return
    default:
  }
}

function beginTurn(life: Life, turnId: string, say: (breach: string) => void): void {
  if (life.started !== 'ready') say(`turn ${turnId} began before ready`)
  if (life.turns.has(turnId)) say(`turn ${turnId} began twice`)
  if (openTurns(life).length > 0) say(`turn ${turnId} began inside another`)
  life.turns.set(turnId, 'open')
}

function checkEnd(life: Life, say: (breach: string) => void): void {
  if (life.stops > 0 && life.exits !== 1 && life.started !== 'failed') say(`stopAgent was answered by ${life.exits} exited`)
  if (life.exits > 0) return // an exit answers whatever was open
  if (life.started === 'no') say('startAgent was never answered')
  if (life.started === 'failed') return
  for (const [promptId, state] of life.prompts) if (state === 'open') say(`prompt ${promptId} was never answered`)
  for (const turnId of openTurns(life)) say(`turn ${turnId} never ended`)
  for (const requestId of life.interrupts.keys()) say(`interrupt ${requestId} was never finished`)
  for (const requestId of life.recalls) say(`recall ${requestId} was never answered`)
  say('the agent was still there when its driver had been closed')
}
