/** The CLIs that agents run on: whether they are there, of which version, and logged in as far as they say so without spending. */

import { execFile } from 'node:child_process'
import type { Config } from '../../config.ts'
import { verifiedVersion as verifiedClaude } from '../../drivers/claude/launch.ts'
import { verifiedVersion as verifiedCodex } from '../../drivers/codex/protocol.ts'
import { findExecutable } from '../../drivers/executable.ts'
import { type Check, missing, note, ok } from './check.ts'

interface Cli {
  readonly name: 'claude' | 'codex'
  readonly verified: string
  /** Asks it whether somebody is logged in. */
  readonly ask: readonly string[]
  readonly isLoggedIn: (answer: Answer) => boolean
  /** A variable that does instead. */
  readonly key: string
  readonly login: string
}

const clis: readonly Cli[] = [
  { name: 'claude', verified: verifiedClaude, ask: ['auth', 'status'], isLoggedIn: ({ text }) => /"loggedIn"\s*:\s*true/.test(text), key: 'ANTHROPIC_API_KEY', login: 'Run claude once and log in, or set ANTHROPIC_API_KEY.' },
  { name: 'codex', verified: verifiedCodex, ask: ['login', 'status'], isLoggedIn: ({ code }) => code === 0, key: 'OPENAI_API_KEY', login: 'Run codex login, unless your Codex configuration names a provider that needs none.' },
]

/** At least one of them is needed for agents that think. */
export async function checkClis(config: Config, env: Readonly<Record<string, string | undefined>>): Promise<readonly Check[]> {
  const found = await Promise.all(clis.map(cli => checkCli(cli, cli.name === 'claude' ? config.claudeBin : config.codexBin, env)))
  const none = found.every(({ status }) => status === 'missing')
  return none ? found : found.map(check => (check.status === 'missing' ? { ...check, status: 'note' } : check))
}

async function checkCli({ name, verified, ask, isLoggedIn, key, login }: Cli, bin: string, env: Readonly<Record<string, string | undefined>>): Promise<Check> {
  const file = findExecutable(bin, env['PATH'])
  if (file === undefined) return missing(name, `"${bin}" was not found`, `Install it, or set MADROX_${name.toUpperCase()}_BIN.`)
  const [said, status] = await Promise.all([run(file, ['--version'], env), run(file, ask, env)])
  const version = /\d+\.\d+\.\d+\S*/.exec(said.text)?.[0]
  if (version === undefined) return note(name, `${file} says no version: ${said.text.trim().split('\n')[0] || `it ended with ${said.code}`}`, 'See whether it starts.')
  const about = `${version} at ${file}${version === verified ? '' : `; verified with ${verified}`}`
  if (isLoggedIn(status)) return version === verified ? ok(name, `${about}, logged in`) : note(name, `${about}, logged in`)
  return env[key] ? note(name, `${about}, not logged in; ${key} is set`) : note(name, `${about}, not logged in`, login)
}

interface Answer {
  readonly code: number | string
  readonly text: string
}

/** Longer than this no CLI takes to say who it is. Milliseconds. */
const answerMs = 20_000

const run = (file: string, args: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<Answer> =>
  new Promise(resolve => {
    execFile(file, [...args], { env: { ...env }, timeout: answerMs }, (error, stdout, stderr) => resolve({ code: error ? (error.code ?? error.signal ?? 'an error') : 0, text: `${stdout}${stderr}` }))
  })
