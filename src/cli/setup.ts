/** `madrox setup`: registers Madrox with Claude Code and Codex. It shows first, asks a person, and never touches an entry that is not its own. */

import { realpathSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { fileURLToPath } from 'node:url'
import type { Effective } from '../config.ts'
import { findExecutable } from '../drivers/executable.ts'
import { effectiveOf, type Given } from './arguments.ts'
import { common, isSet, textOf, toCommand } from './command.ts'
import { exitCodes, Misunderstood } from './exit.ts'
import { bold, dim, harmless, print } from './output.ts'
import { checkUrl } from './server.ts'
import { planClaude } from './setup/claude.ts'
import { planCodex } from './setup/codex.ts'
import type { Entry, Plan } from './setup/entry.ts'

export const setup = toCommand({
  name: 'setup',
  description: 'Register Madrox with Claude Code and Codex: shows what it would do, and does it when you say so',
  words: ['[CLIENT…]'],
  options: {
    ...common,
    url: { type: 'string', description: 'Register this server by its address, instead of madrox stdio, which starts one where there is none', valueHint: 'URL' },
    yes: { type: 'boolean', description: 'Do it without asking' },
  },
  run: async (given, clients) => {
    const stranger = clients.find(client => !['claude', 'codex'].includes(client))
    if (stranger !== undefined) throw new Misunderstood(`"${stranger}" is none of claude, codex.`)
    const plans = plansFor(given).filter(({ client }) => clients.length === 0 || clients.includes(client))
    const { isWanted, wasShown } = await decide(given, plans)
    const results: Result[] = []
    for (const plan of plans) results.push(await carryOut(plan, isWanted))
    tellResults(given, results, wasShown && !isWanted)
    return results.some(({ status }) => status === 'other') || results.every(({ status }) => status === 'no_cli') ? exitCodes.refused : exitCodes.done
  },
})

type Result = Pick<Plan, 'client' | 'how'> & { readonly status: Plan['status'] | 'registered' }

function plansFor(given: Given): readonly Plan[] {
  const effective = effectiveOf(given)
  const { claudeBin, codexBin } = effective.config
  const entry = entryFor(effective, textOf(given, 'url'))
  const path = process.env['PATH']
  const variables = effective.origins.get('token')?.kind === 'environment' ? ['MADROX_SERVER_TOKEN'] : []
  return [planClaude(claudeBin, findExecutable(claudeBin, path), entry), planCodex(codexBin, findExecutable(codexBin, path) !== undefined, entry, variables)]
}

/** By its name where that leads here, so that an update is found; else by where it is. */
function entryFor({ config, origins }: Effective, url: string | undefined): Entry {
  if (url !== undefined) return { url: new URL('/mcp', checkUrl(url)).href }
  const own = realpathSync(fileURLToPath(new URL('../cli.js', import.meta.url)))
  const named = findExecutable('madrox', process.env['PATH'])
  const home = origins.get('home')?.kind === 'default' ? [] : ['--home', config.home]
  return named !== undefined && realpathSync(named) === own ? { command: 'madrox', args: ['stdio', ...home] } : { command: process.execPath, args: [own, 'stdio', ...home] }
}

async function decide(given: Given, plans: readonly Plan[]): Promise<{ readonly isWanted: boolean; readonly wasShown: boolean }> {
  const open = plans.filter(({ status }) => status === 'absent')
  if (open.length === 0 || isSet(given, 'yes')) return { isWanted: true, wasShown: false }
  if (isSet(given, 'json') || !process.stdin.isTTY || !process.stdout.isTTY) return { isWanted: false, wasShown: false }
  for (const { client, how } of open) print(process.stdout, `${bold(client)}: ${how}\n`)
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await asking.question('Do this? [y/N] ').finally(() => asking.close())
  return { isWanted: /^y(es)?$/i.test(answer.trim()), wasShown: true }
}

async function carryOut({ client, status, how, register }: Plan, isWanted: boolean): Promise<Result> {
  if (status !== 'absent' || !isWanted) return { client, status, how }
  await register()
  return { client, status: 'registered', how }
}

const words = { absent: 'would be registered', there: 'is registered', registered: 'has been registered', other: 'was left alone', no_cli: 'is not here' } as const

/** @param areKnown what is to be done has just been shown */
function tellResults(given: Given, results: readonly Result[], areKnown: boolean): void {
  if (isSet(given, 'json')) return print(process.stdout, JSON.stringify({ clients: results }, undefined, 2))
  for (const { client, status, how } of results) if (!(areKnown && status === 'absent')) print(process.stdout, `${bold(client)} ${words[status]}: ${harmless(how)}`)
  if (results.some(({ status }) => status === 'absent')) print(process.stdout, dim('Nothing was changed; madrox setup --yes does it.'))
}

