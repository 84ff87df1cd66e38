/**
 * The one error type. Every refusal a caller can meet has a stable `code`, a message that says what failed and why,
 * and a `remedy` that says what to do. Expected outcomes (a message that failed, a wait that ended) are results, not errors.
 */

import { redact, redactData } from './redaction.ts'

/** Stable names of everything that can be refused. Adding one is a feature; renaming one breaks callers. */
export const errorCodes = [
  'invalid_input', // the arguments do not fit, or mean nothing
  'unknown_tool',
  'unknown_role',
  'not_found', // no agent, message or client of that name
  'ambiguous_reference', // a name or prefix that fits several
  'not_allowed', // outside the caller's rights
  'unauthenticated', // no credential, or one nobody issued
  'exceeds_parent', // a child asked for more than its supervisor has
  'parent_unknown', // nobody to be the supervisor
  'agent_ended',
  'agent_busy',
  'spawn_failed', // the CLI's own words are in the message
  'wait_cycle', // a wait that could never end
  'no_open_message',
  'ambiguous_message', // several open messages, none named
  'already_resent', // a dead letter is sent again once
  'limit_reached',
  'against_policy', // what was set by set_policy forbids it
  'not_approved', // somebody was asked first, and there was no yes
  'already_settled', // an approval is answered once
  'mailbox_full',
  'workspace_failed',
  'shutting_down',
  'unavailable', // a part Madrox needs (store, CLI, network) does not answer
  'internal', // a bug in Madrox
] as const

export type ErrorCode = (typeof errorCodes)[number]

export interface MadroxErrorOptions {
  /** What the caller can do about it: one sentence, imperative. */
  readonly remedy?: string
  /** Plain data for programs: ids, names, limits. Never secrets. */
  readonly data?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

export class MadroxError extends Error {
  override readonly name = 'MadroxError'
  readonly code: ErrorCode
  readonly remedy: string | undefined
  readonly data: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: MadroxErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.remedy = options.remedy
    this.data = options.data ?? {}
  }

  /** What failed, why and what to do, as one text for a person or a model. */
  toText(): string {
    return this.remedy ? `${this.message} ${this.remedy}` : this.message
  }
}

/** The error as it crosses a wire; the same on every way in. */
export interface WireError {
  readonly code: ErrorCode
  readonly message: string
  readonly remedy?: string
  readonly data?: Readonly<Record<string, unknown>>
}

/** The only mapping from thrown values to the wire, and so the place where secrets leave their words. An unexpected error keeps its message and is named `internal`. */
export function toWireError(error: unknown): WireError {
  if (error instanceof MadroxError) {
    return {
      code: error.code,
      message: redact(error.message),
      ...(error.remedy === undefined ? {} : { remedy: redact(error.remedy) }),
      ...(Object.keys(error.data).length === 0 ? {} : { data: redactData(error.data) }),
    }
  }
  return { code: 'internal', message: `Madrox failed unexpectedly: ${redact(wordsOf(error))}`, remedy: 'Please report it with the server log.' }
}

/** As a model reads it: the name it can go by, what failed and why, what to do. */
export const toWireText = ({ code, message, remedy }: WireError): string => `${code}: ${message}${remedy ? ` ${remedy}` : ''}`

/** What a thrown value says, whatever it is. */
export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The code of an error that has one: the system's (`ENOENT`), SQLite's (`SQLITE_FULL`), our own. */
export const codeOf = (error: unknown): string | undefined => (error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined)
