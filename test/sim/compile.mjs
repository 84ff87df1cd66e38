/** Compiles the sources and the simulation into a directory of their own, so that a run is at full speed and changes nothing here. */

import { execFile } from 'node:child_process'
import { cp, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

/** Types are checked elsewhere. `change` may change the copy before it is compiled. Gives `use` the compiled program; the directory goes when that is done. */
export async function compiled(use, change = async () => {}) {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'madrox-sim-')))
  try {
    await Promise.all(['src', 'test/sim', 'package.json', 'tsconfig.json'].map(path => cp(join(root, path), join(dir, path), { recursive: true })))
    await symlink(await realpath(join(root, 'node_modules')), join(dir, 'node_modules'))
    await change(dir)
    await writeFile(join(dir, 'tsconfig.sim.json'), JSON.stringify({
      extends: './tsconfig.json', compilerOptions: { noEmit: false, rootDir: '.', outDir: 'out', declaration: false, sourceMap: false, noCheck: true }, include: ['test/sim/main.ts'],
    }))
    await run(process.execPath, [join(dir, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.sim.json'], { cwd: dir }).catch(error => {
      throw new Error(`The simulation does not compile:\n${error.stdout}`)
    })
    return await use(join(dir, 'out/test/sim/main.js'))
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
