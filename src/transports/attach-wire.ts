/** What passes between a server and a viewer of a terminal: one JSON text a WebSocket message, the same words for both ends. */

import { z } from 'zod'
import { errorCodes, MadroxError } from '../errors.ts'

const size = { columns: z.coerce.number().int().min(1).max(1_000), rows: z.coerce.number().int().min(1).max(1_000) }

/** In the address: `/instances/REF/attach?columns=80&rows=24`. */
export const viewerSizeSchema = z.object(size)

/** From the viewer. */
export const viewerWordSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('type'), data: z.string() }),
  z.object({ type: z.literal('resize'), ...size }),
  z.object({ type: z.literal('takeControl') }),
  /** `clear`: what was typed and not submitted may be swept away. */
  z.object({ type: z.literal('releaseControl'), clear: z.boolean() }),
])
export type ViewerWord = z.infer<typeof viewerWordSchema>

/** From the server. */
export const terminalWordSchema = z.discriminatedUnion('type', [
  /** The first word, unless it is `closed`: it is painted from now on. */
  z.object({ type: z.literal('attached'), agentId: z.string(), name: z.string() }),
  /** For the viewer's terminal, as it is. */
  z.object({ type: z.literal('output'), data: z.string() }),
  z.object({ type: z.literal('control'), by: z.enum(['you', 'another', 'nobody']), holds: z.enum(['control', 'unsent_text']).optional() }),
  /** Not done, and why; the terminal is shown on. */
  z.object({ type: z.literal('refused'), text: z.string() }),
  /** The last word. With `error`: it never was shown. */
  z.object({ type: z.literal('closed'), detail: z.string(), error: z.object({ code: z.enum(errorCodes), remedy: z.string().optional() }).optional() }),
])
export type TerminalWord = z.infer<typeof terminalWordSchema>

/** @throws MadroxError `invalid_input` for what is none of the words */
export function parseWord<Word>(schema: z.ZodType<Word>, text: string): Word {
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw new MadroxError('invalid_input', 'That is no word of the attach protocol.', { remedy: 'Use a client of the same version: madrox attach.', cause })
  }
}

export const attachPath = (reference: string): string => `/instances/${encodeURIComponent(reference)}/attach`
/** The reference, where that is the path. */
export const attachReference = (path: string): string | undefined => {
  const given = /^\/instances\/([^/]+)\/attach$/.exec(path)?.[1]
  try {
    return given === undefined ? undefined : decodeURIComponent(given)
  } catch {
    return undefined // a stray percent sign: the path of nothing
  }
}
