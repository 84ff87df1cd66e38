/** `madrox inspect`: where the tree can be watched in a browser. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import { readPath } from './calling.ts'
import { common, isSet, serverOf, tell, toCommand } from './command.ts'
import { CommandError, exitCodes } from './exit.ts'

export const inspect = toCommand({
  name: 'inspect',
  description: 'The address of the page on which agents are watched',
  words: ['[AGENT]'],
  options: common,
  run: async (given, [agent]) => {
    const server = await serverOf(given)
    const status = agent === undefined ? undefined : await readPath(server, `/instances/${encodeURIComponent(agent)}`)
    const url = new URL(status === undefined ? '/' : `/?agent=${String(status['instance_id'])}`, server.url).href
    const code = tell(given, { url }, () => url)
    if (process.stdin.isTTY && process.stdout.isTTY && !isSet(given, 'json') && (await isWanted())) await open(url)
    return code
  },
})

async function isWanted(): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await asking.question('Open it in a browser? [y/N] ').finally(() => asking.close())
  return /^y(es)?$/i.test(answer.trim())
}

async function open(url: string): Promise<void> {
  const opener = process.platform === 'darwin' ? 'open' : 'xdg-open'
  const child = spawn(opener, [url], { detached: true, stdio: 'ignore' })
  const failed = await Promise.race([once(child, 'error').then(() => true), once(child, 'spawn').then(() => false)])
  if (failed) throw new CommandError(exitCodes.refused, 'unavailable', `There is no ${opener} to open it with.`, { remedy: `Open ${url} yourself.` })
  child.unref()
}
