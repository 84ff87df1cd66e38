/**
 * Builds dist before the first test, so that tests can run the program as users do. The build lands beside dist and only changed
 * files are moved in, each at once: a test run that is under way elsewhere in the same tree never meets half a file.
 */

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const dist = join(root, 'dist')

/** Type errors are printed and do not stop the tests: `npm run types` is what fails on them. */
function compile(outDir: string): Promise<string> {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  return new Promise(resolve => {
    execFile(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', outDir], { cwd: root }, (_error, stdout, stderr) => resolve(stdout + stderr))
  })
}

const filesIn = (dir: string): readonly string[] =>
  existsSync(dir) ? readdirSync(dir, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name).slice(dir.length + 1)) : []

const sameContent = (a: string, b: string): boolean => existsSync(b) && readFileSync(a).equals(readFileSync(b))

export default async function build(): Promise<void> {
  const fresh = join(root, 'node_modules/.cache', `madrox-build-${process.pid}`)
  const said = await compile(fresh)
  const built = filesIn(fresh)
  if (built.length === 0) throw new Error(`dist could not be built:\n${said}`)
  if (said.trim()) process.stderr.write(`${said}\n`)
  for (const file of filesIn(dist)) if (!built.includes(file)) rmSync(join(dist, file))
  for (const file of built) {
    mkdirSync(dirname(join(dist, file)), { recursive: true })
    if (!sameContent(join(fresh, file), join(dist, file))) renameSync(join(fresh, file), join(dist, file))
  }
  rmSync(fresh, { recursive: true, force: true })
}
