/** `npm run mutants`: does each wrong to a copy of the sources, and demands that the simulation sees it by the promise it breaks. */

import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { compiled } from '../compile.mjs'
import { mutants } from './mutants.mjs'

const run = promisify(execFile)
const [wanted] = process.argv.slice(2)

async function apply(dir, { file, from, to }) {
  const path = join(dir, file)
  const text = await readFile(path, 'utf8')
  const count = text.split(from).length - 1
  if (count !== 1) throw new Error(`${file} holds this ${count} times and not once:\n${from}`)
  await writeFile(path, text.replace(from, () => to))
}

/** `seed`: where it was found first; the search begins there. */
async function judge({ name, promise, changes, seed = 1, seeds = 600 }) {
  const mutate = async dir => {
    for (const change of changes) await apply(dir, change)
  }
  const test = async program => (await run(process.execPath, [program, '--from', String(seed), '--seeds', String(seeds), '--expect', promise])).stdout.trim()
  try {
    console.log(`seen      ${promise} ${name}: ${await compiled(test, mutate)}`)
    return true
  } catch (error) {
    console.log(`NOT SEEN  ${promise} ${name}: ${error.stdout?.trim() || error.message}`)
    return false
  }
}

let missed = 0
for (const mutant of mutants) if (!wanted || mutant.name.includes(wanted)) missed += (await judge(mutant)) ? 0 : 1
console.log(missed === 0 ? 'Every mutant was seen.' : `${missed} mutants were not seen.`)
process.exitCode = missed === 0 ? 0 : 1
