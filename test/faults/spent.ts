/** What agents spent, read from the CLIs' own files by the harness itself, and what the model APIs say they served. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { FakeAnthropic } from '../fakes/anthropic/index.ts'
import type { FakeOpenAI } from '../fakes/openai/index.ts'

/** As get_instance_status shows it. */
export interface Spent {
  readonly input_tokens: number
  readonly output_tokens: number
  readonly cache_creation_tokens: number
  readonly cache_read_tokens: number
}

const claudeLine = z.object({
  type: z.literal('assistant'),
  message: z.object({
    id: z.string(),
    model: z.string(),
    usage: z.object({ input_tokens: z.number(), output_tokens: z.number(), cache_creation_input_tokens: z.number().default(0), cache_read_input_tokens: z.number().default(0) }),
  }),
})
const codexTokens = z.object({ input_tokens: z.number(), cached_input_tokens: z.number().default(0), cache_write_input_tokens: z.number().default(0), output_tokens: z.number() })
const codexLine = z.object({ type: z.literal('token_usage_record'), payload: z.object({ thread_id: z.string(), usage: codexTokens }) })

/** Each `message.id` once, the CLI's own synthetic words not at all. */
export function readClaude(configDir: string, sessionId: string): { readonly spent: Spent; readonly calls: ReadonlySet<string> } {
  const calls = new Map<string, Spent>()
  for (const line of linesOf(configDir, name => name === `${sessionId}.jsonl`)) {
    const { data } = claudeLine.safeParse(line)
    if (!data || data.message.model === '<synthetic>') continue
    const { usage } = data.message
    calls.set(data.message.id, { input_tokens: usage.input_tokens, output_tokens: usage.output_tokens, cache_creation_tokens: usage.cache_creation_input_tokens, cache_read_tokens: usage.cache_read_input_tokens })
  }
  return { spent: sum([...calls.values()]), calls: new Set(calls.keys()) }
}

/** Each call's own record. The API counts cached tokens as part of the input; the status shows them apart. */
export function readCodex(codexHome: string, threadId: string): { readonly spent: Spent; readonly calls: number } {
  const calls = linesOf(codexHome, name => name.includes(threadId)).flatMap(line => {
    const { data } = codexLine.safeParse(line)
    return data?.payload.thread_id === threadId ? [data.payload.usage] : []
  })
  return {
    calls: calls.length,
    spent: sum(calls.map(usage => ({
      input_tokens: usage.input_tokens - usage.cached_input_tokens - usage.cache_write_input_tokens, output_tokens: usage.output_tokens,
      cache_creation_tokens: usage.cache_write_input_tokens, cache_read_tokens: usage.cached_input_tokens,
    }))),
  }
}

/** Calls of the session that the API answered, in full or in part, and that stand in no transcript. */
export const claudeBeyond = (api: FakeAnthropic, sessionId: string, calls: ReadonlySet<string>): number =>
  new Set(api.requests.filter(each => each.kind === 'turn' && each.view.sessionId === sessionId && each.status === 200 && !calls.has(each.messageId)).map(each => each.messageId)).size

/** Codex's records name no response, so their numbers are compared. */
export const codexBeyond = (api: FakeOpenAI, threadId: string, calls: number): number => Math.max(0, api.requests.filter(each => each.view.threadId === threadId).length - calls)

function linesOf(dir: string, isWanted: (name: string) => boolean): unknown[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.jsonl') && isWanted(entry.name))
    .flatMap(entry => readFileSync(join(entry.parentPath, entry.name), 'utf8').split('\n').flatMap(parse))
}

function parse(line: string): unknown[] {
  try {
    return [JSON.parse(line)]
  } catch {
    return [] // empty, or torn by a kill
  }
}

export const sum = (all: readonly Spent[]): Spent => ({
  input_tokens: total(all, each => each.input_tokens), output_tokens: total(all, each => each.output_tokens),
  cache_creation_tokens: total(all, each => each.cache_creation_tokens), cache_read_tokens: total(all, each => each.cache_read_tokens),
})
const total = (all: readonly Spent[], of: (spent: Spent) => number): number => all.reduce((sum, each) => sum + of(each), 0)
