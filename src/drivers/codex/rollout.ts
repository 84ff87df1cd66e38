/**
 * What a thread spent in earlier lives, read from its rollout file (measured on codex-cli 0.169.0). A call is recorded when its
 * answer is there (`token_usage_record`), and its running total once its tools have run (`token_count`, told to us as well). A
 * process killed between the two leaves a call that no total ever counts, so the records are read, and named as the total would be.
 */

import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import type { BareFact } from '../facts.ts'
import type { TokenBreakdown } from './protocol.ts'
import { toUsage, type UsageMeter } from './usage.ts'

type Report = Omit<BareFact<'usageReported'>, 'type'>

const tokens = z
  .object({ total_tokens: z.number(), input_tokens: z.number(), cached_input_tokens: z.number(), cache_write_input_tokens: z.number().default(0), output_tokens: z.number() })
  .transform((counted): TokenBreakdown => ({
    totalTokens: counted.total_tokens,
    inputTokens: counted.input_tokens,
    cachedInputTokens: counted.cached_input_tokens,
    cacheWriteInputTokens: counted.cache_write_input_tokens,
    outputTokens: counted.output_tokens,
  }))

const lineSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('turn_context'), payload: z.object({ turn_id: z.string(), model: z.string() }) }),
  z.object({ type: z.literal('token_usage_record'), payload: z.object({ thread_id: z.string(), turn_id: z.string(), usage: tokens }) }),
  z.object({
    type: z.literal('event_msg'),
    payload: z.object({ type: z.literal('token_count'), info: z.object({ total_token_usage: tokens, last_token_usage: tokens }) }),
  }),
])
/** Both types of a line stand at its start; the rest may be long. */
const isOfUsage = (line: string): boolean => /"(?:turn_context|token_usage_record|token_count)"/.test(line.slice(0, 200))

/** One report a model call, oldest first. `meter` is left where the thread's own totals are, so that it goes on from there. */
export async function readSpent(path: string, threadId: string, meter: UsageMeter): Promise<Report[]> {
  const spent: Report[] = []
  let turn = { turn_id: '', model: 'unknown' }
  let total = 0
  /** Recorded, and so far in no total. */
  let open: { readonly turnId: string; readonly usage: TokenBreakdown; readonly model: string }[] = []
  const addLost = (): void => {
    for (const { turnId, usage, model } of open) spent.push({ ...toUsage(turnId, total + usage.totalTokens, usage), model })
    open = []
  }
  for await (const line of createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity })) {
    const known = isOfUsage(line) ? parse(line) : undefined
    if (known?.type === 'turn_context') turn = known.payload
    if (known?.type === 'token_usage_record' && known.payload.thread_id === threadId)
      open.push({ turnId: known.payload.turn_id, usage: known.payload.usage, model: turn.model })
    if (known?.type === 'event_msg') {
      const { total_token_usage, last_token_usage } = known.payload.info
      const counted = meter.read(open.at(-1)?.turnId ?? turn.turn_id, total_token_usage, last_token_usage)
      // The latest records are what this total has counted; those before them were a killed process's.
      for (let grown = total_token_usage.totalTokens - total, last = open.at(-1); last && grown >= last.usage.totalTokens; last = open.at(-1)) {
        grown -= last.usage.totalTokens
        open.pop()
      }
      addLost()
      if (counted) spent.push({ ...counted, model: turn.model })
      total = total_token_usage.totalTokens
    }
  }
  addLost()
  return spent
}

function parse(line: string): z.infer<typeof lineSchema> | undefined {
  try {
    return lineSchema.safeParse(JSON.parse(line)).data
  } catch (error) {
    if (error instanceof SyntaxError) return undefined // torn by a kill
    throw error
  }
}
