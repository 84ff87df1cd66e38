/**
 * What a model call costs: tokens times a price, or unknown. Owns how a model's id finds its price, and the user's own
 * `prices.json`; the figures are in `price-table.ts`.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { codeOf, MadroxError, wordsOf } from './errors.ts'
import { type Price, priceTable } from './price-table.ts'

/** Tokens of one call, or of several; cached ones are not part of the input. */
interface Tokens {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cacheReadTokens: number
  readonly cacheCreationTokens: number
}

export interface Prices {
  /** USD, or undefined where the model's price is not known. `promptOver`: for the sum of several calls; by default what `promptOver` says of one. */
  costOf(usage: Tokens, model: string, promptOver?: number): number | undefined
  isKnown(model: string): boolean
  /** Sizes of prompts beyond which some model costs more, ascending. */
  readonly promptSizes: readonly number[]
  /** The largest of those sizes that the call's prompt exceeds; 0: none. */
  promptOver(usage: Tokens): number
}

const amount = z.number().nonnegative()
const priceSchema = z
  .strictObject({
    input: amount,
    output: amount,
    cache_read: amount.optional(),
    cache_write: amount.optional(),
    long_prompt: z.strictObject({ over: z.number().int().positive(), input_factor: amount, output_factor: amount }).optional(),
  })
  .transform(({ input, output, cache_read: cacheRead = input, cache_write: cacheWrite = input, long_prompt: long }): Price => ({
    input, output, cacheRead, cacheWrite, ...(long ? { longPrompt: { over: long.over, inputFactor: long.input_factor, outputFactor: long.output_factor } } : {}),
  }))
const priceFileSchema = z.record(z.string().min(1), priceSchema)

/** A release (`-20250929`, `@20250929`, `-2025-04-14`), `-latest`, and Claude Code's mark of a large context. */
const release = /(?:-latest|[-@]\d{8}|-\d{4}-\d{2}-\d{2})?(?:\[1m\])?$/

/** Claude Code's words for whichever model it takes to be the one; what that is, it tells with its first call. */
const choices = ['default', 'best', 'opus', 'sonnet', 'haiku', 'fable', 'opusplan']

/** The word names no model: the CLI chooses one by it. */
export const choosesModel = (model: string): boolean => choices.includes(model.replace(release, ''))

type Table = ReadonlyMap<string, Price>

/** Prices by model id, `overrides` before the shipped ones. A key that ends in `*` stands for every id that begins so. */
export function createPrices(overrides: Readonly<Record<string, Price>> = {}): Prices {
  const tables: readonly Table[] = [new Map(Object.entries(overrides)), new Map(priceTable.flatMap(({ models }) => Object.entries(models)))]
  const promptSizes = [...new Set(tables.flatMap(table => [...table.values()].flatMap(({ longPrompt }) => longPrompt?.over ?? [])))].toSorted((a, b) => a - b)
  const find = (model: string): Price | undefined => tables.map(table => lookUp(table, model)).find(found => found !== undefined)
  const promptOver: Prices['promptOver'] = usage => promptSizes.findLast(size => usage.inputTokens + usage.cacheReadTokens + usage.cacheCreationTokens > size) ?? 0
  return {
    promptSizes,
    promptOver,
    isKnown: model => find(model) !== undefined,
    costOf: (usage, model, over = promptOver(usage)) => {
      const price = find(model)
      return price && toCost(price, usage, over)
    },
  }
}

function toCost({ input, output, cacheRead, cacheWrite, longPrompt }: Price, usage: Tokens, promptOver: number): number {
  const { inputFactor, outputFactor } = longPrompt && promptOver >= longPrompt.over ? longPrompt : { inputFactor: 1, outputFactor: 1 }
  const prompt = usage.inputTokens * input + usage.cacheReadTokens * cacheRead + usage.cacheCreationTokens * cacheWrite
  return (prompt * inputFactor + usage.outputTokens * output * outputFactor) / 1_000_000
}

function lookUp(table: Table, model: string): Price | undefined {
  const exact = table.get(model) ?? table.get(model.replace(release, ''))
  if (exact) return exact
  const prefixes = [...table.keys()].filter(key => key.endsWith('*') && model.startsWith(key.slice(0, -1)))
  const longest = prefixes.toSorted((a, b) => b.length - a.length)[0]
  return longest === undefined ? undefined : table.get(longest)
}

/**
 * The user's `prices.json` in `home`: `{"model-id": {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75}}`, in USD
 * for a million tokens; without the last two, cached tokens cost what input does. No file: none.
 *
 * @throws MadroxError `invalid_input` naming what does not fit
 */
export function readPriceFile(home: string): Readonly<Record<string, Price>> {
  const path = join(home, 'prices.json')
  const refuse = (why: string, cause: unknown): never => {
    throw new MadroxError('invalid_input', `The prices in ${path} do not fit: ${why}.`, { remedy: 'Write {"model-id": {"input": 3, "output": 15}} in USD for a million tokens, or remove the file.', data: { path }, cause })
  }
  let given: unknown
  try {
    given = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    return codeOf(cause) === 'ENOENT' ? {} : refuse(wordsOf(cause), cause)
  }
  const parsed = priceFileSchema.safeParse(given)
  return parsed.success ? parsed.data : refuse(parsed.error.issues.map(issue => `${issue.path.join('.') || 'the whole'}: ${issue.message}`).join('; '), parsed.error)
}
