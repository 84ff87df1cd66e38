/** What a long record costs whoever asks for numbers: get_metrics and GET /metrics over 200 000 rows of audit, beside the same over 2 000. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { asMessageId, type AgentId } from '../../src/ids.ts'
import { createSqliteStore } from '../../src/store/sqlite.ts'
import { answerMetrics } from '../../src/transports/metrics.ts'
import { createStage, type Stage } from '../actors/rig.ts'
import { measurePairs, quantile } from './statistics.ts'

const pairs = 15
const dir = mkdtempSync(join(tmpdir(), 'madrox-bench-'))
afterAll(() => rmSync(dir, { recursive: true }))

/** Four rows a turn, of ten agents in turns that overlap, and refusals in between. */
function lengthen({ store, clock }: Stage, agents: readonly AgentId[], rows: number): void {
  const start = clock.now()
  store.transaction(() => {
    for (let turn = 0; turn * 4 < rows; turn += 1) {
      const agentId = agents[turn % agents.length]
      if (agentId === undefined) throw new Error('no agents')
      const [since, until] = [start + turn * 1_000, start + turn * 1_000 + 3_000]
      const message = asMessageId(`long-${turn}`)
      store.appendAudit({ at: since, event: 'message_sent', agentId, data: { message, by: 'client:me', expects_reply: true } })
      store.appendAudit({ at: since, event: 'agent_changed', agentId, data: { state: 'busy', source: 'command' } })
      store.appendAudit({ at: until, event: 'agent_changed', agentId, data: { state: 'idle', source: 'hook' } })
      store.appendAudit(turn % 10 === 0 ? { at: until, event: 'call_refused', agentId, data: { by: 'agent:x', tool: 't', code: 'not_found' } } : { at: until, event: 'message_settled', agentId, data: { message, status: 'answered' } })
    }
  })
}

async function recordOf(rows: number): Promise<Stage> {
  const stage = createStage({ store: createSqliteStore({ path: join(dir, `${rows}.db`) }) })
  const agents: AgentId[] = []
  for (let n = 0; n < 10; n += 1) agents.push(await stage.spawn(`agent-${n}`))
  lengthen(stage, agents, rows)
  return stage
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

const ways: readonly (readonly [string, (stage: Stage) => Promise<unknown>])[] = [
  ['get_metrics', stage => stage.ask(stage.me, 'get_metrics')],
  ['GET /metrics', async stage => (await answerMetrics(stage.system, stage.me)).text()],
]

test('numbers over a hundred times the audit cost at most three times as much', async () => {
  const [short, long] = [await recordOf(2_000), await recordOf(200_000)]
  for (const [what, ask] of ways) {
    const first = await timed(() => ask(long))
    await measurePairs(3, () => timed(() => ask(short)), () => timed(() => ask(long)))
    const found = await measurePairs(pairs, () => timed(() => ask(short)), () => timed(() => ask(long)))
    const [few, many] = [quantile(found.map(pair => pair.bare), 0.5), quantile(found.map(pair => pair.madrox), 0.5)]
    console.log(`${what}: ${few.toFixed(2)} ms over 2 000 rows, ${many.toFixed(2)} ms over 200 000 (the first time ${first.toFixed(0)} ms), ${(many / few).toFixed(2)} times`)
    expect.soft(many, what).toBeLessThanOrEqual(3 * few)
  }
})
