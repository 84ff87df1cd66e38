/** `madrox clean`: what ended agents left behind, shown, and on a person's word removed as far as it holds no work. */

import { createInterface } from 'node:readline/promises'
import { callTool, type Data, type Server } from './calling.ts'
import { common, isSet, serverOf, tell, toCommand, wait } from './command.ts'
import type { Given } from './arguments.ts'
import { Misunderstood } from './exit.ts'
import { bold, dim, harmless, listOf, print } from './output.ts'

export const clean = toCommand({
  name: 'clean',
  description: 'Workspaces of ended agents: shows them, asks, and removes those without uncommitted or unmerged work; never others',
  options: {
    ...common,
    'dry-run': { type: 'boolean', description: 'Only show them (default where there is no terminal to ask at)' },
    yes: { type: 'boolean', description: 'Remove without asking' },
  },
  run: async given => {
    if (isSet(given, 'yes') && isSet(given, 'dry-run')) throw new Misunderstood('--yes and --dry-run exclude each other.')
    const server = await serverOf(given)
    if (isSet(given, 'yes')) return tell(given, await call(given, server, false), inWords)
    const shown = await call(given, server, true)
    const code = tell(given, shown, inWords)
    const removable = listOf(shown['workspaces']).filter(({ verdict }) => verdict === 'removable').length
    if (removable === 0 || isSet(given, 'dry-run') || isSet(given, 'json')) return code
    if (!process.stdin.isTTY || !process.stdout.isTTY) {
      print(process.stderr, `Nothing was removed; madrox clean --yes removes ${removable === 1 ? 'the one' : `the ${removable}`} that can be.`)
      return code
    }
    if (await agrees(`Remove ${removable === 1 ? 'it' : `those ${removable}`}? [y/N] `)) return tell(given, await call(given, server, false), inWords)
    print(process.stdout, 'Nothing was removed.')
    return code
  },
})

const call = (given: Given, server: Server, dryRun: boolean): Promise<Data> =>
  wait(given, 'looking', (signal, onProgress) => callTool(server, 'clean_workspaces', { dry_run: dryRun }, { signal, onProgress }))

async function agrees(question: string): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return /^y(?:es)?$/i.test((await asking.question(question)).trim())
  } finally {
    asking.close()
  }
}

const inWords = ({ workspaces }: Data): string => listOf(workspaces).map(line).join('\n') || 'There are no workspaces of ended agents.'

function line({ name, workspace, verdict, reasons, ignored }: Data): string {
  const why = Array.isArray(reasons) && reasons.length > 0 ? `: ${reasons.map(harmless).join('; ')}` : ''
  const along = typeof ignored === 'number' ? `, ${ignored} ignored with it` : ''
  return `${bold(harmless(name))} ${harmless(verdict)}${along}${why} ${dim(harmless(workspace))}`
}
