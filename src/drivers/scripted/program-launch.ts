/**
 * What the driver hands to the program in the PTY: a file only they can read, gone once it is read. Not the
 * environment: what the agent starts would inherit its credential. Not arguments: a script may be larger than those may be.
 */

import { z } from 'zod'
import { scriptSchema } from './script.ts'

export const programLaunchSchema = z.object({
  agentName: z.string(),
  sessionId: z.string(),
  resume: z.boolean(),
  /** Known to the driver and the program only: facts without it are not the program's. */
  key: z.string(),
  transcripts: z.string(),
  madrox: z.object({ url: z.string(), token: z.string() }).optional(),
  script: scriptSchema,
})
export type ProgramLaunch = z.input<typeof programLaunchSchema>
