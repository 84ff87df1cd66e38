/** The server, generation after generation on one home and one port, each ended by SIGKILL or asked to go. By its pid alone. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'

export interface Generation {
  readonly pid: number
  readonly startedAt: number
  /** Its address, when it listens; rejects when it ended before, unless it was killed. */
  readonly listening: Promise<string | undefined>
  /** From the moment its end was decided on: what fails from then on fails because of that. */
  readonly isDying: boolean
  /** Resolves at that moment. */
  readonly dying: Promise<void>
  readonly log: readonly string[]
  /** Resolves when it is gone. */
  kill(): Promise<void>
  /** By SIGTERM; resolves with its exit code or signal. */
  end(): Promise<number | NodeJS.Signals>
}

export interface ServerLaunch {
  /** The built program. */
  readonly cli: string
  readonly home: string
  readonly port: number
  readonly args?: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
}

export function startGeneration({ cli, home, port, args = [], env }: ServerLaunch): Generation {
  const defined = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined))
  const startedAt = Date.now()
  const child = spawn(process.execPath, [cli, 'serve', '--port', String(port), '--home', home, ...args], { env: defined, cwd: dirname(home), stdio: ['ignore', 'ignore', 'pipe'] })
  const { pid } = child
  if (pid === undefined) throw new Error('the server could not be spawned')
  const log: string[] = []
  let isDying = false
  let beginDying = (): void => {}
  const dying = new Promise<void>(resolve => {
    beginDying = () => {
      isDying = true
      resolve()
    }
  })
  const exited = (once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>).then(([code, signal]) => code ?? signal ?? 'SIGKILL') // the event's arguments
  const listening = new Promise<string | undefined>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', line => {
      log.push(line)
      const url = /listens at (\S+)/.exec(line)?.[1]
      if (url !== undefined) resolve(url)
    })
    void exited.then(how => (isDying ? resolve(undefined) : reject(new Error(`The server ended by itself (${how}):\n${log.join('\n')}`))))
  })
  return {
    pid, startedAt, listening, dying, log,
    get isDying() {
      return isDying
    },
    kill: async () => {
      beginDying()
      child.kill('SIGKILL')
      await exited
    },
    end: () => {
      beginDying()
      child.kill('SIGTERM')
      return exited
    },
  }
}
