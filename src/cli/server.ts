/** The running server of a home: finding it, and for `stdio` starting it. */

import { spawn } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Effective } from '../config.ts'
import { MadroxError } from '../errors.ts'
import { makeHome, readHolder } from '../store/home.ts'
import { ownLogName } from './own-log.ts'

/** 503 is said by a server that cannot write: it is there, and says so itself. */
const isUp = (url: string): Promise<boolean> => fetch(new URL('/health', url)).then(({ ok, status }) => ok || status === 503, () => false) // not reached is the answer

/** Given up on a server that somebody else is starting. Milliseconds. */
const startMs = 15_000

/** `http://127.0.0.1:8001` of `--url`, with or without a path. @throws MadroxError `invalid_input` */
export function checkUrl(url: string): string {
  if (!(/^https?:/.test(url) && URL.canParse(url))) throw new MadroxError('invalid_input', `--url ${url} is not the address of a server.`, { remedy: 'Give one like http://127.0.0.1:8001.' })
  return url
}

/** The address of the server that has this home, if one answers there. */
export async function findServer(home: string): Promise<string | undefined> {
  const known = readHolder(home)?.url
  return known && (await isUp(known)) ? known : undefined
}

/** @param cli the command line's own file, to start the server with */
export async function findOrStartServer({ config, origins }: Effective, cli: string): Promise<string> {
  makeHome(config.home)
  const known = await findServer(config.home)
  if (known) return known
  const logFile = join(config.home, ownLogName)
  const output = openSync(logFile, 'a', 0o600)
  // Whoever comes later finds it by its home, so any port will do, unless one is asked for.
  const port = origins.get('port')?.kind === 'default' ? 0 : config.port
  const args = [cli, 'serve', '--home', config.home, '--host', config.host, '--port', String(port), '--log-level', config.logLevel]
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', output, output] })
  child.unref()
  const url = await untilUp(config.home, () => child.exitCode !== null || child.signalCode !== null)
  if (url) return url
  const lastWords = readFileSync(logFile, 'utf8').trimEnd().split('\n').at(-1)
  throw new MadroxError('unavailable', `The server could not be started: ${lastWords}`, { remedy: `Its log is ${logFile}.` })
}

/** Another process starts it, ours or one that was quicker: there is nothing to listen to but its address. */
async function untilUp(home: string, hasFailed: () => boolean): Promise<string | undefined> {
  for (const giveUpAt = Date.now() + startMs; Date.now() < giveUpAt; ) {
    const holder = readHolder(home)
    if (holder?.url && (await isUp(holder.url))) return holder.url
    // Ours has ended, and nobody else has the home: nobody will come.
    if (hasFailed() && !(holder && isAlive(holder.pid))) return undefined
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return undefined
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' // another user's; kill throws system errors only
  }
}
