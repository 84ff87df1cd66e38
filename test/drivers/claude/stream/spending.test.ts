/** What Claude Code says a turn cost, and the calls it is told of. */
import { expect, test } from 'vitest'
import { createSpending, type Spending } from '../../../../src/drivers/claude/stream/spending.ts'

type Told = Parameters<Parameters<typeof createSpending>[0]>[0]

function createScene(): { readonly spending: Spending; readonly told: Told[]; costOf(unit: string): number | undefined } {
  const told: Told[] = []
  return { spending: createSpending(fact => told.push(fact)), told, costOf: unit => told.findLast(fact => fact.unitId === unit)?.costUsd }
}

const tokens = { inputTokens: 10, outputTokens: 100, cacheReadTokens: 1_000, cacheCreationTokens: 100 }
const usage = (unitId: string, model: string, more: Partial<typeof tokens> = {}) => ({ unitId, model, ...tokens, ...more })
const spent = (costUSD: number, costBasis = 'list') => ({ inputTokens: 20, outputTokens: 200, cacheReadInputTokens: 2_000, cacheCreationInputTokens: 200, costUSD, costBasis })

test('a call is told at once without its cost, and again with its share, tokens as before; the shares are the sum', () => {
  const { spending, told, costOf } = createScene()
  spending.called(usage('m1', 'opus'))
  expect(told).toEqual([{ type: 'usageReported', source: 'transcript', ...usage('m1', 'opus') }])
  spending.called(usage('m2', 'opus', { outputTokens: 400 }))
  spending.summed({ opus: spent(0.3) }, 'r1')
  expect(told.slice(2).map(({ costUsd: _, source: __, type: ___, ...rest }) => rest)).toEqual([usage('m1', 'opus'), usage('m2', 'opus', { outputTokens: 400 })])
  expect((costOf('m1') ?? 0) + (costOf('m2') ?? 0)).toBeCloseTo(0.3, 12)
  expect(costOf('m2')).toBeGreaterThan(costOf('m1') ?? 1)
})

test('each model has its own sum, under whichever of its names, and each sum is of the calls since the last', () => {
  const { spending, costOf } = createScene()
  spending.called(usage('m1', 'opus'))
  spending.called(usage('h1', 'haiku'))
  spending.summed({ 'opus[1m]': spent(0.3), haiku: spent(0.01) }, 'r1')
  spending.called(usage('m2', 'opus'))
  spending.summed({ opus: spent(0.5) }, 'r2')
  expect(['m1', 'h1', 'm2'].map(costOf)).toEqual([0.3, 0.01, 0.5])
})

test('calls that are on no record are told as one of their own', () => {
  const { spending, told } = createScene()
  spending.called(usage('m1', 'opus'))
  spending.summed({ opus: spent(0.3), haiku: spent(0.01) }, 'r1')
  expect(told.at(-1)).toEqual({ type: 'usageReported', source: 'protocol', unitId: 'r1:haiku', model: 'haiku', inputTokens: 20, outputTokens: 200, cacheReadTokens: 2_000, cacheCreationTokens: 200, costUsd: 0.01 })
})

test('what is only guessed is not told as a cost', () => {
  const { spending, told, costOf } = createScene()
  spending.called(usage('m1', 'of-a-gateway'))
  spending.summed({ 'of-a-gateway': spent(0.3, 'unknown'), another: spent(0.1, 'unknown') }, 'r1')
  expect([told.length, costOf('m1'), told.at(-1)?.unitId, told.at(-1)?.costUsd]).toEqual([2, undefined, 'r1:another', undefined])
})

test('a turn without a call tells nothing', () => {
  const { spending, told } = createScene()
  spending.summed({}, 'r1')
  spending.summed({ opus: { ...spent(0), inputTokens: 0, outputTokens: 0 } }, 'r2')
  expect(told).toEqual([])
})
