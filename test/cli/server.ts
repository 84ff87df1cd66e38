/** The real command line as a child process, for tests: started, heard, and ended by pid. */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

export interface RunningServer {
  readonly url: string
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  /** Resolves with exit code and signal. */
  end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

export async function temporaryHome(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'madrox-test-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

export function runCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  return spawn(process.execPath, [cli, ...args], { env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
}

/** Runs to its end and collects what it said. */
export async function runToEnd(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = runCli(args, env)
  const said = { stdout: '', stderr: '' }
  child.stdout?.on('data', chunk => (said.stdout += String(chunk)))
  child.stderr?.on('data', chunk => (said.stderr += String(chunk)))
  const [code] = (await once(child, 'close')) as [number | null] // the event's first argument
  return { code, ...said }
}

export async function startServe(home: string, args: readonly string[] = [], env?: Readonly<Record<string, string>>): Promise<RunningServer> {
  const child = runCli(['serve', '--port', '0', '--home', home, ...args], env)
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', chunk => (stdout += String(chunk)))
  const exited = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]> // the event's arguments
  child.stderr?.on('data', chunk => (stderr += String(chunk)))
  if (!child.stderr) throw new Error('stderr is piped above')
  for await (const line of createInterface({ input: child.stderr })) {
    const url = /listens at (\S+)/.exec(line)?.[1]
    if (!url) continue
    child.stderr.resume()
    return {
      url,
      child,
      stdout: () => stdout,
      stderr: () => stderr,
      end: async signal => {
        child.kill(signal)
        const [code, by] = await exited
        return { code, signal: by }
      },
    }
  }
  throw new Error(`the server ended before it listened: ${JSON.stringify(await exited)}`)
}
