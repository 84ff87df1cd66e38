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
  /** And was a person's: there is no fact that tells of it. */
  readonly onLost: (text: string, detail: string) => void
}

export interface Prompting {
  /** `refusal`: why not, if there is a reason. */
  submit(promptId: string, text: string, refusal: FactOf<'promptRefused'>['reason'] | undefined): void
  /** What a person typed into the agent's console. */
  submitOfPerson(text: string): void
}

interface Handed {
  /** Undefined: a person's. */
  readonly promptId: string | undefined
  readonly uuid: string
  readonly text: string
}

export function createPrompting({ clock, turns, channel, tell, onGivenUp, onLost }: PromptingOptions): Prompting {
  const isAwaited = ({ uuid }: Handed): boolean => turns.expected()?.uuid === uuid

  const giveUp = ({ promptId, text }: Handed, detail: string): void => {
    turns.giveUp()
    if (promptId === undefined) onLost(text, detail)
    else tell({ type: 'promptUnconfirmed', source: 'protocol', promptId, detail })
    onGivenUp()
  }

  /** Takes it out of the CLI's queue. One that is in it no more is being taken up; one that is not even answered about is lost. */
  const takeBack = (handed: Handed): void => {
    if (!isAwaited(handed)) return
    if (turns.current()) return watchOver(handed) // it waits behind a turn of the CLI's own
    const silence = clock.setTimeout(() => {
      if (isAwaited(handed)) giveUp(handed, 'Claude Code neither took the prompt up nor answered what became of it.')
    }, patienceMs)
    channel.request({ subtype: 'cancel_async_message', message_uuid: handed.uuid }, answer => {
      clock.clearTimeout(silence)
      if (!isAwaited(handed)) return
      if (isCancelled(answer)) giveUp(handed, 'Claude Code did not take the prompt up; it was taken out of its queue again.')
      else watchOver(handed)
    })
  }
  const watchOver = (handed: Handed): void => void clock.setTimeout(() => takeBack(handed), patienceMs)

  const hand = (promptId: string | undefined, text: string): void => {
    const handed = { promptId, uuid: randomUUID(), text }
    turns.expect(promptId, handed.uuid)
    channel.send(toPrompt(handed.uuid, toPlain(text)))
    if (promptId !== undefined) tell({ type: 'promptWritten', source: 'process', promptId })
    watchOver(handed)
  }

  return {
    submit(promptId, text, refusal) {
      if (refusal !== undefined) tell({ type: 'promptRefused', source: 'protocol', promptId, reason: refusal })
      else hand(promptId, text)
    },
    submitOfPerson: text => hand(undefined, text),
  }
}

const isCancelled = (answer: unknown): boolean => typeof answer === 'object' && answer !== null && 'cancelled' in answer && answer.cancelled === true
