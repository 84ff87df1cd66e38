/** The simulation as a program: runs seeds and prints those that fail; the arguments are read here, and `run.mjs` builds and starts it. */

import { parseArgs } from 'node:util'
import { simulate, type Verdict } from './simulate.ts'

const usage = `npm run sim -- --seeds N [--from K]   run N seeds, from seed K (1)
npm run sim -- --seed S [--trace]     run one seed again, and tell it step by step
npm run sim -- --seeds N --expect P2  run until a seed breaks that promise; fail if none does`

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '1000' }, from: { type: 'string', default: '1' }, seed: { type: 'string' }, trace: { type: 'boolean', default: false }, expect: { type: 'string' }, help: { type: 'boolean', default: false } },
})

const numberOf = (name: string, text: string): number => {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`--${name} is "${text}", which is no whole number.`)
  return number
}

function tellBreach({ seed, breaches }: Verdict): void {
  for (const { promise, what } of breaches) console.log(`seed ${seed} breaks ${promise}: ${what}`)
}

async function runMany(from: number, count: number): Promise<number> {
  const startedAt = performance.now()
  let [failed, steps, crashes, messages] = [0, 0, 0, 0]
  for (let seed = from; seed < from + count; seed += 1) {
    const verdict = await simulate(seed)
    tellBreach(verdict)
    steps += verdict.steps
    crashes += verdict.crashes
    messages += verdict.messages
    if (verdict.breaches.length > 0) failed += 1
  }
  console.log(`${count} seeds from ${from}: ${failed} failed. ${steps} steps, ${crashes} crashes, ${messages} messages accepted, ${Math.round(performance.now() - startedAt)} ms.`)
  return failed
}

/** For a system that is wrong on purpose. */
async function runUntil(promise: string, from: number, count: number): Promise<number> {
  const others = new Set<string>()
  for (let seed = from; seed < from + count; seed += 1) {
    const { breaches } = await simulate(seed)
    const [breach] = breaches
    if (breach?.promise === promise) {
      console.log(`seed ${seed} breaks ${promise}: ${breach.what}`)
      return 0
    }
    for (const other of breaches) others.add(other.promise)
  }
  console.log(`${count} seeds from ${from}: none breaks ${promise}${others.size > 0 ? `, but some break ${[...others].join(', ')}` : ''}.`)
  return 1
}

async function runOne(seed: number, withTrace: boolean): Promise<number> {
  const verdict = await simulate(seed, { keepTrace: withTrace })
  for (const line of verdict.trace) console.log(line)
  tellBreach(verdict)
  console.log(`seed ${seed}: ${verdict.breaches.length === 0 ? 'holds' : 'fails'}. ${verdict.steps} steps, ${verdict.crashes} crashes, ${verdict.messages} messages accepted, digest ${verdict.digest}.`)
  return verdict.breaches.length
}

async function main(): Promise<number> {
  if (values.seed !== undefined) return runOne(numberOf('seed', values.seed), values.trace)
  const [from, count] = [numberOf('from', values.from), numberOf('seeds', values.seeds)]
  return values.expect === undefined ? runMany(from, count) : runUntil(values.expect, from, count)
}

if (values.help) console.log(usage)
else process.exitCode = (await main()) > 0 ? 1 : 0
