/**
 * Why a turn failed, from what its StopFailure hook says (measured on 2.1.328). Every 404 is `model_not_found` to the CLI, that of a
 * wrong ANTHROPIC_BASE_URL too; its words name the model, and no turn can be done there either.
 */

import type { HookOf } from './hook-bodies.ts'
import type { Ending } from './turns.ts'

/** Said by gateways that answer an unknown model with 400; the CLI repeats it and calls its error `unknown`. */
const unknownToGateway = /^API Error: 400 .*invalid model name/is
/** The CLI's own words for a 400 "invalid model name" on a subscription; its error is `invalid_request`, like many others. */
const notInPlan = /^Claude Opus is not available with the Claude Pro plan/

export function toFailed({ last_assistant_message: said, error, error_details }: HookOf<'StopFailure'>): Ending {
  const words = [said ?? error, error_details].filter(Boolean).join(': ')
  const isRefused = error === 'model_not_found' || (said !== undefined && (unknownToGateway.test(said) || notInPlan.test(said)))
  return { kind: 'failure', source: 'hook', error: words || 'Claude Code gave no reason.', ...(isRefused ? { cause: 'model_rejected' } : {}) }
}
