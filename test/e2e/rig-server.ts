/** The server as a process of its own. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface ServerProcess {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly pid: number
  /** What it wrote to stderr. */
  readonly log: readonly string[]
  /** Resolves with the first line, past or future, that matches. */
  waitForLog(pattern: RegExp): Promise<string>
  /** By its pid. Resolves with the exit code or signal once it has exited; one that has is left alone. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | NodeJS.Signals>
}

interface ServerLaunch {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/** An ending server that hangs is a failure, and must not become a leak. Milliseconds. */
const endMs = 45_000

export async function launchServer({ args, env, cwd }: ServerLaunch): Promise<ServerProcess> {
  const defined = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined))
  const child = spawn(process.execPath, args, { env: defined, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const { pid } = child
  if (pid === undefined) throw new Error('the server could not be spawned')
  const log: string[] = []
  const listeners = new Set<(line: string) => void>()
  child.stdout.on('data', (chunk: Buffer) => log.push(`STDOUT (must stay silent): ${chunk.toString()}`))
  createInterface({ input: child.stderr }).on('line', line => {
    log.push(line)
    listeners.forEach(notify => notify(line))
  })
  const exited = new Promise<number | NodeJS.Signals>(resolve => child.once('exit', (code, signal) => resolve(code ?? signal ?? 'SIGKILL')))
  const waitForLog = (pattern: RegExp): Promise<string> =>
    new Promise(resolve => {
      const known = log.find(line => pattern.test(line))
      if (known !== undefined) return resolve(known)
      const check = (line: string): void => {
        if (!pattern.test(line)) return
        listeners.delete(check)
        resolve(line)
      }
      listeners.add(check)
    })
  const listens = /listens at (\S+)/
  const line = await Promise.race([waitForLog(listens), exited.then(code => Promise.reject(new Error(`the server ended with ${code} instead of listening:\n${log.join('\n')}`)))])
  return {
    url: listens.exec(line)?.[1] ?? '',
    pid,
    log,
    waitForLog,
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      const force = setTimeout(() => child.kill('SIGKILL'), endMs)
      try {
        return await exited
      } finally {
        clearTimeout(force)
      }
    },
  }
}
