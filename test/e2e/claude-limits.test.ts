/** Limits on real Claude Code sessions: what the API reports is counted, and the end it brings is heard of and on record. */
import { join } from 'node:path'
import Database from 'libsql'
import { expect, test } from 'vitest'
import { say, type Rule } from '../fakes/anthropic/index.ts'
import { openRig } from './rig.ts'

const model = 'claude-sonnet-4-5-20250929'
const usage = () => ({ input_tokens: 400, output_tokens: 100, cache_read_input_tokens: 50_000, cache_creation_input_tokens: 0 })

test('the limit of tokens ends a busy agent: its supervisor is told why, and the record says so', async () => {
  const told: Rule = { when: view => view.lastUserText.startsWith('[REPLY:'), then: view => [say(`heard: ${view.lastUserText}`)] }
  const rig = await openRig({ anthropic: { script: [told], usage } })
  await rig.call('spawn_claude', { name: 'lead', model })
  const child = { name: 'kid', model, max_total_tokens: 1_000, initial_prompt: 'do: bash echo one\nbash echo two\nbash echo three\ngate never\nsay done' }
  const answer = await rig.call('send_to_instance', { instance_id: 'lead', message: `do: call mcp__madrox__spawn_claude ${JSON.stringify(child)}\nsay kid is at work` })
  expect(answer).toMatchObject({ status: 'answered', response: expect.stringMatching(/^heard: \[REPLY:\w+ from kid\] \(agent_gone\) kid ended before it answered: limit reached: max_total_tokens 1 000 \(1 \d00 used by it and its agents\)\.$/) })

  const kid = await rig.call('get_instance_status', { instance_id: 'kid' })
  expect(kid).toMatchObject({ state: 'terminated', end_reason: expect.stringContaining('limit reached: max_total_tokens 1 000'), limits: { max_total_tokens: { limit: 1_000, used: kid['total_tokens_used'] } } })
  const calls = Number(kid['total_tokens_used']) / 500
  expect(kid['total_cost']).toBeCloseTo((calls * (400 * 3 + 100 * 15 + 50_000 * 0.3)) / 1_000_000, 6)
  expect(await rig.call('get_instance_status', { instance_id: 'lead' })).toMatchObject({ state: 'idle', subtree_cost: expect.any(Number) })
  await rig.stop()
  expect(auditOf(rig.home, String(kid['instance_id']), 'limit_reached')).toEqual([{ limit: 'max_total_tokens', detail: expect.stringContaining('1 000'), then: 'end' }])
})

function auditOf(home: string, agentId: string, event: string): unknown[] {
  const database = new Database(join(home, 'madrox.db'))
  try {
    const rows = database.prepare<Record<string, string>>('SELECT data FROM audit WHERE agent_id = @agentId AND event = @event ORDER BY seq').all({ agentId, event }) as { data: string }[] // the table's own column
    return rows.map(({ data }) => JSON.parse(data) as unknown)
  } finally {
    database.close()
  }
}
