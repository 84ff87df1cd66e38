/**
 * Pieces of what tools answer. Schemas of answers are loose, so that a client that checks against an older listing takes what was added
 * since; that they name all there is, a test sees to. What is not known is null, and never zero.
 */

import { z } from 'zod'
import { outcomeStatuses } from '../messages.ts'

/** The data of an answer. What waits for a client is told with each. */
export const answer = <Fields extends z.ZodRawShape>(fields: Fields) =>
  z.looseObject({ ...fields, pending_replies: z.number().optional().describe('Answers that wait for you: get_pending_replies') })

/** A list of records that are alike: their keys are names. */
export const named = <Value extends z.ZodType>(value: Value) => z.record(z.string(), value)

export const time = z.string().meta({ format: 'date-time' })
export const usd = z.number().nullable().describe('USD; null: not wholly known')
export const note = z.string().optional().describe('What is to be said beside it')
/** Ids are long lived: a name may be given again. */
export const agentNamed = { instance_id: z.string(), name: z.string() }
export const states = z.enum(['spawning', 'idle', 'busy', 'interrupted', 'terminated'])

export const usageOutput = z.looseObject({ input_tokens: z.number(), output_tokens: z.number(), cache_creation_tokens: z.number(), cache_read_tokens: z.number().describe('Not counted against limits') })

/** Of several at once, one that was refused; the others stand. */
export const refusalFields = { code: z.string(), message: z.string(), remedy: z.string().optional() }
export const refusedOutput = z.looseObject({ ...refusalFields, data: named(z.unknown()).optional() })

const sentFields = {
  status: z.enum(['accepted', 'pending', ...outcomeStatuses]).describe('accepted: not waited for; pending: still open; else how it ended'),
  message_id: z.string(), instance_id: z.string().describe('Who has it'), response: z.string().optional().describe('The answer, or why there is none'),
  via: z.enum(['reply_to_caller', 'turn_end']).optional().describe('What gave the answer its text'), usage: usageOutput.optional(), position: z.number().optional().describe('In its queue; 1 is next'), hint: z.string().optional(),
}
export const sentOutput = answer(sentFields)
export const sentItem = z.looseObject(sentFields)

const spawnedFields = {
  ...agentNamed, instance_type: z.string().describe('The harness'), role: z.string(), model: z.string().nullable().describe("null: the CLI's default"), state: states,
  parent_instance_id: z.string().nullable().describe('null: a client is its supervisor'), parent_source: z.string().describe('How its supervisor was found'),
  workspace: z.string().describe('Absolute path'), workspace_kind: z.string(), branch: z.string().optional().describe('Of a worktree'), bring_back: z.string().optional().describe('How its work is brought back'),
  inspector_url: z.string().optional(), warnings: z.array(z.string()).optional().describe('What it was asked to have and runs without'),
  // With initial_prompt.
  status: sentFields.status.optional(), message_id: z.string().optional(), response: sentFields.response, via: sentFields.via, usage: sentFields.usage, position: sentFields.position, hint: sentFields.hint,
}
export const spawnedOutput = answer(spawnedFields)
export const spawnedItem = z.looseObject(spawnedFields)

export const interruptedFields = {
  ...agentNamed, interrupted: z.boolean(), was: z.string().describe('Its state before'), confirmed_by: z.string().optional().describe('What told that the turn had stopped'), after_ms: z.number().optional(),
  cancelled_message_id: z.string().optional().describe('What it was working on'), note,
}
export const endedList = z.array(z.looseObject({ ...agentNamed, reason: z.string() })).describe('In the order they ended, leaves first')
export const endedFields = { instance_id: z.string(), terminated: endedList, already_ended: z.boolean(), note }

/** One agent each, in the order given. */
export const resultsOf = <Fields extends z.ZodRawShape>(fields: Fields) =>
  z.array(z.union([z.looseObject(fields), z.looseObject({ instance_id: z.string(), path: z.string().optional(), error: refusedOutput })])).describe('Each on its own, in the order given')

/** Of a workspace in a git repository. */
export const changesFields = {
  branch: z.string().nullable().describe('null: none is checked out'), base: z.string().nullable().describe('The commit compared with'), files_changed: z.number(), insertions: z.number(), deletions: z.number(),
  untracked: z.number(), commits_ahead: z.number().nullable().describe('Of a worktree'),
}
