/**
 * Interrupts: one Escape while codex says that it works, and the end of what the cut turn had started. An Escape at rest is
 * half of a command (a second one opens the way back to earlier prompts), so none is typed before codex's own word.
 */

import type { Clock } from '../../../clock.ts'
import type { Log } from '../../../log.ts'
import type { SourcedFact } from '../../facts.ts'
import type { Signals } from './signals.ts'
import type { Turn, Turns } from './turns.ts'

/** An Escape that nothing came of is typed again. */
const repeatMs = 2_000

export interface Interrupting {
  request(requestId: string): void
  /** The same without anyone asking: before the process is ended. */
  cut(): void
  /** To be called whenever codex has said something. */
  conclude(): void
  /** The end of the turn has been told. */
  turnOver(turn: Turn): void
  /** Nothing may be typed meanwhile. */
  isActive(): boolean
}

export interface InterruptingOptions {
  readonly turns: Turns
  readonly signals: Signals
  readonly write: (bytes: string) => void
  /** Resolves when no process of these commands is left. */
  readonly endCommands: (callIds: readonly string[]) => Promise<unknown>
  readonly tell: (fact: SourcedFact<'interruptFinished'>) => void
  readonly clock: Clock
  readonly log: Log
}

export function createInterrupting({ turns, signals, write, endCommands, tell, clock, log }: InterruptingOptions): Interrupting {
  let requested: string[] = []
  let isCutting = false
  let cleaning = 0
  let pressed: { readonly turnId: string; readonly at: number } | undefined

  const finish = (requestIds: readonly string[], wasInTurn: boolean): void => {
    for (const requestId of requestIds) tell({ type: 'interruptFinished', source: 'transcript', requestId, wasInTurn })
  }

  const conclude = (): void => {
    if (requested.length === 0 && !isCutting) return
    const turn = turns.current()
    if (!turn?.told && turns.isExpecting()) return // seen or given up, it goes on from there
    if (!turn) {
      const answered = requested
      requested = []
      isCutting = false
      return finish(answered, false)
    }
    const isPressed = pressed?.turnId === turn.id && clock.now() < pressed.at + repeatMs
    if (turn.ending || isPressed || signals.state !== 'working') return
    pressed = { turnId: turn.id, at: clock.now() }
    write('\x1b')
    clock.setTimeout(conclude, repeatMs)
  }

  return {
    request(requestId) {
      requested.push(requestId)
      conclude()
    },
    cut() {
      isCutting = true
      conclude()
    },
    conclude,
    turnOver(turn) {
      const answered = requested
      const commands = turn.ending?.status === 'interrupted' ? [...turn.commands] : []
      requested = []
      isCutting = false
      if (answered.length === 0 && commands.length === 0) return
      cleaning += 1
      // An interrupt leaves a running command running; what earlier turns left behind on purpose stays.
      void endCommands(commands)
        .catch((error: unknown) => log.error('Commands of an interrupted codex turn could not be ended.', { error: String(error) }))
        .then(() => {
          cleaning -= 1
          finish(answered, true)
        })
    },
    isActive: () => requested.length > 0 || cleaning > 0,
  }
}
