#!/usr/bin/env node
/**
 * The composition root: with `src/cli/`, the only place that reads arguments, environment and signals, and that exits. A command
 * is loaded when it is called, and loads what it needs: Codex waits one second for `madrox stdio`, and the server's modules alone
 * take half of it.
 */

import { type CommandDef, defineCommand, renderUsage, runCommand } from 'citty'
import { print } from './cli/output.ts'
import { toWireError } from './errors.ts'
import { knowSecrets, secretsIn } from './redaction.ts'
import { version } from './version.ts'

/** Each is a file of its own in `src/cli/`. */
const commands: Readonly<Record<string, () => Promise<CommandDef>>> = {
  serve: () => import('./cli/serve.ts').then(({ serve }) => serve as CommandDef), // the table knows no command's own options
  stdio: () => import('./cli/stdio.ts').then(({ stdio }) => stdio as CommandDef),
  demo: () => import('./cli/demo.ts').then(({ demo }) => demo as CommandDef),
  attach: () => import('./cli/attach.ts').then(({ attach }) => attach as CommandDef),
}

const main = defineCommand({
  meta: { name: 'madrox', version, description: 'Teams of AI coding agents, as actors, behind MCP' },
  subCommands: { ...commands },
})

/** Exit codes: 0 done, 1 refused or failed, 2 not understood. */
async function run(rawArgs: string[]): Promise<void> {
  knowSecrets(secretsIn(process.env)) // for what is said before a server knows them
  if (rawArgs[0] === '--version' || rawArgs[0] === '-v') {
    process.stdout.write(`${version}\n`)
    process.exit(0)
  }
  const wantsHelp = rawArgs.includes('--help') || rawArgs.includes('-h')
  if (rawArgs.length === 0 || wantsHelp) {
    print(process.stdout, await usageOf(rawArgs[0]))
    process.exit(wantsHelp ? 0 : 2)
  }
  try {
    await runCommand(main, { rawArgs })
  } catch (error) {
    const { message, remedy } = toWireError(error)
    // citty's word for an unknown command, and Node's for options that do not fit.
    const misunderstood = error instanceof Error && (error.name === 'CLIError' || ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')))
    const text = misunderstood ? `${error.message.replace(/\.?$/, '.')} See madrox ${commandOf(rawArgs[0]) ? `${rawArgs[0]} ` : ''}--help.` : remedy ? `${message} ${remedy}` : message
    print(process.stderr, `madrox: ${text}`)
    process.exit(misunderstood ? 2 : 1)
  }
}

const commandOf = (name: string | undefined): (() => Promise<CommandDef>) | undefined => (name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined)

const usageOf = async (name: string | undefined): Promise<string> => renderUsage((await commandOf(name)?.()) ?? main)

await run(process.argv.slice(2))
