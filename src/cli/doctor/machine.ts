/** What Madrox stands on: Node, the platform, programs it uses, and its home. */

import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Config } from '../../config.ts'
import { findExecutable } from '../../drivers/executable.ts'
import { wordsOf } from '../../errors.ts'
import { readHolder } from '../../store/home.ts'
import { peekStore } from '../../store/peek.ts'
import { findServer, isAlive } from '../server.ts'
import { type Check, missing, note, ok } from './check.ts'

const neededNode = [20, 19] as const

export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const fits = major > neededNode[0] || (major === neededNode[0] && minor >= neededNode[1])
  return fits ? ok('node', version) : missing('node', `${version} is too old`, `Install Node ${neededNode.join('.')} or later.`)
}

export function checkPlatform(platform: NodeJS.Platform): Check {
  if (platform === 'linux') return ok('platform', 'linux: what an agent leaves running is found by its mark, wherever it went')
  if (platform === 'darwin') return note('platform', 'macOS: what an agent leaves running is found by ps -E, which shows the mark of your own processes alone and of none that hide it; a process that drops its environment and its session may stay behind', 'Look after what agents start in the background.')
  return missing('platform', `${platform} is not supported`, 'Use Linux or macOS; on Windows, WSL.')
}

/** Without these something works less well, and says so when it is wanted. */
export function checkPrograms(platform: NodeJS.Platform, path: string | undefined): readonly Check[] {
  const programs: readonly (readonly [string, string])[] = [
    ['git', 'agents get no worktrees of your repositories'],
    ...(platform === 'linux' ? ([['bwrap', 'agents on claude run without a shell, unless they bypass isolation'], ['socat', 'agents on claude run without a shell, unless they bypass isolation']] as const) : []),
  ]
  return programs.map(([name, without]) => {
    const file = findExecutable(name, path)
    return file ? ok(name, file) : note(name, `not found: ${without}`, `Install ${name === 'bwrap' ? 'bubblewrap' : name}.`)
  })
}

export function checkHome({ home }: Config): Check {
  const there = firstThere(home)
  try {
    if (!statSync(there).isDirectory()) return missing('home', `${there} is no directory`, 'Give another with --home.')
    accessSync(there, constants.W_OK | constants.X_OK)
  } catch (error) {
    return missing('home', `${home} cannot be written: ${wordsOf(error)}`, 'Give a directory you may write in with --home.')
  }
  if (there !== home) return ok('home', `${home}, to be made`)
  const open = (statSync(home).mode & 0o077) !== 0
  return open ? note('home', `${home} can be read by others of this machine`, `chmod 700 ${home}`) : ok('home', home)
}

const firstThere = (path: string): string => (existsSync(path) || dirname(path) === path ? path : firstThere(dirname(path)))

/** Options and variables of its own start are in its process, and cannot be read from here. */
const ofItsStart = ok('settings', 'the server that runs keeps those it was started with; what is told here is what a start here and now would have')

export async function checkServer({ home }: Config): Promise<Check | readonly Check[]> {
  const holder = existsSync(join(home, 'server.json')) ? readHolder(home) : undefined
  if (!holder) return ok('server', 'none runs in this home')
  const url = await findServer(home)
  if (url !== undefined) return [ok('server', `process ${holder.pid}, at ${new URL(url).origin}`), ofItsStart]
  if (!isAlive(holder.pid)) return note('server', `process ${holder.pid} has ended without a farewell`, 'The next server ends what it left, and goes on with its agents.')
  return note('server', `process ${holder.pid} has the home and does not answer${holder.url ? ` at ${new URL(holder.url).origin}` : ''}`, 'It may be starting; else see its log.')
}

export function checkStore({ home }: Config): Check {
  try {
    const { path, version, known } = peekStore(home)
    if (version === undefined) return ok('store', `${path}, to be made`)
    if (version > known) return missing('store', `${path} has schema version ${version}; this Madrox knows versions up to ${known}`, 'Update Madrox, or use another home.')
    return version === known ? ok('store', `${path}, schema version ${version}`) : note('store', `${path} has schema version ${version}; the next server brings it to ${known}`)
  } catch (error) {
    return missing('store', `the database in ${home} cannot be read: ${wordsOf(error)}`, 'See whether the disk is full, or whether it is a database of Madrox.')
  }
}
