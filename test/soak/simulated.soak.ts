/** An hour of simulated traffic through the whole system, a database file included, as fast as it goes. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { createSimulatedClock, type SimulatedClock } from '../../src/clock.ts'
import { createMadrox, type Madrox } from '../../src/index.ts'
import { localOwner } from '../../src/ids.ts'
import type { Caller } from '../../src/messages.ts'
import { judge, type Sample, toTable } from './flatness.ts'
import { heldBy, onDisk } from './process.ts'

interface Hour {
  readonly madrox: Madrox
  readonly clock: SimulatedClock
  readonly me: Caller
}

const standing = Array.from({ length: 20 }, (_, index) => `stands-${index}`)

async function open(home: string): Promise<Hour> {
  const clock = createSimulatedClock(Date.UTC(2026, 0, 1))
  const madrox = await createMadrox({ home, clock, limits: { maxInstances: 100 } })
  onTestFinished(() => madrox.close())
  return { madrox, clock, me: arrive(madrox, 'soak') }
}

const arrive = (madrox: Madrox, name: string): Caller & { kind: 'client' } => ({ kind: 'client', clientId: madrox.system.connectClient({ ownerId: localOwner, name }), ownerId: localOwner })

async function call({ madrox }: Hour, caller: Caller, tool: string, args: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> {
  const outcome = await madrox.call(caller, tool, args)
  if (!outcome.ok) throw new Error(`${tool}: ${outcome.error.message}`)
  return outcome.data ?? {}
}

/** Time passes while there is work, a tenth of a second at a time. */
async function finish(clock: SimulatedClock, work: readonly Promise<unknown>[]): Promise<void> {
  const progress = { done: false }
  const all = Promise.all(work).finally(() => (progress.done = true))
  while (!progress.done) {
    await setImmediate()
    clock.advance(100)
  }
  await all
}

/** Ten seconds of it: tasks for all, one delegated, one unheard; every third time agents come and go, and so does a client. */
async function tenSeconds(hour: Hour, turn: number): Promise<number> {
  const { clock, me, madrox } = hour
  const until = clock.now() + 10_000
  const ask = (name: string, message: string, wait = true): Promise<unknown> => call(hour, me, 'send_to_instance', { instance_id: name, message, wait_for_response: wait })
  const filler = `${turn} `.repeat(50)
  await finish(clock, standing.map((name, index) => ask(name, index % 4 === 0 ? `wait 2000; echo ${filler}` : `echo ${filler}`)))
  await finish(clock, [ask('stands-0', `ask stands-0-aide echo ${filler}`), ask('stands-1', `echo unheard ${turn}`, false), call(hour, me, 'get_pending_replies', { wait_timeout: 5 })])
  if (turn % 3 === 0) await finish(clock, [comeAndGo(hour, turn)])
  const watch = madrox.system.inspect(me, { happened: () => {}, touched: () => {} })
  madrox.system.list(me, { ended: false })
  watch.stop()
  clock.advance(Math.max(0, until - clock.now()))
  return standing.length + 3
}

async function comeAndGo(hour: Hour, turn: number): Promise<void> {
  const { madrox } = hour
  const guest = arrive(madrox, 'guest')
  const name = `passes-${turn}`
  await call(hour, guest, 'spawn_agent', { harness: 'scripted', name, workspace: 'isolated', max_total_tokens: 1e9, timeout_minutes: 600 })
  await call(hour, guest, 'send_to_instance', { instance_id: name, message: `ask ${name}-aide wait 10` })
  const hanging = call(hour, guest, 'send_to_instance', { instance_id: name, message: 'hang' })
  await call(hour, guest, 'interrupt_instance', { instance_id: name })
  await hanging
  await call(hour, guest, 'terminate_instance', { instance_id: name })
  madrox.system.disconnectClient(guest.clientId)
}

test('an hour of simulated traffic leaves memory, descriptors and threads as they were, and no more on disk than its records', async () => {
  const home = mkdtempSync(join(tmpdir(), 'madrox-soak-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  const hour = await open(home)
  await finish(hour.clock, [...standing, 'silent'].map(name => call(hour, hour.me, 'spawn_agent', { harness: 'scripted', name, workspace: 'isolated' })))
  const samples: Sample[] = []
  let work = 0
  let before = onDisk(home).databaseBytes
  for (let turn = 0; turn < 360; turn++) {
    const added = await tenSeconds(hour, turn)
    work += added
    if (turn % 10 !== 9) continue
    // An hour passes in a minute, and its logs wait for a real disk. Reading one waits for all that is to be written; this one is empty.
    await call(hour, hour.me, 'get_instance_logs', { instance_id: 'silent', log_type: 'terminal' })
    globalThis.gc?.()
    const { databaseBytes, logMb } = onDisk(home)
    samples.push({ work, values: { ...heldBy(process.pid), heapMb: process.memoryUsage().heapUsed / 2 ** 20, handles: process.getActiveResourcesInfo().length, logMb, bytesAMessage: (databaseBytes - before) / (10 * added) } })
    before = databaseBytes
  }
  const findings = judge(samples, {
    heapMb: { part: 0.04 }, rssMb: { part: 0.1 }, descriptors: { part: 0, atLeast: 2 }, threads: { part: 0, atLeast: 1 }, handles: { part: 0, atLeast: 2 }, logMb: { part: 0.25 }, bytesAMessage: { part: 0.15 },
  })
  process.stdout.write(`\n${toTable('An hour, simulated', samples, findings)}`)
  expect(findings.filter(({ flat }) => !flat)).toEqual([])
})
