/**
 * Watches the team and has what changed summed up: every 12 s, an agent at most once a minute. A model does it, where there is one; while it
 * fails, and it is asked more and more seldom then, the record does. Agents know nothing of this, and nothing of it reaches them.
 */

import { createHash } from 'node:crypto'
import type { MadroxSystem, Summary } from '../actors/system.ts'
import type { Clock } from '../clock.ts'
import { wordsOf } from '../errors.ts'
import type { AgentId, OwnerId } from '../ids.ts'
import type { Log } from '../log.ts'
import { redact } from '../redaction.ts'
import type { Summaries } from './summaries.ts'

/** What a model says of an agent; the rest of a summary is known. */
export type ModelAnswer = Pick<Summary, 'activityOverview' | 'keyAccomplishments' | 'nextSteps' | 'completionPercentage'>

export interface Summariser {
  readonly model: string
  /** Secrets have been taken out of the transcript. Rejects with whatever went wrong. */
  summarise(recorded: Summary, transcript: string, signal: AbortSignal): Promise<ModelAnswer>
}

export interface MonitorOptions {
  readonly system: Pick<MadroxSystem, 'inspect' | 'output' | 'recordedSummary'>
  /** Whose agents are watched. */
  readonly owners: readonly OwnerId[]
  /** None: the record does it. */
  readonly summariser: Summariser | undefined
  readonly book: Summaries
  readonly clock: Clock
  readonly log: Log
}

export interface Monitor {
  /** Gives up what is under way. */
  close(): Promise<void>
}

/** Milliseconds. */
export const timings = { every: 12_000, cached: 60_000, answer: 20_000, longestPause: 600_000 } as const
/** Asked at the same time. */
const abreast = 4

export function startMonitor({ system, owners, summariser, book, clock, log }: MonitorOptions): Monitor {
  const changed = new Map<AgentId, OwnerId>()
  const lookedAt = new Map<AgentId, number>()
  /** What was summed up last, by its digest: an agent is told of things that change nothing of it. */
  const summedUp = new Map<AgentId, string>()
  const closing = new AbortController()
  const ask = createAsking({ summariser, clock, log }, closing.signal)
  let looking: Promise<void> | undefined

  const look = async (agentId: AgentId, ownerId: OwnerId): Promise<void> => {
    const caller = { kind: 'owner', ownerId } as const
    try {
      const recorded = system.recordedSummary(caller, agentId)
      const transcript = toTranscript(system.output(caller, agentId, { limit: newest }))
      const digest = createHash('sha256').update(JSON.stringify([{ ...recorded, at: 0 }, transcript])).digest('hex')
      if (summedUp.get(agentId) === digest) return
      const byModel = await ask(recorded, transcript)
      if (closing.signal.aborted) return
      if (byModel || !summariser) summedUp.set(agentId, digest)
      else changed.set(agentId, ownerId) // it is tried again, though nothing more may happen
      await book.keep(byModel ?? recorded)
    } catch (error) {
      log.warn('An agent could not be summed up.', { agentId, reason: wordsOf(error) })
    }
  }
  const lookAtChanged = async (): Promise<void> => {
    const due = [...changed].filter(([agentId]) => clock.now() - (lookedAt.get(agentId) ?? Number.NEGATIVE_INFINITY) >= timings.cached)
    for (const [agentId] of due) {
      changed.delete(agentId)
      lookedAt.set(agentId, clock.now())
    }
    for (let first = 0; first < due.length && !closing.signal.aborted; first += abreast) await Promise.all(due.slice(first, first + abreast).map(([agentId, ownerId]) => look(agentId, ownerId)))
  }
  const tick = (): void => {
    timer = clock.setTimeout(tick, timings.every)
    looking ??= lookAtChanged().finally(() => (looking = undefined))
  }

  const watches = owners.map(ownerId => {
    const note = (agentId: AgentId): void => void changed.set(agentId, ownerId)
    return system.inspect({ kind: 'owner', ownerId }, { happened: ({ agentId }) => note(agentId), touched: note })
  })
  let timer = clock.setTimeout(tick, timings.every)
  return {
    close: async () => {
      closing.abort()
      clock.clearTimeout(timer)
      for (const watch of watches) watch.stop()
      await looking
    },
  }
}

/** The model behind its pauses. Of a time in which it fails, the beginning and the end are said. */
function createAsking({ summariser, clock, log }: Pick<MonitorOptions, 'summariser' | 'clock' | 'log'>, closing: AbortSignal) {
  let failures = 0
  let pausedUntil = Number.NEGATIVE_INFINITY
  const failed = (error: unknown): undefined => {
    if (closing.aborted) return undefined
    failures += 1
    const pauseMs = Math.min(timings.every * 2 ** failures, timings.longestPause)
    pausedUntil = clock.now() + pauseMs
    const [tell, first] = failures === 1 ? (['warn', ' Summaries come from the record meanwhile.'] as const) : (['debug', ''] as const)
    log[tell](`The model that sums up failed; it is asked again in ${Math.round(pauseMs / 1000)} s.${first}`, { reason: wordsOf(error) })
    return undefined
  }
  /** Undefined: it failed, or it is left alone for a while. */
  return async (recorded: Summary, transcript: string): Promise<Summary | undefined> => {
    if (!summariser || clock.now() < pausedUntil) return undefined
    const late = new AbortController()
    const timer = clock.setTimeout(() => late.abort(new Error(`no answer within ${timings.answer / 1000} s`)), timings.answer)
    try {
      const answer = await summariser.summarise(recorded, transcript, AbortSignal.any([late.signal, closing]))
      if (failures > 0) log.info('The model that sums up answers again.')
      failures = 0
      const { completionPercentage: _, ...known } = recorded // what the model does not estimate is not known
      return { ...known, ...answer, at: clock.now(), source: 'model', model: summariser.model }
    } catch (error) {
      return failed(late.signal.aborted ? late.signal.reason : error)
    } finally {
      clock.clearTimeout(timer)
    }
  }
}

const newest = 60
const longestEntry = 1_000
const longestTranscript = 16_000

/** The newest of it. What is cut would no longer be known for a secret, so those go first. */
function toTranscript(rows: ReturnType<MadroxSystem['output']>): string {
  const lines = rows.map(({ kind, content }) => `[${kind}] ${redact(content).slice(0, longestEntry)}`)
  return lines.join('\n').slice(-longestTranscript)
}
