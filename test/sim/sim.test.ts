/** A few hundred simulated lives with every test run; `npm run sim` runs as many as one likes. */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { simulate } from './simulate.ts'

const told = ({ seed, breaches }: Awaited<ReturnType<typeof simulate>>): readonly string[] => breaches.map(({ promise, what }) => `seed ${seed} breaks ${promise}: ${what}`)

test('200 simulated lives keep every promise', async () => {
  const breaches: string[] = []
  let [crashes, messages] = [0, 0]
  for (let seed = 1; seed <= 200; seed += 1) {
    const verdict = await simulate(seed)
    breaches.push(...told(verdict))
    crashes += verdict.crashes
    messages += verdict.messages
  }
  expect(breaches).toEqual([])
  // They are lives worth the name.
  expect([crashes > 50, messages > 1_000]).toEqual([true, true])
})

// The lives that show these bugs; the mutants under `found` keep proving that they do, and print another seed once the simulation has changed.
test.each([
  [5, 'a client that went away while the disk was full was not known again, and what waited for it waited for nobody'],
  [190, 'background work begun in a turn of nobody\'s message held the next message open, and answered it'],
  [27, 'replies that an agent collected under its own instance_id were lost'],
  [67, 'a full mailbox kept out the word that ends a hold'],
  [105, 'an agent whose actor failed while somebody waited for it ended the server'],
  [10_138, 'a reply inherited from an ended agent kept that one\'s subject on record, and the next server took it for the heir\'s'],
  [50_038, 'the end of a turn that never was, told while another ran, made that one\'s message answer for background work of an earlier one'],
])('seed %d: %s', async seed => {
  expect(told(await simulate(seed))).toEqual([])
})

test('a seed is the whole story: its life is the same however often it is lived, and in whatever process', async () => {
  const [once, again, other] = [await simulate(7, { keepTrace: true }), await simulate(7, { keepTrace: true }), await simulate(8)]
  expect(once.trace.length).toBeGreaterThan(50)
  expect(again).toEqual(once)
  expect(other.digest).not.toBe(once.digest)
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL('run.mjs', import.meta.url)), '--seed', '7'])
  expect(stdout).toContain(once.digest)
})
