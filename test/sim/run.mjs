/** `npm run sim`: compiles the simulation and runs it with the arguments given. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { compiled } from './compile.mjs'

process.exitCode = await compiled(async program => {
  const [code] = await once(spawn(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit' }), 'close')
  return code ?? 1
})
