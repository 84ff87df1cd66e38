import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { MadroxError } from '../src/errors.ts'
import { createMadrox } from '../src/index.ts'
import { priceTable } from '../src/price-table.ts'
import { createPrices, readPriceFile } from '../src/prices.ts'

const none = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheCreationTokens: 0 }
const million = 1_000_000
const prices = createPrices()

describe('the shipped table', () => {
  test.each([
    ['input', { inputTokens: million }, 1],
    ['output', { outputTokens: million }, 5],
    ['cache reads', { cacheReadTokens: million }, 0.1],
    ['cache creation', { cacheCreationTokens: million }, 1.25],
    ['all of them', { inputTokens: million, outputTokens: million, cacheReadTokens: million, cacheCreationTokens: million }, 7.35],
  ])('prices %s of claude-haiku-4-5', (_, usage, cost) => expect(prices.costOf({ ...none, ...usage }, 'claude-haiku-4-5')).toBeCloseTo(cost, 10))

  test.each(['claude-opus-4', 'claude-opus-4-20250514', 'claude-opus-4@20250514', 'claude-opus-4[1m]', 'claude-opus-4-20250514[1m]'])('knows %s by its family', model => {
    expect(prices.costOf({ ...none, inputTokens: million }, model)).toBe(15)
  })

  test.each([['claude-opus-4-5-20251101', 5], ['claude-3-5-haiku-latest', 0.8], ['gpt-4.1-2025-04-14', 2], ['gpt-5-codex', 1.25], ['o3', 2], ['scripted', 0]])('knows %s', (model, input) => {
    expect(prices.costOf({ ...none, inputTokens: million }, model, 0)).toBe(input)
  })

  test.each(['', 'unknown', 'claude-opus-4-99', 'claude-opus-40', 'gpt-5-codex-next', 'us.anthropic.claude-opus-4-20250514-v1:0', 'scripted-2'])('does not guess what %j costs', model => {
    expect([prices.costOf({ ...none, inputTokens: 1 }, model), prices.isKnown(model)]).toEqual([undefined, false])
  })

  test('takes a call with a large prompt at its higher rate, whole, cached tokens counted as prompt', () => {
    const cost = (cacheReadTokens: number): number | undefined => prices.costOf({ ...none, inputTokens: 1_000, cacheReadTokens, outputTokens: 1_000 }, 'claude-sonnet-4-5')
    expect(cost(199_000)).toBeCloseTo((1_000 * 3 + 199_000 * 0.3 + 1_000 * 15) / million, 10)
    expect(cost(199_001)).toBeCloseTo((2 * (1_000 * 3 + 199_001 * 0.3) + 1.5 * 1_000 * 15) / million, 10)
    expect(prices.costOf({ ...none, inputTokens: 300_000 }, 'claude-opus-4-6')).toBeCloseTo(1.5, 10)
  })

  test('says of the sum of several calls what its prompts were over', () => {
    const several = { ...none, inputTokens: million }
    expect(prices.costOf(several, 'gpt-6-sol', 0)).toBe(2)
    expect(prices.costOf(several, 'gpt-6-sol', 200_000)).toBe(2)
    expect(prices.costOf(several, 'gpt-6-sol', 272_000)).toBe(4)
    expect([100_000, 100_001, 272_001].map(inputTokens => prices.promptOver({ ...none, inputTokens }))).toEqual([0, 100_000, 272_000])
  })

  test('is dated, names each model once, and asks for no price below nothing', () => {
    const models = priceTable.flatMap(group => Object.entries(group.models))
    expect(new Set(models.map(([model]) => model)).size).toBe(models.length)
    expect(priceTable.filter(group => Number.isNaN(Date.parse(group.readOn)) || group.source === '')).toEqual([])
    // Reading from the cache never costs more than sending anew, and no answer costs less than its question.
    expect(models.filter(([, { input, output, cacheRead, cacheWrite }]) => !(cacheRead <= input && input <= cacheWrite && input <= output)).map(([model]) => model)).toEqual([])
  })
})

describe("the user's prices.json", () => {
  function homeWith(text?: string): string {
    const home = mkdtempSync(join(tmpdir(), 'madrox-prices-'))
    onTestFinished(() => rmSync(home, { recursive: true }))
    if (text !== undefined) writeFileSync(join(home, 'prices.json'), text)
    return home
  }
  const read = (content: unknown) => createPrices(readPriceFile(homeWith(JSON.stringify(content))))

  test('need not be there', () => expect(readPriceFile(homeWith())).toEqual({}))

  test('goes before the shipped table, and adds to it', () => {
    const own = read({ 'claude-opus-4': { input: 1, output: 2 }, mine: { input: 3, output: 4, cache_read: 0, cache_write: 9, long_prompt: { over: 10, input_factor: 2, output_factor: 3 } } })
    const each = { inputTokens: million, outputTokens: million, cacheReadTokens: million, cacheCreationTokens: million }
    expect(own.costOf(each, 'claude-opus-4-20250514')).toBe(5) // cached tokens at the price of input
    expect(own.costOf(each, 'mine', 0)).toBe(16)
    expect(own.costOf(each, 'mine')).toBe(36)
    expect(own.isKnown('claude-opus-4-1')).toBe(true)
  })

  test('a key that ends in * stands for every id that begins so; the longest wins', () => {
    const own = read({ 'local/*': { input: 0, output: 0 }, 'local/big*': { input: 1, output: 1 } })
    expect(['local/small', 'local/big-1', 'other/local/'].map(model => own.costOf({ ...none, inputTokens: million }, model))).toEqual([0, 1, undefined])
  })

  test.each([
    ['no JSON', '{"mine": ', /prices\.json/],
    ['a list', '[]', /the whole/],
    ['a price below nothing', '{"mine": {"input": -1, "output": 1}}', /mine\.input/],
    ['half a price', '{"mine": {"input": 1}}', /mine\.output/],
    ['a word nobody knows', '{"mine": {"input": 1, "output": 1, "cacheRead": 1}}', /cacheRead/],
  ])('with %s is refused at the start, and says why', async (_, text, why) => {
    const refused = await createMadrox({ home: homeWith(text) }).then(() => undefined, (error: unknown) => error)
    expect(refused).toBeInstanceOf(MadroxError)
    expect(refused).toMatchObject({ code: 'invalid_input', message: expect.stringMatching(why), remedy: expect.stringContaining('input') })
  })
})
