/** How a command ends, in numbers: what scripts go by. */

import { MadroxError } from '../errors.ts'
import { nearest } from '../nearest.ts'

export const exitCodes = {
  done: 0,
  /** The server said no, or what was asked for did not succeed. */
  refused: 1,
  /** The command line made no sense. */
  misunderstood: 2,
  /** No server answers. */
  noServer: 3,
  /** The wait ended before there was an answer; what was waited for is open. */
  pending: 4,
  /** By Ctrl-C: as shells count it. */
  interrupted: 130,
} as const

/** An end with a number of its own. */
export class CommandError extends MadroxError {
  readonly exitCode: number

  constructor(exitCode: number, ...[code, message, options]: ConstructorParameters<typeof MadroxError>) {
    super(code, message, options)
    this.exitCode = exitCode
  }
}

/** What was typed does not fit; told with the place of its help. */
export class Misunderstood extends Error {
  override readonly name = 'Misunderstood'
}

/** ` Did you mean "…"?`, where one of the known words is near enough; the dashes of options are not counted. */
export function orNearest(given: string, known: readonly string[]): string {
  const dashes = /^-*/.exec(given)?.[0] ?? ''
  const near = nearest(given.slice(dashes.length), known)
  return near === undefined ? '' : ` Did you mean "${dashes}${near}"?`
}

type Data = Readonly<Record<string, unknown>>
const isData = (value: unknown): value is Data => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The number of an answer: its outcome's, or that some of several were refused. */
export function exitCodeOf(data: Data): number {
  if (data['message_id'] !== undefined && data['status'] === 'pending') return exitCodes.pending
  if (data['message_id'] !== undefined && ['failed', 'cancelled', 'expired', 'agent_gone'].includes(String(data['status']))) return exitCodes.refused
  const { errors, results } = data
  const refused = (Array.isArray(errors) && errors.length > 0) || (Array.isArray(results) && results.some(result => isData(result) && ('error' in result || result['status'] === 'error')))
  return refused ? exitCodes.refused : exitCodes.done
}
