/** What agents used and what that cost: their own, and with all below them. */
import { expect, test } from 'vitest'
import type { AgentId } from '../../src/ids.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { createStage, type Stage } from './rig.ts'

const call = (stage: Stage, id: AgentId, unitId: string, model: string, more: Partial<{ inputTokens: number; outputTokens: number; cacheReadTokens: number; cacheCreationTokens: number; costUsd: number }> = {}): void =>
  stage.fact(id, { type: 'usageReported', unitId, model, inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheCreationTokens: 0, ...more })

const cost = async (stage: Stage, id: AgentId) => {
  const { total_tokens_used, total_cost, subtree_tokens_used, subtree_cost, unknown_cost_models } = await stage.ask(stage.me, 'get_instance_status', { instance_id: id })
  return { total_tokens_used, total_cost, subtree_tokens_used, subtree_cost, unknown_cost_models }
}

test('an agent that has used nothing cost nothing', async () => {
  const stage = createStage()
  expect(await cost(stage, await stage.spawn('ada'))).toEqual({ total_tokens_used: 0, total_cost: 0, subtree_tokens_used: 0, subtree_cost: 0, unknown_cost_models: undefined })
})

test('cost is its own, and apart that of all below it, ended ones included; a call reported twice counts once', async () => {
  const stage = createStage()
  const ada = await stage.spawn('ada')
  const kid = await stage.spawn('kid', stage.as(ada))
  const low = await stage.spawn('low', stage.as(kid))
  const zero = await cost(stage, ada)
  call(stage, ada, 'u1', 'claude-haiku-4-5', { inputTokens: 1_000, outputTokens: 200, cacheReadTokens: 10_000 })
  call(stage, ada, 'u1', 'claude-haiku-4-5', { inputTokens: 1_000, outputTokens: 200, cacheReadTokens: 10_000 })
  call(stage, kid, 'u1', 'claude-opus-4-5', { cacheCreationTokens: 4_000 })
  call(stage, low, 'u1', 'scripted', { outputTokens: 50 })
  expect(zero.subtree_cost).toBe(0)
  expect(await cost(stage, ada)).toMatchObject({ total_tokens_used: 1_200, total_cost: 0.003, subtree_tokens_used: 5_250, subtree_cost: 0.028 })
  expect(await cost(stage, kid)).toMatchObject({ total_tokens_used: 4_000, total_cost: 0.025, subtree_tokens_used: 4_050, subtree_cost: 0.025 })
  await stage.ask(stage.me, 'terminate_instance', { instance_id: kid })
  expect(await cost(stage, ada)).toMatchObject({ total_cost: 0.003, subtree_tokens_used: 5_250, subtree_cost: 0.028 })
})

test('what an unknown model cost is unknown, and so is every sum with it; the model is named', async () => {
  const stage = createStage()
  const ada = await stage.spawn('ada')
  const kid = await stage.spawn('kid', stage.as(ada))
  call(stage, ada, 'u1', 'claude-haiku-4-5', { inputTokens: 1_000 })
  call(stage, kid, 'u1', 'nobody-knows', { inputTokens: 10 })
  expect(await cost(stage, kid)).toMatchObject({ total_tokens_used: 10, total_cost: null, subtree_cost: null, unknown_cost_models: ['nobody-knows'] })
  expect(await cost(stage, ada)).toMatchObject({ total_tokens_used: 1_000, total_cost: 0.001, subtree_tokens_used: 1_010, subtree_cost: null, unknown_cost_models: ['nobody-knows'] })
})

test("a CLI's own word on what a call cost goes before the price table, whenever it comes, and is named as the source", async () => {
  const store = createMemoryStore()
  const keep: Store = { ...store, close: () => {} } // the next system opens it again
  const stage = createStage({ store: keep })
  const ada = await stage.spawn('ada')
  const kid = await stage.spawn('kid', stage.as(ada))
  const sources = async (of: Stage) => (await of.ask(of.me, 'get_instance_status', { instance_id: kid })).cost_sources
  call(stage, ada, 'u1', 'claude-haiku-4-5', { inputTokens: 1_000 })
  const silent = await sources(stage)
  call(stage, kid, 'u1', 'claude-haiku-4-5', { inputTokens: 1_000 })
  expect([silent, await sources(stage), (await cost(stage, ada)).subtree_cost]).toEqual([undefined, ['price_table'], 0.002])
  call(stage, kid, 'u1', 'claude-haiku-4-5', { inputTokens: 1_000, costUsd: 0.25 })
  call(stage, kid, 'u1', 'claude-haiku-4-5', { inputTokens: 1_000, costUsd: 9 })
  call(stage, kid, 'u1', 'claude-haiku-4-5', { inputTokens: 1_000 })
  expect([await sources(stage), (await cost(stage, kid)).total_cost, (await cost(stage, ada)).subtree_cost]).toEqual([['cli'], 0.25, 0.251])
  call(stage, kid, 'u2', 'nobody-knows', { inputTokens: 10, costUsd: 0.5 })
  call(stage, kid, 'u3', 'claude-haiku-4-5', { inputTokens: 1_000 })
  const last = { total_tokens_used: 2_010, total_cost: 0.751, subtree_cost: 0.751, unknown_cost_models: undefined }
  expect(await cost(stage, kid)).toMatchObject(last)
  await stage.system.close()
  const second = createStage({ store: keep })
  expect(await cost(second, kid)).toMatchObject(last)
  expect(await sources(second)).toEqual(['cli', 'price_table'])
})

test('a later server counts on from the record', async () => {
  const store = createMemoryStore()
  const keep: Store = { ...store, close: () => {} } // the next system opens it again
  const first = createStage({ store: keep })
  const ada = await first.spawn('ada')
  const kid = await first.spawn('kid', first.as(ada))
  call(first, ada, 'u1', 'claude-sonnet-4-5', { inputTokens: 150_000 })
  call(first, ada, 'u2', 'claude-sonnet-4-5', { inputTokens: 150_000 })
  call(first, kid, 'u1', 'claude-sonnet-4-5', { inputTokens: 250_000 })
  const before = await cost(first, ada)
  expect(before).toMatchObject({ total_cost: 0.9, subtree_tokens_used: 550_000, subtree_cost: 2.4 })
  await first.system.close()
  const second = createStage({ store: keep })
  expect(await cost(second, ada)).toEqual(before)
})
