#!/usr/bin/env node
/**
 * The composition root: with `src/cli/`, the only place that reads arguments, environment and signals, and that exits. A command
 * is loaded when it is called, and loads what it needs: Codex waits one second for `madrox stdio`, and the server's modules alone
 * take half of it.
 */

import { type CommandDef, defineCommand, renderUsage, runCommand } from 'citty'
import { commands } from './cli/commands.ts'
import { CommandError, exitCodes, Misunderstood } from './cli/exit.ts'
import { print } from './cli/output.ts'
import { toWireError } from './errors.ts'
import { nearest } from './nearest.ts'
import { knowSecrets, secretsIn } from './redaction.ts'
import { version } from './version.ts'

const all: Readonly<Record<string, () => Promise<CommandDef>>> = { ...commands, complete: () => import('./cli/complete.ts').then(({ complete }) => complete) }
const commandOf = (name: string | undefined): (() => Promise<CommandDef>) | undefined => (name !== undefined && Object.hasOwn(all, name) ? all[name] : undefined)

const main = defineCommand({
  meta: { name: 'madrox', version, description: 'Teams of AI coding agents, as actors, behind MCP' },
  subCommands: { ...all },
})

/** How it ends is told by `exitCodes`. */
async function run(rawArgs: string[]): Promise<void> {
  knowSecrets(secretsIn(process.env)) // for what is said before a server knows them
  if (rawArgs[0] === '--version' || rawArgs[0] === '-v') {
    process.stdout.write(`${version}\n`)
    process.exit(exitCodes.done)
  }
  const ends = rawArgs.indexOf('--') // behind it everything is meant as it is
  const wantsHelp = (ends === -1 ? rawArgs : rawArgs.slice(0, ends)).some(word => word === '--help' || word === '-h')
  try {
    if (rawArgs.length === 0 || wantsHelp) {
      print(process.stdout, await usageOf(rawArgs))
      process.exit(wantsHelp ? exitCodes.done : exitCodes.misunderstood)
    }
    checkCommand(rawArgs)
    await runCommand(main, { rawArgs })
  } catch (error) {
    fail(rawArgs, error)
  }
}

/** citty would say that there is none, and not which was meant. @throws Misunderstood */
function checkCommand([name = '']: readonly string[]): void {
  const near = commandOf(name) || name.startsWith('-') ? undefined : nearest(name, Object.keys(all))
  if (near !== undefined) throw new Misunderstood(`Unknown command ${name}. Did you mean ${near}?`)
}

/** citty's word for an unknown command, ours for words, and Node's for options that do not fit. */
const isMisunderstood = (error: unknown): error is Error => error instanceof Error && (['CLIError', 'Misunderstood'].includes(error.name) || ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')))

function fail(rawArgs: readonly string[], error: unknown): never {
  const [name] = rawArgs
  if (isMisunderstood(error)) {
    print(process.stderr, `madrox: ${error.message.replace(/(?<![.?!])$/, '.')} See madrox ${commandOf(name) ? `${name} ` : ''}--help.`)
    process.exit(exitCodes.misunderstood)
  }
  const told = toWireError(error)
  print(process.stderr, `madrox: ${told.remedy ? `${told.message} ${told.remedy}` : told.message}`)
  // For programs the error itself, where they look for the answer.
  if (rawArgs.includes('--json')) print(process.stdout, JSON.stringify({ error: told }, undefined, 2))
  process.exit(error instanceof CommandError ? error.exitCode : exitCodes.refused)
}

async function usageOf([name, word]: readonly string[]): Promise<string> {
  if (name === 'call' && word !== undefined && !word.startsWith('-')) return (await import('./cli/tool-usage.ts')).toolUsage(word)
  return renderUsage((await commandOf(name)?.()) ?? main)
}

await run(process.argv.slice(2))
