/** Refusals of requests that are no tool calls: JSON-RPC errors in our words, with our own code in their data. */

import { type MadroxError, toWireError, toWireText } from '../../errors.ts'

/** Of the MCP specification (server/resources, error handling); the SDK has no name for it. */
const resourceNotFound = -32_002
const invalidParams = -32_602
/** JSON-RPC leaves the codes from here on to servers. */
const refused = -32_000

/** Plain, and no `McpError`: that one puts its own number before the words. */
const toProtocolError = (code: number, error: MadroxError, data: Readonly<Record<string, unknown>> = {}): Error => {
  const wire = toWireError(error)
  return Object.assign(new Error(toWireText(wire), { cause: error }), { code, data: { ...data, code: wire.code, ...(wire.remedy === undefined ? {} : { remedy: wire.remedy }) } })
}

/** The SDK would call a refusal an internal error. */
export const toRefusedRequest = (error: MadroxError): Error => toProtocolError(refused, error)
export const toInvalidParams = (error: MadroxError): Error => toProtocolError(invalidParams, error)

/** What is not there, or not for the caller, is the same to it; a part that does not answer is another matter. */
const absent = new Set<MadroxError['code']>(['not_found', 'not_allowed', 'ambiguous_reference', 'agent_ended', 'invalid_input'])
export const toRefusedResource = (error: MadroxError, uri: string): Error => toProtocolError(absent.has(error.code) ? resourceNotFound : refused, error, { uri })
