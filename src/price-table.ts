/**
 * What models cost, as their makers publish it: USD for a million tokens at the standard rate, each group with its page and the
 * day it was last seen held against it, in a public record of that page (pydantic/genai-prices; for the newest models the release
 * notes of two cost trackers that agree). A model that is missing has no known price, which is not a price of nothing. Users
 * correct and add in `prices.json`.
 */

/** USD for a million tokens. */
export interface Price {
  readonly input: number
  readonly output: number
  readonly cacheRead: number
  readonly cacheWrite: number
  /** A call whose prompt (cached tokens included) is larger than `over` costs so many times as much, all of it. */
  readonly longPrompt?: { readonly over: number; readonly inputFactor: number; readonly outputFactor: number }
}

interface Group {
  readonly source: string
  /** ISO date. */
  readonly readOn: string
  readonly models: Readonly<Record<string, Price>>
}

const price = (input: number, output: number, cacheRead: number, cacheWrite: number, longPrompt?: Price['longPrompt']): Price => ({ input, output, cacheRead, cacheWrite, ...(longPrompt ? { longPrompt } : {}) })

/** Beyond these prompt sizes the whole call costs more. */
const over200k = { over: 200_000, inputFactor: 2, outputFactor: 1.5 }
const over272k = { over: 272_000, inputFactor: 2, outputFactor: 1.5 }
const over100k = { over: 100_000, inputFactor: 5, outputFactor: 5 }

/** Cache writes at the rate of five minutes: a call's usage does not say which it was, and an hour's cost 1.6 times as much. */
const anthropic = (readOn: string, models: Group['models']): Group => ({ source: 'https://platform.claude.com/docs/en/about-claude/pricing', readOn, models })

/** Before GPT-5.6 a write to the cache cost what any input does; models without a discount read it at that price too. */
const openai = (readOn: string, models: Group['models']): Group => ({ source: 'https://developers.openai.com/api/docs/pricing', readOn, models })

/** A scripted agent has no model: nobody charges for what it declares, by definition. */
const scripted: Group = { source: 'Madrox itself', readOn: '2026-11-20', models: { scripted: price(0, 0, 0, 0) } }

export const priceTable: readonly Group[] = [
  anthropic('2026-10-24', {
    'claude-fable-5-1': price(10, 50, 0.25, 12.5),
    'claude-fable-5': price(10, 50, 1, 12.5),
    'claude-opus-5-5': price(4, 20, 0.2, 5),
    'claude-opus-5': price(5, 25, 0.5, 6.25),
    'claude-opus-4-8': price(5, 25, 0.5, 6.25),
    'claude-opus-4-7': price(5, 25, 0.5, 6.25),
    'claude-opus-4-6': price(5, 25, 0.5, 6.25),
    'claude-opus-4-5': price(5, 25, 0.5, 6.25),
    'claude-sonnet-5-5': price(2, 10, 0.1, 2.5),
    'claude-sonnet-5': price(2, 10, 0.2, 2.5),
    'claude-sonnet-4-6': price(3, 15, 0.3, 3.75),
    'claude-sonnet-4-5': price(3, 15, 0.3, 3.75, over200k),
    'claude-haiku-5-5': price(0.1, 0.5, 0.01, 0.125, over100k),
    'claude-haiku-4-5': price(1, 5, 0.1, 1.25),
  }),
  anthropic('2026-07-29', {
    'claude-opus-4-1': price(15, 75, 1.5, 18.75),
    'claude-opus-4-0': price(15, 75, 1.5, 18.75),
    'claude-opus-4': price(15, 75, 1.5, 18.75),
    'claude-sonnet-4-0': price(3, 15, 0.3, 3.75),
    'claude-sonnet-4': price(3, 15, 0.3, 3.75),
    'claude-3-7-sonnet': price(3, 15, 0.3, 3.75),
    'claude-3-5-sonnet': price(3, 15, 0.3, 3.75),
    'claude-3-5-haiku': price(0.8, 4, 0.08, 1),
    'claude-3-opus': price(15, 75, 1.5, 18.75),
    'claude-3-sonnet': price(3, 15, 0.3, 3.75),
    'claude-3-haiku': price(0.25, 1.25, 0.03, 0.3),
  }),
  openai('2026-10-01', {
    'gpt-6.1-sol': price(2, 10, 0.1, 2.5, over272k),
    'gpt-6-astra': price(10, 50, 1, 12.5, over272k),
    'gpt-6-sol': price(2, 10, 0.2, 2.5, over272k),
    'gpt-6-luna': price(0.1, 0.5, 0.01, 0.125, over272k),
  }),
  openai('2026-09-11', {
    'gpt-5.6': price(4, 20, 0.4, 5, over272k),
    'gpt-5.6-sol': price(4, 20, 0.4, 5, over272k),
    'gpt-5.6-terra': price(2, 12, 0.2, 2.5, over272k),
    'gpt-5.6-luna': price(0.2, 1.2, 0.02, 0.25, over272k),
  }),
  openai('2026-04-24', {
    'gpt-5.5': price(5, 30, 0.5, 5),
    'gpt-5.5-codex': price(5, 30, 0.5, 5),
    'gpt-5.5-pro': price(30, 180, 30, 30),
  }),
  openai('2026-03-18', {
    'gpt-5.4': price(2.5, 15, 0.25, 2.5, over272k),
    'gpt-5.4-mini': price(0.75, 4.5, 0.075, 0.75),
    'gpt-5.4-nano': price(0.2, 1.25, 0.02, 0.2),
    'gpt-5.4-pro': price(30, 180, 30, 30, over272k),
  }),
  openai('2026-02-05', {
    'gpt-5.3': price(1.75, 14, 0.175, 1.75),
    'gpt-5.3-codex': price(1.75, 14, 0.175, 1.75),
  }),
  openai('2025-12-11', {
    'gpt-5.2': price(1.75, 14, 0.175, 1.75),
    'gpt-5.2-codex': price(1.75, 14, 0.175, 1.75),
    'gpt-5.2-pro': price(21, 168, 21, 21),
  }),
  openai('2025-11-13', {
    'gpt-5.1': price(1.25, 10, 0.125, 1.25),
    'gpt-5.1-codex': price(1.25, 10, 0.125, 1.25),
    'gpt-5.1-codex-max': price(1.25, 10, 0.125, 1.25),
    'gpt-5.1-codex-mini': price(0.25, 2, 0.025, 0.25),
    'gpt-5': price(1.25, 10, 0.125, 1.25),
    'gpt-5-codex': price(1.25, 10, 0.125, 1.25),
    'gpt-5-mini': price(0.25, 2, 0.025, 0.25),
    'gpt-5-nano': price(0.05, 0.4, 0.005, 0.05),
    'gpt-5-pro': price(15, 120, 15, 15),
  }),
  // Of o3-pro and codex-mini the record names no day of its own.
  openai('2025-07-04', {
    'gpt-4.1': price(2, 8, 0.5, 2),
    'gpt-4.1-mini': price(0.4, 1.6, 0.1, 0.4),
    'gpt-4.1-nano': price(0.1, 0.4, 0.025, 0.1),
    o3: price(2, 8, 0.5, 2),
    'o3-mini': price(1.1, 4.4, 0.55, 1.1),
    'o3-pro': price(20, 80, 20, 20),
    'o4-mini': price(1.1, 4.4, 0.275, 1.1),
    'codex-mini': price(1.5, 6, 0.375, 1.5),
  }),
  scripted,
]
