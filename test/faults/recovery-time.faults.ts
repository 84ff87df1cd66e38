/** How long a new server takes to have back what a killed one had. Measured, not judged: a shared machine has no limit worth holding. */

import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Data } from '../e2e/rig-client.ts'
import { openSession, type Session } from './client.ts'
import { plan } from './plan.ts'
import { type Generation, startGeneration } from './server.ts'

interface Home {
  start(): Generation
  enter(generation: Generation): Promise<Session>
}

function makeHome(): Home {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'madrox-recovery-')))
  const started: Generation[] = []
  onTestFinished(async () => {
    await started.at(-1)?.end()
    rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  })
  return {
    start: () => {
      const generation = startGeneration({ cli: plan.cli, home: join(root, 'home'), port: 0, args: ['--max-instances', '2000'], env: { PATH: process.env['PATH'], HOME: root } })
      started.push(generation)
      return generation
    },
    enter: async generation => openSession(generation, (await generation.listening) ?? '', { name: 'journal', root }),
  }
}

async function spawnAll(session: Session, harness: string, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => `agent-${index}`)
  for (let from = 0; from < count; from += 50) {
    const instances = names.slice(from, from + 50).map(name => ({ name, instance_type: harness, workspace: 'isolated' }))
    expect((await session.call('spawn_multiple_instances', { instances }))['errors']).toEqual([])
  }
  return names
}

async function tell(session: Session, names: readonly string[], message: string, wait: boolean): Promise<Data[]> {
  const results: Data[] = []
  for (let from = 0; from < names.length; from += 100) {
    const messages = names.slice(from, from + 100).map(name => ({ instance_id: name, message }))
    results.push(...((await session.call('send_to_multiple_instances', { messages, wait_for_responses: wait, timeout_seconds: 300 })).results ?? []))
  }
  return results
}

async function untilHealthy(generation: Generation): Promise<number> {
  const url = (await generation.listening) ?? ''
  expect((await fetch(new URL('/health', url))).status).toBe(200)
  return Date.now() - generation.startedAt
}

const say = (what: string, healthyMs: number, answeredMs: number): void =>
  void process.stdout.write(`\n${what}: healthy after ${(healthyMs / 1000).toFixed(2)} s, all answered after ${(answeredMs / 1000).toFixed(2)} s\n`)

test('10 agents in terminals, each in the middle of its work', async () => {
  const home = makeHome()
  const first = home.start()
  const before = await home.enter(first)
  const names = await spawnAll(before, 'scripted-pty', 10)
  const sent = await tell(before, names, 'wait 200; say done', false)
  await first.kill()
  await before.close()
  const second = home.start()
  const healthyMs = await untilHealthy(second)
  const after = await home.enter(second)
  const answers = await Promise.all(sent.map(each => after.call('wait_for_any', { message_ids: [each.message_id], timeout_seconds: 300 })))
  say('10 agents with work', healthyMs, Date.now() - second.startedAt)
  expect(answers.filter(each => each.status !== 'answered')).toEqual([])
  await after.close()
})

test('1 000 agents at rest', async () => {
  const home = makeHome()
  const first = home.start()
  const before = await home.enter(first)
  const names = await spawnAll(before, 'scripted', 1_000)
  await tell(before, names, 'say first', true)
  await first.kill()
  await before.close()
  const second = home.start()
  const healthyMs = await untilHealthy(second)
  const after = await home.enter(second)
  const answers = await tell(after, names, 'say again', true)
  say('1 000 agents at rest', healthyMs, Date.now() - second.startedAt)
  expect(answers.filter(each => each.status !== 'answered' || each.response !== 'again')).toEqual([])
  await after.close()
})
