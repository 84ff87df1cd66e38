/** `madrox demo`: its options; what is shown is `src/demo.ts`. */

import { fileURLToPath } from 'node:url'
import { defineCommand } from 'citty'
import { parse } from './arguments.ts'

const options = {
  real: { type: 'boolean', description: 'With the real CLIs found on this machine. This spends money.' },
  keep: { type: 'boolean', description: 'Leave the server and the team running' },
} as const

export const demo = defineCommand({
  meta: { name: 'madrox demo', description: 'Watch a three-level team at work: spawned, delegated to, answered, interrupted, ended' },
  args: options,
  run: async ({ args, rawArgs }) => {
    parse(rawArgs, options)
    const { runDemo } = await import('../demo.ts')
    process.exit(await runDemo({ real: args.real === true, keep: args.keep === true, env: process.env, cli: fileURLToPath(new URL('../cli.js', import.meta.url)) }))
  },
})
