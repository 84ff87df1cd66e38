/** The callers' side of asks: promises for outcomes, their deadlines, and the graph of who waits for whom. */

import type { ActorRefFrom } from 'xstate'
import { MadroxError } from '../errors.ts'
import type { AgentId, MessageId } from '../ids.ts'
import type { Caller, Outcome, Reply } from '../messages.ts'
import { hands } from '../machines/effects.ts'
import { circleOf, type Wait } from '../machines/waits.ts'
import type { AskSettled, createAsks } from './asks.ts'
import { agentContext, type Core, nameOf } from './core.ts'
import type { WaitOptions } from './facade.ts'

type AsksActor = ActorRefFrom<ReturnType<typeof createAsks>>

interface OpenAsk {
  readonly wait?: Wait
  readonly messageIds: readonly MessageId[]
  readonly deadlineAt: number
  readonly settle: (settled: AskSettled) => void
}

export type Answer = { readonly messageId: MessageId; readonly outcome: Outcome; readonly reply?: Reply }

export function createWaiting(core: Core) {
  const open = new Map<string, OpenAsk>()
  const others = new Set<{ readonly waits: readonly Wait[]; readonly end: () => void }>()
  let count = 0
  const asks = core.root.system.get(hands.asks) as AsksActor // lives as long as the system
  asks.on('askSettled', event => open.get(event.askId)?.settle(event))

  /** The first outcome among the messages, or nothing when the wait ended before. */
  function waitFor(caller: Caller, messageIds: readonly MessageId[], wait: WaitOptions): Promise<Answer | undefined> {
    const edge = caller.kind === 'agent' ? { by: caller.agentId, on: messageIds.map(id => core.store.getMessage(id)?.to ?? '') } : undefined
    if (edge) refuseCircle(edge)
    const askId = `${core.clock.now()}.${++count}`
    const deadlineAt = deadlineFor(caller, wait.timeoutMs)
    return new Promise(resolve => {
      const settle = (settled: AskSettled): void => {
        open.delete(askId)
        wait.signal?.removeEventListener('abort', onAbort)
        resolve(settled.messageId === undefined ? undefined : { messageId: settled.messageId, outcome: settled.outcome, ...(settled.reply ? { reply: settled.reply } : {}) })
      }
      const onAbort = (): void => {
        asks.send({ type: 'withdrawn', askId })
        settle({ type: 'askSettled', askId })
      }
      if (wait.signal?.aborted) return resolve(undefined)
      wait.signal?.addEventListener('abort', onAbort, { once: true })
      open.set(askId, { messageIds, deadlineAt, settle, ...(edge ? { wait: edge } : {}) })
      asks.send({ type: 'asked', askId, messageIds, deadlineAt })
    })
  }

  /** When a wait of so many milliseconds ends at the latest. */
  const deadlineFor = (caller: Caller, timeoutMs: number): number => Math.min(core.clock.now() + timeoutMs, caller.kind === 'agent' ? deadlineOfSubject(caller.agentId) : Number.POSITIVE_INFINITY)

  /**
   * A wait of another kind, which can end only when each of `on` has done its part. Returns how to leave it; `end` is called when nobody will
   * do anything any more.
   *
   * @throws MadroxError `wait_cycle`
   */
  function enter(caller: Caller, on: readonly AgentId[], end: () => void): () => void {
    const waits = caller.kind === 'agent' ? on.map(id => ({ by: caller.agentId, on: [id] })) : []
    waits.forEach(refuseCircle)
    const other = { waits, end }
    others.add(other)
    return () => void others.delete(other)
  }

  /** @throws MadroxError `wait_cycle`, before anything is sent that such a wait would be for */
  function checkCircle(caller: Caller, on: readonly AgentId[]): void {
    if (caller.kind === 'agent') refuseCircle({ by: caller.agentId, on })
  }

  const waits = (): Wait[] => [...[...open.values()].flatMap(ask => (ask.wait ? [ask.wait] : [])), ...[...others].flatMap(other => other.waits)]

  function refuseCircle(edge: Wait): void {
    const circle = circleOf(waits(), edge)
    if (!circle) return
    const names = circle.map(id => nameOf(core, { kind: 'agent', id: id as AgentId })) // edges are made of agents' ids
    throw new MadroxError('wait_cycle', `This wait could never end: ${names.join(' waits for ')}.`, {
      remedy: 'Send with wait_for_response=false and end your turn: the answer will be handed to you. Whoever in the circle waits for your answer needs it first: give it by reply_to_caller.', data: { circle },
    })
  }

  /** Whoever waits for the agent's own answer stops waiting then; waiting longer inside it helps nobody. */
  function deadlineOfSubject(agentId: AgentId): number {
    const subject = agentContext(core, agentId)?.turn?.subject
    const asked = [...open.values()].filter(ask => subject && ask.messageIds.includes(subject))
    return asked.length > 0 ? Math.max(...asked.map(ask => ask.deadlineAt)) : Number.POSITIVE_INFINITY
  }

  /** Nobody will answer any more: what is waited for stays open. */
  function endAll(): void {
    for (const [askId, ask] of open) ask.settle({ type: 'askSettled', askId })
    for (const { end } of others) end()
  }

  return { waitFor, enter, deadlineFor, checkCircle, endAll, waits }
}

export type Waiting = ReturnType<typeof createWaiting>
