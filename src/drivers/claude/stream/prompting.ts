/** Prompts on their way in: written, taken up or taken back. The CLI says of each what becomes of it. */

import { randomUUID } from 'node:crypto'
import type { Clock } from '../../../clock.ts'
import type { FactOf } from '../../driver.ts'
import type { SourcedFact } from '../../facts.ts'
import type { Channel } from './channel.ts'
import { toPlain, toPrompt } from './protocol.ts'
import type { TurnTracker } from './turns.ts'

/** A CLI at rest takes a prompt up within 20 ms; one on a machine under load is slow, and what is given up too early may be worked on twice. */
const patienceMs = 30_000

export interface PromptingOptions {
  readonly clock: Clock
  readonly turns: TurnTracker
  readonly channel: Pick<Channel, 'send' | 'request'>
  readonly tell: (fact: SourcedFact<'promptWritten' | 'promptRefused' | 'promptUnconfirmed'>) => void
  /** It was given up. */
  readonly onGivenUp: () => void
}

export interface Prompting {
  /** `refusal`: why not, if there is a reason. */
  submit(promptId: string, text: string, refusal: FactOf<'promptRefused'>['reason'] | undefined): void
}

export function createPrompting({ clock, turns, channel, tell, onGivenUp }: PromptingOptions): Prompting {
  const isAwaited = (uuid: string): boolean => turns.expected()?.uuid === uuid

  const giveUp = (promptId: string, detail: string): void => {
    turns.giveUp()
    tell({ type: 'promptUnconfirmed', source: 'protocol', promptId, detail })
    onGivenUp()
  }

  /** Takes it out of the CLI's queue. One that is in it no more is being taken up; one that is not even answered about is lost. */
  const takeBack = (promptId: string, uuid: string): void => {
    if (!isAwaited(uuid)) return
    if (turns.current()) return watchOver(promptId, uuid) // it waits behind a turn of the CLI's own
    const silence = clock.setTimeout(() => {
      if (isAwaited(uuid)) giveUp(promptId, 'Claude Code neither took the prompt up nor answered what became of it.')
    }, patienceMs)
    channel.request({ subtype: 'cancel_async_message', message_uuid: uuid }, answer => {
      clock.clearTimeout(silence)
      if (!isAwaited(uuid)) return
      if (isCancelled(answer)) giveUp(promptId, 'Claude Code did not take the prompt up; it was taken out of its queue again.')
      else watchOver(promptId, uuid)
    })
  }
  const watchOver = (promptId: string, uuid: string): void => void clock.setTimeout(() => takeBack(promptId, uuid), patienceMs)

  return {
    submit(promptId, text, refusal) {
      if (refusal !== undefined) return tell({ type: 'promptRefused', source: 'protocol', promptId, reason: refusal })
      const uuid = randomUUID()
      turns.expect(promptId, uuid)
      channel.send(toPrompt(uuid, toPlain(text)))
      tell({ type: 'promptWritten', source: 'process', promptId })
      watchOver(promptId, uuid)
    },
  }
}

const isCancelled = (answer: unknown): boolean => typeof answer === 'object' && answer !== null && 'cancelled' in answer && answer.cancelled === true
