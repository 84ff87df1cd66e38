/** A rollout as codex-cli 0.169.0 wrote it (shortened): two calls, one whose process was killed in its tool, and one after the return. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readSpent } from '../../../src/drivers/codex/rollout.ts'
import { createUsageMeter } from '../../../src/drivers/codex/usage.ts'
import { readRecording } from './replay.ts'

const lines = readRecording('rollout-killed-in-tool')
const turnIds = [...new Set(lines.flatMap(line => /"turn_context".*"turn_id": "([^"]+)"/.exec(line)?.[1] ?? []))]
let dir: string
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'madrox-rollout-'))))
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const read = (written: readonly string[], meter = createUsageMeter()) => {
  const path = join(dir, 'rollout.jsonl')
  writeFileSync(path, `${written.join('\n')}\n`)
  return readSpent(path, 'thread-1', meter)
}
const units = async (written: readonly string[]): Promise<string[]> => (await read(written)).map(({ unitId }) => unitId.replace(/^.*:/, ''))

test('every call is told, the one no total counts too', async () => {
  const [first, killed, after] = turnIds
  const cost = { model: 'fake-model', cacheCreationTokens: 0 }
  expect(await read(lines)).toEqual([
    { ...cost, unitId: `${first}:1126`, inputTokens: 850, outputTokens: 26, cacheReadTokens: 250 },
    { ...cost, unitId: `${first}:2248`, inputTokens: 855, outputTokens: 12, cacheReadTokens: 255 },
    { ...cost, unitId: `${killed}:3474`, inputTokens: 900, outputTokens: 26, cacheReadTokens: 300 },
    { ...cost, unitId: `${after}:3563`, inputTokens: 950, outputTokens: 15, cacheReadTokens: 350 },
  ])
})

test('a call has the same name whether its total is on record already or not, now or later', async () => {
  const all = await units(lines)
  for (let length = 0; length <= lines.length; length += 1) {
    const known = await units([...lines.slice(0, length), '{"timestamp":"torn'])
    expect(known).toEqual(all.slice(0, known.length))
  }
})

test('a meter that has read it goes on where the thread stands, and tells nothing again', async () => {
  const meter = createUsageMeter()
  const cut = lines.findIndex(line => line.includes('"token_usage_record"') && line.includes('resp_000004'))
  await read(lines.slice(0, cut), meter)
  const total = { totalTokens: 2248, inputTokens: 2210, cachedInputTokens: 505, cacheWriteInputTokens: 0, outputTokens: 38 }
  expect(meter.read('turn-x', total, total)).toBeUndefined()
  const next = { totalTokens: 2258, inputTokens: 2219, cachedInputTokens: 505, cacheWriteInputTokens: 0, outputTokens: 39 }
  expect(meter.read('turn-x', next, next)).toMatchObject({ unitId: 'turn-x:2258', inputTokens: 9, outputTokens: 1 })
})

test('without records, the totals tell of the calls they count', async () => {
  expect(await units(lines.filter(line => !line.includes('token_usage_record')))).toEqual(['1126', '2248', '3563'])
})

test('records of another thread, which this one came from, are not its own', async () => {
  const foreign = lines.filter(line => line.includes('token_usage_record')).map(line => line.replaceAll('thread-1', 'thread-0'))
  expect(await units(foreign)).toEqual([])
})
