/**
 * What a thread spent, read from its rollout file (measured on codex-cli 0.169.0). A call is recorded when its
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
  const reader = createSpentReader(threadId, meter)
  for await (const line of createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity })) spent.push(...reader.take(line))
  return [...spent, ...reader.lost()]
}

export interface SpentReader {
  /** What that line of the rollout says was spent. */
  take(line: string): Report[]
  /** Calls so far in no total: at the end of what a process wrote that is gone. */
  lost(): Report[]
}

export function createSpentReader(threadId: string, meter: UsageMeter): SpentReader {
  let turn = { turn_id: '', model: 'unknown' }
  let total = 0
  /** Recorded, and so far in no total. */
  let open: { readonly turnId: string; readonly usage: TokenBreakdown; readonly model: string }[] = []
  const lost = (): Report[] => {
    const reports = open.map(({ turnId, usage, model }) => ({ ...toUsage(turnId, total + usage.totalTokens, usage), model }))
    open = []
    return reports
  }
  const count = (grownTo: TokenBreakdown, last: TokenBreakdown): Report[] => {
    const counted = meter.read(open.at(-1)?.turnId ?? turn.turn_id, grownTo, last)
    // The latest records are what this total has counted; those before them were a killed process's.
    for (let grown = grownTo.totalTokens - total, latest = open.at(-1); latest && grown >= latest.usage.totalTokens; latest = open.at(-1)) {
      grown -= latest.usage.totalTokens
      open.pop()
    }
    const reports = [...lost(), ...(counted ? [{ ...counted, model: turn.model }] : [])]
    total = grownTo.totalTokens
    return reports
  }
  return {
    lost,
    take(line) {
      const known = isOfUsage(line) ? parse(line) : undefined
      if (known?.type === 'turn_context') turn = known.payload
      if (known?.type === 'token_usage_record' && known.payload.thread_id === threadId) open.push({ turnId: known.payload.turn_id, usage: known.payload.usage, model: turn.model })
      return known?.type === 'event_msg' ? count(known.payload.info.total_token_usage, known.payload.info.last_token_usage) : []
    },
  }
}

function parse(line: string): z.infer<typeof lineSchema> | undefined {
  try {
    return lineSchema.safeParse(JSON.parse(line)).data
  } catch (error) {
    if (error instanceof SyntaxError) return undefined // torn by a kill
    throw error
  }
}
