/** Refused logins in the audit: each kind at once, a flood of them as a number. */

import { expect, test } from 'vitest'
import { loginRefusals } from '../../src/audit.ts'
import { countedForMs, mostPeers, otherPeers } from '../../src/actors/refused-logins.ts'
import { MadroxError } from '../../src/errors.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { createStage, type Stage } from './rig.ts'

/** Reason, peer and count of each row, in order. */
const rows = (stage: Stage): readonly unknown[] => stage.store.listAudit({ event: 'login_refused', limit: 1_000 }).map(({ data }) => [data['reason'], data['peer'], data['count']])
const refuse = (stage: Stage, peer: string, times = 1, reason: (typeof loginRefusals)[number] = 'unknown_token'): void => {
  for (let n = 0; n < times; n++) stage.system.recordRefusedLogin({ reason, peer })
}

test('the first is on record at once, the rest when they have been counted, and then again as long as they come', async () => {
  const stage = createStage()
  refuse(stage, '10.0.0.1', 1_000)
  refuse(stage, '10.0.0.1', 1, 'no_token')
  refuse(stage, '10.0.0.2')
  expect(rows(stage)).toEqual([['unknown_token', '10.0.0.1', 1], ['no_token', '10.0.0.1', 1], ['unknown_token', '10.0.0.2', 1]])
  stage.clock.advance(countedForMs)
  expect(rows(stage).slice(3)).toEqual([['unknown_token', '10.0.0.1', 999]])
  refuse(stage, '10.0.0.1', 5)
  stage.clock.advance(countedForMs)
  expect(rows(stage).slice(4)).toEqual([['unknown_token', '10.0.0.1', 5]])
  stage.clock.advance(3 * countedForMs)
  refuse(stage, '10.0.0.1')
  expect(rows(stage).slice(5)).toEqual([['unknown_token', '10.0.0.1', 1]])
})

test('a flood from everywhere is some rows, and every refusal is in one of them', async () => {
  const stage = createStage()
  for (let n = 0; n < 5_000; n++) for (const reason of loginRefusals) refuse(stage, `2001:db8::${n.toString(16)}`, 1, reason)
  stage.clock.advance(countedForMs)
  const found = rows(stage) as readonly (readonly [string, string, number])[] // as `rows` makes them
  expect(found.length).toBeLessThanOrEqual(2 * (mostPeers + loginRefusals.length))
  expect(found.reduce((total, [, , count]) => total + count, 0)).toBe(5_000 * loginRefusals.length)
  expect(new Set(found.map(([, peer]) => peer))).toContain(otherPeers)
})

test('what was counted during an outage is on record when it is over, and at the end of the server', async () => {
  let full = false
  const written: unknown[] = []
  const memory = createMemoryStore()
  const appendAudit: typeof memory.appendAudit = row => {
    if (full) throw new MadroxError('unavailable', 'The disk is full.')
    memory.appendAudit(row)
    if (row.event === 'login_refused') written.push(row.data['count'])
  }
  const stage = createStage({ store: { ...memory, appendAudit } })
  full = true
  await stage.refusal(stage.me, 'set_policy', { max_children: 5 }) // the outage is known from here on
  refuse(stage, '10.0.0.1', 3)
  expect(rows(stage)).toEqual([])
  full = false
  stage.clock.advance(countedForMs)
  expect(rows(stage)).toEqual([['unknown_token', '10.0.0.1', 3]])
  refuse(stage, '10.0.0.1', 4)
  await stage.system.close()
  expect(written).toEqual([3, 4])
  refuse(stage, '10.0.0.1') // to nobody
  expect(written).toEqual([3, 4])
})

test('get_audit_logs tells every owner of them, and no agent', async () => {
  const stage = createStage()
  const ada = await stage.spawn('ada')
  refuse(stage, '10.0.0.1', 2, 'foreign_origin')
  stage.clock.advance(countedForMs)
  const entries = [{ event: 'login_refused', reason: 'foreign_origin', peer: '10.0.0.1', count: 1 }, { event: 'login_refused', reason: 'foreign_origin', peer: '10.0.0.1', count: 1, since: expect.any(Number) }]
  expect(await stage.ask(stage.me, 'get_audit_logs', { event: 'login_refused' })).toMatchObject({ entries: [entries[0], { ...entries[0] }] })
  expect(await stage.ask(stage.as(ada), 'get_audit_logs', { event: 'login_refused' })).toMatchObject({ entries: [] })
})
