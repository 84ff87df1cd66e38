/** Errors as REST tells them: the one mapping from codes to HTTP status, and the one body. */

import type { ErrorCode, WireError } from '../../errors.ts'

const statuses: Readonly<Record<ErrorCode, number>> = {
  invalid_input: 400,
  unauthenticated: 401,
  not_allowed: 403,
  exceeds_parent: 403,
  against_policy: 403,
  not_approved: 403,
  not_found: 404,
  unknown_tool: 404,
  unknown_role: 404,
  ambiguous_reference: 409,
  ambiguous_message: 409,
  no_open_message: 409,
  agent_busy: 409,
  agent_ended: 409,
  already_resent: 409,
  already_settled: 409,
  wait_cycle: 409,
  parent_unknown: 422,
  workspace_failed: 422,
  limit_reached: 429,
  mailbox_full: 429,
  internal: 500,
  spawn_failed: 502, // by the CLI, in its words
  shutting_down: 503,
  unavailable: 503,
}

export const statusOf = (code: ErrorCode): number => statuses[code]

export const errorBody = (error: WireError): { readonly error: WireError } => ({ error })

export function refuse(error: WireError, { status = statusOf(error.code), headers = {} }: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {}): Response {
  return Response.json(errorBody(error), { status, headers: { ...noStore, ...headers } })
}

/** What is told of agents is of the moment, and nobody else's. */
export const noStore = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const
