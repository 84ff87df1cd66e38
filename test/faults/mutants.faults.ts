import { expect, onTestFinished, test } from 'vitest'
import { buildMutant, mutants } from './mutants.ts'
import { complaintsOf, runScriptedStorm } from './scripted.ts'

const table: string[] = []

/** All that a short storm complains of, each with its kind before it; what stopped it is a complaint as well. */
async function listComplaints(cli: string, silenceMs: number): Promise<readonly string[]> {
  try {
    const complaints = complaintsOf(await runScriptedStorm({ cli, kills: 8, seed: 7, agents: 5, silenceMs }))
    return Object.entries(complaints).flatMap(([kind, list]) => list.map(each => `${kind}: ${each}`))
  } catch (error) {
    return [`stopped: ${String(error)}`]
  }
}

function build(mutant: Parameters<typeof buildMutant>[0]): string {
  const { cli, remove } = buildMutant(mutant)
  onTestFinished(remove)
  return cli
}

test('the source as it is passes the short storm', async () => {
  expect(await listComplaints(build({ file: 'src/index.ts', edits: [] }), 20_000)).toEqual([])
})

/** Those that only real processes show; the others the simulation's mutants show in a fraction of the time (`--mutants all`: these too). */
const tried = process.env['MADROX_FAULTS_MUTANTS'] === 'all' ? mutants : mutants.filter(({ promise }) => [3, 6, 8].includes(promise))

test.each(tried)('promise $promise: it is seen when $breaks', async mutant => {
  const complaints = await listComplaints(build(mutant), 8_000)
  const shown = complaints.filter(each => mutant.shows.test(each))
  table.push(`${shown.length > 0 ? 'seen  ' : 'MISSED'}  ${mutant.promise}  ${mutant.breaks.padEnd(62)}  ${shown[0]?.slice(0, 90) ?? ''}`)
  expect(shown, complaints.join('\n') || 'no complaint at all').not.toEqual([])
})

test('every change was tried', () => {
  process.stdout.write(`\nPromise, broken on purpose\n${table.join('\n')}\n`)
  expect(table).toHaveLength(tried.length)
})
