#!/usr/bin/env node
/**
 * The composition root: with `src/cli/`, the only place that reads arguments, environment and signals, and that exits. A command
 * is loaded when it is called, and loads what it needs: Codex waits one second for `madrox stdio`, and the server's modules alone
 * take half of it.
 */

import { type CommandDef, runCommand } from 'citty'
import { commands } from './cli/commands.ts'
import { CommandError, exitCodes, Misunderstood, orNearest } from './cli/exit.ts'
import { print } from './cli/output.ts'
import { overview, usage } from './cli/usage.ts'
import { toWireError, toWireText } from './errors.ts'
import { knowSecrets, secretsIn } from './redaction.ts'
import { version } from './version.ts'

const all: Readonly<Record<string, () => Promise<CommandDef>>> = { ...commands, complete: () => import('./cli/complete.ts').then(({ complete }) => complete) }
const commandOf = (name: string | undefined): (() => Promise<CommandDef>) | undefined => (name !== undefined && Object.hasOwn(all, name) ? all[name] : undefined)

/** How it ends is told by `exitCodes`. */
async function run(rawArgs: string[]): Promise<void> {
  knowSecrets(secretsIn(process.env)) // for what is said before a server knows them
  if (['--version', '-v', '-V'].includes(rawArgs[0] ?? '')) {
    process.stdout.write(`${version}\n`)
    process.exit(exitCodes.done)
  }
  const ends = rawArgs.indexOf('--') // behind it everything is meant as it is
  const asked = rawArgs[0] === 'help' ? rawArgs.slice(1) : rawArgs
  const wantsHelp = asked !== rawArgs || (ends === -1 ? rawArgs : rawArgs.slice(0, ends)).some(word => word === '--help' || word === '-h')
  try {
    if (rawArgs.length === 0 || wantsHelp) {
      print(process.stdout, await usageOf(asked))
      process.exit(wantsHelp ? exitCodes.done : exitCodes.misunderstood)
    }
    const [name = '', ...words] = rawArgs
    const load = commandOf(name) ?? unknown(name)
    await runCommand(await load(), { rawArgs: words })
  } catch (error) {
    fail(rawArgs, error)
  }
}

function unknown(name: string): never {
  const isOption = name.startsWith('-')
  throw new Misunderstood(`Unknown ${isOption ? 'option' : 'command'} ${name}.${orNearest(name, isOption ? ['version', 'help'] : Object.keys(all))}`)
}

/** citty's word, ours, and Node's for options that do not fit. */
const isMisunderstood = (error: unknown): error is Error => error instanceof Error && (['CLIError', 'Misunderstood'].includes(error.name) || ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')))

function fail(rawArgs: readonly string[], error: unknown): never {
  const [name] = rawArgs
  if (isMisunderstood(error)) {
    print(process.stderr, `madrox: ${error.message.replaceAll(/\s*\n/g, ' ').replace(/(?<![.?!])$/, '.')} See madrox ${commandOf(name) ? `${name} ` : ''}--help.`)
    process.exit(exitCodes.misunderstood)
  }
  const told = toWireError(error)
  // An end with a number of its own is known by that.
  print(process.stderr, `madrox: ${error instanceof CommandError ? [told.message, ...(told.remedy ? [told.remedy] : [])].join(' ') : toWireText(told)}`)
  // For programs the error itself, where they look for the answer.
  if (rawArgs.includes('--json')) print(process.stdout, JSON.stringify({ error: told }, undefined, 2))
  process.exit(error instanceof CommandError ? error.exitCode : exitCodes.refused)
}

/** As wide as who reads it has room for. */
async function usageOf([name, word]: readonly string[]): Promise<string> {
  if (name === 'call' && word !== undefined && !word.startsWith('-')) return (await import('./cli/tool-usage.ts')).toolUsage(word)
  const columns = process.stdout.isTTY ? process.stdout.columns : undefined
  if (name === undefined || name.startsWith('-')) return overview(`Teams of coding agents, as actors, behind MCP (madrox ${version})`, all, columns)
  return usage(await (commandOf(name) ?? unknown(name))(), columns)
}

await run(process.argv.slice(2))
