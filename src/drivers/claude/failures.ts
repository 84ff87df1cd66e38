/**
 * Why a turn failed, in the CLI's own words (measured on 2.1.328). Every 404 is `model_not_found` to the CLI, that of a wrong
 * ANTHROPIC_BASE_URL too; its words name the model, and no turn can be done there either.
 */

import type { TurnFailure } from '../driver.ts'
import type { HookOf } from './hook-bodies.ts'
import type { Ending } from './turns.ts'

/** Said by gateways that answer an unknown model with 400; the CLI repeats it and calls its error `unknown`. */
const unknownToGateway = /^API Error: 400 .*invalid model name/is
/** The CLI's own words for a 400 "invalid model name" on a subscription; its error is `invalid_request`, like many others. */
const notInPlan = /^Claude Opus is not available with the Claude Pro plan/

/** `said`: to the conversation; `error`: the CLI's name for it. */
export function toFailure(said: string | undefined, error: string | undefined, details?: string): { readonly error: string; readonly cause?: TurnFailure } {
  const words = [said ?? error, details].filter(Boolean).join(': ')
  const isRefused = error === 'model_not_found' || (said !== undefined && (unknownToGateway.test(said) || notInPlan.test(said)))
  return { error: words || 'Claude Code gave no reason.', ...(isRefused ? { cause: 'model_rejected' } : {}) }
}

/** From what a StopFailure hook says. */
export const toFailed = ({ last_assistant_message: said, error, error_details: details }: HookOf<'StopFailure'>): Ending =>
  ({ kind: 'failure', source: 'hook', ...toFailure(said, error, details) })
