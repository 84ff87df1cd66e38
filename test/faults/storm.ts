/**
 * The storm: agents under continuous messages, and a server that is killed again and again, at moments chosen by where messages
 * stand, each time started anew on the same home. What the client lived through goes into the journal; what the kills met is counted.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openSession, type Session } from './client.ts'
import type { Journal } from './journal.ts'
import { createMail, type Mail, type Task } from './mail.ts'
import type { Pids } from './pids.ts'
import type { Chance } from './random.ts'
import { type Generation, type ServerLaunch, startGeneration } from './server.ts'
import { readDeadStore, type Spread, type Watch, watchStore, type Window, windows } from './windows.ts'

/** `starting`: before the server listens, while it brings its agents back. `running`: when answers have come for a while. */
type Moment = Window | 'starting' | 'running'

export interface StormOptions {
  /** Holds home, journal and what the fixtures write; the client stands here. */
  readonly root: string
  readonly launch: Omit<ServerLaunch, 'home' | 'port'>
  readonly kills: number
  readonly chance: Chance
  readonly journal: Journal
  readonly pids: Pids
  /** Called once, in the first generation. */
  readonly spawn: (session: Session) => Promise<void>
  readonly nextTask: (number: number) => Task
  readonly underWay: number
  /** Whose messages choose the moments, and are counted. */
  readonly harnesses: readonly string[]
  /** Another fault, while a turn runs, in one of so many generations. */
  readonly strike: { readonly oneIn: number; readonly now: () => Promise<void> }
  /** See `untilSilent`; a check that is meant to turn red need not wait so long. */
  readonly silenceMs?: number
  /** With every outcome heard, before the server is asked to end. */
  readonly finale?: (session: Session, home: string) => Promise<void>
}

export interface StormReport {
  /** At how many kills messages stood in each window, and how many messages. */
  readonly killsIn: Spread
  readonly messagesIn: Spread
  readonly startingKills: number
  /** Alive, though older than the server that had just started, or alive after the last had ended. */
  readonly orphans: readonly string[]
  readonly generations: number
  readonly exitCode: number | NodeJS.Signals
}

/** With nothing heard for so long, what is still open is asked for by name; after as long again, it is lost. Milliseconds. */
const silenceMs = 20_000
/** A moment that does not come by then will not. Milliseconds. */
const momentMs = 30_000
/** Kills hit the moment itself, or come up to so much later. Milliseconds. */
const laterMs = 60
const startingMs = 500
const none: Spread = { accepted: 0, delivered: 0, seen: 0, outcome: 0 }

export async function runStorm(options: StormOptions): Promise<StormReport> {
  const { root, chance, journal, pids } = options
  const home = join(root, 'home')
  const store = join(home, 'madrox.db')
  mkdirSync(join(root, 'dead'), { recursive: true })
  const mail = createMail({ journal, nextTask: options.nextTask, nextWay: () => chance.pick(['call', 'any', 'inbox', 'inbox']), underWay: options.underWay })
  const orphans: string[] = []
  let killsIn = none
  let messagesIn = none
  let startingKills = 0
  let port = 0
  let generations = 0
  let running: Generation | undefined

  const scopeOf = ({ startedAt }: Generation) => ({ harnesses: options.harnesses, since: startedAt })
  const begin = (): Generation => {
    generations += 1
    running = startGeneration({ ...options.launch, home, port })
    return running
  }
  /** Up, seen to have ended what the one before it left, and with the client in it. */
  const enter = async (generation: Generation): Promise<Session> => {
    const url = await generation.listening
    if (url === undefined) throw new Error('it was killed before it listened')
    port = Number(new URL(url).port)
    orphans.push(...pids.olderThan(generation.pid).map(pid => `process ${pid} outlived the start of generation ${generations}`))
    return openSession(generation, url, { name: 'journal', root })
  }
  const kill = async (generation: Generation, session?: Session): Promise<void> => {
    await generation.kill()
    journal.note({ type: 'killed', what: 'server' })
    await session?.close()
    const met = readDeadStore(store, join(root, 'dead', 'madrox.db'), scopeOf(generation))
    killsIn = addUp(killsIn, met, count => Math.min(count, 1))
    messagesIn = addUp(messagesIn, met, count => count)
  }

  try {
    const first = begin()
    const opening = await enter(first)
    await options.spawn(opening)
    for (let number = 0, generation = first, session: Session | undefined = opening; number < options.kills; number += 1) {
      if (number > 0) [generation, session] = [begin(), undefined]
      const moment = nextMoment(chance, killsIn, number)
      if (moment === 'starting') {
        startingKills += 1
        await Promise.race([generation.listening, delay(chance.below(startingMs))])
        await kill(generation, session)
        continue
      }
      session ??= await enter(generation)
      const carrying = mail.carry(session, generation, { sendsMore: true, collects: moment !== 'outcome' })
      const watch = watchStore(store, scopeOf(generation))
      await Promise.race([untilMoment(moment, { watch, mail, chance, strike: options.strike }), carrying])
      watch.close()
      await kill(generation, session)
      await carrying
    }
    const last = begin()
    const session = await enter(last)
    const drained = mail.carry(session, last, { sendsMore: false, collects: true })
    const isWhole = await Promise.race([drained.then(() => true), untilSilent(mail, session, options.silenceMs ?? silenceMs)])
    if (isWhole) await options.finale?.(session, home)
    await session.close()
    const exitCode = await last.end()
    orphans.push(...pids.alive().map(pid => `process ${pid} outlived the last server`))
    return { killsIn, messagesIn, startingKills, orphans, generations, exitCode }
  } finally {
    if (!running?.isDying) await running?.kill() // the storm has failed, and its server is not to be left
  }
}

