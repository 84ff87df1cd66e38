/**
 * What Madrox adds to the bare driver protocol, on a Claude Code that takes no time: spawn → ready, and a message to its reply by
 * reply_to_caller. Pairs, interleaved; figures are differences within a pair. `MADROX_BENCH_PAIRS` sets how many.
 */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, test } from 'vitest'
import { startBaseline } from './baseline.ts'
import { startMadrox } from './madrox.ts'
import { describePairs, measurePairs } from './statistics.ts'
import type { Subject } from './subject.ts'

const executable = fileURLToPath(new URL('fake-claude.mjs', import.meta.url))
const pairs = Number(process.env.MADROX_BENCH_PAIRS ?? 60)
const warmUps = 5

let home: string
let bare: Awaited<ReturnType<typeof startBaseline>>
let madrox: Awaited<ReturnType<typeof startMadrox>>

beforeAll(async () => {
  const [load = 0] = loadavg()
  const cores = availableParallelism()
  console.log(`load ${load.toFixed(1)} on ${cores} cores${load > cores / 2 ? ': not an idle machine, the figures are upper bounds' : ''}`)
  home = mkdtempSync(join(tmpdir(), 'madrox-bench-'))
  const [bareHome, madroxHome] = ['bare', 'madrox'].map(name => join(home, name))
  for (const dir of [bareHome, madroxHome]) mkdirSync(String(dir))
  bare = await startBaseline(executable, String(bareHome))
  madrox = await startMadrox(executable, String(madroxHome))
})

afterAll(async () => {
  await Promise.all([bare?.close(), madrox?.close()])
  rmSync(home, { recursive: true, force: true })
})

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** Milliseconds from the wish to a ready agent; its end is not timed. */
async function timeSpawn<Agent>(subject: Subject<Agent>): Promise<number> {
  const start = performance.now()
  const agent = await subject.spawn()
  const took = performance.now() - start
  await subject.stop(agent)
  return took
}

/** Milliseconds from a message to its reply; the rest of the turn is not timed. */
async function timeSend<Agent>(subject: Subject<Agent>, agent: Agent): Promise<number> {
  const took = await timed(() => subject.send(agent))
  await subject.settled(agent)
  return took
}

test('spawn to ready', async () => {
  await measurePairs(warmUps, () => timeSpawn(bare), () => timeSpawn(madrox))
  console.log(describePairs('spawn → ready', await measurePairs(pairs, () => timeSpawn(bare), () => timeSpawn(madrox)), 50))
})

test('send to reply', async () => {
  const [one, other] = await Promise.all([bare.spawn(), madrox.spawn()])
  const measure = (count: number) => measurePairs(count, () => timeSend(bare, one), () => timeSend(madrox, other))
  await measure(warmUps)
  console.log(describePairs('send → reply_to_caller', await measure(pairs * 5), 10))
  await Promise.all([bare.stop(one), madrox.stop(other)])
})
