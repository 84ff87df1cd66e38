/**
 * Why a thread did not start, or a turn failed, from the CLI's own words (measured on 0.169.0). A model nobody has is not among the
 * reasons of a start: codex takes any name there, and the API rejects it in the first turn. Its `model/list` cannot tell earlier: it
 * lists what OpenAI offers, also where another provider is configured.
 */

import type { FactOf, TurnFailure } from '../driver.ts'
import type { TurnError } from './protocol.ts'

export interface StartFailure {
  readonly code: FactOf<'startFailed'>['code']
  readonly detail: string
}

const causes: readonly (readonly [RegExp, StartFailure['code']])[] = [
  [/no rollout found/i, 'session_unknown'],
  [/already has an active writer/i, 'session_locked'],
  [/timed out/i, 'timeout'],
]

export function toStartFailure(words: string): StartFailure {
  const cause = causes.find(([pattern]) => pattern.test(words))
  return { code: cause?.[1] ?? 'invalid_launch', detail: words }
}

/** Codex has a word of its own for what the API calls `model_not_found`, and none for a model that a ChatGPT account does not get. */
export function toTurnFailure({ message, codexErrorInfo }: TurnError): TurnFailure | undefined {
  return codexErrorInfo === 'modelNotFound' || /model is not supported when using Codex\b/.test(message) ? 'model_rejected' : undefined
}

/** A thread whose stop was cut short between the two steps of unloading it. */
export function isArchived(words: string): boolean {
  return /is archived/.test(words)
}

/** A failed turn's own words, told live or read from its record. */
export const toErrorText = ({ message, additionalDetails }: TurnError): string => [message, additionalDetails].filter(Boolean).join('\n')

export const notLoggedIn: StartFailure = {
  code: 'not_logged_in',
  detail: 'codex reports that its model provider needs an OpenAI account and that none is logged in (account/read). Run `codex login`, or `codex login --with-api-key`, as the user Madrox runs as.',
}

export function inUse(sessionId: string): StartFailure {
  return { code: 'session_locked', detail: `Thread ${sessionId} is in use by another agent of this driver.` }
}