/** One in three before the server listens, one in six in full run; of the others, first what was met least, and at once what was never met. */
function nextMoment(chance: Chance, met: Spread, number: number): Moment {
  const least = Math.min(...windows.map(window => met[window]))
  if (number > 0 && chance.below(3) === 0) return 'starting'
  if (least > 0 && chance.below(4) === 0) return 'running'
  return least > 0 && chance.below(2) === 0 ? chance.pick(windows) : chance.pick(windows.filter(window => met[window] === least))
}

/** Resolves false when nothing more comes; what was asked for in vain is refused or still open, and the journal shows it as lost. */
async function untilSilent(mail: Mail, session: Session, afterMs: number): Promise<false> {
  let [heard, hasAsked] = [mail.heard, false]
  for (;;) {
    const isSilent = await Promise.race([mail.changed().then(() => false), delay(afterMs, true)])
    if (mail.heard > heard) [heard, hasAsked] = [mail.heard, false]
    if (!isSilent) continue
    if (hasAsked) return false
    hasAsked = true
    await mail.ask(session)
  }
}

interface Scene {
  readonly watch: Watch
  readonly mail: Mail
  readonly chance: Chance
  readonly strike: StormOptions['strike']
}

async function untilMoment(moment: Window | 'running', { watch, mail, chance, strike }: Scene): Promise<void> {
  const giveUpAt = Date.now() + momentMs
  const isOver = (): boolean => Date.now() > giveUpAt
  const untilMail = async (isEnough: () => boolean): Promise<void> => {
    while (!isEnough() && !isOver()) await Promise.race([mail.changed(), delay(giveUpAt - Date.now())])
  }
  const { accepted, heard } = mail
  if (chance.below(strike.oneIn) === 0 && (await watch.until('seen', isOver))) await strike.now()
  // What lay there before is not what is meant: the kill comes behind an acceptance of this generation.
  if (moment === 'accepted') await untilMail(() => mail.accepted > accepted)
  if (moment === 'running') {
    const enough = heard + chance.below(30)
    return untilMail(() => mail.heard >= enough)
  }
  if (!(await watch.until(moment, isOver))) throw new Error(`No message came to be ${moment} within ${momentMs} ms: ${JSON.stringify(watch.spread())}.`)
  if (chance.below(2) === 0) await delay(chance.below(laterMs))
}

function addUp(total: Spread, met: Spread, weigh: (count: number) => number): Spread {
  return { accepted: total.accepted + weigh(met.accepted), delivered: total.delivered + weigh(met.delivered), seen: total.seen + weigh(met.seen), outcome: total.outcome + weigh(met.outcome) }
}
